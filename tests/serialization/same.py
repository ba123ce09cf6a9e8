"""Equality of loaded objects to the bit, with types, strides, attributes, and what shares memory with what."""
from rushlight.core.memory import address, owner
from rushlight.tensor import PRIVATE, Tensor


def same(a, b):
    """Whether two objects are the same in everything that a file can keep."""
    return _same(a, b, {}, {})


def _same(a, b, known, memories):
    if type(a) is not type(b):
        return False
    if isinstance(a, (Tensor, list, dict)) and id(a) in known:
        return known[id(a)][1] is b
    if isinstance(a, Tensor):
        known[id(a)] = a, b  # a as well, lest another object get its id
        return same_tensors(a, b, memories) and _same(own(a), own(b), known, memories)
    if isinstance(a, dict):
        known[id(a)] = a, b  # a as well, lest another object get its id
        return (list(a) == list(b) and all(_same(x, y, known, memories) for x, y in zip(a.values(), b.values()))
                and _same(getattr(a, "__dict__", None), getattr(b, "__dict__", None), known, memories))
    if isinstance(a, (list, tuple)):
        if isinstance(a, list):
            known[id(a)] = a, b  # a as well, lest another object get its id
        return len(a) == len(b) and all(_same(x, y, known, memories) for x, y in zip(a, b))
    return a == b and repr(a) == repr(b)


def same_tensors(a, b, memories):
    x, y = a._array, b._array
    if x.size and memories.setdefault(address(owner(x)), address(owner(y))) != address(owner(y)):
        return False
    return (a.shape == b.shape and a.dtype is b.dtype and a.stride() == b.stride() and a.storage_offset() == b.storage_offset()
            and a.requires_grad == b.requires_grad and x.tobytes() == y.tobytes())


def own(tensor):
    """The attributes that the user gave a tensor."""
    return {name: value for name, value in tensor.__dict__.items() if name not in PRIVATE}
