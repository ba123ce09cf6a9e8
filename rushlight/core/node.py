"""A Node of the autograd graph: one recorded operation, and how a gradient passes back through it."""
from __future__ import annotations

import functools
import itertools
import weakref
from typing import TYPE_CHECKING, Any

from .wrap import wrap

if TYPE_CHECKING:
    from .op import Op

#: One clock for the whole program. Nodes and in-place writes take their time from it, so a later time means a later event:
#: backward runs nodes from the latest to the earliest, and what a node saved is stale if it was written after the node's time.
tick = itertools.count(1).__next__

#: In place of saved values after they were freed.
FREED: Any = ("freed",)

G, OUT, NEEDS, REST = -1, -2, -3, -4  # where a formula's argument comes from, beside the operation's arguments and attributes

FREED_MESSAGE = ("Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
                 "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
                 "you need to backward through the graph a second time or if you need to access saved tensors after calling backward.")


class Node:
    """One recorded operation.

    `edges` are the nodes of the arguments (None where no gradient is wanted), `shape` and `dtype` (NumPy's) describe the result
    and so the gradient that arrives.
    """

    special = False                 # whether backward must look after anything of the following
    pre_hooks: dict | None = None   # on the arriving gradient: Tensor.register_hook, Node.register_prehook
    hooks: dict | None = None       # on the leaving gradients: Node.register_hook
    retain: weakref.ref | None = None  # the tensor whose .grad keeps the arriving gradient
    parent: Node | None = None      # set on an OutputSlot alone
    traceback: str | None = None    # where the operation was called, in anomaly mode
    out: Any = None                 # the result's array, if a formula names it
    cell: Any = None                # version of the saved result
    alias: str | None = None        # a name to show in place of the operation's
    outputs: tuple = ()             # (shape, dtype) of each of several results
    unnamed: type | None = None     # of a class that `shown` made: what it is made of
    shown_in = "builtins"           # the module of classes that `shown` makes

    def __init__(self, op: Op, edges: tuple, saved: tuple, attrs: dict, shape: tuple, dtype: Any):
        self.op = op
        self.edges = edges
        self.saved = saved
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.sequence = tick()

    def backward(self, g: Any) -> Any:
        """The gradients of the arguments, in order, from the gradient of the result; None where there is none."""
        if self.saved is FREED:
            raise RuntimeError(FREED_MESSAGE)
        return self.op.pull(self, g)

    def value(self, index: int) -> Any:
        """A saved argument. Raises RuntimeError if it was overwritten since."""
        saved = self.saved[index]
        try:
            cell = saved._cell
        except AttributeError:  # a number, None, or what a hook packed
            return saved.unpack() if saved.__class__ is Packed else saved
        if cell is not None and cell.last > self.sequence:
            raise stale(saved, cell, self)
        return saved

    def conjugate(self, index: int) -> Any:
        """The complex conjugate of a saved argument."""
        saved = self.value(index)
        return saved if saved is None else saved.conj() if hasattr(saved, "_array") else saved.conjugate()

    def needs(self) -> tuple:
        """Which arguments want a gradient."""
        return tuple([edge is not None for edge in self.edges])

    def result(self) -> Any:
        """The operation's result, as a tensor with this history."""
        if self.cell is not None and self.cell.last > self.sequence:
            raise stale(self.out, self.cell, self)
        return self.out.unpack(self) if self.out.__class__ is Packed else self.op.rebuild(self)

    def free(self) -> None:
        """Let go of what was saved."""
        if self.saved or self.out is not None:
            self.saved = FREED
            self.out = None

    def name(self) -> str:
        """PyTorch's name of this kind of node, such as "AddBackward0"."""
        return self.alias or self.op.node_name

    def short_name(self) -> str:
        """The name as messages about written tensors have it: "Add" for AddBackward0, "Squeeze1" for SqueezeBackward1, "F" for FBackward."""
        name, _, number = self.name().partition("Backward")
        return name + number.removeprefix("0") if number.isdigit() or not number else self.name()

    @property
    def next_functions(self) -> tuple:
        """The nodes of the arguments, each with the number of the result it stands for."""
        return tuple([(None, 0) if e is None else (shown(e), getattr(e, "index", 0)) for e in self.edges])

    @property
    def metadata(self) -> dict:
        """A dictionary for the user's own notes."""
        return self.__dict__.setdefault("_metadata", {})

    def register_hook(self, hook: Any) -> Any:
        """Call hook(grad_inputs, grad_outputs) after this node ran; what it returns replaces grad_inputs."""
        return add_hook(self, "hooks", hook)

    def register_prehook(self, hook: Any) -> Any:
        """Call hook(grad_outputs) before this node runs; what it returns replaces grad_outputs."""
        return add_hook(self, "pre_hooks", lambda g: _unpacked(hook(tuple(g) if g.__class__ is list else (g,)), g))

    def __getattr__(self, name: str) -> Any:
        # `grad_fn._saved_self`, `_saved_other`, `_saved_result`: what was kept, by PyTorch's names.
        if not name.startswith("_saved_") or "saved" not in self.__dict__:
            raise AttributeError(f"'{self.__class__.__name__}' object has no attribute '{name}'")
        return self._saved_value(name[len("_saved_"):])

    def _saved_value(self, wanted: str) -> Any:
        if self.saved is FREED:
            raise RuntimeError(FREED_MESSAGE)
        if wanted in ("result", "out"):
            return self.result()
        names = self.op.arguments
        position = {"self": 0, "other": 1}.get(wanted, names.index(wanted) if wanted in names else None)
        if position is not None and position < len(self.saved):
            return self.value(position)
        if wanted in self.attrs:
            return self.attrs[wanted]
        raise AttributeError(f"'{self.name()}' object has no attribute '_saved_{wanted}'")

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


