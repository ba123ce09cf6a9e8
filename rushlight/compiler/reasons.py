"""Which condition of a recording does not hold, in words that the program's reader knows."""
from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

from ..tensor import Tensor
from .reach import ASSIGNMENT

#: what a reader is not told as it stands: the names that conditions have for things (k) and for what they set on the way (v), and where a tensor
#: holds its array. Texts are found first, as they may have such words in them: dictionaries' keys.
PART = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b[kv]\d+\b|\._array\b""")
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
            if not eval(condition, scope):
                return readable(condition, reach) + now(condition, scope)
        except Exception as error:
            return f"{readable(condition, reach)} ({error})"
    return ""


def readable(condition: str, reach: Any) -> str:
    """A condition with what its names stand for."""
    places = dict([line.split(" = ", 1) for line in reach.conditions if ASSIGNMENT.match(line)])

    def look(match: re.Match) -> str:
        part = match.group(0)
        if part[0] in "'\"":
            return part
        if part == "._array":
            return ""
        return PART.sub(look, places[part]) if part in places else named(reach.scope.get(part))
    return PART.sub(look, condition)


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


def now(condition: str, scope: dict) -> str:
    """What stands on the left of a comparison."""
    import ast
    comparison = ast.parse(condition, mode="eval").body
    if not isinstance(comparison, ast.Compare) or not isinstance(comparison.ops[0], ast.Eq):
        return ""
    return f", which is {named(eval(ast.unparse(comparison.left), scope))}"
