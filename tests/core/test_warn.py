"""Warnings are at the line of the program, by whatever way it came into the library."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.core import warn
from rushlight.utils.checkpoint import checkpoint
from rushlight.utils.data import DataLoader


def scheduler():
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    return torch.optim.lr_scheduler.StepLR(optimizer, 1)


def parameter_twice():
    p = torch.ones(1, requires_grad=True)
    torch.optim.SGD([p, p], lr=0.1)


def old_hook_on(module):
    module.register_backward_hook(lambda *args: None)
    return module(torch.ones(1, 2, requires_grad=True))


def nan_in_anomaly_mode():
    x = torch.tensor(0.0, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan"):
        (x * 0 / x.abs()).backward()


def early_hook():
    module = nn.Linear(2, 2)
    module.register_full_backward_hook(lambda *args: None)
    module(torch.ones(1, 2)).sum().backward()


def transformer_with_two_kinds_of_masks():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    layer(torch.ones(1, 2, 4), torch.zeros(2, 2), torch.zeros(1, 2, dtype=torch.bool))


#: calls that warn, each by another way through the library
WARNING = {
    "a wrapped method": lambda: scheduler().step(),
    "a constructor of a base class": parameter_twice,
    "a method of a tensor": lambda: torch.ones(1).var(),
    "a function that calls another": lambda: torch.corrcoef(torch.ones(2, 1)),
    "a property": lambda: torch.ones(2, 2, 2).T,
    "a function with out=": lambda: torch.meshgrid(torch.ones(2), torch.ones(2)),
    "a constructor of a layer": lambda: nn.MSELoss(size_average=True),
    "a layer": lambda: nn.Softmax()(torch.ones(2, 3)),
    "a loss": lambda: nn.L1Loss()(torch.ones(2), torch.ones(1, 2)),
    "a layer in a layer": lambda: nn.Sequential(nn.Sequential(nn.Softmax()), nn.InstanceNorm1d(5))(torch.ones(1, 2, 3)),
    "a layer of many": transformer_with_two_kinds_of_masks,
    "a layer's initial values": lambda: nn.Linear(0, 3),
    "an initialization": lambda: nn.init.trunc_normal_(torch.ones(3), 5.0, 0.1, -1, 1),
    "a hook": lambda: old_hook_on(nn.Sequential(nn.Linear(2, 2))),
    "backward": early_hook,
    "anomaly mode": nan_in_anomaly_mode,
    "a mask of bytes": lambda: torch.ones(2)[torch.zeros(2, dtype=torch.uint8)],
    "a new tensor": lambda: torch.ones(2).new_tensor(torch.ones(2)),
    "a checkpoint": lambda: checkpoint(torch.exp, torch.ones(2), use_reentrant=True),
    "a loader": lambda: list(DataLoader([1.0, 2.0], pin_memory=True)),
}


@pytest.mark.parametrize("call", WARNING.values(), ids=WARNING)
def test_warning_is_at_the_line_of_the_program(call, monkeypatch):
    monkeypatch.setattr(warn, "_given", set())
    with pytest.warns(Warning) as caught:
        call()
    assert {warning.filename for warning in caught if not issubclass(warning.category, RuntimeWarning)} == {__file__}


def test_warning_has_its_category():
    with pytest.warns(FutureWarning):
        old_hook_on(nn.Sequential(nn.Linear(2, 2)))


def test_warning_is_given_once_in_a_program(monkeypatch):
    monkeypatch.setattr(warn, "_given", set())
    with pytest.warns(UserWarning) as caught:
        for _ in range(2):
            warn.warn_once("odd")
        warn.warn_once("odd")
    assert len(caught) == 1
