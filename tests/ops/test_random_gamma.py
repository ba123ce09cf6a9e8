import numpy as np
import pytest

import rushlight as torch

# Derivatives of gamma quantiles by the shape, by differences of scipy.special.gammaincinv (step 1e-5 of the shape): shape, number, derivative.
DERIVATIVES = [
    (0.05, 5.57387844075e-07, 0.00015497798), (0.05, 1.08762740009, 13.147955), (0.3, 1.51414714457e-06, 6.6781377e-05),
    (0.3, 0.073131135867, 0.64206416), (0.3, 2.63940915707, 3.9076387), (1.0, 0.0202027073175, 0.088362843),
    (1.0, 0.69314718056, 0.96804483), (1.0, 4.60517018599, 2.2873696), (2.5, 0.37594446739, 0.35500914),
    (2.5, 2.17573009555, 0.99591938), (2.5, 7.54313623469, 1.7630126), (10.0, 4.61834927756, 0.67386249),
    (10.0, 9.66871461471, 0.9997879), (10.0, 18.7831173933, 1.3705317), (300.0, 265.509533234, 0.94069906),
    (300.0, 299.66673259, 0.99999978), (300.0, 341.757795478, 1.0671672), (20000.0, 19710.62979, 0.99273887),
    (20000.0, 19999.6666677, 1.0), (20000.0, 20330.4651705, 1.0082249)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_numbers_move_with_their_shape_as_quantiles_do():
    shape, number, expected = np.array(DERIVATIVES).T
    ours = torch._standard_gamma_grad(torch.from_numpy(shape), torch.from_numpy(number))
    assert np.allclose(ours._array, expected, rtol=1e-5)


def test_the_gradient_of_the_mean_is_one():
    shape = torch.full((20000,), 2.5, dtype=torch.float64).requires_grad_()
    numbers = torch._standard_gamma(shape)
    assert numbers.grad_fn.name() == "StandardGammaBackward0"
    numbers.mean().backward()
    assert abs(shape.grad._array.sum() - 1) < 0.02


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex64"])
def test_other_dtypes_raise(dtype):
    kernel_name = {"float16": "Half", "int64": "Long", "complex64": "ComplexFloat"}[dtype]
    with pytest.raises(NotImplementedError, match=f"^\"gamma_cpu\" not implemented for '{kernel_name}'$"):
        torch._standard_gamma(torch.ones(2, dtype=getattr(torch, dtype)))


def test_an_own_generator_is_drawn_from():
    shape, own = torch.ones(5), torch.Generator().manual_seed(3)
    first = torch._standard_gamma(shape, own).tolist()
    assert torch._standard_gamma(shape, generator=own.manual_seed(3)).tolist() == first


def test_the_derivative_has_no_derivative():
    shape = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="^derivative for aten::_standard_gamma_grad is not implemented$"):
        torch._standard_gamma_grad(shape, torch.ones(2)).sum().backward()
