"""Pooling on arrays: maxima and sums of windows, and their gradients, image by image.

A window's maximum is the maximum down its columns and then along its row, so a 3 x 3 window takes 3 + 3 steps and not 9; sums alike.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.parallel import parallel_for
from ..backends.select import masked
from .windows import Windows, prod

#: numbers in one block, so that it stays in the cache, and numbers for each thread
BLOCK, GRAIN = 1 << 16, 1 << 17


def by_images(arrays: tuple, windows: Windows, work: Callable) -> None:
    """Call work(*parts) for blocks of images of arrays (..., *sizes), the leading dimensions taken together."""
    dims = len(windows.size)
    tables = [a.reshape(-1, *a.shape[a.ndim - dims:]) for a in arrays]
    images, each = len(tables[0]), max(prod(windows.size), 1)
    step = max(BLOCK // each, 1)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            work(*[table[begin:min(begin + step, stop)] for table in tables])
    parallel_for(images, max(GRAIN // each, 1), run)


def lowest(dtype: Any) -> Any:
    """What is below every number of a dtype."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def with_border(x: Any, windows: Windows, value: Any) -> Any:
    """x with as much of its padding as the windows reach, filled with value; x itself if that is none."""
    if not any([low or high > 0 for low, high in windows.pads]):
        return x
    out = np.full((*x.shape[:x.ndim - len(windows.size)], *windows.padded), value, x.dtype)
    out[windows.inside()] = x
    return out


def along(x: Any, windows: Windows, dim: int, combine: Any) -> Any:
    """The windows' extent along one dimension combined (by np.maximum or np.add) into one number; other dimensions stay."""
    kernel, stride, dilation, count = windows.kernel[dim], windows.stride[dim], windows.dilation[dim], windows.out[dim]
    axis = x.ndim - len(windows.size) + dim
    taps = [x[(slice(None),) * axis + (slice(i * dilation, i * dilation + (count - 1) * stride + 1, stride),)] for i in range(kernel)]
    if kernel == 1:
        return taps[0]
    out = combine(taps[0], taps[1])
    for tap in taps[2:]:
        combine(out, tap, out=out)
    return out


def combined(x: Any, windows: Windows, combine: Any, border: Any) -> Any:
    """The numbers in each window combined into one."""
    out = np.empty((*x.shape[:x.ndim - len(windows.size)], *windows.out), x.dtype)

    def work(part: Any, target: Any) -> None:
        part = with_border(part, windows, border)
        for dim in range(len(windows.size)):
            part = along(part, windows, dim, combine)
        target[...] = part
    by_images((x, out), windows, work)
    return out


def overlapping(windows: Windows) -> bool:
    """Whether a number can lie in two windows."""
    return any([span > s for span, s in zip(windows.spans, windows.stride)]) or any([d > 1 and k > 1 for d, k in
                                                                                   zip(windows.dilation, windows.kernel)])


def max_backward(g: Any, x: Any, out: Any, windows: Windows) -> Any:
    """The gradient of the windows' maxima: g at the first place of each window that has the maximum."""
    result = np.empty(x.shape, x.dtype)
    shared = overlapping(windows)

    def work(g: Any, x: Any, out: Any, target: Any) -> None:
        x = with_border(x, windows, lowest(x.dtype))
        full = np.zeros(x.shape, x.dtype)
        done = np.zeros(out.shape, bool)
        for step in windows.steps():
            place = windows.at(step)
            hit = np.greater(np.equal(x[place], out), done)  # equal, and nowhere before
            if shared:
                full[place] += masked(g, hit)
            else:
                full[place] = masked(g, hit)
            np.logical_or(done, hit, out=done)
        target[...] = full[windows.inside()]
    by_images((g, x, out, result), windows, work)
    return result


def max_indices(x: Any, windows: Windows) -> Any:
    """For each window where in the flat image its maximum lies, the first one of several, the last nan."""
    lead = x.shape[:x.ndim - len(windows.size)]
    x = with_border(x, windows, lowest(x.dtype))
    best, result = None, np.zeros((*lead, *windows.out), np.int64)
    for step in windows.steps():
        values, flat = x[windows.at(step)], flat_places(step, windows)
        if best is None:
            # A window that begins in the padding has its first place inside.
            best, result[...] = values.copy(), np.where(flat >= 0, flat, 0)
            unset = np.broadcast_to(flat < 0, result.shape).copy()
            continue
        better = ((values > best) | (values != values) | unset) & (flat >= 0)
        np.copyto(best, values, where=better)
        np.copyto(result, np.broadcast_to(flat, result.shape), where=better)
        unset &= flat < 0
    return result


def flat_places(step: tuple, windows: Windows) -> Any:
    """For each window the flat number of one of its places, -1 where that is in the padding."""
    total, inside = np.zeros(windows.out, np.int64), np.ones(windows.out, bool)
    for dim, i in enumerate(step):
        shape = [-1 if at == dim else 1 for at in range(len(step))]
        place = np.arange(windows.out[dim]) * windows.stride[dim] + i * windows.dilation[dim] - windows.pads[dim][0]
        inside &= ((place >= 0) & (place < windows.size[dim])).reshape(shape)
        total = total * windows.size[dim] + place.reshape(shape)
    return np.where(inside, total, -1)


def spread_windows(g: Any, windows: Windows) -> Any:
    """The transpose of the windows' sums: g added to every place of its window."""
    result = np.empty((*g.shape[:g.ndim - len(windows.size)], *windows.size), g.dtype)
    shared = overlapping(windows)

    def work(g: Any, target: Any) -> None:
        full = np.zeros((len(g), *windows.padded), g.dtype)
        for step in windows.steps():
            if shared:
                full[windows.at(step)] += g
            else:
                full[windows.at(step)] = g
        target[...] = full[windows.inside()]
    by_images((g, result), windows, work)
    return result
