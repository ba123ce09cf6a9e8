"""Functions that take `out=`."""
import pickle

import pytest

import rushlight as torch


@pytest.mark.parametrize("function", [torch.add, torch.absolute, torch.linalg.inv, torch.special.erf, torch.erf, torch.fft.fft, torch.relu,
                                      torch.abs_, torch.Tensor.add, torch.Tensor.sum, torch.Tensor.exp_],
                         ids=lambda f: f"{f.__module__}.{f.__qualname__}")
def test_function_and_method_survive_pickling(function):
    assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("call", [lambda out: torch.add(torch.eye(2), 1, out=out),
                                  lambda out: torch.mm(torch.eye(2), torch.eye(2), out=out),
                                  lambda out: torch.sort(torch.eye(2), out=(out, out.long()))])
def test_out_whose_elements_are_one_place_in_memory_is_refused_and_unharmed(call):
    out = torch.ones(1, 1).expand(2, 2)
    with pytest.raises(RuntimeError, match="^unsupported operation: more than one element of the written-to tensor refers"):
        call(out)
    assert out.tolist() == [[1, 1], [1, 1]]
