"""Known surprises of tracers: compiled programs do what the same programs do as written."""
import types

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F

from .footguns import BACKENDS, footgun

# ---- random numbers


@footgun()
def test_dropout_draws_anew_at_each_call(t):
    drop = nn.Dropout(0.5)
    f = t.compile(lambda x: drop(x) + F.dropout(x, 0.25))
    for _ in range(5):
        t.log(f(torch.ones(50)))


@footgun()
def test_random_tensors_are_new_at_each_call(t):
    def f(x):
        return x + torch.randn(3, 4), torch.rand_like(x), torch.randint(0, 10, (4,)), torch.randperm(5), x.bernoulli(0.3), torch.empty(3).normal_()
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.zeros(3, 4)))


@footgun()
def test_a_generator_of_its_own_goes_on(t):
    generator = torch.Generator().manual_seed(3)
    f = t.compile(lambda x: x + torch.randn(3, generator=generator))
    for i in range(6):
        if i == 4:
            generator.manual_seed(7)
        t.log(f(torch.zeros(3)))


@footgun(captured=False, says="manual_seed()")
def test_a_seed_inside_is_set_at_each_call(t):
    def f(x):
        torch.manual_seed(5)
        return x + torch.randn(3)
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.zeros(3)))


@footgun(captured=False, says="random")
def test_pythons_random_numbers_are_new_at_each_call(t):
    import random
    random.seed(0)

    def f(x):
        return x * 2 if random.random() < 0.5 else x * 3
    f = t.compile(f)
    for _ in range(8):
        t.log(f(torch.ones(3)))


@footgun(captured=False, says="random")
def test_numpys_random_numbers_are_new_at_each_call(t):
    np.random.seed(0)

    def f(x):
        return x * float(np.random.rand())
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.ones(3)))


@footgun(captured=False, says="random")
def test_a_numpy_generator_draws_anew(t):
    draw = np.random.default_rng(0)

    def f(x):
        return x * draw.integers(1000).item()
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.ones(3)))


@footgun(captured=False, says="the clock")
def test_the_clock_is_read_at_each_call(t):
    import time

    def f(x):
        return x * 0, time.perf_counter()
    f, times = t.compile(f), []
    for _ in range(5):
        times.append(f(torch.ones(3))[1])
    t.log(len(set(times)))


# ---- constants that go stale

NUMBER, TEXT, TABLE, LIST, PAIR = 2, "mul", {"scale": 3}, [1, 2], (1, 2)
SETTINGS = types.SimpleNamespace(scale=2, inner=types.SimpleNamespace(shift=1))
CONFIG = types.ModuleType("footgun_config")
CONFIG.scale, CONFIG.inner = 2.5, types.ModuleType("footgun_config.inner")
CONFIG.inner.shift = 1.5


class Holder:
    factor = 2

    def __init__(self):
        self.shift = 1


HOLDER = Holder()


def set_global(**values):
    globals().update(values)


def calls(t, f, changes, *args):
    """Call f five times after each change."""
    for change in (lambda: None, *changes):
        change()
        for _ in range(5):
            t.log(f(*args))


@footgun()
def test_globals_that_change(t):
    def f(x):
        y = x * NUMBER if TEXT == "mul" else x + NUMBER
        return y + TABLE["scale"] + sum(LIST) + PAIR[1]
    set_global(NUMBER=2, TEXT="mul", TABLE={"scale": 3}, LIST=[1, 2], PAIR=(1, 2))
    calls(t, t.compile(f), [lambda: set_global(NUMBER=5), lambda: set_global(TEXT="add"), lambda: TABLE.update(scale=7), lambda: LIST.append(9),
                            lambda: LIST.__setitem__(0, 4), lambda: set_global(LIST=[0]), lambda: set_global(PAIR=(3, 4)),
                            lambda: set_global(TABLE={"scale": 1})], torch.ones(3))


@footgun()
def test_a_number_of_another_type(t):
    x = torch.ones(3, dtype=torch.int64)
    set_global(NUMBER=1)
    calls(t, t.compile(lambda x: x * NUMBER), [lambda: set_global(NUMBER=1.0), lambda: set_global(NUMBER=True), lambda: set_global(NUMBER=1)], x)


@footgun()
def test_cells_of_closures_that_change(t):
    number, words = 2, ["a"]

    def set_number(value):
        nonlocal number
        number = value
    f = t.compile(lambda x: x * number + len(words))
    calls(t, f, [lambda: set_number(3), lambda: words.append("b"), lambda: set_number(-0.0), lambda: set_number(0.0)], torch.ones(3))


@footgun()
def test_attributes_that_change(t):
    HOLDER.shift, Holder.factor = 1, 2
    SETTINGS.scale, SETTINGS.inner.shift = 2, 1

    def f(x):
        return x * HOLDER.factor + HOLDER.shift * SETTINGS.scale + SETTINGS.inner.shift
    calls(t, t.compile(f), [lambda: setattr(HOLDER, "shift", 5), lambda: setattr(Holder, "factor", 9), lambda: setattr(HOLDER, "factor", 3),
                            lambda: delattr(HOLDER, "factor"), lambda: setattr(SETTINGS, "scale", 4),
                            lambda: setattr(SETTINGS.inner, "shift", 8)], torch.ones(3))


