"""Convolution on arrays: windows copied into columns, then one matrix product for each image, and the two gradients in the same form.

With K = channels x kernel places and P = output places, one image is `weight (O, K) @ columns (K, P)`; the gradient by the image adds
`weight.T @ g` back into the windows, and that by the weight is the sum of `g @ columns.T`. Images with few places share a product.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.parallel import parallel_for
from .windows import Windows, add_windows, padded, prod, window_view

#: output places below which images are put together into one product
PLACES = 256
#: products of numbers (multiplications) per thread below which a second thread costs more than it saves
GRAIN = 1 << 20


class Layout:
    """The sizes of one convolution, and its windows."""

    __slots__ = ("windows", "groups", "images", "inputs", "outputs", "taps", "places", "together", "is_plain")

    def __init__(self, x_shape: tuple, weight_shape: tuple, windows: Windows, groups: int):
        self.windows, self.groups = windows, groups
        self.images, self.inputs, self.outputs = x_shape[0], x_shape[1], weight_shape[0]
        self.taps, self.places = prod(windows.kernel), prod(windows.out)
        self.together = min(max(PLACES // max(self.places, 1), 1), max(self.images, 1))
        # A window of one place, everywhere: the image itself is its columns.
        self.is_plain = self.taps == 1 and windows.padded == windows.size == windows.out

    def weights(self, weight: Any) -> Any:
        """The weight as (groups, O / groups, K / groups)."""
        return weight.reshape(self.groups, self.outputs // self.groups, -1)

    def grain(self) -> int:
        """Images for each thread."""
        work = self.outputs * self.inputs // self.groups * self.taps * self.places
        return max(GRAIN // max(work, 1), 1)

    def columns(self, x: Any) -> Any:
        """Some images (m, C, *sizes) as (groups, K / groups, m * P)."""
        m = len(x)
        if self.is_plain and m == 1:
            return np.ascontiguousarray(x).reshape(self.groups, -1, self.places)
        view = np.moveaxis(window_view(padded(x, self.windows), self.windows), 0, 1 + len(self.windows.kernel))
        return np.ascontiguousarray(view).reshape(self.groups, -1, m * self.places)

    def rows(self, y: Any) -> Any:
        """Some outputs (m, O, *out) as (groups, O / groups, m * P)."""
        m = len(y)
        table = y.reshape(m, self.outputs, self.places)
        table = table[0] if m == 1 else table.transpose(1, 0, 2)
        return np.ascontiguousarray(table).reshape(self.groups, -1, m * self.places)


def convolved(x: Any, weight: Any, bias: Any, windows: Windows, groups: int) -> Any:
    """The convolution of images x (N, C, *sizes) with weight (O, C / groups, *kernel): (N, O, *out)."""
    layout = Layout(x.shape, weight.shape, windows, groups)
    if groups > 1 and groups == layout.inputs == layout.outputs:
        return depthwise(x, weight, bias, layout)
    out = np.empty((layout.images, layout.outputs, layout.places), x.dtype)
    weights, step = layout.weights(weight), layout.together
    column = None if bias is None else bias.reshape(-1, 1)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            end = min(begin + step, stop)
            if end - begin == 1:
                target = out[begin]
                np.matmul(weights, layout.columns(x[begin:end]), out=target.reshape(groups, -1, layout.places))
            else:
                product = np.matmul(weights, layout.columns(x[begin:end]))
                target = out[begin:end]
                target[...] = product.reshape(layout.outputs, end - begin, layout.places).transpose(1, 0, 2)
            if column is not None:
                target += column
    parallel_for(layout.images, max(layout.grain(), step), run)
    return out.reshape(layout.images, layout.outputs, *windows.out)


def spread(y: Any, weight: Any, windows: Windows, groups: int) -> Any:
    """The transpose of `convolved`: outputs y (N, O, *out) added back into images (N, C, *sizes)."""
    inputs = weight.shape[1] * groups
    layout = Layout((len(y), inputs), weight.shape, windows, groups)
    shape = (layout.images, inputs, *windows.size)
    out = np.empty(shape, y.dtype)
    weights = layout.weights(weight).swapaxes(1, 2)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, layout.together):
            end = min(begin + layout.together, stop)
            columns = np.matmul(weights, layout.rows(y[begin:end]))
            if layout.is_plain:
                out[begin:end] = columns.reshape(inputs, end - begin, *windows.size).swapaxes(0, 1)
                continue
            full = np.zeros((inputs, end - begin, *windows.padded), y.dtype)
            folded = columns.reshape(inputs, *windows.kernel, end - begin, *windows.out)
            add_windows(np.moveaxis(folded, 1 + len(windows.kernel), 1), windows, full)
            out[begin:end] = full[windows.inside()].swapaxes(0, 1)
    parallel_for(layout.images, max(layout.grain(), layout.together), run)
    return out


def correlated(y: Any, x: Any, kernel: tuple, windows: Windows, groups: int) -> Any:
    """The gradient of a weight (O, C / groups, *kernel): outputs' gradients y (N, O, *out) times the images under the windows, added up."""
    shape = (y.shape[1], x.shape[1] // groups, *kernel)
    layout = Layout(x.shape, shape, windows, groups)
    parts: list = []

    def run(start: int, stop: int) -> None:
        total = None
        for begin in range(start, stop, layout.together):
            end = min(begin + layout.together, stop)
            part = np.matmul(layout.rows(y[begin:end]), layout.columns(x[begin:end]).swapaxes(1, 2))
            total = part if total is None else np.add(total, part, out=total)
        parts.append((start, total))
    if not layout.images:
        return np.zeros(shape, y.dtype)
    parallel_for(layout.images, max(layout.grain(), layout.together), run)
    parts.sort(key=lambda part: part[0])  # threads finish in any order, and sums must not depend on it
    return sum([part[1] for part in parts[1:]], parts[0][1]).reshape(shape)


def depthwise(x: Any, weight: Any, bias: Any, layout: Layout) -> Any:
    """The convolution of each channel with a kernel of its own: the shifted images, each times its number, added up."""
    windows = layout.windows
    out = np.empty((layout.images, layout.outputs, *windows.out), x.dtype)
    factors = weight.reshape(layout.outputs, *windows.kernel, *(1,) * len(windows.kernel))

    def run(start: int, stop: int) -> None:
        temporary = np.empty(out.shape[1:], x.dtype)
        for image in range(start, stop):
            source, total = padded(x[image], windows), out[image]
            total[...] = 0 if bias is None else bias.reshape(-1, *(1,) * len(windows.kernel))
            for step in windows.steps():
                np.multiply(source[windows.at(step)], factors[(slice(None), *step)], out=temporary)
                total += temporary
    parallel_for(layout.images, layout.grain(), run)
    return out
