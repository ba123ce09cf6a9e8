"""Tools around training. Every module loads when it is first used: `torch.utils.data` needs no import of its own."""
from __future__ import annotations

from typing import Any

from ..torch_alias import missing, submodule


def swap_tensors(t1: Any, t2: Any) -> None:
    """Exchange what two tensors are: values, class, gradient, history and the user's attributes; each object stays where it is held.

    Raises RuntimeError where a weak reference would now find the other one.
    """
    import weakref

    from ..core.node import AccumulateGrad
    for name, tensor in (("t1", t1), ("t2", t2)):
        ours = isinstance(tensor._node, AccumulateGrad)  # a leaf's node refers to it weakly
        if weakref.getweakrefcount(tensor) > ours:
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for tensor in (t1, t2):
        if isinstance(tensor._node, AccumulateGrad):
            tensor._node.leaf = weakref.ref(tensor)


def __getattr__(name: str) -> Any:
    """A module of this folder, loaded on first use (PEP 562)."""
    if name.startswith("__"):
        raise missing(__name__, name)
    return submodule(__name__, name)
