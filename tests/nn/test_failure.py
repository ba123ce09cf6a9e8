"""Where in a model a call failed: the note on the error."""
import pathlib
import sys

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(5, 4)])

    def forward(self, x):
        for block in self.blocks:
            x = block(self.fc(x)) if isinstance(x, torch.Tensor) else block(x)
        return x


def note_of(error):
    lines = list(getattr(error, "__notes__", [])) if sys.version_info >= (3, 11) else str(error).split("\n")
    return [line for line in lines if line.startswith("  in ")]


def failure(call):
    with pytest.raises(Exception) as caught:
        call()
    return caught.value


def line_of(text):
    lines = pathlib.Path(__file__).read_text(encoding="utf-8").split("\n")
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


def test_the_path_begins_with_the_callers_variable():
    model = nn.Sequential(nn.Linear(784, 1000), nn.Sequential(nn.Linear(100, 10)))
    error = failure(lambda: model(torch.zeros(64, 784)))
    assert type(error) is RuntimeError
    assert str(error).split("\n")[0] == "mat1 and mat2 shapes cannot be multiplied (64x1000 and 100x10)"
    assert note_of(error) == [f"  in model.1.0 (Linear(in_features=100, out_features=10, bias=True)), called at test_failure.py:"
                              f"{line_of('error = failure(lambda: model(torch.zeros(64')}, given a Tensor of shape [64, 1000]"]


def test_the_line_is_the_innermost_of_the_users_and_lists_have_their_place():
    error = failure(lambda: Net()(torch.zeros(2, 3)))
    assert note_of(error) == [f"  in Net.fc (Linear(in_features=3, out_features=4, bias=True)), called at test_failure.py:"
                              f"{line_of('x = block(self.fc(x))')}, given a Tensor of shape [2, 4]"]


def test_wrong_arguments_are_noted_too():
    error = failure(lambda: Net()())
    assert type(error) is TypeError and note_of(error)[0].startswith("  in Net (Net()), called at test_failure.py:")


def test_the_users_own_errors_are_left_alone():
    class Mine(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

    error = failure(lambda: nn.Sequential(Mine())(3))
    assert str(error) == "mine" and note_of(error) == []


def test_errors_under_hooks_are_noted_as_well():
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda *_: None)
    assert len(note_of(failure(lambda: layer(torch.zeros(1, 3))))) == 1
