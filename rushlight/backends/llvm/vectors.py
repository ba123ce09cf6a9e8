"""LLVM's text of vector arithmetic: one line per instruction, and the commonest functions that a processor lacks as polynomials.

`Vectors(lanes)` writes lines for float32 vectors of that many lanes and names their values. Each function says its largest error in
units in the last place (ulp), which tests measure. Coefficients are minimax fits of our own on the interval that the argument is first
brought to. `vector_tanh` has a function by tables, `vector_math` the other functions, and the list of all.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

#: where rounding a double to a float32 gives infinity
TOO_LARGE = 2.0 ** 128 - 2.0 ** 103


def number_text(value: float) -> str:
    """A float32 constant: LLVM writes it as the bits of the double that it equals. It is infinite where float32 cannot hold the value."""
    rounded = math.copysign(math.inf, value) if abs(value) >= TOO_LARGE else struct.unpack("f", struct.pack("f", value))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


class Vectors:
    """Writes the instructions of one function's body. Values are named `%v0`, `%v1` ...; constants are written where they are used."""

    #: LLVM's names of a lane's type, of whole numbers of its size, and of it in the names of intrinsics
    element, integral, suffix = "float", "i32", "f32"

    def __init__(self, lanes: int):
        self.lanes = lanes
        self.float, self.int, self.truth = f"<{lanes} x {self.element}>", f"<{lanes} x {self.integral}>", f"<{lanes} x i1>"
        self.lines: list[str] = []
        self.declared: dict[str, None] = {}
        self.count = 0

    def emit(self, text: str) -> str:
        name = f"%v{self.count}"
        self.count += 1
        self.lines.append(f"  {name} = {text}")
        return name

    # ---- constants

    def literal(self, value: float) -> str:
        return number_text(value)

    def number(self, value: float) -> str:
        return "<" + ", ".join([f"{self.element} {self.literal(value)}"] * self.lanes) + ">"

    def integer(self, value: int) -> str:
        return "<" + ", ".join([f"{self.integral} {value}"] * self.lanes) + ">"

    def all_true(self) -> str:
        return "<" + ", ".join(["i1 true"] * self.lanes) + ">"

    # ---- single instructions

    def add(self, a: str, b: str) -> str:
        return self.emit(f"fadd {self.float} {a}, {b}")

    def subtract(self, a: str, b: str) -> str:
        return self.emit(f"fsub {self.float} {a}, {b}")

    def multiply(self, a: str, b: str) -> str:
        return self.emit(f"fmul {self.float} {a}, {b}")

    def divide(self, a: str, b: str) -> str:
        return self.emit(f"fdiv {self.float} {a}, {b}")

    def negative(self, a: str) -> str:
        return self.emit(f"fneg {self.float} {a}")

    def intrinsic(self, name: str, *arguments: str) -> str:
        """A call of llvm.NAME on float vectors."""
        full = f"@llvm.{name}.v{self.lanes}{self.suffix}"
        self.declared[f"declare {self.float} {full}({', '.join([self.float] * len(arguments))})"] = None
        return self.emit(f"call {self.float} {full}({', '.join([f'{self.float} {a}' for a in arguments])})")

    def fma(self, a: str, b: str, c: str) -> str:
        """a * b + c, rounded once."""
        return self.intrinsic("fma", a, b, c)

    def compare(self, how: str, a: str, b: str) -> str:
        return self.emit(f"fcmp {how} {self.float} {a}, {b}")

    def where(self, condition: str, a: str, b: str) -> str:
        return self.emit(f"select {self.truth} {condition}, {self.float} {a}, {self.float} {b}")

    def logic(self, how: str, a: str, b: str) -> str:
        return self.emit(f"{how} {self.truth} {a}, {b}")

    def bits(self, a: str) -> str:
        return self.emit(f"bitcast {self.float} {a} to {self.int}")

    def from_bits(self, a: str) -> str:
        return self.emit(f"bitcast {self.int} {a} to {self.float}")

    def int_op(self, how: str, a: str, b: str) -> str:
        return self.emit(f"{how} {self.int} {a}, {b}")

    def to_int(self, a: str) -> str:
        return self.emit(f"fptosi {self.float} {a} to {self.int}")

    def to_float(self, a: str) -> str:
        return self.emit(f"sitofp {self.int} {a} to {self.float}")

    def rarely(self, condition: str, usual: str, kind: str, write: Callable[[], str]) -> str:
        """`usual`, a value of that type, but what `write()` computes in lanes where a condition holds; nothing is computed where none does."""
        test, work, done = (f"{name}{self.count}" for name in ("test", "rare", "done"))
        some = self.emit(f"icmp ne i{self.lanes} {self.emit(f'bitcast {self.truth} {condition} to i{self.lanes}')}, 0")
        # A block of its own, so that its name is known.
        self.lines += [f"  br label %{test}", f"{test}:", f"  br i1 {some}, label %{work}, label %{done}", f"{work}:"]
        mixed = self.emit(f"select {self.truth} {condition}, {kind} {write()}, {kind} {usual}")
        self.lines += [f"  br label %{done}", f"{done}:"]
        return self.emit(f"phi {kind} [ {usual}, %{test} ], [ {mixed}, %{work} ]")

    # ---- pieces of functions

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """c0 + c1 x + c2 x^2 ..., by Horner's rule."""
        out = self.number(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            out = self.fma(out, x, self.number(c))
        return out

    def power_of_two(self, n: str) -> str:
        """2^n for whole numbers n from -126 to 127, as integers: n goes where a float keeps its exponent."""
        return self.from_bits(self.int_op("shl", self.int_op("add", n, self.integer(127)), self.integer(23)))


LOG2_E = 1 / math.log(2)
# ln 2 in two parts: the first has so few bits that its product with the exponent is exact.
LN2_HIGH = 0.693359375
LN2_LOW = math.log(2) - LN2_HIGH


def sqrt(v: Vectors, x: str) -> str:
    """The square root; 1 ulp where vectors have 16 lanes, else exact.

    PyTorch's comes from a library that refines the processor's estimate y of 1 / sqrt(x) by one step: with s = x y the root is
    s + (x - s^2) y / 2, one unit low for 0.6 % of all numbers. A training run magnifies that unit, and it is twice as fast as the exact root.
    """
    if v.lanes != 16:
        return v.intrinsic("sqrt", x)
    # The square of a small root would lose digits.
    small = v.compare("olt", x, v.number(2.0 ** -60))
    scaled = v.where(small, v.multiply(x, v.number(2.0 ** 96)), x)
    estimate = "@llvm.x86.avx512.rsqrt14.ps.512"
    v.declared[f"declare {v.float} {estimate}({v.float}, {v.float}, i16)"] = None
    y = v.emit(f"call {v.float} {estimate}({v.float} {scaled}, {v.float} zeroinitializer, i16 -1)")
    s = v.multiply(scaled, y)
    root = v.fma(v.fma(v.negative(s), s, scaled), v.multiply(y, v.number(0.5)), s)
    root = v.where(small, v.multiply(root, v.number(2.0 ** -48)), root)
    # The estimate of zero's is infinite, and infinity's is zero.
    edge = v.logic("or", v.compare("oeq", x, v.number(0.0)), v.compare("oeq", x, v.number(math.inf)))
    return v.where(edge, x, root)


def exp(v: Vectors, x: str) -> str:
    """e^x = 2^n e^r with n = round(x / ln 2); 1 ulp."""
    # Beyond these bounds the result is infinity or zero, and n would not fit the exponent. The order of arguments keeps NaN.
    x = v.where(v.compare("ogt", x, v.number(89.0)), v.number(89.0), x)
    x = v.where(v.compare("olt", x, v.number(-104.0)), v.number(-104.0), x)
    n = v.intrinsic("rint", v.multiply(x, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_HIGH), x)
    r = v.fma(n, v.number(-LN2_LOW), r)
    p = one_and_more(v, r)
    # 2^n in two factors: 2^128 and 2^-149 are not floats with an exponent of their own.
    whole = v.to_int(n)
    half = v.int_op("ashr", whole, v.integer(1))
    return v.multiply(v.multiply(p, v.power_of_two(half)), v.power_of_two(v.int_op("sub", whole, half)))


def exp_below_zero(v: Vectors, x: str) -> str:
    """e^x for x not above 0, and 0 where that is below the normal numbers; 1 ulp.

    Shares of a sum that is at least 1 need no smaller ones. A processor takes a hundred times as long over them as over others, and a
    masked row of scores is full of them.
    """
    least = v.number(-87.0)
    small = v.compare("olt", x, least)
    x = v.where(small, least, x)
    n = v.intrinsic("rint", v.multiply(x, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_LOW), v.fma(n, v.number(-LN2_HIGH), x))
    return v.where(small, v.number(0.0), v.multiply(one_and_more(v, r), v.power_of_two(v.to_int(n))))


def exp_of_some(v: Vectors, x: str) -> str:
    """`exp`, for x from -80 to 80."""
    n = v.intrinsic("rint", v.multiply(x, v.number(LOG2_E)))
    r = v.fma(n, v.number(-LN2_LOW), v.fma(n, v.number(-LN2_HIGH), x))
    return v.multiply(one_and_more(v, r), v.power_of_two(v.to_int(n)))


def one_and_more(v: Vectors, r: str) -> str:
    """e^r for |r| up to ln(2) / 2."""
    return v.add(more_than_one(v, r), v.number(1.0))


def more_than_one(v: Vectors, r: str) -> str:
    """e^r - 1 for |r| up to ln(2) / 2."""
    q = v.polynomial(r, (0.499999930508, 0.166665147914, 0.0416684567767, 0.00836941883576, 0.00138131450813))
    return v.fma(v.multiply(r, r), q, r)


def log_edges(v: Vectors, x: str, out: str) -> str:
    """A logarithm of x, with its values at 0, infinity, below 0 and at NaN put right."""
    out = v.where(v.compare("oeq", x, v.number(math.inf)), x, out)
    out = v.where(v.compare("oeq", x, v.number(0.0)), v.number(-math.inf), out)
    return v.where(v.compare("oge", x, v.number(0.0)), out, v.where(v.compare("uno", x, x), x, v.number(math.nan)))


def log(v: Vectors, x: str) -> str:
    """ln x = e ln 2 + ln m with m = 1 + f from sqrt(1/2) to sqrt(2); 1 ulp."""
    # A denormal number has no exponent of its own: it is scaled by 2^25 first.
    tiny = v.compare("olt", x, v.number(1.1754943508222875e-38))
    scaled = v.where(tiny, v.multiply(x, v.number(2.0 ** 25)), x)
    bits = v.bits(scaled)
    # The mantissa's field, shifted so that the exponent changes at sqrt(1/2): 0x3f3504f3.
    shifted = v.int_op("sub", bits, v.integer(0x3F3504F3))
    exponent = v.to_float(v.int_op("ashr", shifted, v.integer(23)))
    exponent = v.where(tiny, v.subtract(exponent, v.number(25.0)), exponent)
    mantissa = v.from_bits(v.int_op("add", v.int_op("and", shifted, v.integer(0x007FFFFF)), v.integer(0x3F3504F3)))
    f = v.subtract(mantissa, v.number(1.0))
    q = v.polynomial(f, (0.33333310447, -0.249999865764, 0.2000222623, -0.166692517774, 0.142186653636, -0.123843362695, 0.118729165409,
                         -0.117898567101, 0.0691555152522))
    square = v.multiply(f, f)
    # ln(1 + f) = f - f^2 / 2 + f^3 q(f), the small parts first.
    small = v.fma(v.multiply(square, f), q, v.multiply(exponent, v.number(LN2_LOW)))
    small = v.fma(square, v.number(-0.5), small)
    return log_edges(v, x, v.fma(exponent, v.number(LN2_HIGH), v.add(small, f)))


def erf(v: Vectors, x: str) -> str:
    """erf x: x q(x^2) below 0.93, and 1 - e^-p(|x|) above, where p approximates -ln erfc; 1 ulp."""
    a = v.intrinsic("fabs", x)
    z = v.multiply(x, x)
    # q is 1.128: its whole part is added last, in the last rounding.
    small = v.fma(x, v.polynomial(z, (0.12837916642, -0.376126317281, 0.112836656532, -0.0268577916277, 0.00519715483494,
                                           -0.000809987713596, 8.19377839155e-05)), x)
    # From 4 on erf is 1 in float32. NaN must pass, so the bound is taken by a comparison.
    bound = v.where(v.compare("ogt", a, v.number(4.0)), v.number(4.0), a)
    p = v.polynomial(bound, (-0.000165395962944, 1.12946050533, 0.633483586313, 0.108088052743, -0.0249544180413, 0.00408231596428,
                             -0.000405299942228, 1.57438145383e-05, 4.19695778159e-07))
    large = v.intrinsic("copysign", v.subtract(v.number(1.0), exp(v, v.negative(p))), x)
    return v.where(v.compare("olt", a, v.number(0.93)), small, large)


def sigmoid(v: Vectors, x: str) -> str:
    """1 / (1 + e^-x); the exponential of a large number is infinity, and 1 / infinity is right; 2 ulp."""
    return v.divide(v.number(1.0), v.add(v.number(1.0), exp(v, v.negative(x))))


def maximum(v: Vectors, a: str, b: str) -> str:
    """The larger one; NaN if either is."""
    larger = v.where(v.compare("ogt", a, b), a, b)
    return v.where(v.compare("uno", a, a), a, larger)


def minimum(v: Vectors, a: str, b: str) -> str:
    """The smaller one; NaN if either is."""
    smaller = v.where(v.compare("olt", a, b), a, b)
    return v.where(v.compare("uno", a, a), a, smaller)


def sign(v: Vectors, x: str) -> str:
    """-1, 0 or 1; 0 for NaN, as in PyTorch."""
    positive = v.where(v.compare("ogt", x, v.number(0.0)), v.number(1.0), v.number(0.0))
    return v.where(v.compare("olt", x, v.number(0.0)), v.number(-1.0), positive)

