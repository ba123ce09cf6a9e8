"""Operators write over operands that only their expression holds, and over nothing else."""
import functools
import itertools
import operator
import sys

import numpy as np
import pytest

import rushlight as torch
from rushlight.core import chains, temporaries

pytestmark = pytest.mark.skipif(not temporaries.can_count(), reason="this Python does not count references")
N = temporaries.LARGE


@pytest.fixture
def over(monkeypatch):
    """The names of the functions whose results were written over an operand."""
    names = []

    def split(function, arrays, out=None):
        names.append(function.__name__)
        return whole(function, arrays, out)
    whole = temporaries.split_ufunc
    monkeypatch.setattr(chains, "RUNS", 1 << 60)
    monkeypatch.setattr(temporaries, "split_ufunc", split)
    return names


@pytest.fixture
def x():
    return torch.from_numpy(np.linspace(1, 2, N, dtype=np.float32))


def same(tensor, expected):
    assert tensor.numpy().tobytes() == expected.tobytes()


def test_a_chain_writes_over_its_first_result(over, x):
    a = x.numpy().copy()
    same(x * 2 * x - x, a * np.float32(2) * a - a)
    assert over == ["multiply", "subtract"]
    same(x, a)


def test_what_stands_on_the_right_is_written_over_as_well(over, x):
    a = x.numpy().copy()
    same(x - (0.5 + (x + 3 * x)), a - (np.float32(0.5) + (a + np.float32(3) * a)))
    assert over == ["add", "add", "subtract"]


def test_a_functions_result_is_written_over(over, x):
    expected = (torch.tanh(x).numpy() + np.float32(1)) / x.numpy()
    same((1 + torch.tanh(x)) / x, expected)
    same((torch.tanh(x) + 1) / x, expected)
    same((x.tanh() + 1) / x, expected)
    assert over == ["add", "divide"] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_sides_may_be_results(over, dtype):
    x = torch.ones(N, dtype=dtype)
    y = (x + 1) * (x + 2)
    assert over == ["multiply"] and y.dtype is dtype and bool((y == 6).all()) and bool((x == 1).all())


def test_the_result_is_a_tensor_like_any_other(over, x):
    y = x * 2 * x
    assert over and y.is_leaf and not y.requires_grad and y._version == 0 and y.data_ptr() != x.data_ptr()
    with torch.inference_mode():
        z = x * 2 * x
    assert len(over) == 2 and z.is_inference()


def kept_in_a_local(x):
    y = x * 2
    return y, y * 3


def kept_by_a_walrus(x):
    z = (y := x * 2) * 3
    return y, z


def kept_in_a_list(x):
    held = [x * 2]
    return held[0], held[0] * 3


def kept_by_a_function(x, held=[]):  # noqa: B006
    def double():
        held[:] = [x * 2]
        return held[0]
    z = double() * 3
    return held[0], z


def kept_in_an_array_of_objects(x):
    held = np.empty(1, object)

    def objects():
        held[0] = x * 2
        return held
    z = (objects() * 3)[0]
    return held[0], z


def kept_in_an_array_of_objects_that_an_operator_gives(x):
    class Held:
        def __init__(self):
            self.objects = np.empty(1, object)
            self.objects[0] = x * 2

        def __matmul__(self, other):
            return self.objects
    held = Held()
    z = ((held @ 1) * 3)[0]
    return held.objects[0], z


def kept_in_an_array_of_objects_by_a_loop(x):
    held = np.empty(1, object)
    for factor in (2, 3):
        held[0] = x * 2
        z = (held * factor)[0]
    return held[0], z


def kept_by_operator(x):
    y = x * 2
    return y, operator.mul(y, 3)


def kept_by_reduce(x):
    parts = [x * 2, torch.full((N,), 3.0)]
    return parts[0], functools.reduce(operator.mul, parts)


def kept_by_accumulate(x):
    return tuple(itertools.accumulate([x * 2, 3], operator.mul))


def kept_by_map(x):
    parts = [x * 2]
    return parts[0], next(map(operator.mul, parts, [3]))


def kept_by_sum(x):
    parts = [x * 2, x * 4]
    total = sum(parts)
    return parts[0], total


def kept_by_a_condition(x, held=[]):  # noqa: B006
    held[:] = [x * 2]
    z = (held[0] if len(held) else x * 2) * 3
    return held[0], z


def kept_by_a_generator(x):
    held = []

    def parts():
        while True:
            held.append((x * 2) + (yield))
    steps = parts()
    next(steps)
    steps.send(0)
    steps.close()
    return held[0], held[0] * 3


def kept_as_an_attribute(x):
    class Holder:
        pass
    holder = Holder()
    holder.y = x * 2
    return holder.y, holder.y * 3


def kept_by_a_property(x):
    class Holder:
        def __init__(self):
            self.held = None

        @property
        def y(self):
            self.held = x * 2 if self.held is None else self.held
            return self.held
    holder = Holder()
    z = holder.y * 3
    return holder.held, z


