"""The old way to name tensors: `torch.Tensor(2, 3)`, `torch.FloatTensor([1, 2])`, `isinstance(x, torch.LongTensor)`, `x.type()`."""
from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from .core import dtypes, recording
from .core.apply import wrap
from .core.size import Size
from .core.warn import warn_once
from .tensor import Tensor, as_class

NO_CUDA = "type torch.cuda.{} not available. Torch not compiled with CUDA enabled."


def legacy_tensor(args: tuple, dtype: dtypes.dtype | None = None, name: str = "new") -> Tensor:
    """What `Tensor(...)` makes: not filled, of given sizes; a copy of data; a view of a tensor. dtype: the default, unless given."""
    from .ops.create import constant, empty, shape_of
    wanted = dtype or dtypes.get_default_dtype()
    if not args:
        return empty(0, dtype=wanted)
    first = args[0]
    if hasattr(first, "_array"):
        return _alias(first, dtype)
    if len(args) > 1 or isinstance(first, (Size, int, np.integer)):
        return empty(shape_of(name, args, None), dtype=wanted)
    if hasattr(first, "as_array"):
        recording.reads("Tensor() of a storage")
        return wrap(first.as_array(wanted.numpy))
    if isinstance(first, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{first.__class__.__name__}'")
    if not hasattr(first, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {first.__class__.__name__})")
    return constant(_copied(first, wanted))


def _copied(data: Any, dtype: dtypes.dtype) -> Any:
    from .ops.from_data import array_of
    array = array_of(data) if isinstance(data, np.ndarray) else array_of(data, dtype)
    return array.astype(dtype.numpy, copy=False)


def _alias(tensor: Tensor, dtype: dtypes.dtype | None) -> Tensor:
    if dtype is not None and tensor.dtype is not dtype:
        raise TypeError(f"expected TensorOptions(dtype={dtype.kernel_name.lower()}, device=cpu) (got TensorOptions(dtype="
                        f"{tensor.dtype.kernel_name.lower()}, device=cpu))")
    from .ops.view_copies import alias
    return alias(tensor)


class tensortype(builtins.type):
    """The type of the old type names: each makes tensors of its dtype, and these are its instances."""

    dtype: dtypes.dtype
    is_cuda: bool

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        if cls.is_cuda:
            raise TypeError(NO_CUDA.format(cls.__name__))
        return legacy_tensor(args, cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.is_cuda is cls.is_cuda

    @property
    def layout(cls) -> Any:
        from .core.layout import strided
        return strided


tensortype.__module__ = "torch"


def name_of(dtype: dtypes.dtype) -> str:
    """The old name of tensors of a dtype, such as FloatTensor."""
    return dtype.kernel_name + "Tensor"


NAMES = {name_of(d): d for d in dtypes.ALL}


def old_type(name: str, is_cuda: bool = False) -> tensortype:
    """The class of an old type name."""
    return tensortype(name, (), {"dtype": NAMES[name], "is_cuda": is_cuda, "__module__": "torch.cuda" if is_cuda else "torch",
                                 "__doc__": f"Tensors of {NAMES[name]}."})


globals().update({name: old_type(name) for name in NAMES})


def type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The old name of the tensor's type, as text; or the tensor in the dtype that an old name, a class or a dtype says."""
    if dtype is None:
        return f"torch.{'cuda.' if input.is_cuda else ''}{name_of(input.dtype)}"
    return input.to(dtype_named(dtype))


def dtype_named(wanted: Any) -> dtypes.dtype:
    """The dtype of an old type name, given as text, as a class, or as the dtype itself."""
    if isinstance(wanted, dtypes.dtype):
        return wanted
    if isinstance(wanted, tensortype):
        wanted = f"{wanted.__module__}.{wanted.__name__}"
    elif wanted is Tensor:
        return dtypes.get_default_dtype()
    text = wanted if isinstance(wanted, str) else getattr(wanted, "__name__", str(wanted))
    home, _, name = text.rpartition(".")
    if home not in ("torch", "torch.cuda") or name not in NAMES:
        raise ValueError(f"invalid type: '{text}'")
    if home == "torch.cuda":
        raise RuntimeError("Cannot initialize CUDA without ATen_cuda library.\n  no CUDA device serves this program")
    return NAMES[name]


def set_default_tensor_type(t: Any) -> None:
    """Make the dtype of an old type name, such as torch.DoubleTensor, the default."""
    if isinstance(t, dtypes.dtype):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    text = t if isinstance(t, str) else f"{t.__module__}.{t.__name__}"
    home, _, name = text.rpartition(".")
    if home == "torch.cuda":
        raise TypeError(NO_CUDA.format(name))
    if home != "torch" or name not in NAMES:
        raise TypeError(f"invalid type object: {text}")
    warn_once("torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
              "torch.set_default_device() as alternatives.")
    dtypes.set_default_dtype(NAMES[name])


def as_subclass(input: Tensor, cls: Any) -> Tensor:
    """A view of the tensor that is an instance of a subclass of Tensor."""
    from .ops.view_copies import alias
    return as_class(alias(input), cls)


def new(input: Tensor, *args: Any, device: Any = None) -> Tensor:
    """As the old `Tensor(...)`, in input's dtype."""
    return legacy_tensor(args, input.dtype)
