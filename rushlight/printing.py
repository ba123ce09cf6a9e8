"""The text of a tensor, PyTorch's to the character.

A tensor prints as `tensor(` + values + suffixes + `)`. One number style is chosen for all values that are shown
(whole numbers, a fixed number of decimals, or scientific), every value is written in it and padded to one width, and
the flat list of texts is bracketed from the innermost axis outwards. A tensor over the threshold is cut to its edges
before anything else looks at it, so the cost follows what is shown, not what is held.
"""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy

from rushlight.core.dtypes import get_default_dtype

PRINT_OPTS = types.SimpleNamespace(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)

PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


# --- options --------------------------------------------------------------------------------------


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print; an option that is not given stays, except `sci_mode`, which returns to automatic.

    precision: decimals of a floating point value. threshold: the number of elements above which the middle is left
    out. edgeitems: the elements kept at each end of an axis that is cut. linewidth: characters per line. profile:
    'default', 'short' or 'full', applied before the others; another name changes nothing, as in PyTorch. sci_mode:
    scientific notation always (True), never (False) or where it is needed (None).
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    settings = PROFILES.get(profile, {}) if profile is not None else {}
    vars(PRINT_OPTS).update(settings)
    vars(PRINT_OPTS).update({name: value for name, value in given.items() if value is not None})
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keyword arguments for `set_printoptions`."""
    return dict(vars(PRINT_OPTS))


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """A context in which tensors print with these options; they return to what they were at its end."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


# --- the whole text -------------------------------------------------------------------------------


def tensor_text(tensor: Any, *, tensor_contents: str | None = None) -> str:
    """`tensor([...], dtype=..., requires_grad=True)`: what `repr` and `str` of the tensor say.

    tensor_contents: replaces the values, for subclasses that show something else between the brackets.
    """
    title = _title(tensor)
    contents = values_text(tensor._array, len(title)) if tensor_contents is None else tensor_contents
    text = _with_suffixes(title + contents, _suffixes(tensor), len(title))
    # A plain parameter keeps the text of a tensor; only a subclass of Parameter shows that it is one.
    return f"Parameter({text})" if title != "tensor(" and _is_parameter(tensor) else text


def format_tensor(tensor: Any, spec: str) -> str:
    """`format(tensor, spec)`: a plain 0-d tensor formats as its Python number; any other takes no specification.

    Raises: TypeError for a specification on anything but a plain 0-d tensor, ValueError for one that does not suit
    the number.
    """
    if tensor._array.ndim == 0 and _is_own(type(tensor), "Tensor"):
        return format(_numbers(tensor._array)[0], spec)
    return object.__format__(tensor, spec)


def _title(tensor: Any) -> str:
    """`tensor(` for the library's own Tensor and Parameter, the name of the class for a user's subclass."""
    cls = type(tensor)
    return "tensor(" if _is_own(cls, "Tensor") or _is_own(cls, "Parameter") else f"{cls.__name__}("


def _is_own(cls: type, name: str) -> bool:
    """True if this is the library's class of that name, and not a user's."""
    # Recognised by name because imports point downwards: this file cannot see tensor.py. "torch" is the module that
    # the library's classes say they come from.
    return cls.__name__ == name and cls.__module__.partition(".")[0] in ("rushlight", "torch")


def _is_parameter(tensor: Any) -> bool:
    return any(_is_own(cls, "Parameter") for cls in type(tensor).__mro__)


# --- suffixes -------------------------------------------------------------------------------------


def _suffixes(tensor: Any) -> list[str]:
    """What follows the values, in PyTorch's order; each is named only where it is not evident."""
    array, dtype = tensor._array, tensor.dtype
    suffixes = []
    if str(tensor.device) != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    # The brackets of an empty tensor, or of one that shows no element at all, do not tell its shape; `[]` alone is
    # the shape (0,).
    if array.ndim != 1 if array.size == 0 else not PRINT_OPTS.edgeitems:
        suffixes.append(f"size={tuple(array.shape)}")
    if dtype.name not in _evident_dtypes(array.size == 0):
        suffixes.append(f"dtype={dtype}")
    autograd = _autograd_suffix(tensor)
    return [*suffixes, autograd] if autograd else suffixes


def _evident_dtypes(is_empty: bool) -> tuple[str, ...]:
    """The dtypes that a reader infers from the values: with no value to look at, the default dtype alone."""
    default = get_default_dtype().name
    if is_empty:
        return (default,)
    return (default, "complex128" if default == "float64" else "complex64", "int64", "bool")


def _autograd_suffix(tensor: Any) -> str:
    """`grad_fn=<AddBackward0>`, `requires_grad=True`, or nothing for a tensor outside autograd."""
    try:
        grad_fn = tensor.grad_fn
    except RuntimeError:
        # A view made and then written to in no_grad mode has no valid history: asking for it raises, printing must not.
        return "grad_fn=<Invalid>"
    if grad_fn is not None:
        return f"grad_fn=<{grad_fn.name().rpartition('::')[2]}>"
    return "requires_grad=True" if tensor.requires_grad else ""


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """The text closed with `)` after its suffixes; one that does not fit begins a new line below the values."""
    # Two characters more than the last line has, as PyTorch counts: the bracket that closes the text and one to spare.
    line_length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if line_length + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            line_length = indent + len(suffix)
        else:
            text += ", " + suffix
            line_length += len(suffix) + 2
    return text + ")"


