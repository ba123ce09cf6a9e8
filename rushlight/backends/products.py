"""Matrix products of arrays, with the order of additions that PyTorch has where it could be found.

A float32 sum depends on its order in the last bit, and a training run of hundreds of steps magnifies that bit until other digits are printed.
So the order is part of the result (docs/notes/order-of-additions.md). The BLAS under PyTorch sums along the inner dimension in blocks of up
to 384, each one chain of fused multiply-adds; where the result is small and the inner dimension long, it sums two halves by themselves, one
on each of two cores, and then adds them. The sizes of the blocks were found by comparing bits.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .llvm.engine import available
from .native import FLOAT
from .parallel import Unnotable, inside, pool

#: the longest block of the inner dimension
BLOCK = 384
#: inner sizes beyond LONG are summed in halves where the result has at most NARROW elements
LONG, NARROW = 768, 1 << 14
#: multiplications up to which BLAS has a kernel of its own
SMALL = 1_000_000
#: Multiplications from which our own kernels take a product, where the `jit` extra has them: those for which OpenBLAS would wake threads of
#: its own. They watch for more work for a tenth of a second afterwards, in the way of our kernels' threads.
NATIVE = 1 << 18
#: Multiplications from which they go to the processor's tiles, where it has some and all sides are at least WIDE: 1024 cubed takes three quarters of
#: the time, as exactly, but with other last bits than PyTorch's.
TILED, WIDE = 1 << 29, 512
#: The plans of products that our own kernels took, by how the matrices lie, whether there is a bias, and the number of threads: for others that
#: lie alike nothing is left to decide.
plans: dict[tuple, Any] = {}


def product(a: Any, b: Any) -> Any:
    """a @ b."""
    if a.dtype is not FLOAT or a.ndim != 2 or b.ndim != 2:
        return other_product(a, b)
    (n, k), m = a.shape, b.shape[1]
    size = n * k * m
    if size >= NATIVE and inside.launches is None:
        plan = plans.get((a.shape, a.strides, b.shape, b.strides, False, pool.threads))
        if plan is not None and b.dtype is FLOAT:
            return plan(a, b)
    halves = halves_of(k) if k > LONG and n * m <= NARROW else None
    if is_native(n, k, m):
        out = by_tiles(a, b)
        return by_vectors(a, b, None, halves or blocks_of(a, b)) if out is None else out
    if halves is not None:
        return in_halves(a, b, halves)
    if m > 16 and m % 16 and 1 < size <= SMALL:
        # BLAS's kernel for small products sums the last columns in another order; of the transposed product it sums all in one.
        return np.ascontiguousarray(np.matmul(b.T, a.T).T)
    return np.matmul(a, b)


def other_product(a: Any, b: Any) -> Any:
    """a @ b of other arrays than float32 matrices. BLAS knows neither halves nor bfloat16: those are multiplied in float32 and rounded once."""
    if a.itemsize == 2 and a.dtype.kind not in "iu":
        return np.asarray(product(a.astype(np.float32), b.astype(np.float32))).astype(a.dtype)
    if a.dtype.kind == "b":
        raise NotImplementedError('"addmm_impl_cpu_" not implemented for \'Bool\'')
    if a.ndim == 2 == b.ndim and a.dtype == FLOAT:  # another object of the same dtype
        return product(a.view(FLOAT), b.astype(FLOAT, copy=False))
    return np.matmul(a, b)


def biased_product(a: Any, b: Any, bias: Any) -> Any:
    """a @ b + bias, where the bias is added to the first block."""
    (n, k), m = a.shape, b.shape[1]
    if a.dtype == FLOAT:
        if n * k * m >= NATIVE and inside.launches is None and bias.shape == (m,):
            plan = plans.get((a.shape, a.strides, b.shape, b.strides, True, pool.threads))
            if plan is not None and a.dtype is b.dtype is bias.dtype is FLOAT and bias.strides[0] == 4:
                return plan(a, b, bias)
        halves = halves_of(k) if k > BLOCK and n * m <= NARROW else None
        if is_native(n, k, m) and bias.shape == (m,) and bias.flags.c_contiguous:
            out = by_tiles(a, b)
            if out is not None:
                out += bias
                return out
            return by_vectors(a, b, bias, halves or blocks(k))
        if m <= 16 and not b.flags.c_contiguous:
            b = np.ascontiguousarray(b)  # BLAS has a kernel of its own for so few columns, which sums in another order
        if halves is not None:
            return in_halves(a, b, halves, bias)
    if inside.launches is not None:
        raise Unnotable("a bias that is added afterwards")
    out = product(a, b)
    out += bias
    return out


def by_vectors(a: Any, b: Any, bias: Any, halves: tuple) -> Any:
    """a @ b (+ bias) by our own kernels. Where nothing depends on the numbers, the plan is kept for matrices that lie alike."""
    kernels = our_kernels()
    x, y = kernels.straight(a), kernels.straight(b)
    plan = kernels.plan_of(x, y, halves)
    if x is a and y is b and a.size * b.shape[1] < TILED and inside.launches is None:
        if len(plans) >= kernels.MOST_PLANS:
            plans.clear()
        plans[a.shape, a.strides, b.shape, b.strides, bias is not None, pool.size()] = plan
    return plan(x, y, bias)


def prepared(b: Any, rows: int) -> Callable[[Any], Any]:
    """The function a -> a @ b, for many matrices a of about that many rows; b must stay as it is."""
    k, m = b.shape
    if b.dtype != np.float32 or not is_native(rows, k, m):
        return lambda a: product(a, b)
    from .llvm.multiply import Prepared
    return Prepared(b, rows, halves_of(k) if k > LONG and rows * m <= NARROW else blocks(k))


def is_native(n: int, k: int, m: int) -> bool:
    """Whether a product of this size goes to our own kernels; all do while kernels' calls are noted, since those cost nothing to begin with."""
    if inside.launches is not None:
        return n * k * m > 0
    return n * k * m >= NATIVE and n > 1 and m > 1 and available()


