"""Jacobians, Hessians and products with them, on functions whose derivatives are known."""
import rushlight as torch
from rushlight.autograd import functional as AF

X = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def cube_sum(x):
    return (x * x * x).sum()


def test_jacobian_of_squares_is_diagonal():
    assert AF.jacobian(lambda x: x * x, X).tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]


def test_hessian_of_cubes_is_diagonal():
    assert AF.hessian(cube_sum, X).tolist() == [[6.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 18.0]]


def test_products_agree_with_the_full_matrices():
    v = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)
    assert AF.vjp(lambda x: x * x, X, v)[1].tolist() == [2.0, -4.0, 12.0]
    assert AF.jvp(lambda x: x * x, X, v)[1].tolist() == [2.0, -4.0, 12.0]
    assert AF.vhp(cube_sum, X, v)[1].tolist() == [6.0, -12.0, 36.0]
    assert AF.hvp(cube_sum, X, v)[1].tolist() == [6.0, -12.0, 36.0]


def test_several_inputs_and_results_nest():
    result = AF.jacobian(lambda a, b: (a * b, a + b), (X, X))
    assert len(result) == 2 and len(result[0]) == 2 and result[0][0].tolist() == [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
