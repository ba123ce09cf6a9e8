"""What reading one file may cost. A file says how big its own contents are; these limits hold whatever it says."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

MEGABYTE = 1 << 20

#: what each limit is, and where it stands unless `budgets` moves it
DEFAULTS = {
    "members": 100_000,             # records of an archive, tensors of a .safetensors file
    "opcodes": 50_000_000,          # instructions of a pickle
    "memo": 5_000_000,              # objects that a pickle keeps for later reference
    "depth": 1_000,                 # containers within containers
    "memory": 48 * MEGABYTE,        # Python objects, beyond twice the size of the file
    "inflated": 32 * MEGABYTE,      # what compressed records unpack to, beyond the size of the file
    "header": MEGABYTE,             # the header of a .safetensors file, beyond a sixteenth of the file
    "json": 14 * MEGABYTE,          # an index of shards
    "seconds": 1.5,                 # processor time in Python, beyond half a second for each megabyte of pickle
}

_moved: ContextVar[dict[str, Any]] = ContextVar("budgets")


class Budgets:
    """The limits in force, as attributes of the names in DEFAULTS."""

    members: int
    opcodes: int
    memo: int
    depth: int
    memory: int
    inflated: int
    header: int
    json: int
    seconds: float

    def __init__(self, values: dict[str, Any]):
        self.__dict__.update(values)


def current() -> Budgets:
    """The limits that hold for a load that begins now."""
    return Budgets({**DEFAULTS, **_moved.get({})})


@contextmanager
def budgets(**limits: Any) -> Iterator[None]:
    """Other limits for what is loaded inside: `with torch.serialization.budgets(members=10**6): ...`.

    Raises TypeError for a limit that does not exist.
    """
    unknown = set(limits) - set(DEFAULTS)
    if unknown:
        raise TypeError(f"there is no budget {sorted(unknown)[0]!r}: the budgets are {', '.join(DEFAULTS)}")
    before = _moved.set({**_moved.get({}), **limits})
    try:
        yield
    finally:
        _moved.reset(before)


def over(name: str, limit: object, what: str) -> str:
    """The text for a file that would cost more than a limit."""
    return f"{what}: more than the budget {name}={limit}\n" \
           f"  if the file is meant to be so: with torch.serialization.budgets({name}=...): torch.load(...)"
