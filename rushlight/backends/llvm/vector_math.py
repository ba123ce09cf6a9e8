"""The rarer functions of float32 vectors, the remainders of divisions, and the table of all that can be written.

Several are computed in float64. There a polynomial that is right to ten digits gives the float32 next to the exact result but for one case
in some hundreds, and none of float32's cancellations, overflows and denormal numbers need care: each is its textbook formula. The errors
are in units in the last place (ulp); tests measure them. Coefficients are Chebyshev fits of our own on the interval that is named.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Callable

from .vector_logs import clamped, exp2, expm1, exponent_and_fraction, log1p, log2, log10, scaled
from .vector_tanh import tanh
from .vectors import LN2_HIGH, LN2_LOW, LOG2_E, Vectors, erf, exp, log, maximum, minimum, one_and_more, sigmoid, sign, sqrt


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
LN2, PI = math.log(2), math.pi
# pi in two doubles: 107 bits.
PI_LOW = 1.2246467991473532e-16


def both(v: Vectors, a: str, b: str) -> str:
    return v.logic("and", a, b)


# ---- exponentials: 2^t = 2^n 2^r with n = round(t), r from -1/2 to 1/2


def power_of_two(d: Doubles, n: str) -> str:
    """2^n for a whole number n to which ROUNDER was added: its bits go where a double keeps its exponent."""
    return d.from_bits(d.int_op("add", d.int_op("shl", d.bits(n), d.integer(52)), d.bits(d.number(1.0))))


#: 2^r, to 2e-10 of 2^r - 1
EXP2 = (1.0, 0.6931471805599453, 0.24022650922288757, 0.055504108839096185, 0.009618056678524637, 0.001333350238616277,
        0.0001546144469856913, 1.5297323760701075e-05)


def two_to(d: Doubles, t: str) -> str:
    """2^t for |t| below 1000."""
    n = d.add(t, d.number(ROUNDER))
    return d.multiply(power_of_two(d, n), d.polynomial(d.subtract(t, d.subtract(n, d.number(ROUNDER))), EXP2))


def half_exp(v: Vectors, x: str) -> str:
    """e^x / 2, which is a float also where e^x is not; x is from 0 to 100 or NaN."""
    n = v.intrinsic("rint", v.multiply(x, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_LOW), v.fma(n, v.number(-LN2_HIGH), x))
    return scaled(v, one_and_more(v, r), v.subtract(n, v.number(1.0)))


def sinh(v: Vectors, x: str) -> str:
    """e^a / 2 - 1/4 / (e^a / 2) with a = |x| and the sign of x, and x + x^3 q(x^2) up to 1; 2 ulp."""
    a = clamped(v, v.intrinsic("fabs", x), 0.0, 100.0)
    e = half_exp(v, a)
    z = v.multiply(x, x)
    q = v.polynomial(z, (0.16666666646842135, 0.00833333967591706, 0.00019838101968683888, 2.8062802582276946e-06))
    near = v.fma(v.multiply(a, z), q, a)
    out = v.where(v.compare("olt", a, v.number(1.0)), near, v.subtract(e, v.divide(v.number(0.25), e)))
    return v.intrinsic("copysign", out, x)


def cosh(v: Vectors, x: str) -> str:
    """e^a / 2 + 1/4 / (e^a / 2) with a = |x|; 2 ulp."""
    e = half_exp(v, clamped(v, v.intrinsic("fabs", x), 0.0, 100.0))
    return v.add(e, v.divide(v.number(0.25), e))


# ---- logarithms: ln x = e ln 2 + ln(1 + f) with 1 + f from 3/4 to 3/2

#: ln(1 + f) / f, to 4e-12
LOG1P = (1.0000000000001221, -0.5000000001067952, 0.3333333333906447, -0.24999997227439247, 0.19999994480830666, -0.16666865190442154,
         0.1428634585471119, -0.12494657340205038, 0.11086283649035727, -0.10040634649497418, 0.09470083013023158, -0.08743197688122462,
         0.06188075191451961, -0.021851821268134407)


def log_of_double(v: Vectors, d: Doubles, x: str) -> str:
    """ln x of a positive double within float32's range."""
    exponent = d.widen(exponent_and_fraction(v, d.narrow(x))[0])
    f = d.fma(x, power_of_two(d, d.subtract(d.number(ROUNDER), exponent)), d.number(-1.0))
    return d.fma(exponent, d.number(LN2), d.multiply(f, d.polynomial(f, LOG1P)))


def log_of_sum(v: Vectors, d: Doubles, x: str, square: str) -> str:
    """ln(x + sqrt(square)), from half the sum, because all of it may be beyond float32."""
    half = d.multiply(d.number(0.5), d.add(x, d.intrinsic("sqrt", square)))
    return d.add(log_of_double(v, d, half), d.number(LN2))


def asinh(v: Vectors, x: str) -> str:
    """ln(|x| + sqrt(x^2 + 1)) with the sign of x, and x - x^3 / 6 + 3 x^5 / 40 near zero, where the sum is near 1; 0.6 ulp."""
    d, a = Doubles(v), v.intrinsic("fabs", x)
    wide = d.widen(a)
    z = d.multiply(wide, wide)
    out = log_of_sum(v, d, wide, d.add(z, d.number(1.0)))
    near = d.multiply(wide, d.polynomial(z, (1.0, -1 / 6, 3 / 40)))
    out = d.narrow(d.where(v.compare("olt", a, v.number(2.0 ** -8)), near, out))
    return v.where(v.compare("oeq", a, v.number(math.inf)), x, v.intrinsic("copysign", out, x))


