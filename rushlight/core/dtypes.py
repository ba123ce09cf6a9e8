"""The element types and PyTorch's rules for mixing them.

A `dtype` pairs PyTorch's name with NumPy's type. bfloat16 is NumPy's only through ml_dtypes, which loads on first use.
"""
from __future__ import annotations

from typing import Any

import numpy as np

# The category decides mixing: a higher one always wins over a lower one.
BOOL, INTEGER, FLOAT, COMPLEX = range(4)


class dtype:
    """An element type, such as `float32`; `str()` gives PyTorch's name.

    PyTorch's messages call it by two further names: `kernel_name` ("Long") and `c_name` ("long int"), the type in C++.
    """

    __slots__ = ("name", "_numpy", "itemsize", "category", "is_signed", "kernel_name", "c_name", "__weakref__")

    def __init__(self, name: str, numpy_type: Any, itemsize: int, category: int, kernel_name: str, c_name: str):
        self.name = name
        self._numpy: Any = None if numpy_type is None else np.dtype(numpy_type)
        self.itemsize = itemsize
        self.category = category
        self.is_signed = category >= FLOAT or (category == INTEGER and not name.startswith("u"))
        self.kernel_name = kernel_name
        self.c_name = c_name

    @property
    def numpy(self) -> np.dtype:
        """The NumPy dtype."""
        if self._numpy is None:
            load_bfloat16()
        return self._numpy

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    def to_real(self) -> dtype:
        """The dtype of a complex number's parts; itself if real."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> dtype:
        """The complex dtype with parts of this one."""
        return {"float64": complex128, "complex128": complex128}.get(self.name, complex64)

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> tuple:
        return named, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict) -> dtype:
        return self


dtype.__module__ = "rushlight"

bool_ = dtype("bool", np.bool_, 1, BOOL, "Bool", "bool")
uint8 = dtype("uint8", np.uint8, 1, INTEGER, "Byte", "unsigned char")
int8 = dtype("int8", np.int8, 1, INTEGER, "Char", "signed char")
int16 = dtype("int16", np.int16, 2, INTEGER, "Short", "short int")
int32 = dtype("int32", np.int32, 4, INTEGER, "Int", "int")
int64 = dtype("int64", np.int64, 8, INTEGER, "Long", "long int")
uint16 = dtype("uint16", np.uint16, 2, INTEGER, "UInt16", "short unsigned int")
uint32 = dtype("uint32", np.uint32, 4, INTEGER, "UInt32", "unsigned int")
uint64 = dtype("uint64", np.uint64, 8, INTEGER, "UInt64", "long unsigned int")
float16 = dtype("float16", np.float16, 2, FLOAT, "Half", "c10::Half")
bfloat16 = dtype("bfloat16", None, 2, FLOAT, "BFloat16", "c10::BFloat16")
float32 = dtype("float32", np.float32, 4, FLOAT, "Float", "float")
float64 = dtype("float64", np.float64, 8, FLOAT, "Double", "double")
complex64 = dtype("complex64", np.complex64, 8, COMPLEX, "ComplexFloat", "c10::complex<float>")
complex128 = dtype("complex128", np.complex128, 16, COMPLEX, "ComplexDouble", "c10::complex<double>")

ALL = (bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, bfloat16, float32, float64, complex64, complex128)
BY_NAME = {d.name: d for d in ALL}
#: PyTorch's other names for the same types
ALIASES = {"half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64,
           "cfloat": complex64, "cdouble": complex128}
BY_NUMPY = {d._numpy: d for d in ALL if d._numpy is not None}
HALVES = (float16, bfloat16)
#: PyTorch defines no mixing of these with other integers.
WIDE_UNSIGNED = (uint16, uint32, uint64)


def is_half(numpy_type: np.dtype) -> bool:
    """Whether it is float16 or bfloat16 (which NumPy calls a void type)."""
    return numpy_type.itemsize == 2 and numpy_type.kind in "fV"


def load_bfloat16() -> None:
    """Teach NumPy bfloat16."""
    import ml_dtypes
    bfloat16._numpy = np.dtype(ml_dtypes.bfloat16)
    BY_NUMPY[bfloat16._numpy] = bfloat16


def named(name: str) -> dtype:
    """The dtype of that name."""
    return BY_NAME[name]


def of_numpy(numpy_type: np.dtype) -> dtype:
    """The dtype that stands for a NumPy dtype; TypeError if there is none."""
    found = BY_NUMPY.get(numpy_type)
    if found is None:
        numpy_type = np.dtype(numpy_type)
        if numpy_type.name == "bfloat16":
            load_bfloat16()
        # A byte-swapped or platform-named twin (">f4", np.longlong) has the same name as a known type.
        found = BY_NUMPY.get(numpy_type) or BY_NAME.get(numpy_type.name)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_type.type.__module__}.{numpy_type.type.__name__}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.")
    return found


PYTHON_TYPES = {float: float64, int: int64, bool: bool_, complex: complex128}


def as_dtype(value: object, function: str) -> dtype:
    """A dtype from a dtype or from one of Python's types: `float` means float64. Raises TypeError for anything else."""
    if isinstance(value, dtype):
        return value
    found = PYTHON_TYPES.get(value) if isinstance(value, type) else None
    if found is None:
        raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}")
    return found


