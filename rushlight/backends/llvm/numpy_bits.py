"""NumPy's own exponential, logarithm and sum of float32 numbers, to the bit.

Small arrays go to NumPy until a program has had machine code made for something large; what it computes must be the same before and after.
With these a kernel for small arrays may stand in for NumPy's calls. The formulas are those that NumPy uses on x86 processors with fused
multiply-adds: quotients of two polynomials, from NumPy's coefficients. Elsewhere it takes the C library's: a kernel's user compares first.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

from .code import Code
from .vectors import LOG2_E, Vectors

# e^r = P(r) / Q(r) for |r| up to ln(2) / 2, and ln 2 in two parts
EXP_P = (9.999999999980870924916e-01, 7.257664613233124478488e-01, 2.473615434895520810817e-01, 5.114512081637298353406e-02,
         6.757896990527504603057e-03, 5.082762527590693718096e-04)
EXP_Q = (1.0, -2.742335390411667452936e-01, 2.159509375685829852307e-02)
LN2_HIGH, LN2_LOW = 6.93145752e-1, 1.42860677e-6
# ln(1 + f) = P(f) / Q(f) for 1 + f from sqrt(1/2) to sqrt(2)
LOG_P = (0.0, 9.999999999999998702752e-01, 2.112677543073053063722e+00, 1.480000633576506585156e+00, 3.808837741388407920751e-01,
         2.589979117907922693523e-02)
LOG_Q = (1.0, 2.612677543073109236779e+00, 2.453006071784736363091e+00, 9.864942958519418960339e-01, 1.546476374983906719538e-01,
         5.875095403124574342950e-03)


def quotient(v: Vectors, x: str, p: Sequence[float], q: Sequence[float]) -> str:
    """P(x) / Q(x)."""
    return v.divide(v.polynomial(x, p), v.polynomial(x, q))


def exp(v: Vectors, x: str) -> str:
    """e^x for x from -80 to 80."""
    n = v.intrinsic("rint", v.multiply(x, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_LOW), v.fma(n, v.number(-LN2_HIGH), x))
    return v.multiply(quotient(v, r, EXP_P, EXP_Q), v.power_of_two(v.to_int(n)))


def log(v: Vectors, x: str) -> str:
    """ln x of a positive number that is neither denormal nor infinite: ln x = e ln 2 + ln(1 + f)."""
    bits = v.bits(x)
    exponent = v.to_float(v.int_op("sub", v.int_op("lshr", bits, v.integer(23)), v.integer(126)))
    mantissa = v.from_bits(v.int_op("or", v.int_op("and", bits, v.integer(0x007FFFFF)), v.integer(0x3F000000)))  # from 1/2 to 1
    low = v.compare("ole", mantissa, v.number(math.sqrt(0.5)))
    f = v.subtract(v.where(low, v.add(mantissa, mantissa), mantissa), v.number(1.0))
    exponent = v.where(low, v.subtract(exponent, v.number(1.0)), exponent)
    return v.fma(exponent, v.number(math.log(2)), quotient(v, f, LOG_P, LOG_Q))


#: the numbers up to which a sum is not halved, and the strands in which they are added
WHOLE, STRANDS = 128, 8


def pairwise(lanes: int) -> tuple[str, Code]:
    """@pairwise(from, count, to): the sum of so many numbers that are neighbours, as NumPy adds them.

    Fewer than 8 are added one after the other; up to 128 in 8 strands, and what fills no strand behind these; more in two halves.
    """
    c = Code(lanes)
    eight, longer = (c.test("sge", "%count", STRANDS), c.test("sgt", "%count", WHOLE))
    strands = f"<{STRANDS} x float>"
    c.stack += ["  %sums = alloca <8 x float>, align 32", "  %left_half = alloca float", "  %right_half = alloca float", "  %total = alloca float"]
    c.store_one("-0.0", "%total")
    whole = c.choose(eight, c.times(c.quotient("%count", STRANDS), STRANDS), 0)
    with c.when(c.logic_one(eight, c.emit(f"xor i1 {longer}, true"))):
        c.lines.append(f"  store {strands} {c.emit(f'load {strands}, ptr %from, align 4')}, ptr %sums")
        with c.loop(STRANDS, whole, STRANDS) as i:
            a, b = c.emit(f"load {strands}, ptr %sums"), c.emit(f"load {strands}, ptr {c.at('%from', i)}, align 4")
            c.lines.append(f"  store {strands} {c.emit(f'fadd {strands} {a}, {b}')}, ptr %sums")
        sums = c.emit(f"load {strands}, ptr %sums")
        values = [c.emit(f"extractelement {strands} {sums}, i32 {k}") for k in range(STRANDS)]
        while len(values) > 1:
            values = [c.emit(f"fadd float {a}, {b}") for a, b in zip(values[::2], values[1::2])]
        c.store_one(values[0], "%total")
    with c.when(c.emit(f"xor i1 {longer}, true")), c.loop(whole, "%count") as i:
        c.store_one(c.emit(f"fadd float {c.load_one('%total')}, {c.load_one(c.at('%from', i))}"), "%total")
    with c.when(longer):
        half = c.times(c.quotient("%count", 2 * STRANDS), STRANDS)
        c.lines += [f"  call void @pairwise(ptr %from, i64 {half}, ptr %left_half)",
                    f"  call void @pairwise(ptr {c.at('%from', half)}, i64 {c.minus('%count', half)}, ptr %right_half)"]
        c.store_one(c.emit(f"fadd float {c.load_one('%left_half')}, {c.load_one('%right_half')}"), "%total")
    c.store_one(c.load_one("%total"), "%to")
    return c.function("pairwise", "ptr %from, i64 %count, ptr %to"), c
