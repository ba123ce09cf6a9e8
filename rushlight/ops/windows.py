"""Sliding windows over the last dimensions of an array: the arithmetic under convolution, pooling, unfold and fold."""
from __future__ import annotations

from collections import namedtuple
from itertools import product
from typing import Any

import numpy as np


class Windows(namedtuple("Windows", "size kernel stride pads dilation count", defaults=(None,))):
    """Where windows lie: for each dimension the array's size, the window's size, the step, the padding (before, behind), the dilation.

    `count` says how many windows there are where it is not as many as fit.
    """

    __slots__ = ()

    @property
    def padded(self) -> tuple:
        """The array's sizes with the padding."""
        return tuple([n + low + high for n, (low, high) in zip(self.size, self.pads)])

    @property
    def spans(self) -> tuple:
        """The lengths that a window covers."""
        return tuple([d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation)])

    @property
    def out(self) -> tuple:
        """How many windows there are."""
        return self.count if self.count is not None else tuple([(n - span) // s + 1 for n, span, s in zip(self.padded, self.spans, self.stride)])

    def steps(self) -> Any:
        """All places in a window: tuples of numbers, the last dimension's fastest."""
        return product(*[range(k) for k in self.kernel])

    def at(self, step: tuple) -> tuple:
        """The index that picks this place of every window from a padded array's last dimensions."""
        return (..., *[slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in zip(step, self.dilation, self.out, self.stride)])

    def inside(self) -> tuple:
        """The index of the array itself in the padded one."""
        return (..., *[slice(low, low + n) for (low, high), n in zip(self.pads, self.size)])


def padded(x: Any, windows: Windows, value: Any = 0) -> Any:
    """x with the padding around its last dimensions; x itself if there is none."""
    if not any([low or high for low, high in windows.pads]):
        return x
    shape = (*x.shape[:x.ndim - len(windows.size)], *windows.padded)
    out = np.zeros(shape, x.dtype) if value == 0 else np.full(shape, value, x.dtype)
    out[windows.inside()] = x
    return out


def window_view(x: Any, windows: Windows) -> Any:
    """A padded array (..., *sizes) as a view (..., *kernel, *out): x's element under each place of each window."""
    dims = len(windows.kernel)
    strides = x.strides[x.ndim - dims:]
    return np.lib.stride_tricks.as_strided(
        x, (*x.shape[:x.ndim - dims], *windows.kernel, *windows.out),
        (*x.strides[:x.ndim - dims], *[s * d for s, d in zip(strides, windows.dilation)], *[s * t for s, t in zip(strides, windows.stride)]))


def add_windows(columns: Any, windows: Windows, into: Any) -> None:
    """Add columns (..., *kernel, *out) to the places of a padded array (..., *sizes) that `window_view` took them from."""
    dims = len(windows.kernel)
    lead = (slice(None),) * (columns.ndim - 2 * dims)
    for step in windows.steps():
        into[windows.at(step)] += columns[(*lead, *step)]


def prod(sizes: tuple) -> int:
    """The product of sizes."""
    result = 1
    for n in sizes:
        result *= n
    return result
