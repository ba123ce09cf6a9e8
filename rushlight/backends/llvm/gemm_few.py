"""Products of few numbers: three plain loops, which have the bits of `gemm` in a tenth of its instructions."""
from __future__ import annotations

from functools import cache
from typing import Any

from .code import Code, module
from .engine import KERNEL, engine
from .gemm import BIAS, BLOCKS, COLUMN_COUNT, LEFT, LEFT_COLUMN, LEFT_ROW, OUT, OUT_ROW, RIGHT, RIGHT_COLUMN, RIGHT_ROW, ROW_COUNT

#: the multiplications up to which a product is such a one
FEW = 64


def few(lanes: int) -> tuple[str, Code]:
    """@few(start, stop, arguments): a whole product of one block, with the arguments of `gemm.multiply`.

    Every element is a chain of fused multiply-adds from 0 on, to which the bias is added.
    """
    c = Code(lanes)
    c.declared["declare float @llvm.fma.f32(float, float, float)"] = None
    left, right, out, bias = (c.pointer("%arguments", k) for k in (LEFT, RIGHT, OUT, BIAS))
    left_row, left_column, right_row, right_column, out_row = (
        c.word("%arguments", k) for k in (LEFT_ROW, LEFT_COLUMN, RIGHT_ROW, RIGHT_COLUMN, OUT_ROW))
    depth, has_bias = c.word(c.pointer("%arguments", BLOCKS), 1), c.emit(f"icmp ne ptr {bias}, null")
    c.declared["@no_bias = internal constant float -0.0"] = None  # changes no bit of what it is added to
    c.stack.append("  %sum = alloca float")
    with c.loop(0, c.word("%arguments", ROW_COUNT)) as i, c.loop(0, c.word("%arguments", COLUMN_COUNT)) as j:
        row, column = c.at(left, c.times(i, left_row)), c.at(right, c.times(j, right_column))
        c.store_one("0.0", "%sum")
        with c.loop(0, depth) as k:
            a, b = c.load_one(c.at(row, c.times(k, left_column))), c.load_one(c.at(column, c.times(k, right_row)))
            c.store_one(c.emit(f"call float @llvm.fma.f32(float {a}, float {b}, float {c.load_one('%sum')})"), "%sum")
        start = c.load_one(c.choose(has_bias, c.at(bias, j), "@no_bias", "ptr"))
        c.store_one(c.emit(f"fadd float {c.load_one('%sum')}, {start}"), c.at(out, c.plus(c.times(i, out_row), j)))
    return c.function("few", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


@cache
def kernel() -> tuple[Any, int]:
    """The kernel, and its address."""
    text, code = few(engine().width // 4)
    [address] = engine().addresses(module([text], [code], code.lanes), ("few",))
    return KERNEL(address), address
