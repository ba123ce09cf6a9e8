"""The same work in JAX with Optax, each step jit-compiled whole."""
import jax
import jax.numpy as jnp
import optax
from jax import lax, random

KEY = random.PRNGKey(0)


def training(params, loss, optimizer, *data):
    """One training step to time: value and gradient, update, all in one compiled function that reuses its buffers."""
    state = [params, optimizer.init(params)]

    def update(params, moments, *data):
        value, gradient = jax.value_and_grad(loss)(params, *data)
        updates, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, updates), moments, value
    compiled = jax.jit(update, donate_argnums=(0, 1))

    def step():
        state[0], state[1], value = compiled(state[0], state[1], *data)
        value.block_until_ready()
    return step


def plain(function, *args):
    compiled = jax.jit(function)
    return lambda: compiled(*args).block_until_ready()


def dense(inputs, outputs):
    return [random.normal(KEY, (inputs, outputs)) * 0.02, jnp.zeros(outputs)]


def apply(layer, x):
    return x @ layer[0] + layer[1]


def cross_entropy(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def linear(lib, whole):
    x = jnp.array([[1.0], [2.0], [3.0], [4.0]])
    return training(dense(1, 1), lambda p, x, y: ((apply(p, x) - y) ** 2).mean(), optax.sgd(0.01), x, 2 * x)


def two_layers(p, x):
    return apply(p[1], jax.nn.relu(apply(p[0], x)))


def two_layer(lib, whole):
    x, y = random.normal(KEY, (64, 1000)), random.normal(KEY, (64, 10))
    return training([dense(1000, 100), dense(100, 10)], lambda p, x, y: ((two_layers(p, x) - y) ** 2).sum(),
                    optax.adam(1e-4), x, y)


def mlp(lib, whole):
    x, y = random.normal(KEY, (64, 784)), random.randint(KEY, (64,), 0, 10)
    return training([dense(784, 128), dense(128, 10)], lambda p, x, y: cross_entropy(two_layers(p, x), y),
                    optax.sgd(1e-2), x, y)


def char_lstm(lib, whole):
    width = 256
    x, y = random.randint(KEY, (64, 100), 0, 45), random.randint(KEY, (64, 100), 0, 45)
    params = {"embed": random.normal(KEY, (45, 32)), "input": random.normal(KEY, (32, 4 * width)) * 0.05,
              "hidden": random.normal(KEY, (width, 4 * width)) * 0.05, "bias": jnp.zeros(4 * width), "head": dense(width, 45)}

    def loss(p, x, y):
        inputs = (p["embed"][x] @ p["input"] + p["bias"]).transpose(1, 0, 2)

        def cell(carry, at_input):
            h, c = carry
            i, f, g, o = jnp.split(at_input + h @ p["hidden"], 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        _, outputs = lax.scan(cell, (jnp.zeros((64, width)), jnp.zeros((64, width))), inputs)
        return cross_entropy(apply(p["head"], outputs.transpose(1, 0, 2)), y)
    return training(params, loss, optax.adam(1e-3), x, y)


def drop(x, p):
    return jnp.where(random.bernoulli(KEY, 1 - p, x.shape), x / (1 - p), 0)


def cnn(lib, whole):
    x, y = random.normal(KEY, (64, 28, 28, 1)), random.randint(KEY, (64,), 0, 10)
    params = {"first": [random.normal(KEY, (3, 3, 1, 32)) * 0.1, jnp.zeros(32)],
              "second": [random.normal(KEY, (3, 3, 32, 64)) * 0.05, jnp.zeros(64)], "wide": dense(9216, 128), "head": dense(128, 10)}

    def convolve(layer, x):
        return lax.conv_general_dilated(x, layer[0], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + layer[1]

    def loss(p, x, y):
        h = jax.nn.relu(convolve(p["second"], jax.nn.relu(convolve(p["first"], x))))
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").reshape(64, -1)
        h = drop(jax.nn.relu(apply(p["wide"], drop(h, 0.25))), 0.5)
        return cross_entropy(apply(p["head"], h), y)
    return training(params, loss, optax.adam(1e-3), x, y)


def layer_norm(x, layer=(1.0, 0.0)):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * layer[0] + layer[1]


def gpt(lib, whole):
    vocabulary, width, layers, length, batch, heads = 65, 128, 4, 64, 12, 4
    x, y = (random.randint(KEY, (batch, length), 0, vocabulary) for _ in range(2))

    def norm():
        return [jnp.ones(width), jnp.zeros(width)]

    def block():
        return {"norm1": norm(), "norm2": norm(), "qkv": dense(width, 3 * width), "proj": dense(width, width),
                "up": dense(width, 4 * width), "down": dense(4 * width, width)}
    params = {"token": random.normal(KEY, (vocabulary, width)), "place": random.normal(KEY, (length, width)),
              "blocks": [block() for _ in range(layers)], "norm": norm(), "head": random.normal(KEY, (width, vocabulary)) * 0.02}
    mask = jnp.tril(jnp.ones((length, length), bool))

    def attend(b, h):
        q, k, v = (t.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)
                   for t in jnp.split(apply(b["qkv"], layer_norm(h, b["norm1"])), 3, -1))
        scores = jnp.where(mask, q @ k.transpose(0, 1, 3, 2) / (width // heads) ** 0.5, -1e30)
        return apply(b["proj"], (jax.nn.softmax(scores, -1) @ v).transpose(0, 2, 1, 3).reshape(batch, length, width))

    def loss(p, x, y):
        h = p["token"][x] + p["place"]
        for b in p["blocks"]:
            h = h + attend(b, h)
            h = h + apply(b["down"], jax.nn.gelu(apply(b["up"], layer_norm(h, b["norm2"])), approximate=False))
        return cross_entropy(layer_norm(h, p["norm"]) @ p["head"], y)
    return training(params, loss, optax.adamw(1e-3), x, y)


def gelu_sum(lib, whole):
    return plain(lambda x: (x * 0.5 * (1 + jnp.tanh(0.79788456 * (x + 0.044715 * x * x * x)))).sum(),
                 random.normal(KEY, (4_000_000,)))


def softmax_norm(lib, whole):
    return plain(lambda x: layer_norm(jax.nn.softmax(x, -1)), random.normal(KEY, (4096, 1024)))


def matmul(lib, whole):
    a = random.normal(KEY, (1024, 1024))
    return plain(lambda a, b: a @ b, a, a)


WORK = {f.__name__: f for f in (linear, two_layer, mlp, char_lstm, cnn, gpt, gelu_sum, softmax_norm, matmul)}
