"""Which equations do nothing but make their results."""
from __future__ import annotations

from ...core.generator import Generator
from ...core.op import Op
from ..graph import Equation, Graph, Storage

#: the kinds of Op that raise no error for values, so that leaving one out changes nothing that anybody sees
SAFE = frozenset({"unary", "binary", "tensor_first", "two_tensors", "nary", "reduction", "view", "joining", "matrix"})


def is_pure(equation: Equation) -> bool:
    """Whether an equation makes the same results from the same inputs, and changes nothing: it draws no random numbers and writes nowhere."""
    return isinstance(equation.op, Op) and not equation.writes and not any([isinstance(value, Generator) for value in equation.attrs.values()])


def viewed(graph: Graph) -> set[Storage]:
    """The storages of which there are several values: what stands for one value of such a storage does not stand for the others."""
    seen: set[Storage] = set()
    several: set[Storage] = set()
    for value in (*graph.inputs, *[v for equation in graph.equations for v in equation.outputs if v is not None]):
        (several if value.storage in seen else seen).add(value.storage)
    return several


def can_go(equation: Equation) -> bool:
    """Whether an equation may be left out if nobody reads its results."""
    return is_pure(equation) and equation.op.kind.name in SAFE