def by_tiles(a: Any, b: Any) -> Any:
    """a @ b by the processor's tiles, if it has them and the product is large, and if its numbers' range is not too wide; else None."""
    (n, k), m = a.shape, b.shape[1]
    if n * k * m < TILED or min(n, k, m) < WIDE or is_turned(a, b) or not have_tiles():
        return None
    if inside.launches is not None:
        raise Unnotable("a product whose way depends on its numbers")
    from .llvm.amx import product
    return product(a, b)


def is_turned(a: Any, b: Any) -> bool:
    """Whether b is a.T, the same memory: programs count on x @ x.T to be symmetric to the bit, which only sums in one order are."""
    return a.shape == b.shape[::-1] and a.strides == b.strides[::-1] and a.__array_interface__["data"] == b.__array_interface__["data"]


@cache
def have_tiles() -> bool:
    """Whether there are tiles."""
    from .llvm.amx import available
    return available()


@cache
def our_kernels() -> Any:
    """The module of our own kernels. LLVM is loaded by the first large product."""
    from .llvm import multiply
    return multiply


@cache
def blocks(k: int) -> tuple:
    """The bounds of the blocks of a product whose inner dimension is not halved: two equal ones where two suffice, else whole ones."""
    return (bounds(0, k),)


def blocks_of(a: Any, b: Any) -> tuple:
    """The blocks of a product; two are two halves where rows are summed over, as in a weight's gradient g.T @ x.

    What made these rows shared them out among the threads, so that each core has its half in its cache. The bits are the same: the second block's
    sum is added to the first's. 768 x 128 and 768 x 512 take 316 us in place of 450.
    """
    found = blocks(a.shape[1])
    if len(found[0]) == 3 and a.strides[0] == b.strides[1] == 4 and a.strides[1] > 4:
        return found[0][:2], found[0][1:]
    return found


@cache
def halves_of(k: int) -> tuple:
    """The bounds of the blocks of both halves of the inner dimension."""
    return bounds(0, k // 2), bounds(k // 2, k)


def bounds(start: int, stop: int) -> tuple:
    """Where the blocks of a part of the inner dimension begin and end."""
    size = stop - start
    return *range(start, stop, BLOCK if size > 2 * BLOCK or size <= BLOCK else -(-size // 2)), stop


def in_halves(a: Any, b: Any, halves: tuple, bias: Any = None) -> Any:
    """a @ b (+ bias) as the sum of two halves of the inner dimension, each summed block by block from the left, by BLAS."""
    if bias is not None and b.flags.f_contiguous and a.shape[0] <= 128:
        # The transposed product of a few rows is a fifth faster, and turning its small result round costs little.
        return np.ascontiguousarray(sum_of_halves(b.T, a.T, halves, bias.reshape(-1, 1)).T)
    return sum_of_halves(a, b, halves, bias)


def sum_of_halves(a: Any, b: Any, halves: tuple, bias: Any) -> Any:
    """What `in_halves` says, without a choice of sides."""
    sums = []
    for half in halves:
        out = np.matmul(a[:, half[0]:half[1]], b[half[0]:half[1]])
        if bias is not None and not half[0]:
            out += bias
        for start, stop in zip(half[1:], half[2:], strict=False):
            out += np.matmul(a[:, start:stop], b[start:stop])
        sums.append(out)
    return np.add(sums[0], sums[1], out=sums[0])
