"""Products by tiles of bfloat16 are as exact as float32's, whatever the shapes, and left to others where numbers have too wide a range."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import products
from rushlight.backends.llvm import amx
from rushlight.backends.parallel import Unnotable, inside, pool

pytestmark = pytest.mark.skipif(not amx.available(), reason="this processor has no tiles (AMX), the system does not lend them, or RUSHLIGHT_JIT=0")
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def lying(x, how):
    """The same matrix, in another order in memory."""
    if how == "columns":
        return np.ascontiguousarray(x.T).T
    return np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3] if how == "gaps" else np.ascontiguousarray(x)


@pytest.mark.parametrize("n, k, m", [(1, 1, 1), (16, 32, 16), (17, 33, 15), (32, 64, 32), (33, 31, 65), (100, 70, 90), (130, 1100, 40),
                                     (300, 5, 200), (40, 3000, 33)])
def test_all_shapes_are_as_exact_as_float32(n, k, m):
    a, b = normal(n, k), normal(k, m)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    out = amx.product(a, b)
    assert out.shape == (n, m) and out.dtype == np.float32 and out.flags.c_contiguous
    assert (np.abs(out - exact) <= 2.0 ** -22 * bound).all()


@pytest.mark.parametrize("left", ["rows", "columns", "gaps"])
@pytest.mark.parametrize("right", ["rows", "columns", "gaps"])
def test_the_bits_do_not_depend_on_how_matrices_lie(left, right):
    a, b = normal(70, 100), normal(100, 50)
    assert np.array_equal(amx.product(lying(a, left), lying(b, right)), amx.product(a, b))


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_the_bits_do_not_depend_on_the_number_of_threads(threads, monkeypatch):
    a, b = normal(300, 200), normal(200, 260)
    expected = amx.product(a, b)
    monkeypatch.setattr(pool, "size", lambda: threads)
    assert np.array_equal(amx.product(a, b), expected)


def test_errors_are_not_larger_than_those_of_vectors():
    for draw in (normal, lambda *shape: RNG.random(shape, np.float32)):  # the sums of the second grow
        a, b = draw(256, 2048), draw(2048, 256)
        exact = a.astype(np.float64) @ b.astype(np.float64)

        def error(out, exact=exact):
            return np.sqrt(np.mean((out - exact) ** 2))
        assert error(amx.product(a, b)) < error(products.our_kernels().multiply(a, b, None, products.blocks(2048)))


def test_whole_numbers_and_choices_of_rows_are_exact():
    a, b = RNG.integers(-2000, 2000, (64, 3)).astype(np.float32), RNG.integers(-2000, 2000, (3, 64)).astype(np.float32)
    assert np.array_equal(amx.product(a, b), a.astype(np.float64) @ b.astype(np.float64))
    rows = RNG.permutation(100)
    x = normal(100, 40)
    assert np.array_equal(amx.product(np.eye(100, dtype=np.float32)[rows], x), x[rows])


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e38])
@pytest.mark.parametrize("side", [0, 1])
def test_numbers_that_are_not_finite_or_very_large_are_left_to_others(value, side):
    given = [normal(64, 64), normal(64, 64)]
    given[side][13, 50] = value
    assert amx.product(*given) is None


def test_results_that_are_all_very_small_or_very_large_are_left_to_others():
    a = normal(64, 64)
    assert amx.product(a * np.float32(1e-18), a * np.float32(1e-18)) is None
    assert amx.product(a * np.float32(1e17), a * np.float32(1e17)) is None
    assert amx.product(a * np.float32(1e12), a * np.float32(1e12)) is not None


def test_single_small_numbers_do_no_harm():
    a, b = normal(64, 64), normal(64, 64)
    a[3], a[:, 5], b[7, 7] = 1e-30, 1e-45, 1e-38
    exact = a.astype(np.float64) @ b
    assert np.allclose(amx.product(a, b), exact, rtol=1e-6, atol=1e-5)
    assert np.allclose(amx.product(a, b)[3], exact[3], rtol=1e-5, atol=1e-36)


def test_a_row_with_one_number_is_within_a_unit():
    d, x = normal(200), normal(200, 70)
    exact = d.astype(np.float64)[:, None] * x
    assert (np.abs(amx.product(np.diag(d), x) - exact) <= 1.0 * np.spacing(np.abs(exact).astype(np.float32))).all()


def test_zeros_of_both_signs_are_numbers_like_others():
    a = normal(40, 40)
    a[:, 3], a[5] = 0.0, -0.0
    out = amx.product(a, a)
    assert np.allclose(out, a.astype(np.float64) @ a, atol=1e-5) and (out[5] == 0).all()
    assert amx.product(np.zeros((40, 40), np.float32), a) is None


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(products, "TILED", 1 << 21)
    monkeypatch.setattr(products, "WIDE", 128)
    products.have_tiles.cache_clear()
    yield
    products.have_tiles.cache_clear()


def test_large_products_go_to_tiles_and_fall_back_by_themselves(few, monkeypatch):
    calls = []
    monkeypatch.setattr(amx, "product", lambda a, b, product=amx.product: calls.append(a.shape) or product(a, b))
    a, b, bias = normal(130, 160), normal(160, 140), normal(140)
    assert np.allclose(products.product(a, b), a.astype(np.float64) @ b, atol=1e-4)
    assert np.allclose(products.biased_product(a, b, bias), a.astype(np.float64) @ b + bias, atol=1e-4)
    a[0, 0] = np.inf
    assert np.array_equal(np.isfinite(products.product(a, b)), np.isfinite(a.astype(np.float64) @ b))
    products.product(a[:127], b)
    assert calls == [(130, 160)] * 3


def test_a_variable_in_the_environment_switches_tiles_off(few, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_TILES", "0")
    amx.available.cache_clear()
    try:
        assert products.by_tiles(normal(200, 200), normal(200, 200)) is None
    finally:
        monkeypatch.undo()
        amx.available.cache_clear()


def test_what_only_notes_calls_of_kernels_leaves_them_to_the_program(few, monkeypatch):
    monkeypatch.setattr(inside, "launches", [])
    with pytest.raises(Unnotable, match="depends on its numbers"):
        products.by_tiles(normal(200, 200), normal(200, 200))


def test_gradients_and_compiled_steps_use_the_same_products(few):
    import rushlight as torch
    x, w = torch.from_numpy(normal(200, 160)), torch.from_numpy(normal(160, 130))

    def step(x, w):
        return (x @ w).sigmoid().sum()
    compiled = torch.compile(step)
    for _ in range(3):
        assert torch.allclose(compiled(x, w), step(x, w), rtol=1e-5)
    w.requires_grad_()
    (x @ w).sum().backward()
    assert torch.allclose(w.grad, x.sum(0)[:, None].expand_as(w), atol=1e-4)


def test_a_matrix_times_itself_turned_is_symmetric(few, monkeypatch):
    calls = []
    monkeypatch.setattr(amx, "product", lambda a, b: calls.append(a.shape))
    x = normal(200, 160)
    for a, b in ((x, x.T), (x.T, x), (x[:, :150], x[:, :150].T)):
        out = products.product(a, b)
        assert np.array_equal(out, out.T)
    assert calls == []


def test_much_memory_is_not_kept(monkeypatch):
    from rushlight.backends.llvm import multiply
    monkeypatch.setattr(multiply, "spare_panels", [])
    monkeypatch.setattr(multiply, "KEPT", 100_000)
    amx.product(normal(64, 64), normal(64, 64))
    assert len(multiply.spare_panels) == 2
    amx.product(normal(640, 640), normal(640, 64))
    assert all(memory.nbytes <= 100_000 for memory in multiply.spare_panels)
