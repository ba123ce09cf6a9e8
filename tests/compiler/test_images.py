"""Compiled training of image networks gives what eager training gives: results, gradients, parameters and buffers, step after step."""
import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import functional as F


class Block(nn.Module):
    """A residual block, with a convolution around where shapes differ."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.a, self.na = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.b, self.nb = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.nb(self.b(F.relu(self.na(self.a(x))))) + self.skip(x))


class Frozen(nn.Module):
    """A batch norm that keeps its running statistics."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.norm.running_mean.fill_(0.3)

    def forward(self, x):
        norm = self.norm
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False)


class Both(nn.Module):
    """What a relu makes and what it was made of, both used."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        out = self.make(x)
        return F.relu(out) + 0.5 * out


#: networks, and the sizes of their images
NETS = {
    "plain": (lambda: [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU(), nn.MaxPool2d(2)], (3, 14, 14)),
    "odd sizes": (lambda: [nn.Conv2d(2, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 7, 2), nn.ReLU()], (2, 13, 11)),
    "stride and padding": (lambda: [nn.Conv2d(3, 9, 3, 2, 1), nn.ReLU(), nn.Conv2d(9, 6, (3, 2), (1, 3), (2, 1)), nn.ReLU()], (3, 17, 19)),
    "dilation": (lambda: [nn.Conv2d(3, 4, 3, dilation=2), nn.ReLU(), nn.Conv2d(4, 5, 3, 2, 2, dilation=(3, 1)), nn.ReLU()], (3, 16, 15)),
    "groups": (lambda: [nn.Conv2d(4, 8, 3, groups=2), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU()], (4, 12, 12)),
    "lines": (lambda: [nn.Conv1d(3, 6, 5, 2, 2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(3, 2)], (3, 50)),
    "transposed": (lambda: [nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(6, 4, 3, 2, 1, 1), nn.ReLU()], (3, 12, 12)),
    "volumes": (lambda: [nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3), nn.ReLU(), nn.MaxPool3d(2)], (2, 6, 7, 8)),
    "batch norm": (lambda: [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8, affine=False), nn.ReLU()],
                   (3, 12, 12)),
    "frozen batch norm": (lambda: [nn.Conv2d(3, 8, 3), Frozen(8), nn.ReLU(), nn.Conv2d(8, 4, 3)], (3, 12, 12)),
    "residual": (lambda: [nn.Conv2d(3, 8, 3, padding=1), Block(8, 8, 1), Block(8, 12, 2), nn.AdaptiveAvgPool2d(1)], (3, 16, 16)),
    "large residual": (lambda: [nn.Conv2d(3, 16, 3, padding=1), Block(16, 16, 1), Block(16, 32, 2), nn.AdaptiveAvgPool2d(1)], (3, 32, 32)),
    "values used twice": (lambda: [Both(nn.Conv2d(3, 8, 3)), Both(nn.BatchNorm2d(8)), Both(nn.Sequential(nn.Conv2d(8, 4, 3), nn.ReLU()))],
                          (3, 12, 12)),
    "overlapping maxima": (lambda: [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
                                    nn.MaxPool2d(2, ceil_mode=True), nn.AvgPool2d(2)], (3, 20, 19)),
    "in place": (lambda: [nn.Conv2d(3, 8, 3), nn.ReLU(True), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True)], (3, 12, 12)),
    "small": (lambda: [nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.ReLU(), nn.Conv2d(1, 2, 2), nn.ReLU()], (1, 2, 3)),
}


def trained(name, compiles, steps=5):
    """All that five steps leave behind."""
    make, shape = NETS[name]
    torch.manual_seed(0)
    model = nn.Sequential(*make())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    batches = [torch.randn(6, *shape) for _ in range(steps)]

    def step(x):
        optimizer.zero_grad()
        out = model(x).flatten(1)
        loss = (out * torch.linspace(-1, 1, out.shape[1])).square().mean() + out.mean()
        loss.backward()
        optimizer.step()
        return loss
    run = torch.compile(step) if compiles else step
    losses = [run(x).item() for x in batches]
    if compiles:
        assert run._rushlight_work.recordings and any([recording.function for recording in run._rushlight_work.recordings])
    return [np.array(losses), *[p.grad.numpy() for p in model.parameters()], *[value.numpy() for value in model.state_dict().values()]]


@pytest.mark.parametrize("name", NETS)
def test_five_steps_leave_what_eager_ones_leave(name):
    # A bias before a batch norm has a gradient of 0, up to rounding.
    for found, expected in zip(trained(name, True), trained(name, False), strict=True):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max(initial=0.1))


@pytest.mark.parametrize("name", ["plain", "residual", "batch norm"])
def test_evaluation_is_eager_evaluation(name):
    make, shape = NETS[name]
    torch.manual_seed(0)
    model = nn.Sequential(*make())
    model(torch.randn(6, *shape))
    model.eval()
    run = torch.compile(model)
    with torch.no_grad():
        for _ in range(3):
            x = torch.randn(4, *shape)
            np.testing.assert_allclose(run(x).numpy(), model(x).numpy(), rtol=1e-5, atol=1e-6)
