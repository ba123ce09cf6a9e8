"""Functions that take `out=`."""
import pickle

import pytest

import rushlight as torch


@pytest.mark.parametrize("function", [torch.add, torch.absolute, torch.linalg.inv, torch.special.erf, torch.erf, torch.fft.fft, torch.relu,
                                      torch.abs_, torch.Tensor.add, torch.Tensor.sum, torch.Tensor.exp_],
                         ids=lambda f: f"{f.__module__}.{f.__qualname__}")
def test_function_and_method_survive_pickling(function):
    assert pickle.loads(pickle.dumps(function)) is function
