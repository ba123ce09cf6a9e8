"""Layers that find out their sizes at the first call."""
import copy

import pytest

import rushlight as torch
from rushlight import nn


def test_a_lazy_linear_becomes_a_linear_with_the_same_draws():
    torch.manual_seed(5)
    lazy = nn.LazyLinear(3)
    assert repr(lazy) == "LazyLinear(in_features=0, out_features=3, bias=True)" and lazy.has_uninitialized_params()
    assert repr(dict(lazy.state_dict())) == "{'weight': <UninitializedParameter>, 'bias': <UninitializedParameter>}"
    parameters = list(lazy.parameters())
    assert lazy(torch.zeros(2, 5)).shape == (2, 3)
    assert type(lazy) is nn.Linear and repr(lazy) == "Linear(in_features=5, out_features=3, bias=True)"
    assert not lazy._forward_pre_hooks and not lazy._load_state_dict_pre_hooks
    assert all(a is b for a, b in zip(parameters, lazy.parameters()))
    torch.manual_seed(5)
    assert lazy.weight.tolist() == nn.Linear(5, 3).weight.tolist()


def test_loading_gives_a_lazy_layer_its_shape():
    lazy, layer = nn.LazyLinear(3), nn.Linear(4, 3)
    lazy.load_state_dict(layer.state_dict())
    assert type(lazy) is nn.LazyLinear
    assert lazy(torch.ones(1, 4)).tolist() == layer(torch.ones(1, 4)).tolist()
    assert repr(lazy) == "Linear(in_features=4, out_features=3, bias=True)"
    nn.LazyLinear(3).load_state_dict(nn.LazyLinear(3).state_dict())
    with pytest.raises(RuntimeError, match="^Can't access the shape of an uninitialized parameter or buffer."):
        layer.load_state_dict(nn.LazyLinear(3).state_dict())


def test_a_lazy_layer_converts_and_copies_before_its_first_call():
    lazy = copy.deepcopy(nn.LazyLinear(3).double())
    assert lazy.weight.dtype == torch.float64
    lazy(torch.zeros(1, 2, dtype=torch.float64))
    assert lazy.weight.dtype == torch.float64 and lazy.weight.shape == (3, 2)
    lazy.zero_grad()


def test_a_first_call_that_fails_leaves_the_layer_lazy():
    lazy = nn.LazyLinear(3)
    with pytest.raises(TypeError, match=r"initialize_parameters\(\) takes 2 positional arguments but 3 were given"):
        lazy(torch.zeros(3, 4), 5)
    assert type(lazy) is nn.LazyLinear and lazy.has_uninitialized_params()


def test_a_lazy_module_says_what_is_missing():
    from rushlight.nn.lazy import LazyModuleMixin

    class Mine(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.UninitializedParameter()

    with pytest.raises(NotImplementedError, match="^initialize_parameters is not implemented for Mine"):
        Mine()(3)
    Mine.initialize_parameters = lambda self, x: None
    with pytest.raises(RuntimeError, match="^module Mine has not been fully initialized"):
        Mine()(3)


@pytest.mark.parametrize("lazy, text", [
    (lambda: nn.LazyConv2d(4, 3, groups=2, bias=False), "LazyConv2d(0, 4, kernel_size=(3, 3), stride=(1, 1), groups=2, bias=False)"),
    (lambda: nn.LazyConvTranspose1d(4, 3), "LazyConvTranspose1d(0, 4, kernel_size=(3,), stride=(1,))"),
    (lambda: nn.LazyBatchNorm3d(eps=1), "LazyBatchNorm3d(0, eps=1, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
    (lambda: nn.LazyInstanceNorm1d(), "LazyInstanceNorm1d(0, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
])
def test_reprs_of_the_other_lazy_layers(lazy, text):
    assert repr(lazy()) == text


def test_a_lazy_convolution_checks_its_first_input():
    lazy = nn.LazyConv2d(3, 2)
    with pytest.raises(RuntimeError) as caught:
        lazy(torch.zeros(3, 4))
    assert str(caught.value).split("\n")[0] == ("Expected 3D (unbatched) or 4D (batched) input to LazyConv2d, but got input of size: "
                                                "torch.Size([3, 4])")
    lazy = nn.LazyConv2d(4, 2, groups=2)
    with pytest.raises(ValueError, match="^in_channels must be divisible by groups"):
        lazy(torch.zeros(1, 3, 4, 4))
    assert lazy.has_uninitialized_params() and lazy.in_channels == 0


def test_lazy_norms_have_all_their_buffers_in_the_state_dict():
    assert list(nn.LazyBatchNorm1d().state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