def kept_by_an_index(x):
    table = {"y": x * 2}
    return table["y"], table["y"] * 3


KEPT = [value for name, value in list(globals().items()) if name.startswith("kept_")]


@pytest.mark.parametrize("keep", KEPT)
def test_what_is_kept_stays_as_it_is(keep, x):
    expected = x.numpy().copy()
    for _ in range(5):  # a second run finds the notes of the first, and the third one makes chains of operators
        y, z = keep(x)
        same(y, expected * np.float32(2))
        same(z, expected * np.float32(6))
        same(x, expected)


@pytest.mark.parametrize("keep", [lambda y: y, lambda y: y.numpy(), lambda y: y[:], lambda y: y.detach(), lambda y: y.untyped_storage(),
                                  lambda y: memoryview(y.numpy()), lambda y: y.__dlpack__(), lambda y: [y]],
                         ids=["itself", "array", "view", "detached", "storage", "memory", "capsule", "list"])
def test_what_a_hook_keeps_of_a_result_stays_as_it_is(keep, x, over):
    # The hook runs within the call that makes the operand: here nothing but the count of references tells that somebody has it.
    module, kept, arrays = torch.nn.Tanh(), [], []
    module.register_forward_hook(lambda module, args, out: kept.append(keep(out)) or arrays.append(out.data_ptr()))
    z = module(x) * 3
    expected = torch.tanh(x).numpy()
    same(z, expected * np.float32(3))
    assert over == [] and z.data_ptr() != arrays[0]
    kept.clear()
    module._forward_hooks.clear()
    z = module(x) * 3
    assert over == ["multiply"]


def test_what_a_gradient_needs_stays_as_it_is(over, x):
    w = torch.ones(N, requires_grad=True)
    loss = ((x * 2) * w * (x * 3)).sum()
    loss.backward()
    same(w.grad, (x * 6 * x).numpy())
    ((w * 2) * (w * 3) * (x * 2)).sum().backward()
    assert torch.allclose(w.grad, 6 * x * x + 24 * x)


def test_a_view_that_wants_a_gradient_saves_its_factor(x):
    w = torch.ones(N, requires_grad=True)
    ((x * 2) * w.view(N)).sum().backward()
    same(w.grad, (x * 2).numpy())


def test_a_parameter_under_no_grad_is_one_operand_among_others(over, x):
    w = torch.ones(N, requires_grad=True)
    with torch.no_grad():
        y = (x * 2) * w + w
    assert over == ["multiply", "add"] and not y.requires_grad


@pytest.mark.parametrize("other", [lambda x: torch.ones(2, N), lambda x: torch.ones(N, dtype=torch.float64), lambda x: torch.ones(N) > 0],
                         ids=["another shape", "another dtype", "truth values"])
def test_a_result_of_another_shape_or_dtype_is_new(over, x, other):
    other = other(x)
    y = (x * 2) * other
    assert over == [] and y.shape == other.shape


def test_truth_values_and_halves_are_new(over, x):
    assert (x * 2 > x).dtype is torch.bool and over == []
    h = x.half()
    assert (h * 2 * h).dtype is torch.float16 and over == []


def test_a_transposed_result_is_new(over):
    x = torch.ones(512, N // 512)
    y = (x * 2).t() * x.t()
    assert over == [] and bool((y == 2).all())


def test_classes_of_tensors_that_a_program_defines_get_new_results(over):
    class Mine(torch.Tensor):
        pass
    x = torch.ones(N).as_subclass(Mine)
    assert (x * 2 * x).__class__ is Mine and over == []
    plain = torch.ones(N)
    assert (plain * 2 * x).__class__ is Mine and over == []
    y = plain * 2 * plain
    assert y.__class__ is torch.Tensor and over == ["multiply"]


def test_captured_expressions_have_the_same_results(x):
    def f(x):
        return x * 2 * x - x
    compiled = torch.compile(f, backend="numpy")
    for _ in range(3):
        same(compiled(x), f(x).numpy())


def test_a_result_may_be_written_over_in_every_turn_of_a_loop(over, x):
    y = x
    for _ in range(4):
        y = y * 2 + x
    expected = x.numpy()
    for _ in range(4):
        expected = expected * np.float32(2) + x.numpy()
    same(y, expected)
    assert over == ["add"] * 4


def test_small_tensors_take_the_short_way(over):
    x = torch.ones(N - 1)
    assert bool((x * 2 * x == 2).all()) and over == []


def test_a_traced_program_computes_the_same(x):
    frames = []

    def trace(frame, event, arg):
        frames.append(frame.f_locals)
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        y = x * 2 * x
    finally:
        sys.settrace(before)
    same(y, x.numpy() * np.float32(2) * x.numpy())


def test_threads_have_results_of_their_own(x):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda k: (k, x * k * x + k), range(20)))
    for k, y in found:
        same(y, x.numpy() * np.float32(k) * x.numpy() + np.float32(k))
