"""Functions of float32 vectors that are computed in float64, the remainders of divisions, and the table of all that can be written.

In float64 a polynomial that is right to ten digits gives the float32 next to the exact result but for one case in some hundreds, and
none of float32's cancellations, overflows and denormal numbers need care. So each function here is its textbook formula. The errors are
in units in the last place (ulp); tests measure them. Coefficients are Chebyshev fits of our own on the interval that is named.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Callable

from .vectors import Vectors, erf, exp, exponent_and_fraction, log, log_edges, maximum, minimum, sigmoid, sign, sqrt, tanh


class Doubles(Vectors):
    """Vectors of doubles with as many lanes as those of floats beside which they are written; LLVM cuts them into registers."""

    element, integral, suffix = "double", "i64", "f64"

    def __init__(self, v: Vectors):
        super().__init__(v.lanes)
        self.v, self.declared = v, v.declared

    def emit(self, text: str) -> str:
        return self.v.emit(text)

    def literal(self, value: float) -> str:
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"

    def widen(self, a: str) -> str:
        return self.emit(f"fpext {self.v.float} {a} to {self.float}")

    def narrow(self, a: str) -> str:
        return self.emit(f"fptrunc {self.float} {a} to {self.v.float}")


#: Added to a number below 2^51 and taken away again it rounds it to a whole number, which stands in the lowest bits meanwhile.
ROUNDER = 1.5 * 2.0 ** 52
LOG2_E, LN2, LOG10_2, PI = 1 / math.log(2), math.log(2), math.log10(2), math.pi
# pi in two doubles: 107 bits.
PI_LOW = 1.2246467991473532e-16


def clamped(v: Vectors, x: str, low: float, high: float) -> str:
    """x, or the bound that it is beyond; NaN passes."""
    x = v.where(v.compare("ogt", x, v.number(high)), v.number(high), x)
    return v.where(v.compare("olt", x, v.number(low)), v.number(low), x)


def both(v: Vectors, a: str, b: str) -> str:
    return v.logic("and", a, b)


# ---- exponentials: 2^t = 2^n 2^r with n = round(t), r from -1/2 to 1/2


def power_of_two(d: Doubles, n: str) -> str:
    """2^n for a whole number n to which ROUNDER was added: its bits go where a double keeps its exponent."""
    return d.from_bits(d.int_op("add", d.int_op("shl", d.bits(n), d.integer(52)), d.bits(d.number(1.0))))


def split(d: Doubles, t: str) -> tuple[str, str]:
    """2^n and r."""
    n = d.add(t, d.number(ROUNDER))
    return power_of_two(d, n), d.subtract(t, d.subtract(n, d.number(ROUNDER)))


#: (2^r - 1) / r, to 2e-10
EXP2 = (0.6931471805599453, 0.24022650922288757, 0.055504108839096185, 0.009618056678524637, 0.001333350238616277, 0.0001546144469856913,
        1.5297323760701075e-05)


def two_to(d: Doubles, t: str) -> str:
    """2^t for |t| below 1000."""
    scale, r = split(d, t)
    return d.multiply(scale, d.polynomial(r, (1.0, *EXP2)))


def exp2(v: Vectors, x: str) -> str:
    """2^x; 0.6 ulp."""
    d = Doubles(v)
    return d.narrow(two_to(d, d.widen(clamped(v, x, -200.0, 200.0))))


def expm1(v: Vectors, x: str) -> str:
    """e^x - 1 = 2^n (2^r - 1) + (2^n - 1), the sum of exact parts; 0.6 ulp."""
    d = Doubles(v)
    scale, r = split(d, d.multiply(d.widen(clamped(v, x, -100.0, 100.0)), d.number(LOG2_E)))
    out = d.fma(d.multiply(scale, r), d.polynomial(r, EXP2), d.subtract(scale, d.number(1.0)))
    return v.intrinsic("copysign", d.narrow(out), x)  # of -0 the sum is 0


def hyperbolic(v: Vectors, x: str) -> tuple[Doubles, str, str]:
    """sinh x and cosh x, as doubles.

    2^r is c + s with c its even and s its odd part, so e^-x is 2^-n (c - s), and no digits cancel in the difference for small x.
    """
    d = Doubles(v)
    t = d.multiply(d.widen(clamped(v, x, -100.0, 100.0)), d.number(LOG2_E))
    scale, r = split(d, t)
    inverse = power_of_two(d, d.subtract(d.number(ROUNDER), d.subtract(t, r)))
    z = d.multiply(r, r)
    s = d.multiply(r, d.polynomial(z, EXP2[0::2]))
    c = d.polynomial(z, (1.0, *EXP2[1::2]))
    half = d.number(0.5)
    mean, difference = d.multiply(d.add(scale, inverse), half), d.multiply(d.subtract(scale, inverse), half)
    return d, d.fma(c, difference, d.multiply(s, mean)), d.fma(s, difference, d.multiply(c, mean))


def sinh(v: Vectors, x: str) -> str:
    """(e^x - e^-x) / 2; 0.6 ulp."""
    d, out, _ = hyperbolic(v, x)
    return v.intrinsic("copysign", d.narrow(out), x)


def cosh(v: Vectors, x: str) -> str:
    """(e^x + e^-x) / 2; 0.6 ulp."""
    d, _, out = hyperbolic(v, x)
    return d.narrow(out)


# ---- logarithms: ln x = e ln 2 + ln(1 + f) with 1 + f from sqrt(1/2) to sqrt(2)

#: ln(1 + f) / f, to 4e-12
LOG1P = (0.9999999999980869, -0.49999999992971805, 0.333333334795741, -0.25000002048164394, 0.1999998295912731, -0.16666490142581625,
         0.14286366102434628, -0.12506640703431107, 0.11102988279786334, -0.09878969810992054, 0.09054505550925004, -0.09342881451966843,
         0.09089754509453518, -0.047177590533593855)


def log_sum(d: Doubles, exponent: str, f: str, base: float) -> str:
    """(e ln 2 + ln(1 + f)) / ln(base)."""
    small = d.multiply(d.multiply(f, d.number(1 / math.log(base))), d.polynomial(f, LOG1P))
    return d.fma(exponent, d.number(LN2 / math.log(base)), small)


def log_wide(v: Vectors, d: Doubles, x: str, base: float) -> str:
    """The logarithm of a positive float, as a double."""
    exponent, f = exponent_and_fraction(v, x)
    return log_sum(d, d.widen(exponent), d.widen(f), base)


def log2(v: Vectors, x: str) -> str:
    """The logarithm to base 2; 0.6 ulp."""
    d = Doubles(v)
    return log_edges(v, x, d.narrow(log_wide(v, d, x, 2.0)))


def log10(v: Vectors, x: str) -> str:
    """The logarithm to base 10; 0.6 ulp."""
    d = Doubles(v)
    return log_edges(v, x, d.narrow(log_wide(v, d, x, 10.0)))


def scaled(v: Vectors, d: Doubles, x: str) -> tuple[str, str]:
    """The exponent e of a positive double within float32's range, and 2^-e."""
    exponent = d.widen(exponent_and_fraction(v, d.narrow(x))[0])
    return exponent, power_of_two(d, d.subtract(d.number(ROUNDER), exponent))


