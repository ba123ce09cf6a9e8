"""Are two results close? Tensors, arrays, numbers, None, and containers of them; PyTorch's tolerances and messages.

Both sides are walked together first, and whatever makes them incomparable is raised; only then are values compared,
in order, and the first difference is told with the place where it was found.
"""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy

import rushlight
from rushlight.core import dtypes

Path = tuple[Any, ...]
#: Tells how two values differ, or gives None if they are close.
Comparison = Callable[[], "str | None"]
Tolerances = dict[dtypes.dtype, tuple[float, float]]

#: (rtol, atol) by dtype; all other dtypes are compared exactly.
TOLERANCES: Tolerances = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
#: Those of the deprecated `assert_allclose`.
ALLCLOSE_TOLERANCES: Tolerances = {
    dtypes.float16: (1e-3, 1e-3),
    dtypes.float32: (1e-4, 1e-5),
    dtypes.float64: (1e-5, 1e-8),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """AssertionError that tells the difference, unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Infinities are close only when equal; nan is close to nan only with `equal_nan`. Tensors must also agree in shape,
    and in device, dtype, layout and stride as the `check_` flags say; where dtypes may differ they are promoted.
    Sequences and mappings are compared item by item, whatever their own types. Default tolerances follow the dtype
    (of two, the looser): see `TOLERANCES`. `msg` replaces the message, or makes a new one of it.

    Raises: AssertionError; TypeError for types that cannot be compared; ValueError if only one tolerance is given.
    Example:
        >>> assert_close(rushlight.tensor([1.0, 2.0]), rushlight.tensor([1.0, 2.000001]))
    """
    __tracebackhide__ = True
    options = SimpleNamespace(
        allow_subclasses=allow_subclasses, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=check_device,
        check_dtype=check_dtype, check_layout=check_layout, check_stride=check_stride,
    )  # fmt: skip
    with rushlight.no_grad():
        # All of the structure is checked before any value: hence the list.
        for path, compare in list(_comparisons(actual, expected, options, ())):
            difference = compare()
            if difference is not None:
                raise AssertionError(_worded(difference + _place(path), msg))


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """`assert_close` with looser tolerances and without regard to dtype; deprecated, kept for old programs."""
    __tracebackhide__ = True
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. "
        "You can find detailed upgrade instructions in https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    actual = actual if isinstance(actual, rushlight.Tensor) else rushlight.as_tensor(actual)
    expected = expected if isinstance(expected, rushlight.Tensor) else rushlight.as_tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        rtol, atol = _loosest(ALLCLOSE_TOLERANCES, actual.dtype, expected.dtype)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


# --- structure ------------------------------------------------------------------------------------


def _comparisons(actual: Any, expected: Any, options: Any, path: Path) -> Iterator[tuple[Path, Comparison]]:
    """Every pair of leaves in order, as where it stands and how to compare it."""
    keys = _shared_keys(actual, expected, path)
    if keys is None:
        yield path, _leaf(actual, expected, options, path)
        return
    for key in keys:
        yield from _comparisons(actual[key], expected[key], options, (*path, key))


def _shared_keys(actual: Any, expected: Any, path: Path) -> Collection[Any] | None:
    """The indices of two sequences or the keys of two mappings, None for leaves; AssertionError if they differ."""
    if _both(actual, expected, Mapping):
        return _mapping_keys(actual, expected, path)
    # A string is a sequence of strings without end.
    if not _both(actual, expected, Sequence) or isinstance(actual, str) or isinstance(expected, str):
        return None
    if len(actual) != len(expected):
        raise AssertionError(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}" + _place(path))
    return range(len(actual))


def _mapping_keys(actual: Mapping[Any, Any], expected: Mapping[Any, Any], path: Path) -> Collection[Any]:
    ours, theirs = set(actual), set(expected)
    if ours != theirs:
        raise AssertionError(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(theirs - ours)}\n"
            f"Additional keys in the actual mapping: {sorted(ours - theirs)}" + _place(path)
        )
    try:
        return sorted(ours)
    except TypeError:  # keys of several types have no order
        return ours


def _leaf(actual: Any, expected: Any, options: Any, path: Path) -> Comparison:
    """How to compare two values that are not containers; TypeError if nothing can."""
    for prepare in (_nones, _booleans, _numbers, _tensors):
        compare = prepare(actual, expected, options, path)
        if compare is not None:
            return compare
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}." + _place(path)
    )


def _both(actual: Any, expected: Any, kind: Any) -> bool:
    return isinstance(actual, kind) and isinstance(expected, kind)


# --- None, booleans, numbers ----------------------------------------------------------------------


def _nones(actual: Any, expected: Any, options: Any, path: Path) -> Comparison | None:
    if actual is not None and expected is not None:
        return None
    return lambda: None if actual is expected else f"None mismatch: {actual} is not {expected}"


def _booleans(actual: Any, expected: Any, options: Any, path: Path) -> Comparison | None:
    if not _both(actual, expected, (bool, numpy.bool_)):
        return None
    return lambda: None if actual == expected else f"Booleans mismatch: {bool(actual)} is not {bool(expected)}"


def _numbers(actual: Any, expected: Any, options: Any, path: Path) -> Comparison | None:
    if not _both(actual, expected, (int, float, complex, numpy.number)):
        return None
    # NumPy's float64 is a Python float too, but the message names the plain type.
    actual, expected = (x.item() if isinstance(x, numpy.number) else x for x in (actual, expected))
    rtol, atol = _tolerances(options, _dtype_of_number(actual), _dtype_of_number(expected), path=path)
    return partial(_number_difference, actual, expected, options, rtol, atol)


