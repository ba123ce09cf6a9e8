"""`.npz` files: arrays by name. NumPy's own reader would unpack and believe whatever their headers say."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes
from ..core.apply import wrap
from .archive import Archive
from .rebuild import MAX_DIMS, overflows

#: as much header as NumPy reads without being told that the file is trusted
LONGEST_HEADER = 10_000


def is_npz(archive: Archive) -> bool:
    """Whether every record is an array of NumPy's."""
    return bool(archive.members) and all([name.endswith(".npy") for name in archive.members])


def load_npz(archive: Archive, mapped: Any = None) -> dict[str, Any]:
    """{name: tensor} of the arrays in an archive.

    Raises: RuntimeError for an array of Python objects, of a dtype that Rushlight does not have, or that is not as long as it says.
    """
    return {name.removesuffix(".npy"): wrap(_array(archive, name, mapped)) for name in archive.members}


def describe_npz(archive: Archive) -> list[tuple[str, tuple, Any]]:
    """(name, shape, NumPy's dtype) of each array."""
    found = []
    for name in archive.members:
        shape, _, dtype, _ = _header(archive.head(name, LONGEST_HEADER + 16), name)
        found.append((name.removesuffix(".npy"), shape, dtype))
    return found


def _array(archive: Archive, name: str, mapped: Any) -> Any:
    start, packed = archive.place(name)
    stored = packed == archive.members[name].size
    if mapped is not None and stored:
        from ..ops.exchange import as_own_memory
        data = mapped[start:start + packed]
    else:
        data = archive.array(name)
    shape, fortran, dtype, begin = _header(bytes(data[:LONGEST_HEADER + 16]), name)
    count = 1
    for n in shape:
        count *= n
    if begin + count * dtype.itemsize != len(data):
        raise RuntimeError(f"array {name} of shape {shape} does not have the size of its record")
    whole = np.ndarray(shape, dtype, data, begin, order="F" if fortran else "C")
    if dtype == np.bool_:
        return whole.view(np.uint8) != 0  # NumPy counts on truths being 0 or 1
    if mapped is not None and stored and dtype.isnative:
        return as_own_memory(whole)
    kept = dtypes.of_numpy(dtype).numpy
    return np.array(whole, kept, order="K")


def _header(data: bytes, name: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """(shape, whether in Fortran's order, dtype, place of the first element) of an array of NumPy's."""
    from ast import literal_eval
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        raise RuntimeError(f"record {name} is no array of NumPy's")
    width = 2 if data[6] == 1 else 4
    length = int.from_bytes(data[8:8 + width], "little")
    begin = 8 + width + length
    if data[6] not in (1, 2, 3) or length > LONGEST_HEADER or begin > len(data):
        raise RuntimeError(f"the header of array {name} is damaged or too long")
    try:
        header = literal_eval(data[8 + width:begin].decode("utf-8"))
        shape, fortran, dtype = header["shape"], header["fortran_order"], np.dtype(header["descr"])
        dtypes.of_numpy(dtype)
    except (ValueError, TypeError, SyntaxError, LookupError, MemoryError, RecursionError) as error:
        raise RuntimeError(f"array {name} cannot become a tensor: {str(error)[:300]}") from None
    if type(shape) is not tuple or len(shape) > MAX_DIMS or not all([type(n) is int and n >= 0 for n in shape]) or overflows(shape, dtype.itemsize):
        raise RuntimeError(f"the header of array {name} is damaged or too long")
    return shape, fortran is True, dtype, begin