@footgun()
def test_another_modules_attributes_that_change(t):
    CONFIG.scale, CONFIG.inner.shift = 2.5, 1.5
    calls(t, t.compile(lambda x: x * CONFIG.scale + CONFIG.inner.shift),
          [lambda: setattr(CONFIG, "scale", 3.5), lambda: setattr(CONFIG.inner, "shift", 0.5)], torch.ones(3))


@footgun()
def test_defaults_that_change(t):
    def f(x, n=2, *, shift=[1]):  # noqa: B006
        return x * n + shift[0]
    calls(t, t.compile(f), [lambda: f.__defaults__ and setattr(f, "__defaults__", (5,)), lambda: f.__kwdefaults__["shift"].__setitem__(0, 8)],
          torch.ones(3))


@footgun()
def test_a_function_that_is_replaced(t):
    space = types.SimpleNamespace(act=torch.relu)

    def double(x):
        return x * 2
    tools = {"act": double}

    def f(x):
        return space.act(x) + tools["act"](x)
    calls(t, t.compile(f), [lambda: setattr(space, "act", torch.tanh), lambda: tools.update(act=torch.exp),
                            lambda: setattr(double, "__code__", (lambda x: x * 4).__code__)], torch.ones(3))


@footgun()
def test_a_method_that_is_replaced(t):
    class Model(nn.Module):
        def forward(self, x):
            return self.act(x)

        def act(self, x):
            return x * 2
    model = Model()
    calls(t, t.compile(lambda x: model(x)), [lambda: setattr(Model, "act", lambda self, x: x * 3), lambda: setattr(model, "act", lambda x: x * 5),
                                             lambda: setattr(model, "forward", lambda x: x * 7)], torch.ones(3))


@footgun()
def test_a_list_of_layers_that_changes(t):
    layers = [nn.Linear(3, 3), nn.Tanh()]

    def f(x):
        for layer in layers:
            x = layer(x)
        return x
    calls(t, t.compile(f), [lambda: layers.append(nn.Sigmoid()), lambda: layers.pop(0), lambda: layers.__setitem__(0, nn.ReLU())], torch.ones(2, 3))


@footgun()
def test_an_array_of_numpy_that_changes(t):
    array = np.array([2.0, 3.0])
    calls(t, t.compile(lambda x: x * float(array[0])), [lambda: array.fill(9.0)], torch.ones(3))


@footgun(captured=False, says="NumPy")
def test_a_large_array_of_numpy_that_changes(t):
    array = np.full(10_000, 2.0)
    calls(t, t.compile(lambda x: x * float(array[77])), [lambda: array.fill(9.0)], torch.ones(3))


@footgun()
def test_a_dict_of_tensors_that_are_replaced(t):
    weights = {"w": torch.ones(3), "b": torch.zeros(3)}
    calls(t, t.compile(lambda x: x * weights["w"] + weights["b"]),
          [lambda: weights.update(w=torch.full((3,), 4.0)), lambda: weights["b"].fill_(2.0), lambda: weights.__setitem__("b", weights["w"])],
          torch.ones(3))


@footgun()
def test_a_parameter_that_is_replaced(t):
    model = nn.Linear(3, 3)
    calls(t, t.compile(model), [lambda: setattr(model, "weight", nn.Parameter(torch.ones(3, 3))),
                                lambda: setattr(model.weight, "data", torch.full((3, 3), 2.0)),
                                lambda: model.weight.data.fill_(5.0), lambda: setattr(model, "bias", None)], torch.ones(2, 3))


@footgun()
def test_requires_grad_that_is_turned_off(t):
    model = nn.Linear(3, 2)

    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss
    calls(t, lambda x: (step(x), model), [lambda: model.bias.requires_grad_(False), lambda: model.bias.requires_grad_(True)], torch.ones(4, 3))
    step = t.compile(step)
    calls(t, lambda x: (step(x), model), [lambda: model.bias.requires_grad_(False), lambda: model.bias.requires_grad_(True)], torch.ones(4, 3))


@footgun()
def test_train_and_eval(t):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    f = t.compile(model)
    calls(t, lambda x: (f(x), model), [model.eval, model.train, lambda: model[2].eval()], torch.randn(8, 3))


@footgun(captured=None, says="hooks of a module (Linear)")
def test_hooks_of_modules_that_come_later(t):
    model, seen = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), []
    handles = []
    f = t.compile(lambda x: model(x))
    calls(t, lambda x: (f(x), len(seen)), [
        lambda: handles.append(model[0].register_forward_hook(lambda module, args, out: out * 2)),
        lambda: handles.append(model[0].register_forward_pre_hook(lambda module, args: seen.append(1))),
        lambda: [handle.remove() for handle in handles]], torch.ones(2, 3))