def _dtype_of_number(number: complex) -> dtypes.dtype:
    """A Python number's own precision, whatever the default dtype."""
    if isinstance(number, int):
        return dtypes.int64
    return dtypes.float64 if isinstance(number, float) else dtypes.complex128


def _number_difference(actual: Any, expected: Any, options: Any, rtol: float, atol: float) -> str | None:
    if options.check_dtype and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return None
    difference = abs(actual - expected)
    if cmath.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return None
    return _scalar_text(actual, expected, rtol, atol)


# --- tensors --------------------------------------------------------------------------------------


def _tensors(actual: Any, expected: Any, options: Any, path: Path) -> Comparison | None:
    """Tensors and whatever becomes one, such as an array, if one side's type is the other's or derived from it."""
    same_type = type(actual) is type(expected)
    if not same_type and not (isinstance(actual, type(expected)) or isinstance(expected, type(actual))):
        return None
    if not same_type and not options.allow_subclasses:
        return None
    try:
        actual, expected = rushlight.as_tensor(actual), rushlight.as_tensor(expected)
    except (TypeError, ValueError, RuntimeError):
        return None
    rtol, atol = _tolerances(options, actual.dtype, expected.dtype, path=path)
    return partial(_tensor_difference, actual, expected, options, rtol, atol)


def _tensor_difference(actual: Any, expected: Any, options: Any, rtol: float, atol: float) -> str | None:
    difference = _attribute_difference(actual, expected, options)
    if difference is not None:
        return difference
    actual, expected = _in_common(actual, expected)
    matches = rushlight.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if matches.all():
        return None
    if actual.dim() == 0:
        return _scalar_text(actual.item(), expected.item(), rtol, atol)
    return _elements_text(actual, expected, matches, rtol, atol)


def _attribute_difference(actual: Any, expected: Any, options: Any) -> str | None:
    """The first attribute that differs and that the options care for."""
    checks = (
        ("shape", True, lambda t: t.shape),
        ("layout", options.check_layout, lambda t: t.layout),
        ("stride()", options.check_stride, lambda t: t.stride()),
        ("device", options.check_device, lambda t: t.device),
        ("dtype", options.check_dtype, lambda t: t.dtype),
    )
    for name, is_checked, read in checks:
        if is_checked and read(actual) != read(expected):
            return f"The values for attribute '{name}' do not match: {read(actual)} != {read(expected)}."
    return None


def _in_common(actual: Any, expected: Any) -> tuple[Any, Any]:
    """Both on one device and in one dtype."""
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype == expected.dtype:
        return actual, expected
    # Nothing promotes with the wide unsigned integers: a test compares them as signed ones.
    dtype = dtypes.promote_types(
        *[dtypes.int64 if t.dtype in dtypes.WIDE_UNSIGNED else t.dtype for t in (actual, expected)]
    )
    return actual.to(dtype), expected.to(dtype)


# --- tolerances -----------------------------------------------------------------------------------


def _tolerances(options: Any, *compared: dtypes.dtype, path: Path) -> tuple[float, float]:
    """(rtol, atol) as given, else by dtype; ValueError if one alone is given."""
    # The other's default could hide the very difference that the given one was meant to find.
    if (options.rtol is None) != (options.atol is None):
        missing = "rtol" if options.rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}." + _place(path)
        )
    return _loosest(TOLERANCES, *compared) if options.rtol is None else (options.rtol, options.atol)


def _loosest(table: Tolerances, *compared: dtypes.dtype) -> tuple[float, float]:
    rtols, atols = zip(*[table.get(dtype, (0.0, 0.0)) for dtype in compared], strict=True)
    return max(rtols), max(atols)


# --- messages -------------------------------------------------------------------------------------


def _scalar_text(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    absolute = abs(actual - expected)
    relative = float("inf") if expected == 0 else absolute / abs(expected)
    return _difference_text(
        "Scalars", f"Expected {expected} but got {actual}.", (absolute, None), (relative, None), rtol, atol
    )


def _elements_text(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    total = matches.numel()
    wrong = total - int(matches.sum())
    if not (actual.dtype.is_floating_point or actual.dtype.is_complex):
        # The difference of two small integers, or of two booleans, need not fit into their dtype.
        actual, expected = actual.to(dtypes.int64), expected.to(dtypes.int64)
    # Elements that match by being infinite or nan on both sides must not count as the greatest difference.
    absolute = (actual - expected).abs().masked_fill(matches, 0)
    relative = (absolute / expected.abs()).masked_fill(matches, 0)
    count = f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})"
    return _difference_text("Tensor-likes", count, _greatest(absolute), _greatest(relative), rtol, atol)


def _greatest(differences: Any) -> tuple[Any, tuple[int, ...]]:
    """The greatest value and its index."""
    flat_index = int(differences.argmax())
    index = numpy.unravel_index(flat_index, tuple(differences.shape))
    return differences.flatten()[flat_index].item(), tuple(int(i) for i in index)


def _difference_text(subject: str, detail: str, absolute: tuple, relative: tuple, rtol: float, atol: float) -> str:
    adjective = "equal" if rtol == 0 and atol == 0 else "close"
    lines = [f"{subject} are not {adjective}!", "", detail]
    for kind, (difference, index), tolerance in (("absolute", absolute, atol), ("relative", relative, rtol)):
        line = f"{kind.title()} difference: {difference}"
        if index is not None:
            line = f"Greatest {kind} difference: {difference} at index {index}"
        lines.append(line if adjective == "equal" else f"{line} (up to {tolerance} allowed)")
    return "\n".join(lines)


def _place(path: Path) -> str:
    """The last lines of a message about an item of a container."""
    return f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in path)}" if path else ""


def _worded(message: str, msg: str | Callable[[str], str] | None) -> str:
    if msg is None:
        return message
    return msg(message) if callable(msg) else msg