# --- values ---------------------------------------------------------------------------------------


def values_text(array: Any, indent: int) -> str:
    """The values in nested brackets, as they stand `indent` characters into a line."""
    if array.size == 0:
        return "[]"
    summarise = array.size > PRINT_OPTS.threshold and array.ndim > 0
    if summarise and not PRINT_OPTS.edgeitems:
        return "[...]"
    is_cut = [summarise and size > 2 * PRINT_OPTS.edgeitems for size in array.shape]
    shown = _edges(array, is_cut) if any(is_cut) else array
    texts, width = _element_texts(shown)
    return _bracketed(texts, shown.shape, is_cut, indent, width) if array.ndim else texts[0]


def _edges(array: Any, is_cut: Sequence[bool]) -> Any:
    """The first and last `edgeitems` elements along every axis that is cut; nothing else is read."""
    edge = PRINT_OPTS.edgeitems
    kept = [
        [*range(edge), *range(size - edge, size)] if cut else range(size)
        for size, cut in zip(array.shape, is_cut, strict=True)
    ]
    return array[numpy.ix_(*kept)]


def _bracketed(texts: list[str], shape: Sequence[int], is_cut: Sequence[bool], indent: int, width: int) -> str:
    """The flat list of texts nested as the shape says: rows first, then axis by axis outwards."""
    innermost = len(shape) - 1
    blocks = [
        _row(_with_gap(row, is_cut[innermost], " ..."), indent + innermost, width)
        for row in _chunks(texts, shape[innermost])
    ]
    for axis in range(innermost - 1, -1, -1):
        separator = "," + "\n" * (innermost - axis) + " " * (indent + axis + 1)
        blocks = [
            "[" + separator.join(_with_gap(block, is_cut[axis], "...")) + "]" for block in _chunks(blocks, shape[axis])
        ]
    return blocks[0]


def _row(texts: list[str], indent: int, width: int) -> str:
    """One innermost row in brackets, broken into lines of as many elements as fit."""
    per_line = max(1, math.floor((PRINT_OPTS.linewidth - indent) / (width + 2)))
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in _chunks(texts, per_line)) + "]"


def _with_gap(items: list[str], is_cut: bool, gap: str) -> list[str]:
    edge = PRINT_OPTS.edgeitems
    return [*items[:edge], gap, *items[edge:]] if is_cut else items


def _chunks(items: list[str], size: int) -> list[list[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


# --- one element ----------------------------------------------------------------------------------


def _element_texts(array: Any) -> tuple[list[str], int]:
    """The text of every element in order, padded to the right, and the width that lines are broken by."""
    if array.dtype.kind == "c":
        return _complex_texts(array)
    numbers = _numbers(array)
    texts, width = _float_texts(numbers) if isinstance(numbers[0], float) else _plain_texts(numbers)
    return [text.rjust(width) for text in texts], width


def _numbers(array: Any) -> list[Any]:
    """The elements as Python numbers, in order; float16, bfloat16 and float32 widen exactly."""
    numbers: list[Any] = array.reshape(-1).tolist()
    return numbers


def _plain_texts(numbers: list[Any]) -> tuple[list[str], int]:
    """Integers and booleans, and the width of the longest."""
    texts = [str(number) for number in numbers]
    return texts, max(map(len, texts))


def _float_texts(numbers: list[float]) -> tuple[list[str], int]:
    """Floating point numbers, all in one style, and the width of the longest that is finite and not zero."""
    decisive = [number for number in numbers if number and math.isfinite(number)]
    write = _float_style(decisive)
    width = max((len(write(number)) for number in decisive), default=1)
    return [write(number) for number in numbers], width


def _float_style(decisive: list[float]) -> Callable[[float], str]:
    """The function that writes one number: scientific for a wide range, else `3.` if all are whole, else `3.1400`."""
    if not decisive:
        return _whole
    magnitudes = [abs(number) for number in decisive]
    largest, smallest = max(magnitudes), min(magnitudes)
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
    if scientific:
        return f"{{:.{PRINT_OPTS.precision}e}}".format
    return _whole if all(map(float.is_integer, decisive)) else f"{{:.{PRINT_OPTS.precision}f}}".format


def _whole(number: float) -> str:
    return f"{number:.0f}." if math.isfinite(number) else str(number)


def _complex_texts(array: Any) -> tuple[list[str], int]:
    """Complex numbers as `a+bj`; both parts choose their style for themselves, and only the real one is padded."""
    reals, real_width = _element_texts(array.real)
    imaginaries, imaginary_width = _element_texts(array.imag)
    texts = [real + _signed(imaginary.lstrip()) + "j" for real, imaginary in zip(reals, imaginaries, strict=True)]
    return texts, real_width + imaginary_width + 1


def _signed(text: str) -> str:
    return text if text[0] == "-" else "+" + text
