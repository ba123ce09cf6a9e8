"""Fused loops in machine code against NumPy."""
import ctypes
import itertools
import math
import random

import numpy as np
import pytest

from rushlight.backends.llvm.engine import KERNEL, available
from rushlight.backends.llvm.workers import run_kernel
from rushlight.backends.parallel import get_num_threads, inside, set_num_threads
from rushlight.core.scalar import Instruction, Program, evaluate, parse

if not available():
    pytest.skip("kernels need llvmlite, the `jit` extra", allow_module_level=True)

from rushlight.compiler.loop_code import Nest, Operand
from rushlight.compiler.loops import IDENTITY, Loops, Store, Sum, arranged, can_loop

NUMPY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "less": np.less, "greater": np.greater,
         "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_not": np.logical_not, "where": np.where, "square": np.square,
         "exp": np.exp, "tanh": np.tanh, "negative": np.negative, "abs": np.abs}  # fmt: skip


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    """That number of threads, and the old one afterwards."""
    old = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(old)


def program(elements, scalars=(), **outputs):
    """A program with several outputs, from a text for each."""
    parts = [parse(text, elements, scalars) for text in outputs.values()]
    instructions, places = [], {}
    for name, part in zip(outputs, parts, strict=True):
        first = len(instructions)
        for operation, arguments in part.instructions:
            leaf = operation in ("input", "constant")
            instructions.append(Instruction(operation, arguments if leaf else tuple(a + first for a in arguments)))
        places[name] = part.outputs["out"] + first
    return Program(elements, scalars, instructions, places)


def run(launches):
    """Run launches one after the other."""
    for launch in launches:
        run_kernel(KERNEL(launch.function), launch.function, launch.count, launch.chunk, ctypes.c_char_p(launch.words))


def strides(array, shape):
    """The strides in elements of an array broadcast to a shape."""
    return tuple(s // array.itemsize for s in np.broadcast_to(array, shape).strides)


def computed(code, arrays, outputs, numbers=(), shape=None):
    """The outputs of loops over arrays, which are broadcast; outputs are (name, kind) to store and (name, dims[, factor]) to sum."""
    shape = np.broadcast_shapes(*[a.shape for a in arrays]) if shape is None else shape
    made, results = [], []
    for name, *rest in outputs:
        if rest[0] in ("float", "bool"):
            results.append(np.full(shape, 77, np.float32 if rest[0] == "float" else np.bool_))
            made.append(Store(name, strides(results[-1], shape), rest[0]))
        else:
            kept = [n for d, n in enumerate(shape) if d not in rest[0]]
            results.append(np.full(kept, 77, np.float32))
            made.append(Sum(name, *rest))
    kinds = ["bool" if a.dtype == np.bool_ else "float" for a in arrays]
    loops = Loops(code, shape, [strides(a, shape) for a in arrays], kinds, made)
    run(loops.launches([a.ctypes.data for a in (*arrays, *results)], numbers))
    return results


def expected(code, arrays, numbers=()):
    """The program's values by NumPy's functions."""
    given = dict(zip(code.elements, arrays, strict=True)) | {name: np.float32(n) for name, n in zip(code.scalars, numbers, strict=True)}
    return evaluate(code, given, NUMPY)


def normal(*shape):
    return np.asarray(np.random.default_rng(sum(shape)).standard_normal(shape), np.float32)


def exact_sum(x, dims, factor=1.0):
    return (x.astype(np.float64).sum(dims) * factor).astype(np.float32)


def close(out, x, dims, bound):
    """Assert that a sum's error is small against the sum of magnitudes."""
    wide = x.astype(np.float64)
    assert (np.abs(out - wide.sum(dims)) <= bound * np.abs(wide).sum(dims) + 1e-30).all()


SIZES = [(), (0,), (1,), (3,), (16,), (17,), (63,), (64,), (65,), (129,), (1000,), (3, 0), (1, 1), (3, 5), (5, 16), (7, 33), (2, 3, 5), (40, 1, 9),
         (40000,), (300, 200), (3, 20000), (20000, 3)]


@pytest.mark.parametrize("shape", SIZES)
def test_stores_have_numpys_bits(shape, threads):
    x, y = normal(*shape), np.asarray(normal(*shape) + 3)
    code = program(("x", "y"), out="x * y - x / y + 2")
    [out] = computed(code, [x, y], [("out", "float")])
    np.testing.assert_array_equal(out, expected(code, [x, y])["out"])


@pytest.mark.parametrize("shape", SIZES)
def test_sums_over_every_choice_of_dims(shape, threads):
    x = np.asarray(normal(*shape) + 1)
    every = [dims for count in range(len(shape) + 1) for dims in itertools.combinations(range(len(shape)), count)]
    got = computed(program(("x",), out="x"), [x], [("out", dims, 0.25) for dims in every])
    for dims, out in zip(every, got, strict=True):
        np.testing.assert_allclose(out, exact_sum(x, dims, 0.25), rtol=2e-6, atol=2e-6, err_msg=str(dims))


@pytest.mark.parametrize("dims", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(5, 7, 19), (64, 30, 50), (3, 2, 30000), (30000, 2, 3), (2, 30000, 3), (9, 100, 300)])
def test_each_sum_alone(shape, dims, threads):
    x = np.asarray(normal(*shape) + 1)
    [out] = computed(program(("x",), out="x * 2"), [x], [("out", dims)])
    np.testing.assert_allclose(out, exact_sum(x * 2, dims), rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("dims", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(64, 30, 50), (9, 100, 300), (3, 2, 30000)])
