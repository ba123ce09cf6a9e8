"""Our own matrix products give what NumPy's give, for all sizes, strides and block bounds, and add up in the order that is asked for."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import parallel, products
from rushlight.backends.llvm import engine, gemm, gemm_few, multiply as multiply_module
from rushlight.backends.llvm.multiply import multiply

in_use = pytest.mark.skipif(not engine.available(), reason="RUSHLIGHT_JIT=0 leaves products to BLAS")
SIZES = [(1, 1, 1), (2, 3, 5), (13, 5, 32), (14, 17, 33), (15, 400, 31), (28, 64, 64), (64, 784, 128), (100, 64, 260), (37, 801, 70), (130, 50, 600)]


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = parallel.get_num_threads()
    parallel.set_num_threads(request.param)
    yield request.param
    parallel.set_num_threads(before)


def matrix(shape, transposed, seed):
    values = np.random.default_rng(seed).standard_normal(shape[::-1] if transposed else shape).astype(np.float32)
    return values.T if transposed else values


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_a_product_of_any_size_and_order_of_memory(threads, size, left, right):
    n, k, m = size
    a, b = matrix((n, k), left, 1), matrix((k, m), right, 2)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    assert np.allclose(multiply(a, b, None, products.blocks(k)), exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("size", [(5, 8, 40), (64, 784, 128), (37, 801, 70)])
def test_halves_and_a_bias(threads, size):
    n, k, m = size
    a, b, bias = matrix((n, k), False, 1), matrix((k, m), True, 2), matrix((1, m), False, 3)[0]
    exact = a.astype(np.float64) @ b.astype(np.float64) + bias
    assert np.allclose(multiply(a, b, bias, products.halves_of(k)), exact, rtol=1e-5, atol=1e-4)


def test_halves_are_summed_as_blas_is_made_to_sum_them():
    a, b, bias = matrix((64, 784), False, 1), matrix((784, 128), True, 2), matrix((1, 128), False, 3)[0]
    halves = products.halves_of(784)
    assert np.array_equal(multiply(a, b, bias, halves), products.in_halves(a, b, halves, bias))


def chain(a, b):
    """Every element as one chain of fused multiply-adds, each rounded once from a wider number."""
    out = np.zeros((len(a), b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        out = (out.astype(np.longdouble) + np.outer(a[:, k].astype(np.longdouble), b[k].astype(np.longdouble))).astype(np.float32)
    return out


@in_use
@pytest.mark.parametrize("size", [(4096, 64, 2), (200, 400, 7), (1000, 300, 3), (84, 256, 38)])
def test_narrow_products_are_chains_too_from_where_blas_would_use_threads(size):
    n, k, m = size
    a, b = matrix((n, k), False, 1), matrix((k, m), True, 2)
    low, high = slice(0, -(-k // 2) if k > products.BLOCK else k), slice(-(-k // 2), k)
    expected = chain(a[:, low], b[low]) + chain(a[:, high], b[high]) if k > products.BLOCK else chain(a, b)
    assert np.array_equal(products.product(a, b), expected)


def test_rows_that_collide_in_the_cache_are_copied_for_each_block():
    a, b = matrix((40, 2048), False, 1), matrix((2048, 70), False, 2)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    assert np.allclose(multiply(a, b, None, products.blocks(2048)), exact, rtol=1e-5, atol=1e-3)
    ragged = a[:, :1000]  # rows as far from each other as before, and blocks that end within a vector
    assert np.allclose(multiply(ragged, b[:1000], None, products.blocks(1000)), ragged.astype(np.float64) @ b[:1000], rtol=1e-5, atol=1e-3)


def test_a_block_is_one_chain_of_fused_multiply_adds():
    a, b = matrix((15, 70), False, 1), matrix((70, 35), False, 2)
    assert np.array_equal(multiply(a, b, None, ((0, 70),)), chain(a, b))


def test_blocks_are_added_from_the_left():
    a, b = matrix((15, 70), False, 1), matrix((70, 35), False, 2)
    expected = (chain(a[:, :30], b[:30]) + chain(a[:, 30:50], b[30:50])) + chain(a[:, 50:], b[50:])
    assert np.array_equal(multiply(a, b, None, ((0, 30, 50, 70),)), expected)


def lying(values, how):
    """The same matrix, lying in memory in another way."""
    n, m = values.shape
    if how == "transposed":
        return np.asfortranarray(values)
    gap = {"gap": 3, "page": -m % 1024, "far": 3000, "line": -m % 16}[how]
    wide = np.zeros((n, m + gap), np.float32)
    wide[:, :m] = values
    return wide[:, :m]


@pytest.mark.parametrize("left", ["transposed", "gap", "page", "line"])
@pytest.mark.parametrize("right", ["transposed", "gap", "page", "far"])
def test_how_matrices_lie_changes_no_bit(threads, left, right):
    for n, m in ((3, 31), (29, 33), (64, 100), (150, 45)):
        a, b = matrix((n, 50), False, n), matrix((50, m), False, m)
        expected = multiply(a, b, b[0], ((0, 20, 50),))
        assert np.array_equal(multiply(lying(a, left), lying(b, right), b[0], ((0, 20, 50),)), expected)


@pytest.mark.parametrize("n", [1, 5, 13, 14, 20, 27, 45])
def test_the_edges_are_summed_like_the_middle(threads, n):
    a, b = matrix((n, 30), False, 1), matrix((30, 83), False, 2)
    expected = chain(a, b)
    for m in (83, 64, 50, 33, 16, 7):
        assert np.array_equal(multiply(a, b[:, :m], None, ((0, 30),)), expected[:, :m])


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_tiles_hold_all_rows_and_the_highest_are_full(lanes):
    table, (most, *_, least) = gemm.first_heights(lanes), gemm.heights(lanes)
    for rows in range(1, 100):
        rest = rows
        while rest > 0:
            height = table[min(rest, 2 * most)]
            assert height <= rest or height < most
            rest -= height
        assert -rest < 2 * least


def test_halves_that_end_in_any_order_are_added_once(threads):
    a, b, bias = matrix((45, 1200), True, 1), matrix((1200, 130), False, 2), matrix((1, 130), False, 3)[0]
    first, second = multiply(a[:, :600], b[:600], bias, ((0, 300, 600),)), multiply(a[:, 600:], b[600:], None, ((0, 300, 600),))
    for _ in range(50):
        assert np.array_equal(multiply(a, b, bias, products.halves_of(1200)), first + second)


def test_a_sum_too_small_for_a_number_keeps_its_sign():
    out = multiply(np.full((15, 1), -1e-30, np.float32), np.full((1, 40), 1e-30, np.float32), None, ((0, 1),))
    assert (out == 0).all() and np.signbit(out).all()


def test_views_with_gaps_and_repeats(threads):
    a, b = matrix((60, 90), False, 1)[::2, ::3], matrix((1, 70), False, 2)
    assert np.allclose(multiply(a, np.broadcast_to(b, (30, 70)), None, ((0, 30),)), a @ np.broadcast_to(b, (30, 70)), atol=1e-4)


def test_not_a_number_stays_in_its_row_and_column():
    a, b = np.ones((20, 30), np.float32), np.ones((30, 40), np.float32)
    a[3, 4], b[5, 39] = np.nan, np.inf
    out = multiply(a, b, None, ((0, 30),))
    assert np.isnan(out[3]).all() and np.isinf(np.delete(out[:, 39], 3)).all()
    assert (np.delete(np.delete(out, 3, 0), 39, 1) == 30).all()


def test_blocks_are_those_of_pytorch():
    assert products.blocks(384) == ((0, 384),)
    assert products.blocks(701) == ((0, 351, 701),)
    assert products.blocks(1100) == ((0, 384, 768, 1100),)
    assert products.halves_of(784) == ((0, 196, 392), (392, 588, 784))


@in_use
def test_large_products_go_to_our_kernels_and_small_ones_to_blas(monkeypatch):
    seen = []
    monkeypatch.setattr(products, "plans", {})
    monkeypatch.setattr(products, "by_vectors", lambda a, b, bias, halves: seen.append(a.shape))
    products.product(np.ones((128, 128), np.float32), np.ones((128, 128), np.float32))
    products.product(np.ones((16, 16), np.float32), np.ones((16, 16), np.float32))
    assert seen == [(128, 128)]


@in_use
@pytest.mark.parametrize("size", [(64, 784, 128), (37, 801, 70), (64, 1024, 256), (20, 300, 1100)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_prepared_matrix_gives_the_same_products(threads, size, transposed):
    n, k, m = size
    b = matrix((k, m), transposed, 2)
    times_b = products.prepared(b, n)
    for rows in (n, n // 2, 2 * n):
        a = matrix((rows, k), False, rows)
        order = products.halves_of(k) if k > products.LONG and n * m <= products.NARROW else products.blocks(k)
        assert np.array_equal(times_b(a), multiply(a, b, None, order))


@in_use
@pytest.mark.parametrize("k", [385, 400, 768])
def test_two_blocks_of_rows_that_threads_share_have_the_bits_of_two_blocks(threads, k):
    g, x = matrix((k, 100), False, 1), matrix((k, 130), False, 2)
    assert len(products.blocks_of(g.T, x)) == 2 and len(products.blocks_of(matrix((100, k), False, 3), x)) == 1
    expected = multiply(g.T, x, None, products.blocks(k))
    assert np.array_equal(products.product(g.T, x), expected)


@pytest.mark.parametrize("n, k, m", [(64, 784, 128), (20, 300, 256), (64, 100, 128)])
def test_weights_whose_rows_threads_keep_apart_give_the_same_bits(n, k, m, monkeypatch):
    x, w = matrix((n, k), False, 1), matrix((m, k), False, 2)
    halves = products.halves_of(k) if k > products.BLOCK else products.blocks(k)
    results = []
    for apart in (True, False):
        monkeypatch.setattr(multiply_module, "stays_apart", lambda n, b, apart=apart: apart)
        monkeypatch.setattr(multiply_module, "plans", {})
        results.append(multiply(x, w.T, None, halves))
    assert np.array_equal(*results)


def test_the_largest_matrix_stays_apart_if_its_columns_are_rows_of_memory(monkeypatch):
    monkeypatch.setattr(parallel.pool, "size", lambda: 2)
    width = 2 * multiply_module.panel_width()
    weights = matrix((2 * width, 300), False, 1)
    assert multiply_module.stays_apart(20, weights.T) and not multiply_module.stays_apart(20, np.ascontiguousarray(weights.T))
    assert not multiply_module.stays_apart(301, weights.T) and not multiply_module.stays_apart(20, matrix((width + 1, 300), False, 1).T)


@pytest.mark.parametrize("size", [(4, 1, 1), (1, 4, 1), (4, 4, 4), (1, 1, 64), (3, 7, 3)])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_products_of_few_numbers_have_the_bits_of_all_others(size, transposed, biased):
    n, k, m = size
    a, b = matrix((n, k), False, 1), matrix((k, m), transposed, 2)
    bias = matrix((1, m), False, 3)[0] if biased else None
    p = multiply_module.plan_of(a, b, products.blocks(k))
    assert p.address == gemm_few.kernel()[1]
    address = multiply_module.address
    out = np.empty((n, m), np.float32)
    p.kernel(0, p.parts, multiply_module.arguments(p, address(a), address(b), address(out), address(bias) if biased else 0, 0, 0))
    assert out.tobytes() == p(a, b, bias).tobytes()
