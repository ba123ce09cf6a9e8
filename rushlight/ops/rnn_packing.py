"""Sequences of different lengths in one tensor: packed, step after step, and padded to the longest."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply, wrap
from ..core.calls import not_a_tensor
from ..core.op import Op, joining, mismatch, opaque

if TYPE_CHECKING:
    from ..tensor import Tensor


def _pack_padded_sequence(input: Tensor, lengths: Tensor, batch_first: bool) -> tuple:
    """(the rows that are no padding, step after step; the number of sequences in each step).

    *Shape*: input (T, B, ...), or (B, T, ...) with batch_first -> (sum of the lengths, ...), (longest,). The lengths do not increase.
    """
    try:
        x = input._array
    except AttributeError as error:
        raise not_a_tensor(_pack_padded_sequence, (input, lengths, batch_first), {}, error) from None
    check_lengths(x, lengths, batch_first)
    sizes = tuple(sizes_of(lengths.tolist()))
    padded = input.transpose(0, 1) if batch_first else input
    if len(sizes) > padded._array.shape[0]:
        raise RuntimeError(f"Expected lengths of at most {padded._array.shape[0]}, the number of steps in the input, but got {len(sizes)}")
    return apply(PACK, padded, sizes=sizes, steps=padded._array.shape[0]), wrap(np.array(sizes, np.int64))


def check_lengths(x: Any, lengths: Any, batch_first: bool) -> None:
    """Raise PyTorch's error unless the lengths are one positive number for each sequence, in decreasing order."""
    if lengths.dim() != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D cpu {lengths.dtype.kernel_name} tensor")
    if not x.size:
        raise RuntimeError("Cannot pack empty tensors.")
    if x.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    batch, known = x.shape[0 if batch_first else 1], lengths.tolist()
    if len(known) != batch:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(known)} (batch_size={batch})")
    if known[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if sorted(known, reverse=True) != known:
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                           "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need "
                           "ONNX exportability.")


def sizes_of(lengths: list) -> list:
    """Of decreasing lengths, the number of sequences that reach each step; and of such numbers, the lengths again."""
    found: list[int] = []
    for count in range(len(lengths), 0, -1):
        found += [count] * (lengths[count - 1] - len(found))
    return found


def _pad_packed_sequence(data: Tensor, batch_sizes: Tensor, batch_first: bool, padding_value: float, total_length: int) -> tuple:
    """(the sequences with padding at their ends, their lengths): the inverse of packing, with `total_length` steps if that is positive."""
    sizes = tuple(batch_sizes.tolist())
    if 0 < total_length < len(sizes):
        raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                         f"total_length={total_length} and max sequence length being {len(sizes)}")
    padded = apply(PAD, data, sizes=sizes, steps=max(total_length, len(sizes)), value=padding_value)
    return padded.transpose(0, 1) if batch_first else padded, wrap(np.array(sizes_of(list(sizes)), np.int64))


def packed_rows(x: Any, *, sizes: tuple, steps: int) -> Any:
    """The first rows of each step of an array (steps, B, ...), one after the other."""
    return np.concatenate([rows[:size] for rows, size in zip(x, sizes)])


def padded_rows(x: Any, *, sizes: tuple, steps: int, value: float) -> Any:
    """An array (steps, B, ...) with x's rows at the first places of each step, and `value` elsewhere."""
    out = np.full((steps, sizes[0], *x.shape[1:]), value, x.dtype)
    start = 0
    for rows, size in zip(out, sizes):
        rows[:size] = x[start:start + size]
        start += size
    return out


PACK = Op("pack_padded_sequence", opaque, packed_rows,
    grads=(lambda g, sizes, steps: apply(PAD, g, sizes=sizes, steps=steps, value=0),))
# PyTorch writes step after step into the padded tensor, which the history's name tells.
PAD = Op("pad_packed_sequence", opaque, padded_rows, node_name="CopySlices",
    grads=(lambda g, sizes, steps: apply(PACK, g, sizes=sizes, steps=steps),))


def pad_sequence(sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """The sequences (L, ...) in one tensor (longest, B, ...), or (B, longest, ...) with batch_first, filled up with padding_value.

    The padding is at their ends, or with padding_side="left" before their beginnings. Dtype: that of the first.
    """
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    for number, sequence in enumerate(sequences):
        if not hasattr(sequence, "_array"):
            raise TypeError(f"expected Tensor as element {number} in argument 0, but got {type(sequence).__name__}")
    shapes = [sequence._array.shape for sequence in sequences]
    for shape in shapes:
        wrong = mismatch((1, *shapes[0][1:]), (1, *shape[1:]))
        if wrong is not None:
            raise RuntimeError(wrong)
    lengths = tuple([shape[0] for shape in shapes])
    return apply(PAD_SEQUENCE, *sequences, lengths=lengths, batch_first=batch_first, value=padding_value, left=padding_side == "left")


def padded_sequences(*sequences: Any, lengths: tuple, batch_first: bool, value: float, left: bool) -> Any:
    """The arrays side by side, filled up with `value`."""
    count, longest = len(lengths), max(lengths)
    out = np.full(((count, longest) if batch_first else (longest, count)) + sequences[0].shape[1:], value, sequences[0].dtype)
    for number, sequence in enumerate(sequences):
        out[place_of(number, lengths, batch_first, left)] = sequence
    return out


def place_of(number: int, lengths: tuple, batch_first: bool, left: bool) -> tuple:
    """Where a sequence stands in the padded tensor."""
    start = max(lengths) - lengths[number] if left else 0
    steps = slice(start, start + lengths[number])
    return (number, steps) if batch_first else (steps, number)


PAD_SEQUENCE = Op("pad_sequence", joining, padded_sequences, node_name="CopySlices",
    vjp=lambda g, lengths, batch_first, left: [g[place_of(number, lengths, batch_first, left)] for number in range(len(lengths))])
