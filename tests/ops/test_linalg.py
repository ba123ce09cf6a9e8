"""Linear algebra: the facts that define each function, its gradients of both orders, PyTorch's errors and named results."""
import numpy as np
import pytest

import rushlight as torch
from rushlight import linalg

random = np.random.default_rng(0)


def drawn(*shape, complex=False):
    numbers = random.normal(size=shape)
    return torch.tensor(numbers + 1j * random.normal(size=shape) if complex else numbers)


def positive(*shape, complex=False):
    a = drawn(*shape, complex=complex)
    return a @ a.mH + 2 * torch.eye(shape[-1], dtype=torch.float64)


def close(a, b, atol=1e-9):
    torch.testing.assert_close(a, b, rtol=1e-7, atol=atol)


both = pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])


# ---- what the functions compute

@both
def test_inverse_and_solution_undo_the_product(complex):
    a, b = drawn(2, 1, 4, 4, complex=complex), drawn(3, 4, 2, complex=complex)
    close(a @ linalg.inv(a), torch.eye(4, dtype=a.dtype).expand(2, 1, 4, 4))
    close(a @ linalg.solve(a, b), b.expand(2, 3, 4, 2))
    close(linalg.solve(a, b.mT, left=False) @ a, b.mT.expand(2, 3, 2, 4))


@both
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [3, 70])
def test_triangular_solution_reads_one_triangle(n, upper, complex):
    a, b = drawn(2, n, n, complex=complex) + 9 * n * torch.eye(n, dtype=torch.float64), drawn(2, n, 3, complex=complex)
    triangle = a.triu() if upper else a.tril()
    close(triangle @ linalg.solve_triangular(a, b, upper=upper), b)
    close(linalg.solve_triangular(a, b.mT, upper=upper, left=False) @ triangle, b.mT)
    # Ones on the diagonal, and small numbers beside it: the solution must not overflow.
    unit = triangle / (99 * n) - torch.diag_embed(triangle.diagonal(0, -2, -1)) / (99 * n) + torch.eye(n, dtype=torch.float64)
    close(unit @ linalg.solve_triangular(a / (99 * n), b, upper=upper, unitriangular=True), b)


def test_a_zero_on_the_diagonal_of_a_triangle_gives_inf():
    x = linalg.solve_triangular(torch.tensor([[1., 1.], [0., 0.]]), torch.tensor([[1.], [2.]]), upper=True)
    assert x.isinf().all()


@both
@pytest.mark.parametrize("shape", [(5, 5), (3, 40, 40), (2, 6, 3), (3, 6), (0, 4, 4)])
def test_lu_exchanges_rows_for_the_largest_pivot(shape, complex):
    a = drawn(*shape, complex=complex)
    p, lower, upper = linalg.lu(a)
    close(p @ lower @ upper, a)
    # Complex pivots are compared by |Re| + |Im|, which is up to sqrt(2) times the modulus.
    assert (lower.abs() <= (2 ** 0.5 if complex else 1) + 1e-12).all()
    packed, pivots = linalg.lu_factor(a)
    assert pivots.dtype is torch.int32
    q, low, up = torch.lu_unpack(packed, pivots)
    close(q @ low @ up, a)


@both
def test_lu_solve_solves_on_both_sides_and_with_the_adjoint(complex):
    a, b = drawn(2, 4, 4, complex=complex), drawn(2, 4, 3, complex=complex)
    packed, pivots = linalg.lu_factor(a)
    close(a @ linalg.lu_solve(packed, pivots, b), b)
    close(a.mH @ linalg.lu_solve(packed, pivots, b, adjoint=True), b)
    close(linalg.lu_solve(packed, pivots, b.mT, left=False) @ a, b.mT)
    close(linalg.lu_solve(packed, pivots, b.mT, left=False, adjoint=True) @ a.mH, b.mT)


@both
def test_factors_multiply_to_the_matrix(complex):
    a, s = drawn(2, 5, 3, complex=complex), positive(2, 4, 4, complex=complex)
    q, r = linalg.qr(a)
    u, values, vh = linalg.svd(a, full_matrices=False)
    close(q @ r, a)
    close((u * values.unsqueeze(-2)) @ vh, a)
    low = linalg.cholesky(s)
    close(low @ low.mH, s)
    close(linalg.cholesky(s, upper=True), low.mH)
    eigenvalues, vectors = linalg.eigh(s)
    close((vectors * eigenvalues.unsqueeze(-2)) @ vectors.mH, s)
    square = drawn(4, 4, complex=complex)
    eigenvalues, vectors = linalg.eig(square)
    close(square.to(torch.complex128) @ vectors, vectors * eigenvalues)


