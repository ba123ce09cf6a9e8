"""Dead code: equations whose results nobody reads.

    %1 = stack(%0)
    %2 = mul(%0, 2)        becomes    %2 = mul(%0, 2)
    return %2                         return %2
"""
from __future__ import annotations

from ..graph import Equation, Graph
from .purity import can_go


def without_dead_code(graph: Graph) -> Graph:
    """The graph without equations that lead to no output and to no write."""
    wanted = set(graph.outputs)
    storages = {value.storage for value in wanted}
    kept: list[Equation] = []
    for equation in reversed(graph.equations):
        # A value in memory that an output shares may be read through it.
        made = [value for value in equation.outputs if value is not None]
        if can_go(equation) and not any([value in wanted or value.storage in storages for value in made]):
            continue
        kept.append(equation)
        for value in equation.reads():
            wanted.add(value)
            storages.add(value.storage)
    return Graph(kept[::-1], graph.inputs, graph.outputs, graph.renamed)
