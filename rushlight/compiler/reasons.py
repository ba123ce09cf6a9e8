"""Which condition of a recording does not hold, in words that the program's reader knows."""
from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

from ..tensor import Tensor
from .reach import ASSIGNMENT

#: the names that conditions have for things (k) and for what they set on the way (v)
NAME = re.compile(r"\b[kv]\d+\b")
#: the conditions that are looked at together
TOGETHER = 64


def why(recording: Any, args: tuple, kwargs: dict, but: str = "") -> str:
    """The first condition that a call does not meet, `but` for those with this text in them; empty if it meets all."""
    reach = recording.reach
    scope = dict(reach.scope, args=args, kwargs=kwargs)
    for block in blocks(reach.conditions, but):
        if not holds(block, scope):
            return broken(block, scope, reach)
    return ""


def blocks(conditions: list[str], but: str) -> Iterator[list[str]]:
    """The conditions in their order, many together: Python reads a long line faster than each part. An assignment is a block of its own."""
    block: list[str] = []
    for condition in conditions:
        is_assignment = ASSIGNMENT.match(condition)
        if is_assignment or len(block) == TOGETHER:
            yield block
            block = []
        if is_assignment:
            yield [condition]
        elif not but or but not in condition:
            block.append(condition)
    yield block


def holds(block: list[str], scope: dict) -> bool:
    """Whether all conditions of a block hold."""
    try:
        if block and ASSIGNMENT.match(block[0]):
            exec(block[0], scope)
            return True
        return bool(eval(" and ".join(block) or "True", scope))
    except Exception:  # whatever the program's objects raise, the condition does not hold
        return False


def broken(block: list[str], scope: dict, reach: Any) -> str:
    """The first condition of a block that does not hold, in words."""
    for condition in block:
        try:
            if ASSIGNMENT.match(condition):
                exec(condition, scope)
                continue
            clause = next((clause for clause in clauses(condition) if not eval(clause, scope)), None)
        except Exception as error:
            return f"{readable(condition, reach)} ({error})"
        if clause is not None:
            return readable(clause, reach) + now(clause, scope)
    return ""


def clauses(condition: str) -> Iterator[str]:
    """The parts that a condition joins by `and`, outside of brackets."""
    depth, parts = 0, []
    for part in condition.split(" and "):
        parts.append(part)
        depth += sum([(letter in "([{") - (letter in ")]}") for letter in part])
        if depth == 0:
            yield " and ".join(parts)
            parts = []


def readable(condition: str, reach: Any) -> str:
    """A condition with what its names stand for."""
    places = dict([line.split(" = ", 1) for line in reach.conditions if ASSIGNMENT.match(line)])

    def look(match: re.Match) -> str:
        name = match.group(0)
        return NAME.sub(look, places[name]) if name in places else named(reach.scope.get(name))
    return NAME.sub(look, condition).replace("._array", "")


def named(thing: Any) -> str:
    """A thing in a few characters."""
    if isinstance(thing, Tensor):
        return "the same tensor"
    if isinstance(thing, (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)):
        return thing.__name__
    if isinstance(thing, (bool, int, float, str, tuple, list, dict, set, type(None))) or hasattr(thing, "__len__"):
        text = repr(thing)
        return text if len(text) <= 40 else f"the {type(thing).__name__}"
    return f"the same {type(thing).__name__}"


def now(clause: str, scope: dict) -> str:
    """What stands on the left of a comparison."""
    left, found, _ = clause.partition(" == ")
    if not found or left.startswith("("):
        return ""
    try:
        return f", which is {named(eval(left, scope))}"
    except Exception:  # a left side that has no value does not say more
        return ""
