"""Functions that PyTorch took away."""
import pytest

import rushlight as torch


@pytest.mark.parametrize(("call", "first"), [
    (lambda x: x.lstsq(x), "`torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`."),
    (lambda x: torch.solve(x, x), "`torch.solve` is deprecated"),
    (lambda x: x.eig(), "`torch.linalg.eig` returns complex tensors"),
    (lambda x: torch.symeig(x), "The default behavior has changed from using the upper"),
])
def test_removed_function_says_what_replaces_it(call, first):
    with pytest.raises(RuntimeError) as raised:
        call(torch.eye(2))
    assert str(raised.value).startswith("This function was deprecated since version 1.9 and is now removed. " + first)
