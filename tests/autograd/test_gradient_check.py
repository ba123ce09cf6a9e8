"""gradcheck sees what is wrong and passes what is right."""
import pytest

import rushlight as torch
from rushlight.autograd import Function, gradcheck, gradgradcheck


class WrongByHalf(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g


def inputs(dtype=torch.float64):
    return (torch.tensor([0.5, 2.0, -1.5], dtype=dtype, requires_grad=True), torch.tensor([1.5, 0.5, 3.0], dtype=dtype, requires_grad=True))


def test_right_gradients_pass():
    assert gradcheck(lambda a, b: a * b + a / b, inputs())
    assert gradgradcheck(lambda a, b: a * b / (b * b + 1), inputs())


def test_right_complex_gradients_pass():
    assert gradcheck(lambda a, b: a * b / (b + 2), inputs(torch.complex128))


def test_wrong_gradient_raises_or_is_false():
    x = inputs()[0]
    with pytest.raises(torch.autograd.GradcheckError, match="^Jacobian mismatch for output 0 with respect to input 0,\nnumerical:"):
        gradcheck(WrongByHalf.apply, (x,))
    assert gradcheck(WrongByHalf.apply, (x,), raise_exception=False) is False


def test_inputs_without_gradient_are_refused():
    with pytest.raises(ValueError, match="^gradcheck expects at least one input tensor to require gradient"):
        gradcheck(lambda a: a * 2, (torch.ones(2, dtype=torch.float64),))