def log_of_double(v: Vectors, d: Doubles, x: str) -> str:
    """ln x of a positive double within float32's range."""
    exponent, scale = scaled(v, d, x)
    return log_sum(d, exponent, d.fma(x, scale, d.number(-1.0)), math.e)


def log1p(v: Vectors, x: str) -> str:
    """ln(1 + x), with f = 2^-e x + (2^-e - 1), which is x itself where e is 0; 0.6 ulp."""
    d = Doubles(v)
    wide, one = d.widen(x), d.number(1.0)
    whole = d.add(wide, one)
    exponent, scale = scaled(v, d, whole)
    out = d.narrow(log_sum(d, exponent, d.fma(wide, scale, d.subtract(scale, one)), math.e))
    return log_edges(v, v.add(x, v.number(1.0)), v.intrinsic("copysign", out, x))


def asinh(v: Vectors, x: str) -> str:
    """ln(|x| + sqrt(x^2 + 1)) with the sign of x, and x - x^3 / 6 + 3 x^5 / 40 near zero, where the sum is near 1; 0.6 ulp."""
    d, a = Doubles(v), v.intrinsic("fabs", x)
    wide = d.widen(a)
    z = d.multiply(wide, wide)
    # Half the sum, because all of it may be beyond float32.
    sum_ = d.multiply(d.number(0.5), d.add(wide, d.intrinsic("sqrt", d.add(z, d.number(1.0)))))
    out = d.add(log_of_double(v, d, sum_), d.number(LN2))
    near = d.multiply(wide, d.polynomial(z, (1.0, -1 / 6, 3 / 40)))
    out = d.where(v.compare("olt", a, v.number(2.0 ** -8)), near, out)
    return v.where(v.compare("oeq", a, v.number(math.inf)), x, v.intrinsic("copysign", d.narrow(out), x))


