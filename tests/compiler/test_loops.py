"""Fused loops in machine code against NumPy."""
import itertools
import random

import numpy as np
import pytest

from rushlight.backends.llvm.engine import available
from rushlight.backends.parallel import get_num_threads, set_num_threads
from rushlight.core.scalar import Instruction, Program, evaluate, parse

if not available():
    pytest.skip("kernels need llvmlite, the `jit` extra", allow_module_level=True)

from rushlight.compiler.loops import Loops, Store, Sum, run

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


def random_operand(choose, shape):
    """An array that broadcasts to a shape: some dims of size 1, dims permuted in memory, every second element of some."""
    own = [1 if choose.random() < 0.25 else n for n in shape]
    order = choose.sample(range(len(own)), len(own))
    gaps = [choose.choice((1, 1, 2)) for _ in own]
    memory = normal(*[own[d] * gaps[d] for d in order])
    array = memory[tuple([slice(None, None, gaps[d]) for d in order])].transpose([order.index(d) for d in range(len(own))])
    return np.asarray(array > 0 if choose.random() < 0.25 else array)


@pytest.mark.parametrize("seed", range(60))
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
    np.testing.assert_allclose(total, exact_sum(wanted["value"], dims[0]), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(count, exact_sum(wanted["less"], dims[1], 0.5))