class Default:
    """The dtype of a Python float, which `set_default_dtype` changes."""

    dtype = float32


def get_default_dtype() -> dtype:
    """The dtype that a Python float gets."""
    return Default.dtype


def set_default_dtype(d: dtype) -> None:
    """Make d the dtype of Python floats. Raises TypeError unless d is a floating dtype."""
    if not isinstance(d, dtype):
        raise TypeError(f"invalid dtype object: {d!r}")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    Default.dtype = d


def of_scalar(value: object) -> dtype:
    """The dtype that PyTorch gives a Python or NumPy number."""
    if value.__class__ is float:
        return Default.dtype
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (complex, np.complexfloating)) and not isinstance(value, (float, np.floating)):
        return Default.dtype.to_complex()
    return Default.dtype


def category_of_scalar(value: object) -> int:
    """BOOL, INTEGER, FLOAT or COMPLEX for a Python or NumPy number."""
    return of_scalar(value).category


_WIDTH = {float16: 0, bfloat16: 0, float32: 1, float64: 2, complex64: 1, complex128: 2}


def promote_types(a: dtype, b: dtype) -> dtype:
    """The dtype that holds a mixture of a and b, both tensors of equal standing."""
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category != b.category:
        if a.category == COMPLEX and b is float64:
            return complex128
        return a
    if a.category == INTEGER:
        if a in WIDE_UNSIGNED or b in WIDE_UNSIGNED:
            first, second = (a, b) if a in WIDE_UNSIGNED else (b, a)
            raise RuntimeError("Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
                               f"{first.kernel_name} and {second.kernel_name}")
        return of_numpy(np.promote_types(a.numpy, b.numpy))
    if _WIDTH[a] == _WIDTH[b]:
        return float32  # float16 with bfloat16: neither holds the other
    return a if _WIDTH[a] > _WIDTH[b] else b


def result_type(operands: tuple) -> dtype:
    """The dtype of an operation over tensors (anything with `_array`) and Python numbers.

    Tensors with dimensions decide; a 0-d tensor counts only if its category is higher, and a number only if its category is
    higher than both.
    """
    full = zero = number = None
    for value in operands:
        array = getattr(value, "_array", None)
        if array is None:
            if value is not None:
                d = of_scalar(value)
                number = d if number is None else promote_types(number, d)
        elif array.ndim:
            d = of_numpy(array.dtype)
            full = d if full is None else promote_types(full, d)
        else:
            d = of_numpy(array.dtype)
            zero = d if zero is None else promote_types(zero, d)
    result = full
    for lower in (zero, number):
        if lower is not None and (result is None or lower.category > result.category):
            result = lower if result is None or lower.category != COMPLEX else _complexified(result, lower)
    if result is None:
        raise RuntimeError("result_type needs at least one operand")
    return result


def _complexified(real: dtype, other: dtype) -> dtype:
    """A real dtype meeting a complex scalar keeps its own width."""
    return real.to_complex() if real.category == FLOAT else other


def can_cast(source: dtype, target: dtype) -> bool:
    """Whether a result of dtype source may be written into a tensor of dtype target (no lower category)."""
    if source.category > target.category:
        return False
    return not (source.category == INTEGER and target is bool_)
