"""Exponentials and logarithms of float32 vectors that `vectors` lacks. The errors are in units in the last place (ulp); tests measure them."""
from __future__ import annotations

import math
from collections.abc import Sequence

from .vectors import LN2_HIGH, LN2_LOW, LOG2_E, Vectors, log_edges


def clamped(v: Vectors, x: str, low: float, high: float) -> str:
    """x, or the bound that it is beyond; NaN passes."""
    x = v.where(v.compare("ogt", x, v.number(high)), v.number(high), x)
    return v.where(v.compare("olt", x, v.number(low)), v.number(low), x)


def processor(v: Vectors, name: str, *arguments: str) -> str:
    """An instruction of AVX-512 on all 16 lanes, rounding as usual."""
    full = f"@llvm.x86.avx512.mask.{name}.ps.512"
    given = [*arguments, f"{v.float} zeroinitializer", "i16 -1", "i32 4"]
    types = ", ".join([a[:a.rindex(" ")] if a[0] == "i" else v.float for a in given])
    v.declared[f"declare {v.float} {full}({types})"] = None
    return v.emit(f"call {v.float} {full}({', '.join(given)})")


def scaled(v: Vectors, p: str, n: str) -> str:
    """p 2^n for whole numbers n from -250 to 250, as floats."""
    if v.lanes == 16:
        return processor(v, "scalef", f"{v.float} {p}", f"{v.float} {n}")
    # In two factors, for 2^128 and 2^-149 are not floats with an exponent of their own.
    whole = v.to_int(n)
    half = v.int_op("ashr", whole, v.integer(1))
    return v.multiply(v.multiply(p, v.power_of_two(half)), v.power_of_two(v.int_op("sub", whole, half)))


def exponent_and_fraction(v: Vectors, x: str) -> tuple[str, str]:
    """e and f, where x = 2^e (1 + f) and 1 + f is from 3/4 to 3/2; e is the logarithm of 0 and infinity, and of others that have none NaN."""
    if v.lanes == 16:
        # 3: the interval; 8: NaN for negative numbers.
        exponent = processor(v, "getexp", f"{v.float} {x}")
        mantissa = processor(v, "getmant", f"{v.float} {x}", "i32 11")
        # The processor's exponent is that of a mantissa from 1 to 2.
        below = v.compare("olt", mantissa, v.number(1.0))
        return v.where(below, v.add(exponent, v.number(1.0)), exponent), v.subtract(mantissa, v.number(1.0))
    # A denormal number has no exponent of its own: it is multiplied by 2^25 first.
    tiny = v.compare("olt", x, v.number(1.1754943508222875e-38))
    bits = v.bits(v.where(tiny, v.multiply(x, v.number(2.0 ** 25)), x))
    # The mantissa's field, shifted so that the exponent changes at 3/4: 0x3f400000.
    shifted = v.int_op("sub", bits, v.integer(0x3F400000))
    exponent = v.to_float(v.int_op("ashr", shifted, v.integer(23)))
    exponent = v.where(tiny, v.subtract(exponent, v.number(25.0)), exponent)
    mantissa = v.from_bits(v.int_op("add", v.int_op("and", shifted, v.integer(0x007FFFFF)), v.integer(0x3F400000)))
    return log_edges(v, x, exponent), v.subtract(mantissa, v.number(1.0))


def exp2(v: Vectors, x: str) -> str:
    """2^x = 2^n 2^r with n = round(x), and 2^r as a polynomial on -1/2 to 1/2; 1 ulp."""
    x = clamped(v, x, -200.0, 200.0)
    n = v.intrinsic("rint", x)
    p = v.polynomial(v.subtract(x, n), (1.0, 0.6931471880262288, 0.24022650760568126, 0.05550357114219078, 0.009618082557277852,
                                        0.0013390863364671234, 0.0001545316294512069))
    return scaled(v, p, n)


def expm1(v: Vectors, x: str) -> str:
    """e^x - 1 = 2 (2^(n - 1) (e^r - 1) + (2^(n - 1) - 1/2)) with x = n ln 2 + r; 1.5 ulp.

    e^r - 1 = r + r^2 q(r), which is x's where n is 0. 2^128 is no float, but half of it is.
    """
    bound = clamped(v, x, -18.0, 88.8)
    n = v.intrinsic("rint", v.multiply(bound, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_LOW), v.fma(n, v.number(-LN2_HIGH), bound))
    q = v.polynomial(r, (0.5000000013457727, 0.16666666681614256, 0.04166646500604005, 0.008333310934448869, 0.0013933641031986701,
                         0.00019890980869750327))
    scale = v.power_of_two(v.int_op("sub", v.to_int(n), v.integer(1)))
    half = v.fma(scale, v.fma(v.multiply(r, r), q, r), v.subtract(scale, v.number(0.5)))
    # Of -0 the sum is 0.
    return v.intrinsic("copysign", v.add(half, half), x)


def log_sum(v: Vectors, exponent: str, f: str, base: Sequence[float], coefficients: Sequence[float]) -> str:
    """log 2^e + log(1 + f) = e high + (f c + (f p(f) + e low)), where base is (high, low, c); high + low is log 2, c + p(0) that of Euler's e."""
    high, low, c = base
    small = v.multiply(f, v.polynomial(f, coefficients))
    if low:
        small = v.fma(exponent, v.number(low), small)
    return v.fma(exponent, v.number(high), v.fma(f, v.number(c), small))


def log2(v: Vectors, x: str) -> str:
    """The logarithm to base 2; 2 ulp."""
    exponent, f = exponent_and_fraction(v, x)
    return log_sum(v, exponent, f, (1.0, 0.0, 1.4426950216293335), (
        1.3348083219208997e-08, -0.7213475589525331, 0.48090076863947984, -0.3606725619104714, 0.28838092888826566, -0.24020918159418062,
        0.20925249779569718, -0.18988062790626217, 0.1490227530911221, -0.06292444802195989))


def log10(v: Vectors, x: str) -> str:
    """The logarithm to base 10; 1.5 ulp."""
    exponent, f = exponent_and_fraction(v, x)
    # Both parts of log 2 are positive, so that of an infinite exponent they have one sign.
    high = 0.301025390625
    return log_sum(v, exponent, f, (high, math.log10(2) - high, 0.4342944920063019), (
        -1.1882602927309079e-08, -0.21714725254370448, 0.14476555629834784, -0.1085732597480262, 0.08681130977280947, -0.07231016889374466,
        0.06299127850411596, -0.057159764595296134, 0.04486031871685502, -0.018942146315208994))


def log1p(v: Vectors, x: str) -> str:
    """ln(1 + x); what rounding the sum took from it is added to the fraction; 1.5 ulp."""
    one = v.number(1.0)
    whole = v.add(x, one)
    part = v.subtract(whole, x)
    lost = v.add(v.subtract(x, v.subtract(whole, part)), v.subtract(one, part))
    exponent, f = exponent_and_fraction(v, whole)
    f = v.add(f, scaled(v, lost, v.negative(exponent)))
    out = log_sum(v, exponent, f, (LN2_HIGH, LN2_LOW, 1.0), (
        -4.0975719223479044e-09, -0.5000000266917473, 0.333335011911566, -0.2499991693935756, 0.19989042778615942, -0.16650031696661818,
        0.14504277887221367, -0.1316152218761777, 0.10329470114439215, -0.043615903734712316))
    return log_edges(v, whole, v.intrinsic("copysign", out, x))
