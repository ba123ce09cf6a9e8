"""Sequences of different lengths for recurrent layers: packed into one tensor without padding, or padded to the longest.

    >>> import rushlight as torch
    >>> from rushlight.nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> packed = pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
"""
from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from rushlight.core import dtypes
from rushlight.names import call_as_torch
from rushlight.ops import rnn_packing
from rushlight.ops.counted import arange
from rushlight.ops.exchange import as_tensor
from rushlight.ops.sort import sort
from rushlight.tensor import Tensor

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence", "unpad_sequence",
           "pack_sequence", "unpack_sequence"]

PackedSequence_ = namedtuple("PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])


class PackedSequence(PackedSequence_):
    """A batch of sequences without padding: `data` has the rows step after step, `batch_sizes` how many sequences reach each step.

    The sequences stand in decreasing order of length. `sorted_indices` brought them into that order, `unsorted_indices` bring them back;
    both are None if they came in order. Recurrent layers take it and return one. Made by `pack_padded_sequence` and `pack_sequence`.
    """

    def __new__(cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
                unsorted_indices: Tensor | None = None) -> PackedSequence:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They should be "
                             "instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                             "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With data in another dtype or on another device, as `Tensor.to`; self if that changes nothing."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        kwargs = {name: value for name, value in kwargs.items() if name not in ("device", "dtype")}
        indices = [None if index is None else index.to(data.device, **kwargs) for index in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *indices)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On a GPU."""
        return self.to(*args, **{"device": "cuda", **kwargs})

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """In main memory."""
        return self.to(*args, **{"device": "cpu", **kwargs})

    def pin_memory(self) -> PackedSequence:
        """In page-locked memory."""
        indices = [None if index is None else index.pin_memory() for index in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(self.data.pin_memory(), self.batch_sizes, *indices)

    def double(self) -> PackedSequence:
        """In float64."""
        return self._as("float64")

    def float(self) -> PackedSequence:
        """In float32."""
        return self._as("float32")

    def half(self) -> PackedSequence:
        """In float16."""
        return self._as("float16")

    def long(self) -> PackedSequence:
        """In int64."""
        return self._as("int64")

    def int(self) -> PackedSequence:
        """In int32."""
        return self._as("int32")

    def short(self) -> PackedSequence:
        """In int16."""
        return self._as("int16")

    def char(self) -> PackedSequence:
        """In int8."""
        return self._as("int8")

    def byte(self) -> PackedSequence:
        """In uint8."""
        return self._as("uint8")

    def __reduce__(self) -> tuple:
        return rebuilt, tuple(self)  # by our name: the class bears PyTorch's

    def _as(self, dtype: str) -> PackedSequence:
        return self.to(dtype=getattr(dtypes, dtype))

    @property
    def is_cuda(self) -> bool:
        """Whether data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether data is in page-locked memory."""
        return self.data.is_pinned()


def rebuilt(*parts: Any) -> PackedSequence:
    """The packed sequence that pickling took apart."""
    return PackedSequence(*parts)


call_as_torch(PackedSequence)
call_as_torch(PackedSequence_)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one: `permutation[result]` is 0, 1, 2 ...; None of None."""
    if permutation is None:
        return None
    output = permutation.new_empty(permutation.shape)
    return output.scatter_(0, permutation, arange(0, permutation.numel(), device=permutation.device))


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """The sequences of a padded tensor without their padding.

    *Shape*: input `(T, B, *)`, or `(B, T, *)` with batch_first; lengths B numbers, a list or a tensor. Unless they decrease, give
    enforce_sorted=False. Raises: RuntimeError for lengths that do not fit.
    """
    lengths = as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = rnn_packing._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order)


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None) -> tuple[Tensor, Tensor]:
    """(the sequences padded with padding_value, their lengths), in the order in which they were packed.

    *Shape*: `(T, B, *)`, or `(B, T, *)` with batch_first, with T the longest length or total_length.
    Raises: ValueError if total_length is less than the longest length.
    """
    padded, lengths = rnn_packing._pad_packed_sequence(sequence.data, sequence.batch_sizes, batch_first, padding_value,
                                                       -1 if total_length is None else total_length)
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]


def pad_sequence(sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Sequences `(L, *)` of different lengths in one tensor, filled up with padding_value.

    *Shape*: `(longest, B, *)`, or `(B, longest, *)` with batch_first. padding_side is "right", after their ends, or "left".

    Example:
        >>> import rushlight as torch
        >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])], batch_first=True)
        tensor([[1, 2, 3],
                [4, 0, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    return rnn_packing.pad_sequence(tuple(sequences), batch_first, padding_value, padding_side)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor `(T, B, *)`, or `(B, T, *)` with batch_first, each with its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    steps = arange(padded_sequences.shape[1], device=lengths.device)
    return [sequence[steps < length] for sequence, length in zip(padded_sequences, lengths, strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences `(L, *)` packed. Unless their lengths decrease, give enforce_sorted=False."""
    lengths = as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in the order in which they were given."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def bind(optional: Any, fn: Callable) -> Any:
    """fn(optional), or None if that is None."""
    return None if optional is None else fn(optional)