def acosh(v: Vectors, x: str) -> str:
    """ln(x + sqrt(x^2 - 1)); 0.6 ulp."""
    d = Doubles(v)
    wide = d.widen(x)
    # x^2 - 1 is exact: a float's square fits a double.
    root = d.intrinsic("sqrt", d.fma(wide, wide, d.number(-1.0)))
    out = d.narrow(d.add(log_of_double(v, d, d.multiply(d.number(0.5), d.add(wide, root))), d.number(LN2)))
    out = v.where(v.compare("oeq", x, v.number(math.inf)), x, out)
    return v.where(v.compare("olt", x, v.number(1.0)), v.number(math.nan), out)


def atanh(v: Vectors, x: str) -> str:
    """ln((1 + |x|) / (1 - |x|)) / 2 with the sign of x, and x + x^3 / 3 + x^5 / 5 near zero, where the quotient is near 1; 0.6 ulp."""
    d, a, one = Doubles(v), v.intrinsic("fabs", x), v.number(1.0)
    wide = d.widen(a)
    quotient = d.divide(d.add(d.number(1.0), wide), d.subtract(d.number(1.0), wide))
    out = d.multiply(d.number(0.5), log_of_double(v, d, quotient))
    near = d.multiply(wide, d.polynomial(d.multiply(wide, wide), (1.0, 1 / 3, 1 / 5)))
    out = d.narrow(d.where(v.compare("olt", a, v.number(2.0 ** -8)), near, out))
    out = v.where(v.compare("ogt", a, one), v.number(math.nan), v.where(v.compare("oeq", a, one), v.number(math.inf), out))
    return v.intrinsic("copysign", out, x)


# ---- powers


def power(v: Vectors, x: str, y: str) -> str:
    """x^y = 2^(y log2 |x|), with the sign and the exceptions of IEEE 754's pow; 0.6 ulp, so what a float can hold is exact."""
    d, a = Doubles(v), v.intrinsic("fabs", x)
    zero, one, infinite = v.number(0.0), v.number(1.0), v.number(math.inf)
    logarithm = log_wide(v, d, a, 2.0)
    logarithm = d.where(v.compare("oeq", a, infinite), d.number(math.inf), logarithm)
    logarithm = d.where(v.compare("oeq", a, zero), d.number(-math.inf), logarithm)
    out = d.narrow(two_to(d, clamped(d, d.multiply(logarithm, d.widen(y)), -300.0, 300.0)))
    # Infinity counts as even.
    half = v.multiply(y, v.number(0.5))
    whole = v.compare("oeq", v.intrinsic("floor", y), y)
    odd = both(v, whole, v.compare("une", v.intrinsic("floor", half), half))
    out = v.where(odd, v.intrinsic("copysign", out, x), out)
    fraction = both(v, v.compare("olt", x, zero), v.logic("xor", whole, v.all_true()))
    out = v.where(both(v, fraction, v.compare("one", a, infinite)), v.number(math.nan), out)
    out = v.where(v.compare("uno", x, y), v.number(math.nan), out)
    # 0 times infinity is where y is 0 or |x| is 1; 1 is right even beside NaN, but for -1 and NaN.
    endless = both(v, v.compare("oeq", a, one), v.compare("oeq", v.intrinsic("fabs", y), infinite))
    certain = v.logic("or", v.compare("oeq", x, one), v.compare("oeq", y, zero))
    return v.where(v.logic("or", certain, endless), one, out)