@both
def test_reflections_multiply_to_the_q_of_qr(complex):
    a, other = drawn(5, 3, complex=complex), drawn(5, 2, complex=complex)
    packed, tau = torch.geqrf(a)
    q, r = linalg.qr(a)
    close(linalg.householder_product(packed, tau), q)
    close(packed.triu()[:3], r)
    whole = linalg.qr(a, "complete").Q
    close(torch.ormqr(packed, tau, other), whole @ other)
    close(torch.ormqr(packed, tau, other, transpose=True), whole.mH @ other)
    close(torch.ormqr(packed, tau, other.mT, left=False), other.mT @ whole)
    close(torch.ormqr(packed, tau, other.mT, left=False, transpose=True), other.mT @ whole.mH)


@both
def test_determinants(complex):
    a = drawn(3, 4, 4, complex=complex)
    sign, log = linalg.slogdet(a)
    close(sign * log.exp(), linalg.det(a))
    close(torch.det(a @ a), torch.det(a) ** 2)
    s = positive(3, 3, complex=complex)
    close(torch.logdet(s).exp(), torch.det(s))


def test_logdet_of_a_negative_determinant_is_nan():
    assert torch.logdet(torch.diag(torch.tensor([1., -1.]))).isnan()


@both
def test_pseudoinverse_and_rank(complex):
    a = drawn(5, 2, complex=complex) @ drawn(2, 4, complex=complex)
    p = linalg.pinv(a)
    close(a @ p @ a, a)
    close(p @ a @ p, p)
    assert linalg.matrix_rank(a) == 2
    close(linalg.pinv(a @ a.mH, hermitian=True), linalg.pinv(a @ a.mH))
    assert linalg.matrix_rank(torch.diag(torch.tensor([1., 1e-3])), atol=1e-2) == 1


def test_least_squares_leaves_a_rest_at_right_angles():
    a, b = drawn(6, 3), drawn(6, 2)
    x, residuals, rank, values = linalg.lstsq(a, b, driver="gelsd")
    close(a.mT @ (a @ x - b), torch.zeros(3, 2, dtype=torch.float64))
    close(residuals, ((a @ x - b) ** 2).sum(0))
    assert rank == 3 and values.shape == (3,)
    close(linalg.lstsq(a, b[:, 0]).solution, x[:, 0])
    assert [len(r.shape and r) for r in linalg.lstsq(a, b)[1:4:2]] == [0, 0]


@both
def test_exponential_of_a_sum_of_commuting_matrices_is_the_product(complex):
    a = drawn(2, 4, 4, complex=complex) * 3
    close(linalg.matrix_exp(a) @ linalg.matrix_exp(-a), torch.eye(4, dtype=a.dtype).expand(2, 4, 4), atol=1e-5)
    turn = torch.tensor([[0., -1.], [1., 0.]], dtype=torch.float64) * 100
    close(linalg.matrix_exp(turn), torch.tensor([[np.cos(100), -np.sin(100)], [np.sin(100), np.cos(100)]]))
    assert linalg.matrix_exp(torch.zeros(0, 2, 2)).shape == (0, 2, 2)


def test_powers():
    a = drawn(3, 3)
    close(linalg.matrix_power(a, 5), a @ a @ a @ a @ a)
    close(torch.matrix_power(a, -2), linalg.inv(a @ a))
    close(a.matrix_power(0), torch.eye(3, dtype=torch.float64))


def test_chain_is_multiplied_in_the_cheapest_order():
    from rushlight.ops.linalg_product import splits
    chain = [torch.zeros(10, 100), torch.zeros(100, 5), torch.zeros(5, 50)]
    assert splits(chain)[0, 2] == 1
    a, b, c = drawn(3), drawn(3, 4), drawn(4)
    close(linalg.multi_dot([a, b, c]), a @ b @ c)
    close(torch.chain_matmul(b, b.mT, b), b @ b.mT @ b)