def acosh(v: Vectors, x: str) -> str:
    """ln(x + sqrt(x^2 - 1)); 0.6 ulp."""
    d = Doubles(v)
    wide = d.widen(x)
    # x^2 - 1 is exact: a float's square fits a double.
    out = d.narrow(log_of_sum(v, d, wide, d.fma(wide, wide, d.number(-1.0))))
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
    # The exponent of 0 and infinity is infinite, and so is the sum.
    exponent, f = exponent_and_fraction(v, a)
    f = d.widen(f)
    logarithm = d.fma(f, d.polynomial(f, [c * LOG2_E for c in LOG1P]), d.widen(exponent))
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


def sine(v: Vectors, x: str, shift: float) -> str:
    """sin(x + shift pi) for a shift of 0 or 1/2.

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
    return d.narrow(d.multiply(r, d.polynomial(d.multiply(r, r), SIN)))


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
    return sine(v, x, 0.0)


def cos(v: Vectors, x: str) -> str:
    """The cosine; 0.6 ulp."""
    return sine(v, x, 0.5)


def tan(v: Vectors, x: str) -> str:
    """sin x / cos x; 2 ulp."""
    return v.divide(sin(v, x), cos(v, x))


#: pi and pi / 2 as two floats each
PI_PARTS, HALF_PI_PARTS = (3.1415927410125732, -8.742277657347586e-08), (1.5707963705062866, -4.371138828673793e-08)


def taken_from(v: Vectors, parts: tuple[float, float], angle: str) -> str:
    """pi or pi / 2 less an angle."""
    return v.add(v.number(parts[0]), v.subtract(v.number(parts[1]), angle))


def atan_of_quotient(v: Vectors, y: str, x: str) -> str:
    """atan(y / x) from 0 to pi / 2 of two numbers that are not negative; the quotient t is taken so that it is at most 1.

    atan t = t + t^3 q(t^2).
    """
    steep = v.compare("ogt", y, x)
    low, high = v.where(steep, x, y), v.where(steep, y, x)
    t = v.divide(low, high)
    t = v.where(v.compare("oeq", high, v.number(0.0)), high, t)
    t = v.where(v.compare("oeq", low, v.number(math.inf)), v.number(1.0), t)
    z = v.multiply(t, t)
    q = v.polynomial(z, (-0.3333333173306352, 0.1999973932983558, -0.14278568748210602, 0.11033764115313455, -0.08656880430154522,
                         0.06250169444749563, -0.03587153898204336, 0.013507771427020535, -0.002386997316724113))
    angle = v.fma(v.multiply(t, z), q, t)
    return v.where(steep, taken_from(v, HALF_PI_PARTS, angle), angle)


def atan(v: Vectors, x: str) -> str:
    """The arc tangent; 2 ulp."""
    return v.intrinsic("copysign", atan_of_quotient(v, v.intrinsic("fabs", x), v.number(1.0)), x)


def atan2(v: Vectors, y: str, x: str) -> str:
    """The angle of the point (x, y), from -pi to pi; 2 ulp."""
    angle = atan_of_quotient(v, v.intrinsic("fabs", y), v.intrinsic("fabs", x))
    # -0 is on the left as well.
    left = v.compare("olt", v.intrinsic("copysign", v.number(1.0), x), v.number(0.0))
    out = v.where(left, taken_from(v, PI_PARTS, angle), angle)
    return v.where(v.compare("uno", x, y), v.number(math.nan), v.intrinsic("copysign", out, y))


def asin_parts(v: Vectors, x: str) -> tuple[str, str, str]:
    """Whether |x| is above 1/2, s, and s^3 q(s^2), where asin s = s + s^3 q(s^2).

    s is |x|, but where that is above 1/2 sqrt((1 - |x|) / 2): asin |x| = pi / 2 - 2 asin s.
    """
    a = v.intrinsic("fabs", x)
    large = v.compare("ogt", a, v.number(0.5))
    rest = v.multiply(v.number(0.5), v.subtract(v.number(1.0), a))
    s, z = v.where(large, v.intrinsic("sqrt", rest), a), v.where(large, rest, v.multiply(a, a))
    q = v.polynomial(z, (0.16666666337430908, 0.07500094543497424, 0.04459940152851218, 0.03110066273549457, 0.017149238357677253,
                         0.03369084720283012))
    return large, s, v.multiply(v.multiply(s, z), q)


def asin(v: Vectors, x: str) -> str:
    """The arc sine; 2 ulp."""
    large, s, tail = asin_parts(v, x)
    high, low = (v.fma(v.number(-2.0), part, v.number(half)) for part, half in zip((s, tail), HALF_PI_PARTS))
    return v.intrinsic("copysign", v.where(large, v.add(high, low), v.add(s, tail)), x)


def acos(v: Vectors, x: str) -> str:
    """The arc cosine: 2 asin s, pi less that, or pi / 2 - asin x; 1.5 ulp."""
    large, s, tail = asin_parts(v, x)
    angle = v.add(s, tail)
    double = v.add(angle, angle)
    outer = v.where(v.compare("olt", x, v.number(0.0)), taken_from(v, PI_PARTS, double), double)
    return v.where(large, outer, taken_from(v, HALF_PI_PARTS, v.intrinsic("copysign", angle, x)))


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
    """a - b floor(a / b), with the sign of b; a zero has that of a, as in PyTorch."""
    rest = fmod(v, a, b)
    return v.where(floor_moves(v, rest, b), v.add(rest, b), rest)


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
    "maximum": maximum, "minimum": minimum, "exp": exp, "log": log, "tanh": tanh, "erf": erf, "sigmoid": sigmoid,
    "where": Vectors.where, "fma": Vectors.fma,
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