def hypot(v: Vectors, x: str, y: str) -> str:
    """sqrt(x^2 + y^2), infinity if either is infinite, even beside NaN; 0.6 ulp."""
    d = Doubles(v)
    a, b = d.widen(x), d.widen(y)
    out = d.narrow(d.intrinsic("sqrt", d.fma(a, a, d.multiply(b, b))))
    infinite = v.number(math.inf)
    some = v.logic("or", *[v.compare("oeq", v.intrinsic("fabs", a), infinite) for a in (x, y)])
    return v.where(some, infinite, out)


# ---- circular functions

#: sin(r) / r as a polynomial of r^2, |r| up to pi / 2, to 2e-11
SIN = (0.9999999999829191, -0.16666666616815567, 0.008333330974207583, -0.00019840861179319552, 2.752526981229885e-06,
       -2.3889217773452806e-08)
#: 1 / pi in units of 2^-240
INVERSE_PI = 0x517CC1B727220A94FE13ABE8FA9A6EE06DB14ACC9E21C820FF28B1D5EF5D
#: from 2^HUGE on the two doubles of pi are not enough
HUGE = 48


def sine(v: Vectors, x: str, shift: float) -> tuple[Doubles, str]:
    """sin(x + shift pi), as a double, for a shift of 0 or 1/2.

    With m = round(x / pi + shift) and n = m - shift it is sin(x - n pi), with a minus if m is odd. pi is taken away in two doubles, each
    product and difference rounded once (W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980).
    """
    d = Doubles(v)
    wide = d.widen(x)
    m = d.add(d.fma(wide, d.number(1 / PI), d.number(shift)), d.number(ROUNDER))
    # Negative at once, because sin -0 is -0: 0 times pi plus -0 would be 0.
    n = d.negative(d.subtract(d.subtract(m, d.number(ROUNDER)), d.number(shift)))
    r = d.fma(n, d.number(PI_LOW), d.fma(n, d.number(PI), wide))
    large = v.compare("oge", v.intrinsic("fabs", x), v.number(2.0 ** HUGE))
    r = v.rarely(large, with_sign_of(d, r, m), d.float, lambda: huge_remainder(v, d, x, large, shift))
    return d, d.multiply(r, d.polynomial(d.multiply(r, r), SIN))


def with_sign_of(d: Doubles, r: str, m: str) -> str:
    """r, or -r if the whole number m is odd; ROUNDER was added to m."""
    return d.from_bits(d.int_op("xor", d.bits(r), d.int_op("shl", d.bits(m), d.integer(63))))


def huge_remainder(v: Vectors, d: Doubles, x: str, lanes: str, shift: float) -> str:
    """x - n pi with the sign of `sine`, of lanes from 2^HUGE on; NaN for infinity.

    x is a whole number k of 24 bits times 2^e, so x / pi is k times 2^e / pi, of which whole pairs can be left out beforehand: a table has
    the rest for each e, in a double of 28 bits, whose product with k is exact, and a second one (the idea is M. H. Payne and R. N. Hanek's,
    Radian reduction for trigonometric functions, 1983).
    """
    bits = v.bits(x)
    field = v.int_op("and", v.int_op("lshr", bits, v.integer(23)), v.integer(255))
    place = v.int_op("sub", field, v.integer(127 + HUGE))
    k = v.from_bits(v.int_op("or", v.int_op("and", bits, v.integer(-0x7F800001)), v.integer((127 + 23) << 23)))
    high, low = (look_up(d, name, table, place, lanes) for name, table in zip(("high", "low"), inverse_pi_table()))
    k = d.widen(k)
    turns = d.multiply(k, high)
    pairs = d.multiply(d.number(2.0), d.intrinsic("rint", d.multiply(turns, d.number(0.5))))
    turns = d.subtract(turns, pairs)
    m = d.add(d.add(d.fma(k, low, turns), d.number(shift)), d.number(ROUNDER))
    n = d.subtract(d.subtract(m, d.number(ROUNDER)), d.number(shift))
    return with_sign_of(d, d.multiply(d.fma(k, low, d.subtract(turns, n)), d.number(PI)), m)


