"""Memory and history in compiled functions: views, writes, aliases, results that stay as they are, and the ways back."""
import dataclasses
import gc
import weakref
from collections import OrderedDict, namedtuple

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.utils.checkpoint import checkpoint

from .footguns import footgun


def repeated(t, f, *args, count=5, settings=None):
    """Log five calls of f, and its arguments after each."""
    f = t.compile(f, **(settings or {}))
    for _ in range(count):
        t.log(f(*args), args)


# ---- results


@footgun()
def test_results_stay_when_the_function_is_called_again(t):
    f, held = t.compile(lambda x: (x + 1, (x * 2).sum(), [x.exp(), {"a": x @ x.T}])), []
    for _ in range(5):
        held.append(f(torch.randn(3, 3)))
        t.log(held)


@footgun()
def test_large_results_stay_too(t):
    f, held = t.compile(lambda x: ((x + 1) * 2, x.T.contiguous(), x.clone())), []
    for _ in range(5):
        held.append(f(torch.randn(300, 200)))
        t.log(held)


@footgun()
def test_results_written_by_the_program(t):
    f = t.compile(lambda x: (x * 2, x + 1))
    for _ in range(5):
        a, b = f(torch.ones(4))
        a.add_(5)
        b.mul_(a)
        t.log(a, b)


@footgun()
def test_results_that_are_the_arguments(t):
    f = t.compile(lambda x, y: (x, y.add_(1), x + y))
    for _ in range(5):
        x, y = torch.ones(3), torch.zeros(3)
        a, b, c = f(x, y)
        t.log(a is x, b is y, c, y)


@footgun()
def test_results_that_are_views_of_arguments(t):
    f = t.compile(lambda x: (x[1:], x.view(2, 3), x.T if x.ndim > 1 else x.detach()))
    for _ in range(5):
        x = torch.arange(6.0)
        a, b, c = f(x)
        a.mul_(2)
        t.log(x, a, b, c, a._base is x, x._version)


@footgun()
def test_results_that_are_views_of_each_other(t):
    def f(x):
        y = x * 2
        return y, y[1:], y.view(2, 3)
    f = t.compile(f)
    for _ in range(5):
        a, b, c = f(torch.arange(6.0))
        a.add_(1)
        b.mul_(3)
        t.log(a, b, c)


@footgun()
def test_two_views_of_memory_that_is_not_a_result(t):
    def f(x):
        y = x * 2
        return y[:3], y[2:]
    f = t.compile(f)
    for _ in range(5):
        a, b = f(torch.arange(6.0))
        a.add_(1)
        t.log(a, b)


@footgun(captured=False, says="a result that can go backward and shows memory from before the call")
def test_views_of_parameters(t):
    model = nn.Linear(3, 2)
    f = t.compile(lambda: (model.weight[0], model.weight.detach(), model.weight.T))
    for _ in range(5):
        a, b, c = f()
        (a.sum() + c.square().sum()).backward()
        with torch.no_grad():
            b.add_(0.5)
        t.log(a, b, c, model)
        model.zero_grad()


@footgun()
def test_the_same_result_twice(t):
    def f(x):
        y = x * 2
        return y, [y, y], {"y": y}
    f = t.compile(f)
    for _ in range(5):
        a, (b, c), d = f(torch.ones(3))
        t.log(a is b, b is c, d["y"] is a)


Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor
    scale: float = 1.0


class Output(OrderedDict):
    pass


@footgun()
def test_containers_as_arguments_and_results(t):
    def f(a, b, *, c):
        return Pair(a["x"] + b[0][1], [a["y"], (b[1], None)]), {"n": c["deep"]["er"] * 2, 3: b[0][0]}, [], (), {}
    f = t.compile(f)
    for _ in range(5):
        x = torch.randn(3)
        t.log(f({"x": x, "y": x * 2}, [(x + 1, x + 2), x], c={"deep": {"er": x}}))


