"""torch._dynamo: the names in it that programs use, which are those of `torch.compiler`."""
from __future__ import annotations

from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, list_backends, reset, set_stance
from ..compiler.compiling import OptimizedModule
from ..compiler.explaining import explain
from . import config, eval_frame, exc, utils

__all__ = ["OptimizedModule", "allow_in_graph", "assume_constant_result", "config", "disable", "eval_frame", "exc", "explain", "graph_break",
           "is_compiling", "list_backends", "mark_dynamic", "mark_static", "maybe_mark_dynamic", "reset", "set_stance", "utils"]


def graph_break(msg: str = "") -> None:
    """Ends a recording: the function that calls this runs as written."""
    from ..core import recording
    recording.reads(msg or "graph_break()")


def mark_dynamic(t: object, index: object, **hints: object) -> None:
    """Accepted: every shape has a recording of its own."""


maybe_mark_dynamic = mark_static = mark_dynamic
