"""Questions about tensors, and Python functions over elements."""
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def test_answers_are_no_tensors():
    assert torch.is_tensor(x) and not torch.is_tensor(3) and torch.numel(x) == 20 and torch.is_nonzero(torch.tensor([2]))
    assert torch.is_floating_point(x) and not torch.is_complex(x) and torch.is_signed(x) and x.is_same_size(torch.ones(4, 5))
    assert y.permute(2, 0, 1).dim_order() == (1, 2, 0)


def test_mixing_of_dtypes():
    assert torch.result_type(torch.tensor([1]), 1.5) is torch.float32 and torch.result_type(1, 2) is torch.int64
    assert torch.can_cast(torch.bool, torch.int64) and not torch.can_cast(torch.float64, torch.int64) and not torch.can_cast(float, int)


def test_python_function_over_the_elements():
    t = torch.arange(4.0).view(2, 2).t()
    assert t.apply_(lambda v: v + 1) is t and t.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert t.map_(torch.tensor([10.0, 20.0]), lambda a, b: a + b).tolist() == [[11.0, 23.0], [12.0, 24.0]]


def test_coordinates_of_numbered_elements():
    assert [c.tolist() for c in torch.unravel_index(torch.tensor([5, 1]), (2, 3))] == [[1, 0], [2, 1]]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.result_type(x,'a'), TypeError, "result_type() received an invalid combination of arguments - got (Tensor, str), but expected"),
    (lambda: torch.can_cast(1,2), TypeError, "can_cast(): argument 'from_' (position 1) must be torch.dtype, not int"),
    (lambda: torch.numel(3), TypeError, "numel(): argument 'input' (position 1) must be Tensor, not int"),
    (lambda: torch.is_nonzero(x), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    (lambda: torch.is_nonzero(torch.zeros(0)), RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
    (lambda: x.detach().apply_(lambda v: 'a'), TypeError, "must be real number, not str"),
    (lambda: x.detach().map_(torch.zeros(3),lambda a,b: a+b), RuntimeError, "The expanded size of the tensor (5) must match the existing size ("),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
