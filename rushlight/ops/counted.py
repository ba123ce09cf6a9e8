"""Tensors that count: arange, range, linspace, logspace."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices, dtypes
from ..core.op import Op, opaque
from .create import into, made, number

if TYPE_CHECKING:
    from ..tensor import Tensor


def arange(*args: Any, start: Any = None, end: Any = None, step: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
           device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """start, start + step ... below end. Dtype: int64 for integers, else the default float."""
    devices.require_cpu(device)
    alone = len(args) == 1
    if alone and args[0].__class__ is int and args[0] >= 0 and start is end is step is out is dtype:  # all None: the commonest call
        return made(NUMBERED, requires_grad, args[0])
    start, end, step = [number("arange", value, 1 if alone else at, name) for at, (name, value) in
                        enumerate(_bounds(args, start, end, step).items(), 1)]
    check_range(start, end, step)
    whole = not any([isinstance(value, float) for value in (start, end, step)])
    if dtype is None:
        dtype = (dtypes.int64 if whole else dtypes.get_default_dtype()) if out is None else out.dtype
    dtype = dtypes.as_dtype(dtype, "arange")
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtype.kernel_name}'")
    return _delivered(made(COUNTED, requires_grad, start, end, step, dtype), out)


def _bounds(args: tuple, start: Any, end: Any, step: Any) -> dict:
    """The three numbers of arange: one positional number is the end."""
    if len(args) == 1 and end is None:
        end = args[0]
    elif args:
        start, end, step = (*args, *(end, step)[len(args) - 1:])
    if end is None:
        raise TypeError(f"arange() received an invalid combination of arguments - got ({', '.join([type(a).__name__ for a in args])}), but "
                        "expected one of:\n * (Number end, *, Tensor out = None, torch.dtype dtype = None, ...)\n"
                        " * (Number start, Number end, Number step = 1, *, Tensor out = None, torch.dtype dtype = None, ...)")
    given = {"start": start, "end": end, "step": step}
    defaults = {"start": 0, "end": None, "step": 1}
    return {name: defaults[name] if value is None else value for name, value in given.items()}


def check_range(start: Any, end: Any, step: Any) -> None:
    """Raise RuntimeError unless step leads from start to end."""
    if any([isinstance(value, complex) for value in (start, end, step)]):
        raise RuntimeError("value cannot be converted to type double without overflow")
    if step == 0 or step != step:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {_c_text(start)} -> {_c_text(end)}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _c_text(value: Any) -> str:
    return f"{value:g}"


def _counted(start: Any, end: Any, step: Any, dtype: dtypes.dtype) -> Any:
    target = dtype.numpy
    if target.kind in "iu":
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ValueError("step must be nonzero")
        return np.arange(start, end, step, dtype=np.int64).astype(target, copy=False)
    count = math.ceil((end - start) / step)
    # Counted in float64 and rounded once.
    return (np.arange(count, dtype=np.float64) * step + start).astype(target, copy=False)


COUNTED = Op("arange", opaque, _counted)
NUMBERED = Op("arange", opaque, lambda count: np.arange(count))


def _delivered(result: Tensor, out: Any) -> Tensor:
    return result if out is None else into(out, result._array.shape).copy_(result)


def range(start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """start, start + step ... up to and including end, in the default float. Deprecated: prefer arange."""
    import warnings
    warnings.warn("torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's range "
                  "builtin. Instead, use torch.arange, which produces values in [start, end).", UserWarning, stacklevel=2)
    devices.require_cpu(device)
    if end is None:
        start, end = 0, start
    start, end, step = number("range", start, 1, "start"), number("range", end, 2, "end"), number("range", step, 3, "step")
    check_range(start, end, step)
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "range")
    return _delivered(made(RANGE, requires_grad, start, end, step, dtype), out)


def _with_end(start: Any, end: Any, step: Any, dtype: dtypes.dtype) -> Any:
    count = math.floor((end - start) / step) + 1
    return (np.arange(count, dtype=np.float64) * step + start).astype(dtype.numpy)


RANGE = Op("range", opaque, _with_end)


def linspace(start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """`steps` numbers, evenly spaced, from start to end, both included."""
    devices.require_cpu(device)
    start, end, dtype = _ends("linspace", start, end, steps, out, dtype)
    return _delivered(made(SPACED, requires_grad, start, end, steps, dtype), out)


def _ends(name: str, start: Any, end: Any, steps: Any, out: Any, dtype: Any) -> tuple:
    """The checked ends and the dtype of linspace and logspace."""
    if not hasattr(steps, "__index__"):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join([type(a).__name__ for a in (start, end, steps)])})"
                        ", but expected one of:\n * (Number start, Number end, int steps, ...)")
    for value in (start, end):
        if hasattr(value, "_array") and value._array.ndim:
            dims = [v._array.ndim if hasattr(v, "_array") else 0 for v in (start, end)]
            which = "start and end" if all([hasattr(v, "_array") for v in (start, end)]) else "start" if hasattr(start, "_array") else "end"
            raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {which} with "
                               f"{' and '.join([f'{d} dimension(s)' for d in dims if d])}.")
    start, end = number(name, start, 1, "start"), number(name, end, 2, "end")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if dtype is None:
        dtype = out.dtype if out is not None else dtypes.get_default_dtype()
        if out is None and isinstance(start, complex) or isinstance(end, complex):
            dtype = dtype.to_complex()
    return start, end, dtypes.as_dtype(dtype, name)


def _spaced(start: Any, end: Any, steps: int, dtype: dtypes.dtype) -> Any:
    """Counted from both ends towards the middle, so that the ends are exact."""
    target = dtype.numpy
    if steps == 1:
        return np.array([start]).astype(target)
    if target.kind in "iu":
        start, end = int(start), int(end)
    # The spacing is rounded to the dtype, as in PyTorch; for integers it is a float64.
    exact = np.dtype(np.complex128 if target.kind == "c" else np.float64)
    rounded = exact if target.kind in "iu" else target
    first, last = np.array([start, end]).astype(rounded).astype(exact)
    spacing = ((last - first) / max(steps - 1, 1)).astype(rounded).astype(exact)
    index = np.arange(steps, dtype=np.float64)
    half = steps // 2
    out = np.empty(steps, exact)
    out[:half] = first + spacing * index[:half]
    out[half:] = last - spacing * (steps - 1 - index[half:])
    return out.astype(target)


SPACED = Op("linspace", opaque, _spaced)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """base to the power of `steps` numbers, evenly spaced, from start to end."""
    devices.require_cpu(device)
    start, end, dtype = _ends("logspace", start, end, steps, out, dtype)
    return _delivered(made(POWERS, requires_grad, start, end, steps, base, dtype), out)


def _powers(start: Any, end: Any, steps: int, base: float, dtype: dtypes.dtype) -> Any:
    target = dtype.numpy
    whole = target.kind in "iu"
    if whole:
        start, end = int(start), int(end)
    exponents = _spaced(start, end, steps, dtypes.float64 if whole else dtype)
    wide = exponents.astype(np.complex128 if target.kind == "c" else np.float64)
    powers = np.power(wide.dtype.type(base), wide)
    return (powers.astype(np.int64) if whole else powers).astype(target)


POWERS = Op("logspace", opaque, _powers)
