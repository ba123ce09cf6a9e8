"""Versions: Rushlight's own, and the PyTorch version whose interface it has (`torch.version`)."""
from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

#: The version of the distribution; pyproject.toml reads this line.
RUSHLIGHT = "0.1.0"
#: The PyTorch whose names, numbers, text and errors Rushlight has.
PYTORCH = "2.13.0"

cuda: str | None = None
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
debug = False
git_version = "unknown"


def rank(version: str) -> tuple[tuple[int, ...], int]:
    """What orders versions: the release numbers, then -1 for a pre-release, 0 for the release, 1 for a local build of it."""
    found = re.match(r"v?(\d+(?:\.\d+)*)([^+]*)(\+?)", version)
    if found is None:
        raise ValueError(f"Invalid version: {version!r}")
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), -1 if found[2] else bool(found[3])


def comparison(compare: Callable[[Any, Any], bool]) -> Callable[[str, object], bool]:
    """A comparison method that reads both sides as versions."""

    def method(self: str, other: object) -> bool:
        if isinstance(other, (tuple, list)):
            other = ".".join(map(str, other))
        if not isinstance(other, str):
            return NotImplemented
        return compare(rank(self), rank(other))

    return method


class TorchVersion(str):
    """A version that prints as text and compares as numbers: `torch.__version__ >= "2.4"` is True for 2.13, as is `>= (2, 4)`."""

    __slots__ = ()
    __lt__, __le__ = comparison(operator.lt), comparison(operator.le)
    __gt__, __ge__ = comparison(operator.gt), comparison(operator.ge)


__version__ = TorchVersion(f"{PYTORCH}+rushlight{RUSHLIGHT}")
