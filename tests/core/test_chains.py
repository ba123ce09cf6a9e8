"""Operators that follow each other in one expression over large tensors are one kernel, with the bits of one operator after the other."""
import random
import sys
import types

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="chains are run in machine code")

import rushlight as torch
from rushlight.backends.large import LARGE
from rushlight.backends.llvm.engine import available
from rushlight.backends.native import MANY
from rushlight.core import bytecode, chains

pytestmark = pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves every operator to itself")
N = LARGE
assert N >= MANY


@pytest.fixture
def ran(monkeypatch):
    """The signs of the chains that ran."""
    names = []

    def run(steps, arrays):
        names.append([step[0] for step in steps])
        return whole(steps, arrays)
    whole = chains.run_chain
    monkeypatch.setattr(chains, "run_chain", run)
    return names


@pytest.fixture
def x():
    return torch.from_numpy(np.linspace(1, 2, N, dtype=np.float32))


@pytest.fixture
def y():
    return torch.from_numpy(np.linspace(-3, 1, N, dtype=np.float32))


def same(tensor, expected):
    assert type(tensor) is torch.Tensor and tensor.numpy().tobytes() == np.asarray(expected).tobytes()


def often(f, *args):
    """The result of the run in which chains are made."""
    for _ in range(chains.RUNS + 1):
        out = f(*args)
    return out


def test_a_chain_begins_in_the_third_run(ran, x):
    def f(x):
        return 2 * x * x - x
    for run in range(4):
        same(f(x), 2 * x.numpy() * x.numpy() - x.numpy())
        assert len(ran) == max(run - 1, 0)
    assert ran == [["multiply", "multiply", "subtract"]] * 2


def test_what_stands_on_the_right_is_a_chain_too(ran, x):
    a = x.numpy()
    same(often(lambda x: x - (3 - (x + x * 2)), x), a - (np.float32(3) - (a + a * np.float32(2))))
    assert ran == [["multiply", "add", "subtract", "subtract"]]


def test_a_number_divided_by_a_tensor_is_an_operator_of_its_own(ran, x):
    def f(x):
        return 3 / (x * 2) * x
    first = f(x).numpy()
    same(often(f, x), first)
    assert ran == []


def test_the_written_out_gelu_has_a_chain_within_its_tanh(ran, x):
    def f(x):
        return x * 0.5 * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x * x * x)))
    first = f(x).numpy()
    same(f(x), first)
    same(f(x), first)
    assert ran == [["multiply"] * 3 + ["add", "multiply"]]


def expression(draw, depth):
    """A random expression of the tensors x, y, the numbers k, n and constants."""
    if not depth or draw.random() < 0.2:
        return draw.choice(["x", "y", "x", "k", "n", "2", "0.1", "-3.5", "g(x)", "x.neg()", "y[:]"])
    return f"({expression(draw, depth - 1)} {draw.choice('+-*/')} {expression(draw, depth - 1)})"


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_have_the_bits_of_operators_one_by_one(seed, x, y, monkeypatch):
    draw = random.Random(seed)
    f = eval(f"lambda x, y, k, n, g: (x * k - {expression(draw, 4)}) / 3")
    a, b = x.numpy().copy(), y.numpy().copy()
    k = 1.7
    for _ in range(5):
        k += 0.25
        with monkeypatch.context() as patch:
            patch.setattr(chains, "RUNS", 1 << 60)
            try:
                expected = f(x, y, k, 3, torch.abs)
            except ZeroDivisionError:
                continue
        same(f(x, y, k, 3, torch.abs), expected)
    same(x, a)
    same(y, b)


def test_numbers_may_change_from_run_to_run(ran, x):
    def f(x, k):
        return x * k + k
    for k in (1.0, 2, -0.5, 1e-3, 7):
        same(f(x, k), x.numpy() * np.float32(k) + np.float32(k))
    assert len(ran) == 3