@footgun(captured=None)
def test_named_tuples_and_data_classes(t):
    f = t.compile(lambda pair, batch: Batch(pair.left + batch.x, pair.right * batch.y, batch.scale * 2))
    for i in range(8):
        x = torch.randn(3)
        result = f(Pair(x, x + 1), Batch(x * 2, x * 3, 1.0 + i // 4))
        t.log(result.x, result.y, result.scale, type(result).__name__)


@footgun(captured=None)
def test_an_object_made_inside_is_a_new_one_at_each_call(t):
    f, held = t.compile(lambda x: Batch(x * 2, x + 1)), []
    for _ in range(6):
        held.append(f(torch.randn(3)))
        t.log([[batch.x, batch.y] for batch in held], len({id(batch) for batch in held}))


@footgun(captured=False, says="a result of class Output")
def test_a_dict_of_a_class_of_its_own(t):
    f = t.compile(lambda x: Output(loss=x.sum(), logits=x * 2))
    for _ in range(6):
        result = f(torch.randn(3))
        t.log(type(result).__name__, dict(result))


@footgun(captured=None)
def test_a_list_of_the_program_as_a_result(t):
    kept = [1, 2]
    f = t.compile(lambda x: (kept, x + 1))
    for _ in range(5):
        t.log(f(torch.ones(2))[0] is kept)


@footgun()
def test_results_without_tensors(t):
    f = t.compile(lambda x: (None, x.shape, x.dtype, x.ndim, "text", 3.5, x.requires_grad, torch.Size([2])))
    for i in range(8):
        t.log(f(torch.ones(3 + i % 2)))


@footgun()
def test_generators_that_are_used_up_inside(t):
    def parts(x):
        for i in range(3):
            yield x * i
    f = t.compile(lambda x: sum(parts(x)))
    for _ in range(5):
        t.log(f(torch.randn(3)))


@footgun(captured=None, says="generator")
def test_a_generator_as_a_result(t):
    f = t.compile(lambda x: (x * i for i in range(3)))
    for _ in range(5):
        t.log(list(f(torch.randn(3))))


# ---- arguments


@footgun()
def test_one_tensor_as_two_arguments(t):
    def f(x, y):
        x.add_(1)
        return x * y
    f = t.compile(f)
    for i in range(10):
        x, y = torch.randn(3), torch.randn(3)
        t.log(f(x, x) if i % 2 else f(x, y), x, y)


@footgun()
def test_arguments_that_share_memory(t):
    def f(x, y):
        x.mul_(2)
        return x.sum() + y.sum(), y * 3
    f = t.compile(f)
    for i in range(20):
        x = torch.randn(6)
        other = [torch.randn(5), x[1:], x[:5], x.detach()[1:]][i % 4]
        t.log(f(x, other), x, other)


@footgun()
def test_arguments_that_overlap_in_another_way(t):
    def f(x, y):
        x.mul_(2)
        return y * 3
    f = t.compile(f)
    for i in range(20):
        whole = torch.randn(12)
        start = [0, 4, 2, 6, 1][i % 5]
        t.log(f(whole[:4], whole[start:start + 4]), whole)


@footgun(captured=None, says="an argument that shares memory with a tensor which the function reaches")
def test_an_argument_that_is_a_view_of_a_parameter(t):
    model = nn.Linear(3, 3, bias=False)

    @torch.no_grad()
    def f(x):
        y = model(x)
        x.mul_(0.5)
        return y, model(x)
    f = t.compile(f)
    for i in range(12):
        x = model.weight[1:2] if i % 2 else torch.randn(1, 3)
        t.log(f(x if i % 3 else x.detach()), model)


@footgun()
def test_writes_to_arguments_and_buffers(t):
    model = nn.BatchNorm1d(3)
    total = torch.zeros(3)

    def f(x):
        total.add_(x.sum(0))
        x[0] = 7
        x[:, 1].mul_(2)
        x.T[2].copy_(x[:, 0])
        return model(x)
    f = t.compile(f)
    for _ in range(6):
        x = torch.randn(4, 3)
        t.log(f(x), x, total, model, x._version)


@footgun()
def test_writes_through_views(t):
    def f(x):
        y = x.clone()
        a, b = y.chunk(2)
        a.add_(b)
        y.view(-1)[::2].zero_()
        b.t_() if b.shape[0] == b.shape[1] else None
        z = y.transpose(0, 1).reshape(-1)
        z.sub_(1)
        return y, z
    repeated(t, f, torch.randn(4, 3))


@footgun()
def test_writes_with_gradients(t):
    w = torch.randn(4, 3, requires_grad=True)

    def f(x):
        y = w * x
        y[1] = x[0] * 2
        y[:, 0].mul_(w[:, 1])
        y.relu_()
        loss = y.sum()
        w.grad = None
        loss.backward()
        return loss, y.detach()
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.randn(4, 3)), w)


