"""What the functions of linear algebra ask of their arguments, and how they report a matrix that they cannot treat."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import recording


class LinAlgError(RuntimeError):
    """A computation of linear algebra failed for the numbers it was given."""


# The name under which PyTorch's class shows itself in a traceback.
LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"


def has_matrices(value: Any, function: str, name: str = "A") -> None:
    """Raise PyTorch's error unless value has two dimensions or more."""
    if value._array.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor {name} must have at least 2 dimensions.")


def is_square(value: Any, function: str, name: str = "A") -> None:
    """Raise PyTorch's error unless value is a square matrix or a batch of them."""
    has_matrices(value, function, name)
    rows, columns = value._array.shape[-2:]
    if rows != columns:
        raise RuntimeError(f"{function}: {name} must be batches of square matrices, but they are {rows} by {columns} matrices")


def is_inexact(value: Any, function: str, low: bool = False) -> None:
    """Raise PyTorch's error unless value is floating or complex; halves pass only if `low`."""
    array = value._array
    if array.dtype.kind in "biu":
        raise RuntimeError(f"{function}: Expected a floating point or complex tensor as input. Got {value.dtype.kernel_name}")
    if array.itemsize == 2 and not low:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got {value.dtype.kernel_name}")


def has_kernel(value: Any, kernel: str) -> None:
    """Raise PyTorch's error where LAPACK has no routine for the dtype."""
    if value._array.dtype.kind in "biu" or value._array.itemsize == 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{value.dtype.kernel_name}'")


def same_dtype(x: Any, y: Any, function: str, names: tuple = ("A", "B")) -> None:
    """Raise PyTorch's error unless both have one dtype."""
    if x._array.dtype != y._array.dtype:
        raise RuntimeError(f"{function}: Expected {names[0]} and {names[1]} to have the same dtype, but found {names[0]} of type "
                           f"{x.dtype.kernel_name} and {names[1]} of type {y.dtype.kernel_name} instead")


def fit(a: Any, b: Any, function: str, left: bool = True) -> None:
    """Raise PyTorch's error unless square matrices `a` and right-hand sides `b`, given by shape, belong to one equation."""
    size = b[-2] if left else b[-1]
    if a[-1] != size:
        raise RuntimeError(f"{function}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
                           f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})")


def broadcast_batches(a: tuple, b: tuple) -> tuple:
    """The batch shape of two shapes of matrices together. Raises PyTorch's error where they do not broadcast."""
    from ..core.op import mismatch
    wrong = mismatch(a[:-2], b[:-2])
    if wrong is not None:
        raise RuntimeError(wrong)
    return np.broadcast_shapes(a[:-2], b[:-2])


def is_vector(a: tuple, b: tuple) -> bool:
    """Whether right-hand sides of shape `b` are vectors, one for each matrix of shape `a`."""
    return len(b) == 1 or len(b) == len(a) - 1 and b == a[:-1]


def report(info: Any, function: str, message: str, error: type = LinAlgError) -> None:
    """Raise for the first matrix whose `info` (a tensor) is not 0; message is of {info}."""
    recording.reads(f"the check in {function}()")
    found = info._array
    if not found.any():
        return
    at = int(np.flatnonzero(found)[0])
    batch = f"(Batch element {at}): " if found.ndim else ""
    raise error(f"{function}: {batch}{message.format(info=abs(int(found.reshape(-1)[at])))}")
