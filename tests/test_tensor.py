"""What a tensor's own attributes accept."""
import pytest

import rushlight as torch


@pytest.mark.parametrize(("dtype", "name"), [(torch.float64, "double"), (torch.int64, "long int"), (torch.bfloat16, "c10::BFloat16")])
def test_gradient_of_another_dtype_is_refused_by_name(dtype, name):
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=f"^attempting to assign a gradient with dtype '{name}' to a tensor with grad_dtype 'Float'. The gradient"):
        x.grad = torch.ones(3, dtype=dtype)
    assert x.grad is None


def test_numpy_is_refused_only_where_gradients_are_recorded():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="^Can't call numpy"):
        x.numpy()
    with torch.no_grad():
        assert x.numpy().tolist() == [1.0, 1.0]