def test_work_cut_for_more_threads_than_items(shape, dims):
    x, old = np.asarray(normal(*shape) + 1), get_num_threads()
    set_num_threads(21)
    try:
        loops = Loops(IDENTITY, shape, [strides(x, shape)], ["float"], [Sum("out", dims)])
    finally:
        set_num_threads(old)
    out = np.full([n for d, n in enumerate(shape) if d not in dims], 77, np.float32)
    run(loops.launches([x.ctypes.data, out.ctypes.data]))
    np.testing.assert_allclose(out, exact_sum(x, dims), rtol=3e-6, atol=3e-6)


def random_operand(choose, shape):
    """An array that broadcasts to a shape: some dims of size 1, dims permuted in memory, every second element of some."""
    own = [1 if choose.random() < 0.25 else n for n in shape]
    order = choose.sample(range(len(own)), len(own))
    gaps = [choose.choice((1, 1, 2)) for _ in own]
    memory = normal(*[own[d] * gaps[d] for d in order])
    array = memory[tuple([slice(None, None, gaps[d]) for d in order])].transpose([order.index(d) for d in range(len(own))])
    return np.asarray(array > 0 if choose.random() < 0.25 else array)


@pytest.mark.parametrize("seed", range(45))
def test_random_geometry(seed):
    choose = random.Random(seed)
    shape = [choose.choice((1, 2, 3, 5, 8, 17, 40)) for _ in range(choose.randrange(5))]
    if seed % 3 == 0 and shape:
        shape[choose.randrange(len(shape))] = choose.choice((700, 3000))
    arrays = [random_operand(choose, shape) for _ in range(3)]
    code = program(("a", "b", "c"), ("n",), value="where(a < b, a * n + b, b - c) + (c > 0.5)", less="(a < b) | ~(c > n)")
    dims = [tuple(sorted(choose.sample(range(len(shape)), choose.randrange(len(shape) + 1)))) for _ in range(2)]
    outputs = [("value", "float"), ("less", "bool"), ("value", dims[0]), ("less", dims[1], 0.5)]
    value, less, total, count = computed(code, arrays, outputs, [0.75], tuple(shape))
    wanted = expected(code, [np.where(np.broadcast_to(a, shape), np.float32(1), np.float32(0)) if a.dtype == np.bool_ else np.broadcast_to(a, shape)
                             for a in arrays], [0.75])
    np.testing.assert_array_equal(value, wanted["value"])
    np.testing.assert_array_equal(less, wanted["less"])
    close(total, wanted["value"], dims[0], 4e-6)
    # A sum alone is arranged and added up in other ways than one beside other results.
    close(*computed(code, arrays, [("value", dims[0])], [0.75], tuple(shape)), wanted["value"], dims[0], 4e-6)
    np.testing.assert_array_equal(count, exact_sum(wanted["less"], dims[1], 0.5))


GELU = "x * 0.5 * (1 + tanh(0.79788456 * (x + 0.044715 * x * x * x)))"


def test_sum_of_four_million_results(threads):
    x = normal(4_000_000)
    [out] = computed(program(("x",), out=GELU), [x], [("out", (0,))])
    wide = x.astype(np.float64)
    wanted = (wide * 0.5 * (1 + np.tanh(0.79788456 * (wide + 0.044715 * wide ** 3)))).sum()
    assert abs(out - wanted) < 1e-6 * wanted