@footgun()
def test_masks_and_where(t):
    def f(x):
        y = x.masked_fill(x > 0, -1.0)
        return torch.where(y < -0.5, x, y), y.clamp(min=-0.3), (x > 0) & (x < 1), x.argmax(-1), torch.cat([x, y]), torch.stack([x, y], 1)
    repeated(t, f, torch.randn(4, 3))


def of_dtype(t, dtype):
    def f(x):
        y = x * 2 + x
        return y, y.sum(), x[1:], x.reshape(-1), torch.cat([x, x]), (x == y).any(), x.to(torch.float64), y.abs().clone()
    x = (torch.arange(12) % 5).reshape(4, 3).to(dtype)
    f = t.compile(f)
    for _ in range(5):
        t.log(f(x), f(x.T), f(x[0]), f(x[0, 1].reshape(1)), f(x[:0]))


for dtype in ("float64", "int64", "int32", "uint8", "bool", "float16", "bfloat16", "complex64"):
    def body(t, dtype=dtype):
        of_dtype(t, getattr(torch, dtype))
    body.__name__ = f"test_tensors_of_{dtype}"
    globals()[body.__name__] = footgun()(body)


@footgun()
def test_forms_of_arguments_in_turn(t):
    f = t.compile(lambda x: (x * 2 + 1).sum(0) - x.mean())
    base = torch.randn(6, 8)
    forms = [base, base.T, base[::2], base[:, 1:5], base[:, :1], base[:0], base[0], base[0, :0], base.double(), base[1:2].expand(4, 8), base[0, 0]]
    for _ in range(3):
        for x in forms:
            t.log(f(x))


@footgun()
def test_the_default_dtype_is_a_condition(t):
    f = t.compile(lambda n: torch.zeros(3) + n)
    for i in range(10):
        torch.set_default_dtype(torch.float64 if i > 5 else torch.float32)
        try:
            t.log(f(2.5))
        finally:
            torch.set_default_dtype(torch.float32)


# ---- ways back


@footgun()
def test_grad_modes_inside_and_outside(t):
    w = torch.randn(3, requires_grad=True)

    def f(x):
        with torch.no_grad():
            a = w * x
        with torch.enable_grad():
            b = w * x
        with torch.inference_mode():
            c = (w + x).sum()
        return a, b, c.item() if False else a.sum()
    f = t.compile(f)
    for i in range(15):
        x = torch.randn(3)
        if i % 3 == 0:
            t.log(f(x))
        elif i % 3 == 1:
            with torch.no_grad():
                t.log(f(x))
        else:
            with torch.enable_grad():
                t.log(f(x))


@footgun(captured=None)
def test_inference_mode_around_the_call(t):
    model = nn.Linear(3, 2)
    f = t.compile(model)
    for i in range(12):
        with torch.inference_mode(i % 2 == 1):
            y = f(torch.ones(2, 3))
            t.log(y.is_inference(), y.requires_grad)
        if i % 2 == 0:
            y.sum().backward()
            t.log(model)


@footgun()
def test_backward_outside_for_arguments_and_parameters(t):
    w = torch.randn(3, 3, requires_grad=True)
    f = t.compile(lambda x: ((x @ w).tanh(), (x * 2).sum()))
    for i in range(10):
        x = torch.randn(2, 3, requires_grad=i % 2 == 0)
        a, b = f(x)
        loss = a.sum() + b if i % 3 else a.square().sum()
        loss.backward()
        t.log(a, b, x, w)


@footgun()
def test_backward_with_the_graph_kept(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda x: (w * x).exp().sum())
    for _ in range(5):
        y = f(torch.randn(3))
        y.backward(retain_graph=True)
        y.backward()
        t.log(w)
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            y.backward()


@footgun()
def test_two_forwards_before_one_backward(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda x: (w * x).exp().tanh())
    for _ in range(5):
        a, b = f(torch.randn(3)), f(torch.randn(3))
        c = f(a)
        (a.sum() * b.sum() + c.sum()).backward()
        t.log(w, a, b, c)


@footgun()
def test_backward_after_a_parameter_was_written(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda x: (w * x).square().sum())
    for _i in range(6):
        y = f(torch.randn(3).requires_grad_())
        with torch.no_grad():
            w.add_(1)
        with pytest.raises(RuntimeError, match="one of the variables needed for gradient computation has been modified by an inplace operation"):
            y.backward()
        t.log(w)