def test_products_of_vectors():
    a, b = drawn(2, 3), drawn(2, 3)
    close((linalg.cross(a, b) * a).sum(-1), torch.zeros(2, dtype=torch.float64))
    close(linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.])), torch.tensor([0., 0., 1.]))
    close(linalg.vecdot(a + 1j * b, a + 0j), ((a - 1j * b) * a).sum(-1))
    close(linalg.vander(torch.tensor([2., 3.]), N=4), torch.tensor([[1., 2., 4., 8.], [1., 3., 9., 27.]]))


def test_norms_of_matrices():
    a = torch.tensor([[1., -2.], [3., 4.]], dtype=torch.float64)
    s = linalg.svdvals(a)
    expected = {"fro": 30 ** 0.5, "nuc": s.sum(), 2: s[0], -2: s[1], 1: 6, -1: 4, np.inf: 7, -np.inf: 3}
    for ord, value in expected.items():
        assert float(linalg.matrix_norm(a, ord)) == pytest.approx(float(value))
        assert linalg.norm(a, ord, keepdim=True).shape == (1, 1)
        assert linalg.matrix_norm(drawn(2, 3, 4), ord, dim=(2, 0)).shape == (3,)
    assert float(linalg.cond(a)) == pytest.approx(float(s[0] / s[1]))
    assert linalg.cond(torch.stack([a, torch.zeros(2, 2, dtype=torch.float64)]), 1).tolist()[1] == np.inf


def test_tensor_inverse_and_solution():
    a, b = drawn(2, 3, 6), drawn(2, 3)
    close(torch.tensordot(a, linalg.tensorsolve(a, b), 1), b)
    a = drawn(6, 2, 3)
    close(torch.tensordot(linalg.tensorinv(a, 1), a, 1).reshape(6, 6), torch.eye(6, dtype=torch.float64))


def test_with_a_cholesky_factor():
    s, b = positive(4, 4), drawn(4, 2)
    low = torch.cholesky(s)
    close(s @ torch.cholesky_solve(b, low), b)
    close(torch.cholesky_inverse(low.mT, upper=True), s.inverse())
    x, copy = torch.triangular_solve(b, low, upper=False, transpose=True)
    close(low.mT @ x, b)
    close(copy, low)


def test_covariance_and_correlation():
    x = drawn(3, 10)
    close(torch.cov(x), torch.tensor(np.cov(x.numpy())))
    counts, weights = torch.arange(10) % 3 + 1, torch.rand(10, dtype=torch.float64)
    close(torch.cov(x, correction=0, fweights=counts, aweights=weights),
          torch.tensor(np.cov(x.numpy(), ddof=0, fweights=counts.numpy(), aweights=weights.numpy())))
    close(torch.corrcoef(x), torch.tensor(np.corrcoef(x.numpy())))


# ---- gradients

def slopes(function, *arguments):
    """gradcheck and gradgradcheck of a function of the arguments, its results weighted at random."""
    leaves = [a.clone().requires_grad_() for a in arguments]
    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves, atol=1e-4)


FUNCTIONS = {
    "inv": linalg.inv, "det": linalg.det, "logabsdet": lambda a: linalg.slogdet(a).logabsdet, "matrix_exp": linalg.matrix_exp,
    "qr": lambda a: tuple(linalg.qr(a)), "qr_tall": lambda a: tuple(linalg.qr(a[:, :2])), "qr_wide": lambda a: tuple(linalg.qr(a[:2])),
    "svdvals": linalg.svdvals, "svd": lambda a: linalg.svd(a[:, :2], full_matrices=False).U.abs(),
    "pinv": lambda a: linalg.pinv(a[:, :2]), "lu": lambda a: tuple(linalg.lu(a)[1:]), "lu_tall": lambda a: tuple(linalg.lu(a[:, :2])[1:]),
    "lu_wide": lambda a: tuple(linalg.lu(a[:2])[1:]), "lu_factor": lambda a: linalg.lu_factor(a)[0],
    "lu_solve": lambda a: linalg.lu_solve(*linalg.lu_factor(a), a[:, :2]), "eig": lambda a: tuple(part.abs() for part in linalg.eig(a)),
    "solve": lambda a: linalg.solve(a, a[0]), "solve_left": lambda a: linalg.solve(a, a[:2], left=False),
    "triangular": lambda a: linalg.solve_triangular(a, a[:, :2], upper=True), "lstsq": lambda a: linalg.lstsq(a[:, :2], a[:, 2:]).solution,
    "residuals": lambda a: linalg.lstsq(a[:, :2], a[:, 2:], driver="gels").residuals, "nuc": lambda a: linalg.matrix_norm(a, "nuc"),
    "householder": lambda a: linalg.householder_product(a[:, :2], a[2, :2]), "cross": lambda a: linalg.cross(a, a * a),
    "cholesky": lambda a: linalg.cholesky(a @ a.mH + torch.eye(3, dtype=torch.float64)),
    "eigh": lambda a: tuple(part.abs() for part in linalg.eigh(a + a.mH)), "cov": torch.cov,
}


