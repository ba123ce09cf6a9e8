"""Matrix products of float32 arrays by the kernels of `gemm`."""
from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np

from ..parallel import pool
from . import gemm
from .engine import engine
from .workers import run_kernel

Words = ctypes.c_int64 * gemm.WORDS
Address = ctypes.c_size_t
DATA = object.__basicsize__
#: memory for panels, used in turn by all products
spare_panels: list[np.ndarray] = []


def take_panels(size: int) -> np.ndarray:
    """Memory for so many floats."""
    while spare_panels:
        found = spare_panels.pop()
        if found.size >= size:
            return found
    memory = np.empty(size + 16, np.float32)
    return memory[-address(memory) % 64 // 4:]


class Plan:
    """What the products of one size have in common: the blocks, the parts, and the memory that each part needs for its panels."""

    __slots__ = ("kernel", "address", "bounds", "halves", "first_blocks", "block_count", "left_size", "part_size", "row_parts", "column_parts",
                 "parts")

    def __init__(self, n: int, k: int, m: int, halves: tuple, threads: int):
        lanes = engine().width // 4
        rows, width = gemm.tile_rows(n, lanes), gemm.VECTORS * lanes
        self.kernel, self.address = gemm.kernel(rows)
        self.halves = len(halves)
        flat = [*halves[0], *(halves[1][1:] if self.halves > 1 else [])]
        self.bounds = (ctypes.c_int64 * len(flat))(*flat)
        self.first_blocks, self.block_count = len(halves[0]) - 1, len(flat) - 1
        longest = max([end - start for start, end in zip(flat, flat[1:])])
        tiles, panels = -(-n // rows), -(-m // width)
        # Each thread packs all of the matrix that is not cut: the longer side is.
        wanted = max(threads // self.halves, 1)
        self.row_parts, self.column_parts = (1, min(wanted, panels)) if m >= n else (min(wanted, tiles), 1)
        self.parts = self.halves * self.row_parts * self.column_parts
        # One tile's panel of the left matrix, and room for what a vector's store leaves behind it; all begins where a line of the cache does.
        self.left_size = -(-(rows * longest + width) // 16) * 16
        self.part_size = self.left_size + min(gemm.GROUP, panels) * width * longest


plan = lru_cache(256)(Plan)


def multiply(a: Any, b: Any, bias: Any, halves: tuple) -> Any:
    """a @ b (+ bias) of float32 matrices: (n, k) @ (k, m) -> (n, m).

    `halves` are the bounds of the blocks of the inner dimension, in one or two tuples: each is summed from the left, then the two are added.
    The bias is added to the first block.
    """
    a, b = straight(a), straight(b)
    n, k = a.shape
    m = b.shape[1]
    p = plan(n, k, m, halves, pool.size())
    memory = take_panels(p.parts * p.part_size)
    out = np.empty((n, m), np.float32)
    second = np.empty((n, m), np.float32) if p.halves > 1 else None
    words = Words(address(a), a.strides[0] // 4, a.strides[1] // 4, address(b), b.strides[0] // 4, b.strides[1] // 4, address(out), m,
                  0 if second is None else address(second), m, 0 if bias is None else address(bias), n, m, ctypes.addressof(p.bounds),
                  p.first_blocks, p.block_count, address(memory), p.part_size, p.left_size, p.row_parts, p.column_parts)
    run_kernel(p.kernel, p.address, p.parts, 1, words)
    spare_panels.append(memory)
    return out if second is None else np.add(out, second, out=out)


def straight(a: Any) -> Any:
    """The matrix, with one of its strides that of neighbours."""
    return a if a.strides[1] == 4 or a.strides[0] == 4 else np.ascontiguousarray(a)


def address(array: Any) -> int:
    """Where an array's data lie: NumPy's C interface puts the address first, behind what every object begins with."""
    return Address.from_address(id(array) + DATA).value