def inverse_pi_table() -> tuple[list[float], list[float]]:
    """2^e / pi modulo 2 for the exponents e of huge floats, as pairs of doubles; NaN for infinity's exponent."""
    high, low = [], []
    for e in range(HUGE - 23, 128 - 23):
        rest = (INVERSE_PI << e) % (2 << 240)
        first = rest >> 213
        high.append(math.ldexp(first, -27))
        low.append(math.ldexp(rest - (first << 213), -240))
    return [*high, math.nan], [*low, math.nan]


def look_up(d: Doubles, name: str, table: list[float], place: str, lanes: str) -> str:
    """The doubles at places of a constant table, in the lanes that hold."""
    n = d.lanes
    d.declared[f"@inverse_pi_{name} = private constant [{len(table)} x double] [{', '.join(['double ' + d.literal(t) for t in table])}]"] = None
    pointers = d.emit(f"getelementptr double, ptr @inverse_pi_{name}, {d.v.int} {place}")
    gather = f"@llvm.masked.gather.v{n}f64.v{n}p0"
    d.declared[f"declare {d.float} {gather}(<{n} x ptr>, i32, {d.truth}, {d.float})"] = None
    return d.emit(f"call {d.float} {gather}(<{n} x ptr> {pointers}, i32 8, {d.truth} {lanes}, {d.float} zeroinitializer)")


def sin(v: Vectors, x: str) -> str:
    """The sine; 0.6 ulp."""
    d, out = sine(v, x, 0.0)
    return d.narrow(out)


def cos(v: Vectors, x: str) -> str:
    """The cosine; 0.6 ulp."""
    d, out = sine(v, x, 0.5)
    return d.narrow(out)


def tan(v: Vectors, x: str) -> str:
    """sin x / cos x; 2 ulp."""
    return v.divide(sin(v, x), cos(v, x))


#: atan(t) / t as a polynomial of t^2, t up to 1, to 5e-10
ATAN = (0.9999999995535376, -0.33333322488911593, 0.19999558100363982, -0.14278576024807985, 0.1105077127584966, -0.08785043282362845,
        0.06685281517877424, -0.04392841073326746, 0.021912945865448393, -0.007030669470424213, 0.001057607438057242)


def atan_of_quotient(v: Vectors, y: str, x: str) -> tuple[Doubles, str]:
    """atan(y / x) from 0 to pi / 2, as a double, of two numbers that are not negative: the quotient is taken so that it is at most 1."""
    d = Doubles(v)
    steep = v.compare("ogt", y, x)
    low, high = v.where(steep, x, y), v.where(steep, y, x)
    t = v.divide(low, high)
    t = v.where(v.compare("oeq", high, v.number(0.0)), high, t)
    t = d.widen(v.where(v.compare("oeq", low, v.number(math.inf)), v.number(1.0), t))
    angle = d.multiply(t, d.polynomial(d.multiply(t, t), ATAN))
    return d, d.where(steep, d.subtract(d.number(PI / 2), angle), angle)


def atan(v: Vectors, x: str) -> str:
    """The arc tangent; 1 ulp."""
    d, out = atan_of_quotient(v, v.intrinsic("fabs", x), v.number(1.0))
    return v.intrinsic("copysign", d.narrow(out), x)


