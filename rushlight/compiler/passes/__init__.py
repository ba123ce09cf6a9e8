"""What shapes a graph before it runs, one file each: a pass is a function from a graph to a graph."""
from __future__ import annotations

from ..graph import Graph
from .algebra import simplified
from .common import without_repeats
from .constants import with_constants_folded
from .copies import without_copies
from .dead import without_dead_code

#: the passes that every graph goes through, in this order; `fuse` comes after them where there is machine code
PASSES = (simplified, without_repeats, with_constants_folded, without_copies, without_dead_code)


def shaped(graph: Graph) -> Graph:
    """The graph after all passes."""
    for each in PASSES:
        graph = each(graph)
    return graph
