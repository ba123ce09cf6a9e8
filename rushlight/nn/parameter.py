"""Tensors that a module knows as its own: parameters, which are trained, and buffers, which are not."""
from __future__ import annotations

import sys
from typing import Any

from rushlight.names import call_as_torch, from_portable, portable
from rushlight.tensor import Tensor, as_class

UNINITIALIZED = ("Attempted to use an uninitialized {what} in {function}. This error happens when you are using a `LazyModule` or explicitly "
                 "manipulating `torch.nn.parameter.{kind}` objects. When using LazyModules Call `forward` with a dummy batch to initialize the "
                 "parameters before calling torch functions")
NO_SHAPE = ("Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to "
            "load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes.")


def _empty(device: Any = None, dtype: Any = None) -> Tensor:
    from rushlight.ops.create import empty
    return empty(0, device=device, dtype=dtype)


class Parameter(Tensor):
    """A tensor that is a module's parameter: assigned to a module, it appears in `parameters()`.

    It shares memory with `data` and requires a gradient, also when made under `no_grad`.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        result = as_class((_empty() if data is None else data).detach(), cls)
        if requires_grad:
            _require_grad(result)
        return result

    def __repr__(self, **kwargs: Any) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict) -> Any:
        # As PyTorch's: the numbers alone, in memory that no other tensor shares, without the gradient.
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]


class _BufferMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(metaclass=_BufferMeta):
    """A tensor that is a module's buffer: assigned to a module, it appears in `buffers()` and, if persistent, in the state_dict.

    It shares memory with `data`. What is made is a plain Tensor with a mark, which `isinstance(x, Buffer)` looks for.
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        source: Any = _empty() if data is None else data
        result = source.detach().requires_grad_(source.requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result


def _require_grad(tensor: Any) -> None:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    tensor.requires_grad_()


class UninitializedTensorMixin:
    """A parameter or buffer whose shape is not known yet; `materialize` gives it one. Every other use is an error."""

    cls_to_become: type
    _what: str

    @property
    def _array(self) -> Any:
        raise ValueError(UNINITIALIZED.format(what=self._what, kind=type(self).__name__, function=_asking_operation()))

    @_array.setter
    def _array(self, array: Any) -> None:
        self.__dict__["_placeholder"] = array

    @property
    def shape(self) -> Any:
        raise RuntimeError(NO_SHAPE)

    @property
    def dtype(self) -> Any:
        return self._made().dtype

    @property
    def device(self) -> Any:
        return self._made().device

    @property
    def requires_grad(self) -> bool:
        return self.__dict__["_wants_grad"]

    def is_floating_point(self) -> bool:
        """Whether the values to come are floating-point numbers."""
        return self._made().is_floating_point()

    def is_complex(self) -> bool:
        """Whether the values to come are complex numbers."""
        return self._made().is_complex()

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Record operations once there is something to record, or not; in place."""
        self.__dict__["_wants_grad"] = requires_grad
        return self

    def detach(self) -> Any:
        """Itself: there is nothing to detach yet."""
        return self

    @property
    def data(self) -> Any:
        return self

    @data.setter
    def data(self, value: Any) -> None:
        self.__dict__["_placeholder"] = value.__dict__["_placeholder"]

    @property
    def grad(self) -> None:
        return None

    @grad.setter
    def grad(self, value: None) -> None:
        pass

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Becomes an ordinary parameter or buffer of that shape, with values not set yet; in place."""
        from rushlight.core import recording
        from rushlight.ops.create import empty
        recording.reads("a lazy module's first call")
        made = self._made()
        data = empty(shape, device=made.device if device is None else device, dtype=made.dtype if dtype is None else dtype)
        wants_grad = self.__dict__.pop("_wants_grad")
        self.__dict__.pop("_placeholder")
        is_buffer = getattr(self, "_is_buffer", False)
        self.__class__ = self.cls_to_become
        self.__dict__.update(data.__dict__)
        if is_buffer:
            self._is_buffer = True
        if wants_grad:
            _require_grad(self)

    def share_memory_(self) -> Any:
        """An error: there is no memory yet."""
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before "
                           "calling `module.share_memory()`.")

    def _made(self) -> Tensor:
        """An empty tensor of the dtype and on the device that this one will have."""
        from rushlight.core.apply import wrap
        return wrap(self.__dict__["_placeholder"])

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _uninitialized(type(self), self._made(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _uninitialized, (portable(type(self)), self._made(), self.requires_grad)

    def __repr__(self, **kwargs: Any) -> str:
        return f"<{type(self).__name__}>"


def _asking_operation() -> str:
    """What wanted the values, as PyTorch names it: the method of the operation that is being run, if one is."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "op" not in frame.f_locals:
        frame = frame.f_back
    return f"<method '{getattr(frame.f_locals.get('op'), 'name', '?')}' of 'torch._C.TensorBase' objects>"


def _converting(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _uninitialized(type(self), getattr(self._made(), name)(*args, **kwargs), self.requires_grad)
    method.__name__ = name
    method.__doc__ = "The same, for values of another dtype or on another device."
    return method


for _name in ("to", "type", "float", "double", "half", "bfloat16", "cpu", "cuda"):
    setattr(UninitializedTensorMixin, _name, _converting(_name))
del _name


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc, override]  # it refuses what a tensor offers
    """A parameter whose shape is found at the first forward of a lazy module."""

    cls_to_become = Parameter
    _what = "parameter"

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _uninitialized(cls, _empty(device, dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc, override]  # it refuses what a tensor offers
    """A buffer whose shape is found at the first forward of a lazy module."""

    cls_to_become = Tensor
    _what = "buffer"
    _is_buffer = True

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True) -> Any:
        result = _uninitialized(cls, _empty(device, dtype), requires_grad)
        result.persistent = persistent
        return result


def _uninitialized(cls: Any, empty: Tensor, requires_grad: bool) -> Any:
    result = object.__new__(from_portable(cls))
    result._array = empty._array
    result._node = None
    result.__dict__["_wants_grad"] = requires_grad
    return result


def is_lazy(tensor: Any) -> bool:
    """Whether this is a parameter or buffer whose shape is not known yet."""
    return isinstance(tensor, UninitializedTensorMixin)


for _cls in (Parameter, Buffer, UninitializedTensorMixin, UninitializedParameter, UninitializedBuffer):
    call_as_torch(_cls)
del _cls