def shown(node: Node) -> Node:
    """The node that a program sees for this one, as an instance of a class of its name: programs print `type(t.grad_fn).__name__`.

    The class is given when a program looks, since nobody ever looks at most nodes.
    """
    node = node if node.parent is None else node.parent
    name, cls = node.name(), node.__class__
    if cls.__name__ != name and cls is not AccumulateGrad:
        node.__class__ = named_class(cls.unnamed or cls, name)
    return node


@functools.cache
def named_class(cls: Any, name: str) -> Any:
    """The subclass of that name."""
    return type(name, (cls,), {"__module__": cls.shown_in, "unnamed": cls})


def _unpacked(result: Any, g: Any) -> Any:
    if result is None:
        return g
    result = result if isinstance(result, tuple) else (result,)
    return list(result) if g.__class__ is list else result[0]


class Packed:
    """A saved tensor in the form that a user's pack hook gave it."""

    __slots__ = ("content", "unpack_hook", "node")

    def __init__(self, content: Any, unpack_hook: Any, node: Any):
        self.content = content
        self.unpack_hook = unpack_hook
        self.node = node  # the tensor's; None for a result, whose node holds this

    def unpack(self, node: Any = None) -> Any:
        """What the user's unpack hook makes of it, with the saved tensor's history; `node` is that of a result."""
        found = self.unpack_hook(self.content)
        if not hasattr(found, "_array"):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found).__name__}")
        result = wrap(found._array)
        result._node = node or self.node
        return result


class OutputSlot(Node):
    """One of several results of a Node: it hands its gradient to its parent."""

    special = True
    parent: Node

    def __init__(self, parent: Node, index: int, shape: tuple, dtype: Any):
        self.parent = parent
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.edges = ()
        self.sequence = tick()

    def name(self) -> str:
        return self.parent.name()

    def free(self) -> None:
        pass


class AccumulateGrad(Node):
    """The end of the line: adds the gradient to a leaf's `.grad`."""

    special = True
    post_hooks: dict | None = None

    def __init__(self, variable: Any):
        # Weak: a leaf that nobody holds needs no gradient, and a cycle would keep its memory until the next collection.
        self.leaf: Any = weakref.ref(variable)
        self.edges = ()
        self.shape = variable._array.shape
        self.dtype = variable._array.dtype
        # Before every operation: leaves come last, the oldest first.
        self.sequence = -tick()

    @property
    def variable(self) -> Any:
        """The leaf."""
        return self.leaf()

    def free(self) -> None:
        pass

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


class RemovableHandle:
    """Returned when a hook is added; `remove()` takes the hook away. Also a context manager."""

    next_id = 0

    def __init__(self, hooks: dict, *, extra_dict: Any = None):
        # A weak reference to the owner's dictionary is not possible (plain dict): hold it, hooks are few.
        self.hooks = hooks
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.extra = () if extra_dict is None else extra_dict if isinstance(extra_dict, (list, tuple)) else (extra_dict,)

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self.hooks.pop(self.id, None)
        for also in self.extra:
            also.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.hooks, self.id, tuple(self.extra)

    def __setstate__(self, state: tuple) -> None:
        # As PyTorch pickles it: the third is missing in files of old versions.
        hooks, self.id, *extra = state
        self.hooks = {} if hooks is None else hooks
        self.extra = extra[0] or () if extra else ()
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def add_hook(owner: Any, where: str, hook: Any) -> RemovableHandle:
    """Add a hook to the dictionary of that name on owner, made if it is not there."""
    hooks = getattr(owner, where)
    if hooks is None:
        hooks = {}
        setattr(owner, where, hooks)
    owner.special = True
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if owner.__class__ is AccumulateGrad:
        LeafHooks.added += 1
    return handle


class LeafHooks:
    """How often a leaf was given a hook: a compiled step looks here, and not at each of its parameters."""

    added = 0


def type_name(array: Any) -> str:
    """The old name of a tensor's type, as messages have it: torch.FloatTensor."""
    from .dtypes import of_numpy
    return f"torch.{of_numpy(array.dtype).kernel_name}Tensor"


def stale(saved: Any, cell: Any, node: Node) -> RuntimeError:
    """The error for a value that backward needs and that was overwritten."""
    array = getattr(saved, "_array", saved)
    kind = type_name(array)
    maker = node if saved is node.out else getattr(saved, "_node", None)
    whose = ""
    if maker is not None and not isinstance(maker, AccumulateGrad):
        name = maker.short_name()
        whose = f", which is output {getattr(maker, 'index', 0)} of {'torch::autograd::' if name.startswith('Copy') else ''}{name},"
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: [{kind} {list(array.shape)}]{whose} "
        f"is at version {cell.count}; expected version {cell.count_at(node.sequence)} instead. Hint: enable anomaly detection to find the "
        "operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False).")