@pytest.mark.parametrize("dims", [(0,), (1,), (0, 1)])
def test_same_bits_while_the_threads_are_busy_elsewhere(dims, threads):
    x, code = normal(1500, 900), program(("x",), out="x")
    [free] = computed(code, [x], [("out", dims)])
    inside.busy = True
    try:
        [busy] = computed(code, [x], [("out", dims)])
    finally:
        inside.busy = False
    np.testing.assert_array_equal(free, busy)


def test_columns_of_many_rows_keep_their_digits():
    x = np.full((400_000, 4), 0.1, np.float32)
    [out] = computed(program(("x",), out="x"), [x], [("out", (0,))])
    np.testing.assert_allclose(out, exact_sum(x, (0,)), rtol=1e-5)


def test_results_may_take_an_inputs_place():
    p, g = normal(37, 5), normal(37, 5)
    wanted = p - np.float32(0.125) * g
    loops = Loops(program(("p", "g"), ("lr",), out="p - lr * g"), (37, 5), [(5, 1)] * 2, ["float"] * 2, [Store("out", (5, 1))])
    run(loops.launches([p.ctypes.data, g.ctypes.data, p.ctypes.data], [0.125]))
    np.testing.assert_array_equal(p, wanted)


def test_numbers_are_rounded_once_and_may_be_infinite():
    x, code = np.ones(5, np.float32), program(("x",), ("n",), out="x * (1 - n)", only="n * 2")
    out, only, total = computed(code, [x], [("out", "float"), ("only", "float"), ("only", (0,), 0.5)], [0.9])
    np.testing.assert_array_equal(out, np.float32(1 - 0.9))
    np.testing.assert_array_equal(only, np.float32(1.8))
    assert total == np.float32(4.5)
    assert computed(code, [x], [("out", "float")], [1e300])[0][0] == -math.inf


def test_new_numbers_change_those_words_alone():
    code = program(("x",), ("n",), out="x * n")
    loops = Loops(code, (4,), [(1,)], ["float"], [Store("out", (1,))])
    before, after = (loops.launches([8, 16], [n])[0].words for n in (2.0, 3.0))
    [(place, number)] = loops.numbers([3.0])
    assert before[:8 * place] + np.float32(number).tobytes() + before[8 * place + 4:] == after


def test_truth_values_in_arithmetic_and_in_choices():
    x, mask = normal(70), normal(70) > 0
    kept, chosen, both = computed(program(("x", "mask"), kept="x * mask", chosen="where(mask, x, 2)", both="mask & (x < 1)"), [x, mask],
                                  [("kept", "float"), ("chosen", "float"), ("both", "bool")])
    np.testing.assert_array_equal(kept, x * mask)
    np.testing.assert_array_equal(chosen, np.where(mask, x, np.float32(2)))
    np.testing.assert_array_equal(both, mask & (x < 1))


def test_sums_of_nothing_are_zero_and_their_means_are_not_numbers():
    x = np.empty((0, 3), np.float32)
    rows, columns, mean = computed(program(("x",), out="x"), [x], [("out", (1,)), ("out", (0,)), ("out", (0, 1), math.inf)])
    assert rows.shape == (0,) and columns.tolist() == [0, 0, 0] and math.isnan(mean)


def test_neighbours_in_memory_are_one_dim():
    whole = arranged(Nest((4, 5, 6), [Operand("float", (30, 6, 1))], [Operand("float", (30, 6, 1))], []))
    assert whole.sizes == [120]
    biased = arranged(Nest((4, 5, 6), [Operand("float", (30, 6, 1)), Operand("float", (0, 0, 1))], [Operand("float", (30, 6, 1))], []))
    assert biased.sizes == [20, 6]
    transposed = arranged(Nest((4, 5), [Operand("float", (1, 4))], [Operand("float", (1, 4))], []))
    assert transposed.sizes == [20]


def test_loops_of_other_sizes_share_a_kernel():
    code = program(("x", "y"), out="x + y")
    functions = {Loops(code, (n, m), [(m, 1), (0, 1)], ["float"] * 2, [Store("out", (m, 1))]).function for n, m in ((3, 5), (40, 30))}
    assert len(functions) == 1


def test_what_vectors_lack_is_no_loop():
    assert can_loop(parse("exp(x) % 2 + (x < sin(n))", ("x",), ("n",)))
    assert not can_loop(Program(("x",), (), [Instruction("input", ("x",)), Instruction("digamma", (0,))], {"out": 1}))