@footgun()
def test_backward_after_a_result_was_written(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda x: (w * x).exp())
    for i in range(6):
        y = f(torch.randn(3))
        if i % 2:
            y.mul_(2)
            with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
                y.sum().backward()
        else:
            (y * 2).sum().backward()
        t.log(w)


@footgun()
def test_a_step_that_goes_backward_twice_inside(t):
    w = torch.randn(3, requires_grad=True)

    def f(x):
        y = (w * x).exp().sum()
        y.backward(retain_graph=True)
        y.backward()
        return y
    f = t.compile(f)
    for _ in range(6):
        t.log(f(torch.randn(3)), w)
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            f(torch.randn(3)).backward()


@footgun()
def test_gradients_of_gradients_inside(t):
    w = torch.randn(3, requires_grad=True)

    def f(x):
        [g] = torch.autograd.grad((w * x).pow(3).sum(), w, create_graph=True)
        penalty = g.square().sum()
        penalty.backward()
        return penalty, g.detach()
    f = t.compile(f)
    for _ in range(6):
        t.log(f(torch.randn(3)), w)
        w.grad = None


@footgun(captured=None)
def test_second_gradients_of_a_compiled_forward_are_pytorchs_error(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda x: (w * x).pow(3).sum())
    for _ in range(5):
        y = f(torch.randn(3))
        try:
            [g] = torch.autograd.grad(y, w, create_graph=True)
            g.sum().backward()
        except RuntimeError as error:
            assert t.backend is not None and "double backward" in str(error)
    t.log(0)


@footgun()
def test_detached_results_and_results_that_need_no_gradient(t):
    w = torch.randn(3, requires_grad=True)

    def f(x):
        y = w * x
        return y, y.detach(), y.argmax(), y.sum().requires_grad, x * 2
    f = t.compile(f)
    for _ in range(6):
        a, b, *rest = f(torch.randn(3))
        a.sum().backward()
        t.log(a, b, rest, w)


@footgun(captured=False, says="a result that is a leaf made in the call")
def test_a_leaf_made_inside(t):
    def f(x):
        v = torch.zeros(3, requires_grad=True)
        y = (v + x).square().sum()
        y.backward()
        return v, v.grad, y
    f = t.compile(f)
    for _ in range(6):
        t.log(f(torch.randn(3)))


@footgun()
def test_requires_grad_inside(t):
    def f(x):
        x = x.detach().requires_grad_()
        [g] = torch.autograd.grad((x ** 3).sum(), x)
        return g
    f = t.compile(f)
    for _ in range(6):
        t.log(f(torch.randn(3)))


@footgun()
def test_a_function_with_a_gradient_of_its_own(t):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            ctx.n = n
            return x * n

        @staticmethod
        def backward(ctx, g):
            [x] = ctx.saved_tensors
            return g * ctx.n * 10 + x * 0, None
    w = torch.randn(3, requires_grad=True)

    def f(x):
        w.grad = None
        y = Double.apply(w * x, 3).sum()
        y.backward()
        return y
    f = t.compile(f)
    g = t.compile(lambda x: Double.apply(w + x, 2))
    for _ in range(6):
        t.log(f(torch.randn(3)), w)
        g(torch.randn(3)).sum().backward()
        t.log(w)


@footgun(captured=None, says="hooks on a tensor")
def test_hooks_of_tensors(t):
    w, seen = torch.randn(3, requires_grad=True), []

    def f(x):
        w.grad = None
        y = (w * x).square().sum()
        y.backward()
        return y
    f = t.compile(f)
    handle = None
    for i in range(15):
        if i == 5:
            handle = w.register_hook(lambda g: g * 2)
        if i == 8:
            w.register_post_accumulate_grad_hook(lambda p: seen.append(1))
        if i == 11:
            handle.remove()
        t.log(f(torch.randn(3)), w, len(seen))


@footgun(captured=None)
def test_hooks_on_tensors_made_inside(t):
    w, seen = torch.randn(3, requires_grad=True), []

    def f(x):
        w.grad = None
        y = w * x
        y.register_hook(lambda g: g.clamp(-1, 1))
        y.square().sum().backward()
        return y.detach()
    f = t.compile(f)
    for _i in range(6):
        t.log(f(torch.randn(3)), w, len(seen))


