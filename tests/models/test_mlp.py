"""The multilayer perceptron has torchvision's names and order of layers."""
import rushlight as torch
from rushlight import nn
from rushlight.models import MLP


def test_layers_are_numbered_with_those_that_have_no_parameters():
    assert list(MLP(4, [3, 2]).state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert [type(layer) for layer in MLP(4, [3, 2])] == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.Dropout]


def test_norm_activation_bias_and_dropout_are_as_told():
    model = MLP(4, [3, 2], norm_layer=nn.BatchNorm1d, activation_layer=nn.GELU, bias=False, dropout=0.5)
    assert [type(layer) for layer in model] == [nn.Linear, nn.BatchNorm1d, nn.GELU, nn.Dropout, nn.Linear, nn.Dropout]
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "1.weight", "1.bias", "4.weight"] and model[3].p == 0.5
    assert MLP(4, [3, 2], inplace=True)[1].inplace


def test_output_is_the_composition():
    model = MLP(4, [3, 5, 2])
    x = torch.randn(6, 4)
    first, second, third = model[0], model[3], model[6]
    assert torch.equal(model(x), third(second(first(x).relu()).relu()))