@pytest.mark.parametrize("then", [lambda x: x, lambda x: x * torch.ones(N, requires_grad=True), lambda x: torch.ones(2, N) * x])
def test_a_write_within_the_expression_is_not_passed_by(x, then):
    def write(x):
        x.add_(1)
        return then(x)

    def f(x):
        return x * 2 + write(x)
    before = x.numpy().copy()
    for k in range(5):
        one = before + k
        found = f(x).detach()
        np.testing.assert_array_equal(found.numpy(), np.broadcast_to(one * np.float32(2) + (one + 1), found.shape))


class Other:
    """What is no tensor, and keeps what it meets."""

    def __init__(self):
        self.met = []

    def __mul__(self, other):
        self.met.append(type(other))
        return "left"

    def __rmul__(self, other):
        self.met.append(type(other))
        return "right"


def test_objects_of_other_classes_meet_ordinary_tensors(x):
    other = Other()
    for _ in range(5):
        assert other * (x * 2) == "left" and x * 2 * other == "right" and other * (x * 2 * x) == "left"
    assert set(other.met) == {torch.Tensor}


def test_numpys_numbers_and_arrays_meet_ordinary_tensors(x):
    a = x.numpy()
    for _ in range(5):
        assert isinstance(np.float32(2) * (x * 2), torch.Tensor)
        same(x * 2 * np.float32(3), a * 2 * np.float32(3))


def test_subclasses_meet_ordinary_tensors(x):
    class Mine(torch.Tensor):
        pass
    mine = torch.ones(N).as_subclass(Mine)
    for _ in range(5):
        assert type(x * 2 * mine) is Mine and type(mine * (x * 2)) is Mine and type(x * 2 * x) is torch.Tensor


@pytest.mark.parametrize("text", ["x * 2 * [1]", "x * 2 + None", "'a' * (x * 2)", "x * 2 * torch.ones(3)", "x * 2 - (x > 0)", "x * 2 + 'a'"])
def test_errors_are_those_of_operators_one_by_one(text, x):
    f = eval(f"lambda x, torch: {text}")
    errors = []
    for _ in range(5):
        with pytest.raises((TypeError, RuntimeError)) as caught:
            f(x, torch)
        errors.append((caught.type, str(caught.value)))
    assert len(set(errors)) == 1


UNFIT = ["x * 2 * 1j", "x * 2 + torch.ones(N, dtype=torch.float64)", "x * 2 * torch.ones(N, dtype=torch.int64)", "x * 2 * (1 << 40)",
         "x * 2 * torch.ones(2, N)", "x * 2 * torch.tensor(3.0)", "x * 2 * True", "x * 2 * x[:1]", "x * 2 * float('nan')", "x.t() * 2 * x",
         "x * 2 ** 2", "x * 2 @ x", "x * 2 < x * 3", "-(x * 2) * 3", "x * 2 * x.half()"]


@pytest.mark.parametrize("text", UNFIT)
def test_operands_that_a_chain_cannot_have_give_what_they_give(text, x):
    f = eval(f"lambda x, torch, N: {text}")
    first = f(x, torch, N)
    for _ in range(5):
        out = f(x, torch, N)
        assert type(out) is torch.Tensor and out.dtype is first.dtype and out.shape == first.shape
        assert torch.equal(out.nan_to_num(), first.nan_to_num())


def test_gradients_flow_through_expressions_that_were_chains(x):
    w = torch.ones(N, requires_grad=True)

    def f(a, b):
        return a * 2 * a * b + a
    for _ in range(4):
        assert f(x, x).grad_fn is None
    f(x, w).sum().backward()
    same(w.grad, x.numpy() * np.float32(2) * x.numpy())
    with torch.no_grad():
        assert f(x, w).grad_fn is None
    out = f(w, x)
    assert out.requires_grad and torch.allclose(torch.autograd.grad(out.sum(), w)[0], 4 * w * x + 1)


