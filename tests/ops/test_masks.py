"""masked_fill, masked_select, masked_scatter and triangles."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


def test_mask_chooses():
    t, mask = torch.arange(6.0).view(2, 3), torch.tensor([True, False, True])
    assert t.masked_fill(mask, -1).tolist() == [[-1.0, 1.0, -1.0], [-1.0, 4.0, -1.0]]
    assert t.masked_select(mask).tolist() == [0.0, 2.0, 3.0, 5.0]
    assert t.masked_scatter(mask, torch.arange(10.0, 20.0)).tolist() == [[10.0, 1.0, 11.0], [12.0, 4.0, 13.0]]


def test_filled_elements_get_no_gradient_and_the_value_gets_all():
    t, value = torch.ones(3, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    t.masked_fill(torch.tensor([True, False, True]), value).backward(torch.tensor([1.0, 2.0, 4.0]))
    assert t.grad.tolist() == [0.0, 2.0, 0.0] and value.grad == 5


def test_dtype_stays_that_of_the_tensor():
    assert torch.zeros(2, dtype=torch.int64).masked_fill(torch.tensor(True), 1.9).tolist() == [1, 1]
    assert torch.zeros(1).masked_fill(torch.tensor(True), torch.tensor(1.5, dtype=torch.float64)).dtype is torch.float32


@pytest.mark.parametrize("diagonal", [-1, 0, 2])
def test_triangles_are_numpys(diagonal):
    a = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(torch.tril(torch.from_numpy(a), diagonal).numpy(), np.tril(a, diagonal))
    np.testing.assert_array_equal(torch.triu(torch.from_numpy(a), diagonal).numpy(), np.triu(a, diagonal))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.masked_select(x.detach(),x>0,out=torch.zeros(0).double()), RuntimeError, "masked_select(): self and result must have the sam"),
    (lambda: torch.tril(x.detach(),out=torch.zeros(4,5).double()), RuntimeError, "Expected out tensor to have dtype float, but got double inste"),
    (lambda: torch.zeros(3,dtype=torch.uint8).masked_fill(torch.tensor(True),300), RuntimeError, "value cannot be converted to type uint8_t wit"),
    (lambda: torch.tril_indices(3,-1), RuntimeError, "col must be non-negative, got-1"),
    (lambda: torch.tril_indices(3,3,dtype=torch.float32), NotImplementedError, "\"tril_indices\" not implemented for 'Float'"),
    (lambda: x.masked_fill(torch.tensor([1]),1), RuntimeError, "masked_fill_ only supports boolean masks, but got mask with dtype long int"),
    (lambda: x.masked_fill(torch.tensor([True]),x), RuntimeError, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with"),
    (lambda: x.masked_fill(torch.tensor([True,False]),1), RuntimeError, "The size of tensor a (2) must match the size of tensor b (5) at non-si"),
    (lambda: x.masked_fill(torch.tensor([True]),1j), RuntimeError, "value cannot be converted to type float without overflow"),
    (lambda: x.detach().masked_fill_(torch.ones(2,4,5,dtype=torch.bool),1), RuntimeError, "output with shape [4, 5] doesn't match the broadcast"),
    (lambda: torch.zeros(3).masked_fill(torch.tensor(True),'a'), TypeError, "masked_fill() received an invalid combination of arguments - got ("),
    (lambda: torch.zeros(3,dtype=torch.half).masked_fill(torch.tensor(True),-1e9), RuntimeError, "value cannot be converted to type c10::Half w"),
    (lambda: x.masked_select(torch.tensor([1])), RuntimeError, "masked_select: expected BoolTensor for mask"),
    (lambda: x.tril('a'), TypeError, "tril(): argument 'diagonal' (position 1) must be int, not str"),
    (lambda: x.tril(1.5), TypeError, "tril(): argument 'diagonal' (position 1) must be int, not float"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