def atan2(v: Vectors, y: str, x: str) -> str:
    """The angle of the point (x, y), from -pi to pi; 1.5 ulp."""
    d, angle = atan_of_quotient(v, v.intrinsic("fabs", y), v.intrinsic("fabs", x))
    # -0 is on the left as well.
    left = v.compare("olt", v.intrinsic("copysign", v.number(1.0), x), v.number(0.0))
    out = d.narrow(d.where(left, d.subtract(d.number(PI), angle), angle))
    return v.where(v.compare("uno", x, y), v.number(math.nan), v.intrinsic("copysign", out, y))


#: asin(s) / s as a polynomial of s^2, s up to 1/2, to 3e-10
ASIN = (1.0000000002307783, 0.16666657639575913, 0.07500571381024686, 0.04450870949865153, 0.03185718889411276, 0.014295256037820107,
        0.0376771383418486)


def asin_wide(v: Vectors, x: str) -> tuple[Doubles, str]:
    """asin |x|, as a double; from 1/2 on it is pi / 2 - 2 asin(sqrt((1 - |x|) / 2)), where the square is a polynomial's argument."""
    d, a = Doubles(v), v.intrinsic("fabs", x)
    large = v.compare("ogt", a, v.number(0.5))
    rest = v.multiply(v.number(0.5), v.subtract(v.number(1.0), a))
    s = d.widen(v.where(large, v.intrinsic("sqrt", rest), a))
    angle = d.multiply(s, d.polynomial(d.multiply(s, s), ASIN))
    return d, d.where(large, d.fma(d.number(-2.0), angle, d.number(PI / 2)), angle)


def asin(v: Vectors, x: str) -> str:
    """The arc sine; 1.5 ulp."""
    d, out = asin_wide(v, x)
    return v.intrinsic("copysign", d.narrow(out), x)


def acos(v: Vectors, x: str) -> str:
    """The arc cosine, pi / 2 - asin x; 1.5 ulp."""
    d, angle = asin_wide(v, x)
    return d.narrow(d.subtract(d.number(PI / 2), d.intrinsic("copysign", angle, d.widen(x))))


# ---- the error function's complement

#: e^(a^2) erfc(a) / t as a polynomial of t = 1 / (1 + a / 3), a up to 10.1, to 4e-11
ERFC = (0.18806786681913026, 0.1879386735672234, 0.17910483989206374, 0.14614868339667403, 0.17662028182100967, -0.06853229343131677,
        0.4270285635265159, -0.5762956233531069, 0.6809757760990223, -0.49904185348137425, 0.18564405766178493, -0.027658972554852182)


def erfc(v: Vectors, x: str) -> str:
    """1 - erf x, for positive x as e^(-x^2) times a polynomial; 0.6 ulp."""
    d = Doubles(v)
    # From 10.1 on it is 0 in float32.
    a = d.widen(clamped(v, v.intrinsic("fabs", x), 0.0, 10.1))
    divisor = d.fma(a, d.number(1 / 3), d.number(1.0))
    # A float's reciprocal and one step of Newton's method: a division of doubles takes longer.
    t = d.widen(v.divide(v.number(1.0), d.narrow(divisor)))
    t = d.fma(t, d.fma(d.negative(divisor), t, d.number(1.0)), t)
    decay = two_to(d, d.multiply(d.multiply(a, a), d.number(-LOG2_E)))
    out = d.multiply(d.multiply(decay, t), d.polynomial(t, ERFC))
    return d.narrow(d.where(v.compare("olt", x, v.number(0.0)), d.subtract(d.number(2.0), out), out))


# ---- remainders: exact, so they have the same bits everywhere


def fmod(v: Vectors, a: str, b: str) -> str:
    """a - b trunc(a / b), exact, with the sign of a."""
    x, y = v.intrinsic("fabs", a), v.intrinsic("fabs", b)
    quotient = v.intrinsic("trunc", v.divide(x, y))
    # The rounded quotient may be 1 too large. As long as it has 24 bits, what it leaves is a float, whatever its sign.
    rest = v.fma(v.negative(quotient), y, x)
    rest = v.where(v.compare("olt", rest, v.number(0.0)), v.add(rest, y), rest)
    hard = v.logic("or", v.compare("uge", quotient, v.number(2.0 ** 23)), v.compare("oeq", y, v.number(math.inf)))
    return v.rarely(hard, v.intrinsic("copysign", rest, a), v.float, lambda: v.emit(f"frem {v.float} {a}, {b}"))