@footgun()
def test_an_attribute_that_takes_anothers_place(t):
    class Model(nn.Module):
        def forward(self, x):
            return x * 2 if hasattr(self, "a") else x * 3
    model, space = Model(), types.SimpleNamespace(a=None)
    model.a = None
    swap = lambda thing: (delattr(thing, "a"), setattr(thing, "b", None))  # noqa: E731
    f = t.compile(lambda x: model(x) + (1 if hasattr(space, "a") else 2))
    calls(t, f, [lambda: swap(model), lambda: swap(space)], torch.ones(3))


SCALE = 2


@footgun()
def test_properties_attributes_of_functions_and_modules_imported_inside(t):
    import sys

    class Model:
        @property
        def scale(self):
            return SCALE

    def helper(x):
        return x * helper.factor

    def f(x):
        import footgun_config
        return helper(x) * model.scale + footgun_config.scale
    model, helper.factor = Model(), 3
    set_global(SCALE=2)
    CONFIG.scale = 2.5
    sys.modules["footgun_config"] = CONFIG
    try:
        calls(t, t.compile(f), [lambda: set_global(SCALE=5), lambda: setattr(helper, "factor", 7), lambda: setattr(CONFIG, "scale", 0.5)],
              torch.ones(3))
    finally:
        del sys.modules["footgun_config"]


@footgun()
def test_zeros_have_signs(t):
    set_global(SCALE=0.0)
    calls(t, t.compile(lambda x: 1 / (x * SCALE)), [lambda: set_global(SCALE=-0.0), lambda: set_global(SCALE=0)], torch.ones(3))


@footgun(captured=False, says="every call changes")
def test_a_count_in_an_attribute_of_a_function(t):
    def helper(x):
        helper.calls += 1000
        return x + helper.calls
    helper.calls = 0
    f = t.compile(lambda x: helper(x))
    for _ in range(9):
        t.log(f(torch.ones(3)), helper.calls)


def test_a_class_of_tensors_that_the_program_defines_leaves_plain_ones_compiled():
    from rushlight.core.apply import watchers

    class Marked(torch.Tensor):
        pass
    assert watchers
    compiled = torch.compile(lambda x: (x * 2).sum())
    for _ in range(3):
        assert compiled(torch.ones(3)).item() == 6
    assert compiled._rushlight_work.recordings[0].function is not None


def test_anomaly_mode_runs_calls_as_written_and_later_ones_compiled():
    compiled = torch.compile(lambda x: (x * 2).sum())
    with torch.autograd.set_detect_anomaly(True):
        for _ in range(3):
            assert compiled(torch.ones(3)).item() == 6
        assert not compiled._rushlight_work.recordings
    for _ in range(3):
        compiled(torch.ones(3))
    assert compiled._rushlight_work.recordings and compiled._rushlight_work.refused is None


GAPS = {"a column": lambda x: x[:, 0], "some columns": lambda x: x[:, 0, :4], "every other row": lambda x: x[::2, 0],
        "a transpose": lambda x: x[0].t()}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("part", GAPS)
@pytest.mark.parametrize("name", ["layer_norm", "softmax", "log_softmax", "gelu", "cross_entropy", "linear"])
def test_kernels_take_tables_with_gaps(name, part, backend):
    functional = torch.nn.functional
    work = {"layer_norm": lambda x: functional.layer_norm(x, x.shape[1:]), "softmax": lambda x: x.softmax(1),
            "log_softmax": lambda x: x.log_softmax(1), "gelu": functional.gelu,
            "cross_entropy": lambda x: functional.cross_entropy(x, torch.zeros(len(x), dtype=torch.int64)),
            "linear": lambda x: functional.linear(x, torch.ones(3, x.shape[1]))}[name]

    def f(x):
        x.grad = None
        y = work(GAPS[part](x))
        # What arrives going back has gaps too.
        table = y if y.ndim else y.reshape(1, 1)
        torch.cat([table.t().sin(), torch.ones(table.shape[1], 1)], 1).sum().backward()
        return y
    compiled = torch.compile(f, backend=backend)
    for _ in range(4):
        x = torch.randn(4, 17, 16, requires_grad=True)
        wanted = f(x).detach().clone()
        grad = x.grad.clone()
        assert torch.allclose(compiled(x).detach(), wanted, rtol=1e-5, atol=1e-6)
        assert torch.allclose(x.grad, grad, rtol=1e-4, atol=1e-6)


def test_equal_plain_values_are_the_same_condition():
    module = torch.nn.Linear(3, 3)
    module.beta = 0.0
    settings = {"w": 0.5}
    compiled = torch.compile(lambda x: module(x) * module.beta * settings["w"])
    for i in range(40):
        module.beta, settings["w"] = 0.1 * (i // 20 + 1), float("0.5")
        compiled(torch.ones(2, 3))
    assert compiled._rushlight_work.made == 2 and compiled._rushlight_work.refused is None