@both
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_slopes(name, complex):
    a = drawn(3, 3, complex=complex) + 2 * torch.eye(3, dtype=torch.float64)
    slopes(FUNCTIONS[name], a)


def test_gradient_of_the_determinant_of_a_singular_matrix():
    a = torch.diag(torch.tensor([2., 3., 0.], dtype=torch.float64)).requires_grad_()
    torch.det(a).backward()
    close(a.grad, torch.diag(torch.tensor([0., 0., 6.], dtype=torch.float64)))


# ---- errors and printed results

SINGULAR, SQUARE = torch.zeros(2, 2), torch.eye(2)


NOT_INVERTED = "The diagonal element 1 is zero, the inversion could not be completed because the input matrix is singular."
NOT_POSITIVE = ("The factorization could not be completed because the input is not positive-definite (the leading minor of order 2 is not "
                "positive-definite).")
NOT_FINITE = "The algorithm failed to converge because the input matrix contained non-finite values."


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.inv(SINGULAR), f"linalg.inv: {NOT_INVERTED}"),
    (lambda: torch.inverse(torch.stack([SQUARE, SINGULAR])), f"linalg.inv: (Batch element 1): {NOT_INVERTED}"),
    (lambda: linalg.solve(SINGULAR, torch.ones(2)), "torch.linalg.solve: The solver failed because the input matrix is singular."),
    (lambda: linalg.cholesky(torch.tensor([[1., 2.], [2., 1.]])), f"linalg.cholesky: {NOT_POSITIVE}"),
    (lambda: linalg.svd(torch.full((2, 2), float("nan"))), f"linalg.svd: {NOT_FINITE}"),
])
def test_failures_are_linalg_errors(call, message):
    with pytest.raises(linalg.LinAlgError) as caught:
        call()
    assert str(caught.value) == message
    assert linalg.LinAlgError.__name__ == "_LinAlgError" and issubclass(linalg.LinAlgError, RuntimeError)


@pytest.mark.parametrize("call, message", [
    (lambda: linalg.inv(torch.ones(2, 3)), "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices"),
    (lambda: linalg.inv(torch.ones(3)), "linalg.inv: The input tensor A must have at least 2 dimensions."),
    (lambda: linalg.qr(torch.ones(2, 2, dtype=torch.int64)), "linalg.qr: Expected a floating point or complex tensor as input. Got Long"),
    (lambda: linalg.solve(SQUARE, torch.ones(3)), "linalg.solve: Incompatible shapes of A and B for the equation AX = B (2x2 and 3x1)"),
    (lambda: linalg.multi_dot([SQUARE, torch.ones(3, 2)]), "multi_dot(): tensors 0 and 1 with shapes [2, 2] and [3, 2] cannot be multiplied"),
    (lambda: linalg.matrix_norm(SQUARE, 3), "linalg.matrix_norm: Order 3 not supported."),
    (lambda: torch.cross(torch.ones(2), torch.ones(2)), "no dimension of size 3 in input"),
])
def test_errors_are_pytorchs(call, message):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert str(caught.value).splitlines()[0] == message


def test_results_are_named_and_print_as_pytorchs():
    result = linalg.qr(torch.eye(1))
    assert repr(result) == "torch.return_types.linalg_qr(\nQ=tensor([[1.]]),\nR=tensor([[1.]]))"
    assert torch.svd(torch.eye(2))._fields == ("U", "S", "V")
    assert linalg.inv_ex(SINGULAR).info == 1 and linalg.inv_ex(SINGULAR).info.dtype is torch.int32
