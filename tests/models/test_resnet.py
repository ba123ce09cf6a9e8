"""ResNets bear torchvision's names; the logits are those of the same networks written in plain PyTorch functions, with equal weights."""
import numpy as np
import pytest

import rushlight as torch
from rushlight import models
from rushlight.models import BasicBlock, Bottleneck, ResNet

from .filled import fill, shapes

NORM = {"weight": 1, "bias": 1, "running_mean": 1, "running_var": 1, "num_batches_tracked": 0}
#: parameters and entries of the state_dict of the public files
SIZES = {"resnet18": (11_689_512, 122), "resnet34": (21_797_672, 218), "resnet50": (25_557_032, 320), "resnet101": (44_549_160, 626)}


def names_of_resnet18():
    """{name: shape} of the public file."""
    def norm(name, planes):
        return {f"{name}.{part}": (planes,) * dims for part, dims in NORM.items()}

    found = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    before = 64
    for stage, planes in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            found |= {f"{name}.conv1.weight": (planes, before, 3, 3), **norm(f"{name}.bn1", planes)}
            found |= {f"{name}.conv2.weight": (planes, planes, 3, 3), **norm(f"{name}.bn2", planes)}
            if before != planes:
                found |= {f"{name}.downsample.0.weight": (planes, before, 1, 1), **norm(f"{name}.downsample.1", planes)}
            before = planes
    return found | {"fc.weight": (1000, 512), "fc.bias": (1000,)}


def test_resnet18_has_the_names_and_shapes_of_the_public_file_in_its_order():
    assert list(shapes(models.resnet18()).items()) == list(names_of_resnet18().items())


def test_bottlenecks_have_three_convolutions_and_halve_the_image_in_the_second():
    stage = shapes(ResNet(Bottleneck, [1, 2, 1, 1]))
    assert stage["layer1.0.conv1.weight"] == (64, 64, 1, 1) and stage["layer1.0.conv3.weight"] == (256, 64, 1, 1)
    assert stage["layer1.0.downsample.0.weight"] == (256, 64, 1, 1) and stage["layer2.1.conv2.weight"] == (128, 128, 3, 3)
    assert stage["fc.weight"] == (1000, 2048) and "layer2.1.downsample.0.weight" not in stage
    block = ResNet(Bottleneck, [1, 1, 1, 1]).layer2[0]
    assert (block.conv1.stride, block.conv2.stride, block.downsample[0].stride) == ((1, 1), (2, 2), (2, 2))


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_the_size_of_the_public_ones(name, monkeypatch):
    monkeypatch.setattr(torch.nn.init, "kaiming_normal_", lambda weight, **how: weight)
    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", lambda weight, **how: weight)
    model = getattr(models, name)()
    assert (sum(weight.numel() for weight in model.parameters()), len(model.state_dict())) == SIZES[name]


@pytest.mark.parametrize("block, layers, size, logits", [
    (BasicBlock, [2, 2, 2, 2], 40, [[-0.26214785, -1.86065125, -1.89909291], [-0.26198372, -1.86070073, -1.899315]]),
    (Bottleneck, [1, 2, 1, 1], 40, [[2.26636767, -1.23904836, -0.1718318], [2.26545596, -1.23756707, -0.1733031]]),
])
def test_logits_are_those_of_the_network_in_plain_pytorch(block, layers, size, logits):
    model = ResNet(block, layers, num_classes=3).eval()
    assert str(model.load_state_dict(fill(shapes(model)))) == "<All keys matched successfully>"
    images = np.sin(np.arange(2 * 3 * size * size) * 0.01).reshape(2, 3, size, size).astype(np.float32)
    with torch.no_grad():
        out = model(torch.from_numpy(images))
    assert np.allclose(out.numpy(), logits, rtol=0, atol=2e-5)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_every_parameter_learns(block):
    model = ResNet(block, [1, 1, 1, 1], num_classes=2)
    model(torch.randn(2, 3, 33, 33)).square().sum().backward()
    assert all(weight.grad is not None and bool((weight.grad != 0).any()) for weight in model.parameters())


@pytest.mark.parametrize("block, last", [(BasicBlock, "bn2"), (Bottleneck, "bn3")])
def test_zero_init_residual_lets_blocks_begin_as_the_identity(block, last):
    model = ResNet(block, [1, 2, 1, 1], zero_init_residual=True)
    assert not getattr(model.layer2[1], last).weight.any() and bool(model.bn1.weight.all())


def test_older_public_files_without_counts_of_batches_load():
    model = ResNet(BasicBlock, [1, 1, 1, 1])
    state = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
