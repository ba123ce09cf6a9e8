"""Residual networks for images, of 18 to 152 layers.

*Source*: He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition"; the first values: the same authors 2015, "Delving
deep into rectifiers"; zero_init_residual: Goyal and others 2017, "Accurate, large minibatch SGD". As in the public weight files, a
bottleneck halves the image in its 3 x 3 convolution and not in its first.
"""
from __future__ import annotations

from typing import Any

from rushlight import nn
from rushlight.tensor import Tensor


def convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A square convolution without bias, padded so that stride 1 keeps the image's size."""
    return nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)


class BasicBlock(nn.Module):
    """relu(x + two 3 x 3 convolutions of x), each with batch norm; `downsample` makes x fit where the shape changes."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None):
        super().__init__()
        self.conv1 = convolution(inplanes, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """relu(x + convolutions 1 x 1, 3 x 3, 1 x 1 of x), which leave four times as many planes as they work on."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None):
        super().__init__()
        self.conv1 = convolution(inplanes, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3, stride)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = convolution(planes, self.expansion * planes, 1)
        self.bn3 = nn.BatchNorm2d(self.expansion * planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A 7 x 7 convolution, four stages of blocks with 64, 128, 256 and 512 planes, the mean over the image, a linear layer.

    `layers` says how many blocks each stage has. The state_dict has torchvision's names. *Shape*: `(N, 3, H, W) -> (N, num_classes)`.
    """

    def __init__(self, block: Any, layers: list[int], num_classes: int = 1000, zero_init_residual: bool = False):
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._stage(block, 64, layers[0], 1)
        self.layer2 = self._stage(block, 128, layers[1], 2)
        self.layer3 = self._stage(block, 256, layers[2], 2)
        self.layer4 = self._stage(block, 512, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._first_values(zero_init_residual)

    def _stage(self, block: Any, planes: int, count: int, stride: int) -> nn.Sequential:
        """`count` blocks, the first of which changes the number of planes and, with stride 2, halves the image."""
        after, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != after:
            downsample = nn.Sequential(convolution(self.inplanes, after, 1, stride), nn.BatchNorm2d(after))
        first = block(self.inplanes, planes, stride, downsample)
        self.inplanes = after
        return nn.Sequential(first, *[block(after, planes) for _ in range(count - 1)])

    def _first_values(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules() if zero_init_residual else ():
            if isinstance(module, (BasicBlock, Bottleneck)):  # each block begins as the identity
                nn.init.zeros_((module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the classes."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(**options: Any) -> ResNet:
    """The ResNet of 18 layers; options as for ResNet."""
    return ResNet(BasicBlock, [2, 2, 2, 2], **options)


def resnet34(**options: Any) -> ResNet:
    """The ResNet of 34 layers."""
    return ResNet(BasicBlock, [3, 4, 6, 3], **options)


def resnet50(**options: Any) -> ResNet:
    """The ResNet of 50 layers, of bottlenecks."""
    return ResNet(Bottleneck, [3, 4, 6, 3], **options)


def resnet101(**options: Any) -> ResNet:
    """The ResNet of 101 layers, of bottlenecks."""
    return ResNet(Bottleneck, [3, 4, 23, 3], **options)


def resnet152(**options: Any) -> ResNet:
    """The ResNet of 152 layers, of bottlenecks."""
    return ResNet(Bottleneck, [3, 8, 36, 3], **options)