def test_inference_mode_has_inference_tensors(x):
    def f(x):
        return x * 2 * x
    with torch.inference_mode():
        assert often(f, x).is_inference()


def test_a_result_is_a_tensor_like_any_other(ran, x):
    z = often(lambda x: x * 2 * x, x)
    assert len(ran) == 1 and z.is_leaf and not z.requires_grad and z._version == 0 and z.is_contiguous()
    z.add_(1)
    assert z._version == 1
    z.requires_grad_().sum().backward()
    assert bool((z.grad == 1).all())


def test_a_noted_tensor_that_somebody_sees_is_computed(x):
    array = x.numpy()
    noted = chains.note_chain((("multiply", 0, 1), ("add", -1, 0)), (array, np.array(2, np.float32)))
    assert isinstance(noted, torch.Tensor) and noted.shape == x.shape and type(noted) is torch.Tensor
    same(noted, array * np.float32(2) + array)


@pytest.mark.parametrize("where", ["module", "generator", "comprehension", "class", "closure", "coroutine"])
def test_expressions_of_all_kinds_of_code(where, x):
    expected = x.numpy() * np.float32(2) * x.numpy() + x.numpy()
    if where == "module":
        module = types.ModuleType("program")
        module.x = x
        exec("for _ in range(5):\n    z = x * 2 * x + x", module.__dict__)
        results = [module.z]
    elif where == "generator":
        results = list(x * 2 * x + x for _ in range(5))  # noqa: C400
    elif where == "comprehension":
        results = [x * 2 * x + x for _ in range(5)]
    elif where == "class":
        class Holder:
            for _ in range(5):
                z = x * 2 * x + x
        results = [Holder.z]
    elif where == "closure":
        results = [(lambda: x * 2 * x + x)() for _ in range(5)]
    else:
        async def one():
            return x * 2 * x + x
        results = []
        for _ in range(5):
            with pytest.raises(StopIteration) as done:
                one().send(None)
            results.append(done.value.value)
    for result in results:
        same(result, expected)


def test_long_expressions_are_several_chains(ran, x):
    text = "x * 2" + " + x" * 100
    out = often(eval(f"lambda x: {text}"), x)
    expected = x.numpy() * np.float32(2)
    for _ in range(100):
        expected = expected + x.numpy()
    same(out, expected)
    assert len(ran) > 1 and max(map(len, ran)) == chains.LONGEST


def test_captured_expressions_are_not_chains(ran, x):
    def f(x):
        return x * 2 * x - x
    expected = often(f, x)
    ran.clear()
    compiled = torch.compile(f, backend="numpy")
    same(compiled(x), expected.numpy())
    assert ran == []


def test_threads_make_chains_of_their_own(x):
    from concurrent.futures import ThreadPoolExecutor

    def f(k, x=x):
        return k, x * k * x + k
    with ThreadPoolExecutor(4) as threads:
        for k, out in threads.map(f, range(40)):
            same(out, x.numpy() * np.float32(k) * x.numpy() + np.float32(k))


def places(f):
    """The signs of the operators of a function, and whether their results go on."""
    code = bytecode.Code(f.__code__)
    return [(step.does, code.goes_on(step.offset)) for step in code.steps if step.does in ("+", "-", "*", "/")]


