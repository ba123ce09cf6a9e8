"""The hot path and its errors."""
import pytest

import rushlight as torch


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(RuntimeError, match=r"^The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 0\n"):
        torch.ones(3) + torch.ones(2)


def test_operand_of_another_class_is_a_type_error():
    with pytest.raises(TypeError, match="^unsupported operand type"):
        torch.ones(3) + "text"
    with pytest.raises(TypeError, match=r"^add\(\): argument 'other' \(position 2\) must be Tensor, not str"):
        torch.add(torch.ones(3), "text")


def test_result_of_a_zero_dimensional_operation_is_an_array():
    import numpy as np
    for out in (torch.tensor(2.0) + torch.tensor(1.0), torch.tensor(2.0) * 3, torch.ones(2).sum(), -torch.tensor(1)):
        assert isinstance(out._array, np.ndarray) and out.shape == ()


def test_inputs_are_unharmed_when_an_operation_fails():
    x, y = torch.ones(3, requires_grad=True), torch.ones(2)
    with pytest.raises(RuntimeError):
        x * y
    assert x.grad is None and x.is_leaf and y.tolist() == [1.0, 1.0]


def test_out_takes_the_result_and_is_returned():
    out = torch.zeros(2)
    assert torch.add(torch.ones(2), torch.ones(2), out=out) is out
    assert out.tolist() == [2.0, 2.0]


def test_out_of_a_lower_category_is_refused_before_anything_is_written():
    out = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="^result type Float can't be cast to the desired output type Long"):
        torch.add(torch.ones(2), 1.5, out=out)
    assert out.tolist() == [0, 0]


def test_out_and_gradients_do_not_go_together():
    with pytest.raises(RuntimeError, match=r"^add\(\): functions with out=... arguments don't support automatic differentiation"):
        torch.add(torch.ones(2, requires_grad=True), 1, out=torch.zeros(2))


def test_large_arrays_give_the_same_on_all_cores():
    x = torch.arange(0, 300_000, dtype=torch.float32)
    assert torch.equal((x * 2 + 1)[:1000], x[:1000] * 2 + 1)
    assert torch.equal((x * 2 + 1)[-1000:], x[-1000:] * 2 + 1)