def checkpointed(t, *layers, **settings):
    """Forward and backward through a checkpoint around a model with these layers in its middle."""
    model = nn.Sequential(nn.Linear(3, 4), *layers, nn.Linear(4, 1))

    def f(x):
        model.zero_grad()
        y = checkpoint(model, x, use_reentrant=False, **settings).sum()
        y.backward()
        return y
    f = t.compile(f)
    for _ in range(6):
        t.log(f(torch.randn(2, 3)), model)


@footgun(captured=False, says="get_state()")
def test_a_checkpoint_inside_that_draws_again(t):
    checkpointed(t, nn.Tanh(), nn.Dropout(0.5))


@footgun()
def test_a_checkpoint_inside(t):
    checkpointed(t, nn.Tanh(), preserve_rng_state=False)


@footgun()
def test_a_graph_that_leads_out_of_the_call(t):
    w = torch.randn(3, requires_grad=True)
    f = t.compile(lambda h, x: (h * x).tanh())
    for _ in range(6):
        h = w * 2
        h = f(f(h, torch.randn(3)), torch.randn(3))
        w.grad = None
        h.sum().backward()
        t.log(h, w)


@footgun()
def test_hooks_of_tensors_outside_a_compiled_forward(t):
    w, seen = torch.randn(3, requires_grad=True), []
    f = t.compile(lambda x: (w * x).square().sum())
    for i in range(10):
        if i == 1 or i == 6:
            w.register_hook(lambda g: seen.append(1) or g * 2)
        x = torch.randn(3, requires_grad=True) * 1
        x.retain_grad()
        w.grad = None
        f(x).backward()
        t.log(w, x.grad, len(seen))


@footgun()
def test_gradients_of_other_forms(t):
    w = torch.randn(3, 4, requires_grad=True)

    def f(x):
        (w * x).sum().backward()
        return w.grad
    f = t.compile(f)
    for i in range(20):
        w.grad = [None, torch.ones(3, 4), torch.ones(4, 3).T, torch.ones(6, 8)[::2, ::2], torch.ones(4).expand(3, 4).clone()][i % 5]
        result = f(torch.randn(3, 4))
        t.log(w, result is w.grad, result.stride())


@footgun()
def test_gradients_that_share_their_memory(t):
    flat = torch.zeros(10)
    a, b = torch.randn(4, requires_grad=True), torch.randn(6, requires_grad=True)

    def f(x):
        ((a * x).sum() + (b.tanh() * x.sum()).sum()).backward()
    f = t.compile(f)
    for i in range(8):
        a.grad, b.grad = (flat[:4], flat[4:]) if i % 3 else (torch.zeros(4), torch.zeros(6))
        f(torch.randn(4))
        t.log(a, b, flat)


@footgun()
def test_products_with_views_of_arguments_and_parameters(t):
    w = torch.randn(3, 4, requires_grad=True)
    f = t.compile(lambda x: (x.T @ w[1:].T[:3]).exp().sum() + x[0].square().sum())
    for i in range(6):
        x = torch.randn(3, 3, requires_grad=i % 2 == 1)
        w.grad = None
        f(x).backward()
        t.log(w, x)
    y = f(x)
    with torch.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        y.backward()


@footgun()
def test_an_argument_that_the_function_reaches_too(t):
    class Trainer:
        def __init__(self):
            self.x, self.w = torch.randn(3), torch.randn(3, requires_grad=True)

        def step(self, x):
            self.w.grad = None
            loss = (self.w * x).square().sum()
            loss.backward()
            return loss
    trainer = Trainer()
    step = t.compile(trainer.step)
    for i in range(9):
        t.log(step(trainer.x if i % 2 else torch.randn(3)), trainer.w)


def test_a_recording_keeps_no_arguments_and_no_old_gradients_alive():
    w = torch.ones(3, requires_grad=True)

    def f(x):
        w.grad = None
        (w * x).sum().backward()
    f, seen = torch.compile(f), []
    for i in range(4):
        x = torch.randn(3)
        f(x)
        seen += [weakref.ref(x)] + [weakref.ref(w.grad)] * (i < 2)  # a replay's own gradient is used again by the next
    w.grad = x = None
    gc.collect()
    assert f._rushlight_work.recordings and all([one() is None for one in seen])