@pytest.mark.parametrize("f, expected", [
    (lambda x: x * 2 * x, [("*", True), ("*", False)]),
    (lambda x: 2 * x - 3, [("*", True), ("-", False)]),
    (lambda x: x + 3 * x, [("*", True), ("+", False)]),
    (lambda x, y: y + 3 * x, [("*", False), ("+", False)]),
    (lambda x, y: x * 3 + y, [("*", False), ("+", False)]),
    (lambda x, y: x * y + y, [("*", True), ("+", False)]),
    (lambda x: 1 / (x * x), [("*", False), ("/", False)]),
    (lambda x: x * x / 2, [("*", True), ("/", False)]),
    (lambda x: x.t() * 2 * x, [("*", False), ("*", False)]),
    (lambda x: x[0] * 2 * x, [("*", False), ("*", False)]),
    (lambda x: torch * 2 * x, [("*", False), ("*", False)]),
    (lambda x: (x * 2).t() * x, [("*", False), ("*", False)]),
    (lambda x: (x * 2) * (x * 3), [("*", False), ("*", False), ("*", False)]),
    (lambda x, y: (y if x else x) + x * 2, [("*", False), ("+", False)]),
    (lambda x: (y := x * 2) * x + y, [("*", False), ("*", False), ("+", False)]),
    (lambda x: (x * 2) ** 2, [("*", False)]),
    (lambda x: x * 2 < x, [("*", False)]),
    (lambda x: x * True * x, [("*", False), ("*", False)]),
    (lambda x: -(x * 2) * x, [("*", False), ("*", False)]),
])  # fmt: skip
def test_results_go_on_in_expressions_of_local_variables_and_numbers_alone(f, expected):
    assert places(f) == expected


def test_a_reflected_operator_of_a_subclass_is_asked_first(x):
    class Mine(torch.Tensor):
        def __radd__(self, other):
            return "radd"
    mine = torch.ones(N).as_subclass(Mine)

    def f(a, b):
        return a * 2 + b
    for _ in range(4):
        f(x, x)
    for _ in range(4):
        assert f(x, mine) == "radd"


def test_tensors_in_arrays_of_objects_are_elements_like_others(x):
    first = x.numpy().copy()
    objects, held = np.empty(1, object), np.empty(1, object)
    objects[0] = x

    def f(objects):
        return objects * 2 * objects + 1
    for _ in range(5):
        same(f(objects)[0], first * np.float32(2) * first + np.float32(1))
        z = np.multiply(objects, 2, out=held) * 3
        same(held[0], first * np.float32(2))
        same(z[0], first * np.float32(6))


class Keeps:
    """What keeps the other operand, and wants nothing of NumPy."""

    __array_ufunc__ = None

    def __mul__(self, other):
        self.kept = other
        return self
    __rmul__ = __radd__ = __add__ = __mul__


def test_what_keeps_an_operand_keeps_an_ordinary_tensor(x):
    keeps, first = Keeps(), x.numpy().copy()
    objects = np.empty(1, object)
    objects[0] = x

    def scale(f):
        return f(x) * (x * 2)

    def both(x, y):
        return x * 2 + y
    for _ in range(6):
        scale(torch.tanh)
        both(x, x)
    for run in (lambda: scale(lambda x: keeps), lambda: both(x, keeps), lambda: both(objects, keeps)):
        run()
        kept = keeps.kept[0] if isinstance(keeps.kept, np.ndarray) else keeps.kept
        assert type(kept) is torch.Tensor
        same(kept, first * np.float32(2))


def test_a_debugger_sees_ordinary_tensors(ran, x):
    def f(x):
        return x * 2 * x
    often(f, x)
    ran.clear()
    before = sys.gettrace()
    sys.settrace(lambda *event: None)
    try:
        f(x)
    finally:
        sys.settrace(before)
    assert before is not None or ran == []


def test_a_program_whose_name_is_no_text_runs(x):
    scope = {"__name__": None, "x": x}
    exec("def f(x):\n    return x * 2 * x\nfor _ in range(5):\n    y = f(x)", scope)
    same(scope["y"], x.numpy() * np.float32(2) * x.numpy())


def test_an_error_within_a_chain_leaves_its_tensor_as_it_was(x, monkeypatch):
    noted = chains.note_chain((("multiply", 0, 0),), (x.numpy(),))

    def fail(steps, arrays):
        raise MemoryError
    with monkeypatch.context() as patch:
        patch.setattr(chains, "run_chain", fail)
        with pytest.raises(MemoryError):
            noted.shape
    assert noted.shape == x.shape
    same(noted, x.numpy() * x.numpy())
