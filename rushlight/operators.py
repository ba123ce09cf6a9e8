"""Python's operators on tensors: which operation, or which method, is behind each."""
from __future__ import annotations

from typing import Any

from .core.apply import operator
from .ops import arithmetic, logic

#: the operators that are operations, and run by the short way of `core.apply.operator`
ARITHMETIC = {"add": arithmetic.ADD, "sub": arithmetic.SUB, "mul": arithmetic.MUL, "truediv": arithmetic.DIV,
              "floordiv": arithmetic.FLOOR_DIVIDE, "mod": arithmetic.REMAINDER}
COMPARISONS = {"eq": arithmetic.EQ, "ne": arithmetic.NE, "lt": arithmetic.LT, "le": arithmetic.LE, "gt": arithmetic.GT, "ge": arithmetic.GE}
#: the operators that a named method already is
METHODS = {"neg": "neg", "pos": "positive", "abs": "abs", "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
           "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift", "rand": "bitwise_and", "ror": "bitwise_or",
           "rxor": "bitwise_xor", "iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "ifloordiv": "floor_divide_",
           "imod": "remainder_", "ipow": "pow_", "iand": "bitwise_and_", "ior": "bitwise_or_", "ixor": "bitwise_xor_",
           "ilshift": "bitwise_left_shift_", "irshift": "bitwise_right_shift_", "reversed": "flip"}


def install(cls: Any) -> None:
    """Give the class of tensors its operators."""
    for name, op in {**ARITHMETIC, **COMPARISONS}.items():
        setattr(cls, f"__{name}__", operator(op))
    for name, op in ARITHMETIC.items():
        setattr(cls, f"__r{name}__", reflected(operator(op)))
    cls.__radd__, cls.__rmul__ = cls.__add__, cls.__mul__  # PyTorch turns these two round
    cls.__rsub__ = reflected(operator(arithmetic.RSUB))
    cls.__div__ = operator(arithmetic.DIV)
    cls.__rdiv__ = cls.__rtruediv__ = arithmetic.__rtruediv__
    for name, method in METHODS.items():
        setattr(cls, f"__{name}__", through(method))
    cls.__invert__ = invert
    cls.__rmatmul__ = reflected(through("matmul"))
    cls.__rlshift__, cls.__rrshift__ = reflected(logic.bitwise_left_shift), reflected(logic.bitwise_right_shift)


def reflected(method: Any) -> Any:
    """The method behind a binary operator whose left operand is not a tensor."""
    return lambda self, other: method(other, self)


def through(name: str) -> Any:
    """The method behind an operator that a named method already is."""
    def method(self: Any, *other: Any) -> Any:
        return getattr(self, name)(*other)
    return method


def invert(self: Any) -> Any:
    """The complement of every bit, or of every truth value."""
    if self._array.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return self.bitwise_not()