def floor_moves(v: Vectors, rest: str, b: str) -> str:
    """Where the quotient that is rounded down is one less than the truncated one: the remainder is not 0 and has not the sign of b."""
    zero = v.number(0.0)
    differ = v.logic("xor", v.compare("olt", b, zero), v.compare("olt", rest, zero))
    return both(v, differ, v.compare("une", rest, zero))


def remainder(v: Vectors, a: str, b: str) -> str:
    """a - b floor(a / b), with the sign of b; what Python's % and NumPy's compute."""
    rest = fmod(v, a, b)
    out = v.where(floor_moves(v, rest, b), v.add(rest, b), rest)
    return v.where(v.compare("oeq", out, v.number(0.0)), v.intrinsic("copysign", out, b), out)


def floor_divide(v: Vectors, a: str, b: str) -> str:
    """a / b rounded down, from the exact remainder, as Python and NumPy compute it; a / 0 is infinite or NaN."""
    rest, quotient = fmod(v, a, b), v.divide(a, b)
    whole = v.divide(v.subtract(a, rest), b)
    whole = v.where(floor_moves(v, rest, b), v.subtract(whole, v.number(1.0)), whole)
    # The division may have missed the whole number by a unit in the last place.
    down = v.intrinsic("floor", whole)
    down = v.where(v.compare("ogt", v.subtract(whole, down), v.number(0.5)), v.add(down, v.number(1.0)), down)
    zero = v.number(0.0)
    out = v.where(v.compare("oeq", whole, zero), v.intrinsic("copysign", zero, quotient), down)
    return v.where(v.compare("oeq", b, zero), quotient, out)


#: what can be written, by the scalar language's name of the operation
FUNCTIONS: dict[str, Callable[..., str]] = {
    "add": Vectors.add, "subtract": Vectors.subtract, "multiply": Vectors.multiply, "divide": Vectors.divide, "negative": Vectors.negative,
    "square": lambda v, a: v.multiply(a, a), "abs": lambda v, a: v.intrinsic("fabs", a), "sqrt": sqrt,
    "floor": lambda v, a: v.intrinsic("floor", a), "ceil": lambda v, a: v.intrinsic("ceil", a), "trunc": lambda v, a: v.intrinsic("trunc", a),
    "round": lambda v, a: v.intrinsic("rint", a), "copysign": lambda v, a, b: v.intrinsic("copysign", a, b),
    "rsqrt": lambda v, a: v.divide(v.number(1.0), sqrt(v, a)), "sign": sign,
    "maximum": maximum, "minimum": minimum, "exp": exp, "log": log, "tanh": tanh, "erf": erf, "sigmoid": sigmoid, "where": Vectors.where,
    "exp2": exp2, "expm1": expm1, "log2": log2, "log10": log10, "log1p": log1p, "sin": sin, "cos": cos, "tan": tan,
    "asin": asin, "acos": acos, "atan": atan, "atan2": atan2, "sinh": sinh, "cosh": cosh, "asinh": asinh, "acosh": acosh, "atanh": atanh,
    "power": power, "hypot": hypot, "erfc": erfc, "fmod": fmod, "remainder": remainder, "floor_divide": floor_divide,
}
#: operations whose result is a truth value, as LLVM's conditions: unordered ones hold for NaN
COMPARISONS = {"less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq", "not_equal": "une"}
#: truth values of one number, as a condition of its size and infinity
TESTS = {"isnan": "uno", "isinf": "oeq", "isfinite": "one"}
#: operations on truth values
LOGIC = {"logical_and": "and", "logical_or": "or", "logical_xor": "xor"}
