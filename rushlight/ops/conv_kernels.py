"""Convolution on arrays: windows copied into columns, then one matrix product for each image, and the two gradients in the same form.

With K = channels x kernel places and P = windows, one image is `weight (O, K) @ columns (K, P)`; the gradient by the image adds
`weight.T @ g` back into the windows, and that by the weight is the sum of `g @ columns.T`. Images with few windows share a product.

Where windows lie at every place (stride 1) they are taken along the flat padded image: one place of all windows is then one stretch of
memory, and is copied several times faster than line by line. Stretches run on over the ends of the lines, where no window lies; these few
columns are cut off from results, and are zero in gradients.

Large float32 convolutions without groups are made by kernels of our own where the `jit` extra is installed: see conv_code.py.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.llvm.engine import available
from ..backends.native import is_native
from ..backends.parallel import Unnotable, inside, parallel_for
from .windows import Windows, padded, prod, window_view

#: windows below which images are put together into one product
PLACES = 256
#: products of numbers (multiplications) per thread below which a second thread costs more than it saves
GRAIN = 1 << 20
#: how much larger stretches may be than the windows they hold
WASTE = 1.2
#: The multiplications from which a kernel in machine code is worth loading the compiler for. A fixed number: results must not depend on what
#: ran before.
NATIVE = 1 << 19
#: how many windows such a kernel may compute for each that counts: lines of few windows are mostly ends
NATIVE_WASTE = 3


class Layout:
    """The sizes of one convolution, and how its images become columns and back."""

    __slots__ = ("windows", "groups", "images", "inputs", "outputs", "taps", "together", "is_plain", "is_flat", "room", "length", "is_single")

    def __init__(self, x_shape: tuple, weight_shape: tuple, windows: Windows, groups: int):
        self.windows, self.groups = windows, groups
        self.images, self.inputs, self.outputs = x_shape[0], x_shape[1], weight_shape[0]
        self.taps = prod(windows.kernel)
        # A kernel of one place, everywhere: the image itself is its columns.
        self.is_plain = self.taps == 1 and windows.padded == windows.size == windows.out
        # A kernel of its own for each channel.
        self.is_single = groups > 1 and groups == self.inputs == self.outputs
        out, line = windows.out, windows.padded[1:]
        waste = prod(line) / max(prod(out[1:]), 1)
        self.is_flat = not self.is_plain and prod(out) > PLACES and max(windows.stride) == 1 and waste < (2 if self.is_single else WASTE)
        #: the sizes that hold all windows of one image, and how many places of them the stretches reach
        self.room = (out[0], *line) if self.is_flat else out
        self.length = sum([(n - 1) * prod(line[dim:]) for dim, n in enumerate(out)]) + 1 if self.is_flat else prod(out)
        self.together = 1 if self.is_flat else min(max(PLACES // max(prod(out), 1), 1), max(self.images, 1))

    def weights(self, weight: Any) -> Any:
        """The weight as (groups, O / groups, K / groups)."""
        return weight.reshape(self.groups, self.outputs // self.groups, -1)

    def grain(self) -> int:
        """Images for each thread."""
        work = self.outputs * self.inputs // self.groups * self.taps * self.length
        return max(GRAIN // max(work, 1), self.together)

    def columns(self, x: Any) -> Any:
        """Some images (m, C, *sizes) as (groups, K / groups, m * length)."""
        m = len(x)
        if self.is_plain and m == 1:
            return np.ascontiguousarray(x).reshape(self.groups, -1, self.length)
        full = np.ascontiguousarray(padded(x, self.windows))
        view = self.stretches(full[0]) if self.is_flat else np.moveaxis(window_view(full, self.windows), 0, 1 + len(self.windows.kernel))
        return np.ascontiguousarray(view).reshape(self.groups, -1, m * self.length)

    def stretches(self, full: Any) -> Any:
        """A padded image (C, *padded) as a view (C, *kernel, length)."""
        strides = [s * d for s, d in zip(full.strides[1:], self.windows.dilation)]
        return np.lib.stride_tricks.as_strided(full, (len(full), *self.windows.kernel, self.length), (full.strides[0], *strides, full.itemsize))

    def used(self, room: Any) -> Any:
        """Of an array (..., room) the part where windows are, (..., *out)."""
        table = room.reshape(*room.shape[:-1], *self.room)
        return table[(..., *[slice(n) for n in self.windows.out])]

    def product(self, left: Any, right: Any) -> Any:
        """left @ right, of columns of one image or several, with room for whole lines: (rows, m * room)."""
        if not self.is_flat:
            return np.matmul(left, right)
        out = np.empty((self.groups, left.shape[1], prod(self.room)), right.dtype)
        np.matmul(left, right, out=out[:, :, :self.length])
        return out

    def rows(self, y: Any) -> Any:
        """Some outputs (m, O, *out) as (groups, O / groups, m * length), zero between the lines."""
        m = len(y)
        if self.is_flat:
            room = np.zeros((self.outputs, prod(self.room)), y.dtype)
            self.used(room)[...] = y[0]
            return room.reshape(self.groups, -1, prod(self.room))[:, :, :self.length]
        table = y.reshape(m, self.outputs, self.length)
        table = table[0] if m == 1 else table.transpose(1, 0, 2)
        return np.ascontiguousarray(table).reshape(self.groups, -1, m * self.length)

    def folded(self, tap_of: Callable[[int], Any], m: int, dtype: Any) -> Any:
        """Images (C, m, *sizes) into which the places of the windows are added: tap_of(number) is one place of all windows, (C, m * length)."""
        windows = self.windows
        if self.is_plain:
            return tap_of(0).reshape(self.inputs, m, *windows.size)
        full = np.zeros((self.inputs, m, *windows.padded), dtype)
        flat = full.reshape(self.inputs, -1)
        for tap, step in enumerate(windows.steps()):
            if self.is_flat:
                begin = sum([i * d * prod(windows.padded[dim + 1:]) for dim, (i, d) in enumerate(zip(step, windows.dilation))])
                flat[:, begin:begin + self.length] += tap_of(tap)
            else:
                full[windows.at(step)] += tap_of(tap).reshape(self.inputs, m, *windows.out)
        return full[windows.inside()]


def has_kernel(a: Any, b: Any, images: int, pairs: int, windows: Windows, groups: int) -> bool:
    """Whether a convolution, or one of its gradients, of arrays a and b, of so many images and pairs of channels, goes to our own kernels."""
    takes = groups == 1 and len(windows.size) <= 2 and a.dtype == np.float32 and b.dtype == np.float32
    out, reach = windows.out, windows.spans[-1] // windows.stride[-1]
    count = prod(out)
    work = images * pairs * prod(windows.kernel) * count
    # Tiles of 48 windows, which follow each other over the ends of the lines.
    fits = -(-count // max(out[-1], 1) * (out[-1] + reach) // 48) * 48 <= NATIVE_WASTE * count
    if inside.launches is None:
        return takes and fits and work >= NATIVE and available()
    if takes and (fits or work < NATIVE) and work:
        return True
    raise Unnotable("a convolution that no kernel takes")


def convolved(x: Any, weight: Any, bias: Any, windows: Windows, groups: int) -> Any:
    """The convolution of images x (N, C, *sizes) with weight (O, C / groups, *kernel): (N, O, *out)."""
    if has_kernel(x, weight, len(x), weight.shape[0] * weight.shape[1], windows, groups):
        from . import conv_native
        return conv_native.convolved(x, weight, bias, windows)
    layout = Layout(x.shape, weight.shape, windows, groups)
    out = np.empty((layout.images, layout.outputs, *windows.out), x.dtype)
    weights, step = layout.weights(weight), layout.together
    column = None if bias is None else bias.reshape(-1, *(1,) * len(windows.kernel))

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            target = out[begin:min(begin + step, stop)]
            m, columns = len(target), layout.columns(x[begin:min(begin + step, stop)])
            if m == 1 and not layout.is_flat:
                np.matmul(weights, columns, out=target.reshape(groups, -1, layout.length))
                if column is not None:
                    target += column
                continue
            found = layout.product(weights, columns).reshape(layout.outputs, m, -1)
            found = layout.used(found).swapaxes(0, 1)
            np.copyto(target, found) if column is None else np.add(found, column, out=target)
    parallel_for(layout.images, layout.grain(), run)
    return out


def spread(y: Any, weight: Any, windows: Windows, groups: int, bias: Any = None) -> Any:
    """The transpose of `convolved`: outputs y (N, O, *out) added back into images (N, C, *sizes), with a bias (C)."""
    if has_kernel(y, weight, len(y), weight.shape[0] * weight.shape[1], windows, groups):
        from . import conv_native
        return conv_native.spread(y, weight, windows, bias)
    layout = Layout((len(y), weight.shape[1] * groups), weight.shape, windows, groups)
    out = np.empty((layout.images, layout.inputs, *windows.size), y.dtype)
    weights = layout.weights(weight)

    def folded(rows: Any, count: int) -> Any:
        if layout.is_single:  # a product would be an outer product, which BLAS is slow at
            room = np.empty(rows[:, 0].shape, y.dtype)
            return layout.folded(lambda tap: np.multiply(weights[:, 0, tap, None], rows[:, 0], out=room), count, y.dtype)
        columns = np.matmul(weights.swapaxes(1, 2), rows).reshape(layout.inputs, layout.taps, -1)
        return layout.folded(lambda tap: columns[:, tap], count, y.dtype)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, layout.together):
            end = min(begin + layout.together, stop)
            out[begin:end] = folded(layout.rows(y[begin:end]), end - begin).swapaxes(0, 1)
    parallel_for(layout.images, layout.grain(), run)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * (out.ndim - 2))
    return out


def correlated(y: Any, x: Any, kernel: tuple, windows: Windows, groups: int) -> Any:
    """The gradient of a weight (O, C / groups, *kernel): outputs' gradients y (N, O, *out) times the images under the windows, added up."""
    shape = (y.shape[1], x.shape[1] // groups, *kernel)
    if has_kernel(y, x, len(x), shape[0] * shape[1], windows, groups):
        from . import conv_native
        return conv_native.correlated(y, x, windows)
    layout = Layout(x.shape, shape, windows, groups)
    parts: list = []

    def run(start: int, stop: int) -> None:
        total = None
        for begin in range(start, stop, layout.together):
            end = min(begin + layout.together, stop)
            # In this order BLAS is a fifth faster than in the other.
            part = np.matmul(layout.columns(x[begin:end]), layout.rows(y[begin:end]).swapaxes(1, 2))
            total = part if total is None else np.add(total, part, out=total)
        parts.append((start, total))
    if not layout.images:
        return np.zeros(shape, y.dtype)
    parallel_for(layout.images, layout.grain(), run)
    parts.sort(key=lambda part: part[0])  # threads finish in any order, and sums must not depend on it
    return np.ascontiguousarray(sum([part[1] for part in parts[1:]], parts[0][1]).swapaxes(1, 2)).reshape(shape)


def channel_sums(y: Any) -> Any:
    """The gradient of a bias (O): outputs' gradients y (N, O, *out) added up."""
    if is_native(y):
        from . import batch_norm_native
        return batch_norm_native.sums(y)
    return np.add.reduce(y, (0, *range(2, y.ndim)))
