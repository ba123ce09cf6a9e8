"""Matrix products of float32 arrays by the kernels of `gemm`."""
from __future__ import annotations

import ctypes
import struct
from functools import lru_cache
from typing import Any

import numpy as np

from ..parallel import Unnotable, inside, pool
from . import gemm
from .engine import engine
from .workers import run_kernel

#: a call's arguments, as bytes
pack_words = struct.Struct(f"{gemm.WORDS}q").pack
Address = ctypes.c_size_t
DATA = object.__basicsize__
#: memory for panels, used in turn by all products
spare_panels: list[np.ndarray] = []


def take_panels(size: int) -> np.ndarray:
    """Memory for so many floats."""
    while spare_panels and inside.launches is None:
        found = spare_panels.pop()
        if found.size >= size:
            return found
    memory = np.empty(size + 16, np.float32)
    return memory[-address(memory) % 64 // 4:]


def give_panels(memory: np.ndarray) -> None:
    """Take back memory for panels, unless calls that were only noted are still to use it."""
    if inside.launches is None:
        spare_panels.append(memory)


class Plan:
    """What the products of one size have in common: the blocks, the parts, and the memory that each part needs for its panels."""

    __slots__ = ("kernel", "address", "bounds", "halves", "words", "left_size", "part_size", "row_parts", "column_parts", "parts", "panels",
                 "prepare", "prepare_address")

    def __init__(self, n: int, k: int, m: int, halves: tuple, threads: int):
        lanes = engine().width // 4
        rows, width = gemm.tile_rows(n, lanes), gemm.VECTORS * lanes
        self.kernel, self.address, self.prepare, self.prepare_address = gemm.kernels(rows)
        self.halves = len(halves)
        flat = [*halves[0], *(halves[1][1:] if self.halves > 1 else [])]
        self.bounds = (ctypes.c_int64 * len(flat))(*flat)
        self.words = ctypes.addressof(self.bounds), len(halves[0]) - 1, len(flat) - 1
        longest = max([end - start for start, end in zip(flat, flat[1:])])
        tiles, panels = -(-n // rows), -(-m // width)
        self.panels = panels
        self.row_parts, self.column_parts = cut(tiles, rows, panels, width, threads)
        self.parts = self.halves * self.row_parts * self.column_parts
        # One tile's panel of the left matrix, and room for what a vector's store leaves behind it; all begins where a line of the cache does.
        self.left_size = -(-(rows * longest + width) // 16) * 16
        self.part_size = self.left_size + min(gemm.GROUP, panels) * width * longest


#: the multiplications that take as long as copying one number into a panel
COPY = 16
#: numbers of a result that stays in the caches until its next use
CACHED = 1 << 18


def cut(tiles: int, rows: int, panels: int, width: int, threads: int) -> tuple[int, int]:
    """Into how many parts to cut the rows and the columns: (threads, 1) or (1, threads), whichever is done sooner.

    A part copies its own share of one matrix and all of the other. Of a small result rather the rows are cut: what comes next, such as an
    optimizer's update, cuts the memory likewise, and finds in each core's cache what it needs.
    """
    row_parts, column_parts = min(threads, tiles), min(threads, panels)
    n, m = rows * tiles, width * panels
    share_n, share_m = rows * -(-tiles // row_parts), width * -(-panels // column_parts)
    of_rows = share_n * m + COPY * (m + share_n * -(-panels // gemm.GROUP))
    of_columns = n * share_m + COPY * (share_m + n * -(-share_m // (width * gemm.GROUP)))
    return (row_parts, 1) if of_rows <= of_columns * (1.1 if n * m <= CACHED else 1) else (1, column_parts)


plan = lru_cache(256)(Plan)


def multiply(a: Any, b: Any, bias: Any, halves: tuple) -> Any:
    """a @ b (+ bias) of float32 matrices: (n, k) @ (k, m) -> (n, m).

    `halves` are the bounds of the blocks of the inner dimension, in one or two tuples: each is summed from the left, then the two are added.
    The bias is added to the first block.
    """
    a, b = straight(a), straight(b)
    n, k = a.shape
    m = b.shape[1]
    return run(plan(n, k, m, halves, pool.size()), a, b, bias, 0)


def run(p: Plan, a: Any, b: Any, bias: Any, prepared: int) -> Any:
    """The product, by its plan; `prepared` is the address of b's panels, or 0."""
    n, m = len(a), b.shape[1]
    # The second half's sums lie behind the panels.
    panels = p.parts * p.part_size
    memory = take_panels(panels + n * m if p.halves > 1 else panels)
    start = address(memory)
    out = np.empty((n, m), np.float32)
    words = arguments(p, a, b, address(out), start + 4 * panels, 0 if bias is None else address(bias), start, prepared)
    run_kernel(p.kernel, p.address, p.parts, p.halves, words, (p, a, b, bias, out, memory))
    give_panels(memory)
    return out


def arguments(p: Plan, a: Any, b: Any, out: int, second: int, bias: int, memory: int, prepared: int) -> bytes:
    """The words of a call."""
    left_row, left_column = a.strides
    right_row, right_column = b.strides
    m = b.shape[1]
    return pack_words(address(a), left_row // 4, left_column // 4, address(b), right_row // 4, right_column // 4, out, m, second, bias, len(a), m,
                      *p.words, memory, p.part_size, p.left_size, p.row_parts, p.column_parts, prepared)


class Prepared:
    """The function a -> a @ b for many matrices a of some `rows` rows: b is packed once."""

    def __init__(self, b: Any, rows: int, halves: tuple):
        self.b, self.halves = straight(b), halves
        k, m = b.shape
        p = plan(rows, k, m, halves, pool.size())
        width = gemm.VECTORS * engine().width // 4
        self.panels = take_panels(p.panels * width * k)
        self.address = address(self.panels)
        words = arguments(p, self.b, self.b, 0, 0, 0, 0, self.address)
        run_kernel(p.prepare, p.prepare_address, p.panels, -(-p.panels // pool.size()), words, (p, self))

    def __call__(self, a: Any) -> Any:
        a = straight(a)
        return run(plan(len(a), *self.b.shape, self.halves, pool.size()), a, self.b, None, self.address)

    def __del__(self) -> None:
        give_panels(self.panels)


def straight(a: Any) -> Any:
    """The matrix, with one of its strides that of neighbours."""
    if a.strides[1] == 4 or a.strides[0] == 4:
        return a
    if inside.launches is not None:
        raise Unnotable("a copy of a matrix")
    return np.ascontiguousarray(a)


def address(array: Any) -> int:
    """Where an array's data lie: NumPy's C interface puts the address first, behind what every object begins with."""
    return Address.from_address(id(array) + DATA).value
