"""Padding: a border of one value, of mirrored, repeated or wrapped-around numbers."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, number_like, opaque

if TYPE_CHECKING:
    from ..tensor import Tensor


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """input with a border; `pad` is (left, right, top, bottom, front, back ...), last dimension first. Negative numbers cut off.

    mode: "constant" (of value, 0 unless given), "reflect" (mirrored at the edge number), "replicate" (the edge number), "circular".
    """
    pads = tuple([int(n) for n in pad])
    ndim = input._array.ndim
    if len(pads) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pads) > 2 * ndim:
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but got padding length "
                           f"{len(pads)} and input of dimension {ndim}")
    # As (before, behind) for each dimension, the first dimension first.
    by_dim = ((0, 0),) * (ndim - len(pads) // 2) + tuple(zip(pads[::2], pads[1::2]))[::-1]
    if mode == "constant":
        return constant_pad(input, by_dim, value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if not (len(pads) in (2, 4, 6) and ndim in (len(pads) // 2 + 1, len(pads) // 2 + 2)):
        raise NotImplementedError(
            f"Padding size {len(pads)} is not supported for {ndim}D input tensor.\nSupported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)")
    if mode not in BORDERS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    check_border(input, by_dim, mode, len(pads) // 2)
    return apply(BORDERS[mode][len(pads) // 2 - 1], input, pads=by_dim, mode=mode, shape=input._array.shape)


def constant_pad(input: Any, pads: tuple, value: Any) -> Any:
    """input with a border of one value. Raises RuntimeError where a dimension would become negative."""
    for dim, (n, (low, high)) in enumerate(zip(input._array.shape, pads)):
        if n + low + high < 0 or low < 0 and n + low < 0 or high < 0 and n + min(low, 0) + high < 0:
            if n + low + high < 0 and not (low < 0 and high < 0):
                raise RuntimeError(f"The input size {n}, plus negative padding {low} and {high} resulted in a negative output size, which is "
                                   f"invalid. Check dimension {dim} of your input.")
            raise RuntimeError("narrow(): length must be non-negative.")
    if not any([low or high for low, high in pads]):
        return input.clone()
    return apply(CONSTANT_PAD, input, pads=pads, value=0 if value is None else value)


def _constant_pad(x: Any, *, pads: tuple, value: Any) -> Any:
    out = np.full([n + low + high for n, (low, high) in zip(x.shape, pads)],
                  number_like(int(value) if x.dtype.kind in "iu" else float(value), x.dtype))
    source, target = [], []
    for n, (low, high) in zip(x.shape, pads):
        source.append(slice(max(-low, 0), n - max(-high, 0)))
        target.append(slice(max(low, 0), n + low + high - max(high, 0)))
    out[tuple(target)] = x[tuple(source)]
    return out


CONSTANT_PAD = Op("constant_pad_nd", opaque, _constant_pad, node_name="ConstantPadNdBackward0",
    samples=lambda random, shape: [((random.normal(size=(3, 4)),), {"pads": ((1, 2), (-1, 1)), "value": 0.5})],
    grads=(lambda g, pads: apply(CONSTANT_PAD, g, pads=tuple([(-low, -high) for low, high in pads]), value=0),))


def check_border(input: Any, pads: tuple, mode: str, dims: int) -> None:
    """Raise PyTorch's error for borders that the numbers inside do not reach."""
    shape = input._array.shape
    if 0 in shape[len(shape) - dims - 1:]:
        raise RuntimeError(f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
                           f"for input, but got: {list(shape)}")
    for dim in range(len(shape) - 1, len(shape) - dims - 1, -1):
        low, high = pads[dim]
        if mode == "reflect" and max(low, high) >= shape[dim]:
            number = 2 * (len(shape) - dim) + 2 if dims > 1 else 4
            raise RuntimeError(f"Argument #{number}: Padding size should be less than the corresponding input dimension, but got: padding "
                               f"({low}, {high}) at dimension {dim} of input {list(shape)}")
        if mode == "circular" and max(low, high) > shape[dim]:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if shape[dim] + low + high < (1 if mode != "circular" else 0):
            if mode == "circular":
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
            raise RuntimeError(too_small(shape, pads, dims))


def too_small(shape: tuple, pads: tuple, dims: int) -> str:
    """PyTorch's sentence where nothing would be left."""
    names = "DHW"[3 - dims:]
    last = len(shape) - dims
    given = " ".join([f"{n}: {shape[last + at]}" for at, n in enumerate(names)])
    found = " ".join([f"{n}: {shape[last + at] + sum(pads[last + at])}" for at, n in enumerate(names)])
    return f"input ({given}) is too small. Calculated output {found}"


def places(size: int, low: int, high: int, mode: str) -> Any:
    """Where each number of a padded dimension comes from."""
    if mode == "replicate":
        return np.clip(np.arange(-low, size + high), 0, size - 1)
    if mode == "circular":  # what is left after a cut wraps around
        kept = np.arange(max(-low, 0), size - max(-high, 0))
        return kept[np.arange(-max(low, 0), len(kept) + max(high, 0)) % len(kept)] if len(kept) else kept
    at = np.arange(-low, size + high)
    return np.abs(at) if size == 1 else size - 1 - np.abs(size - 1 - np.abs(at))


def _border(x: Any, *, pads: tuple, mode: str, shape: tuple) -> Any:
    for dim, (low, high) in enumerate(pads):
        if low or high:
            x = x.take(places(x.shape[dim], low, high, mode), axis=dim)
    return x


def _border_backward(grad: Any, *, pads: tuple, mode: str, shape: tuple) -> Any:
    for dim, (low, high) in enumerate(pads):
        if low or high:
            grad = gathered_back(grad, places(shape[dim], low, high, mode), shape[dim], dim)
    return grad


def gathered_back(g: Any, source: Any, size: int, dim: int) -> Any:
    """The numbers of each place added up along one dimension: the transpose of `take`."""
    out = np.zeros((*g.shape[:dim], size, *g.shape[dim + 1:]), g.dtype)
    target, moved = np.moveaxis(out, dim, 0), np.moveaxis(g, dim, 0)
    # The inside in one step where it is one stretch, the border place by place.
    inside = np.flatnonzero(np.diff(source) == 1)
    begin = int(inside[0]) if len(inside) else 0
    end = begin + 1
    while end < len(source) and source[end] == source[end - 1] + 1:
        end += 1
    if len(source):
        target[source[begin]:source[end - 1] + 1] += moved[begin:end]
    for at in (*range(begin), *range(end, len(source))):
        target[source[at]] += moved[at]
    return out


BORDER_BACKWARD = Op("pad_backward", opaque, _border_backward,
    grads=(lambda g, pads, mode, shape: apply(BORDER, g, pads=pads, mode=mode, shape=shape),))
BORDER = Op("pad", opaque, _border,
    samples=lambda random, shape: [((random.normal(size=(2, 3, 4)),), {"pads": ((0, 0), (1, 2), (-1, 1)), "mode": mode, "shape": (2, 3, 4)})
                                   for mode in ("reflect", "replicate", "circular")],
    grads=(lambda g, pads, mode, shape: apply(BORDER_BACKWARD, g, pads=pads, mode=mode, shape=shape),))
BORDERS = {
    "reflect": [BORDER.printed_as(f"ReflectionPad{dims}DBackward0") for dims in (1, 2, 3)],
    "replicate": [BORDER.printed_as(f"ReplicationPad{dims}DBackward0") for dims in (1, 2, 3)],
    "circular": [BORDER.printed_as("CopySlices")] * 3,
}
