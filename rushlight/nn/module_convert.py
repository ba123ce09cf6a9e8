"""A module's mode, dtype and device, and that of all modules below it."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from rushlight.core import device as devices
from rushlight.core.dtypes import dtype as dtype_class
from rushlight.core.grad_mode import no_grad
from rushlight.core.layout import memory_format as memory_format_class
from rushlight.tensor import Tensor

TO_FORMS = """to() received an invalid combination of arguments - got ({}), but expected one of:
 * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)
 * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)
 * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)
"""


def parse_to(args: tuple, kwargs: dict) -> tuple[Any, Any, bool, Any]:
    """(device, dtype, non_blocking, memory_format) from the arguments of `Module.to`; what is not given is None or False.

    Raises: TypeError if they fit none of the three forms, RuntimeError for `copy`, which has no meaning for a module.
    """
    names = _TO_NAMES["device"]
    if args and isinstance(args[0], (dtype_class, Tensor)):
        names = _TO_NAMES["dtype" if isinstance(args[0], dtype_class) else "tensor"]
    elif "tensor" in kwargs:
        names = _TO_NAMES["tensor"]
    given = dict(zip(names, args))
    wrong = len(args) > len(names) or any(name in given or name not in (*names, "memory_format") for name in kwargs)
    given.update(kwargs)
    if wrong or not all(value is None or isinstance(value, _TO_TYPES[name]) for name, value in given.items()):
        texts = [_kind(value) for value in args] + [f"{name}={_kind(value)}" for name, value in kwargs.items()]
        raise TypeError(TO_FORMS.format(", ".join(texts) + (", " if kwargs and not args else "")))
    if given.get("copy"):
        raise RuntimeError(".to() does not accept copy argument")
    tensor = given.get("tensor")
    device, dtype = (tensor.device, tensor.dtype) if tensor is not None else (given.get("device"), given.get("dtype"))
    return None if device is None else devices.device(device), dtype, bool(given.get("non_blocking")), given.get("memory_format")


_TO_NAMES = {"device": ("device", "dtype", "non_blocking", "copy"), "dtype": ("dtype", "non_blocking", "copy"),
             "tensor": ("tensor", "non_blocking", "copy")}
_TO_TYPES: dict[str, Any] = {"device": (str, int, devices.device), "dtype": dtype_class, "tensor": Tensor, "non_blocking": bool, "copy": bool,
                             "memory_format": memory_format_class}


def _kind(value: Any) -> str:
    """The name of a value's type, as PyTorch's argument errors write it."""
    name = type(value).__name__
    return f"torch.{name}" if isinstance(value, (dtype_class, devices.device, memory_format_class)) else name


class ModuleConversion:
    """The part of Module that changes all its tensors at once. Every method returns the module, so that calls chain."""

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[[], Iterator[Any]]
    parameters: Callable[[], Iterator[Any]]

    def _apply(self, fn: Callable, recurse: bool = True) -> Any:
        """The module, after `fn(tensor)` took the place of every parameter's data, gradient and buffer, here and below.

        Parameters stay the same objects, so an optimizer that holds them goes on working.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                parameter.data = fn(parameter)
                if parameter.grad is not None:
                    wanted = parameter.grad.requires_grad
                    parameter.grad = fn(parameter.grad).requires_grad_(wanted)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """The module with its parameters and buffers on a device, in a dtype, or both; in place.

        `to(device, dtype, non_blocking)`, `to(dtype)`, `to(tensor)` as that tensor is, `to(memory_format=channels_last)`.
        A dtype applies to floating-point and complex tensors alone. Raises: TypeError for an integer dtype.
        """
        device, dtype, non_blocking, memory_format = parse_to(args, kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
            if dtype.is_complex:
                warnings.warn("Complex modules are a new feature under active development whose design may change, and some modules might not "
                              "work as expected when using complex tensors as parameters or buffers. Please file an issue at "
                              "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex module does not work as "
                              "expected.", stacklevel=2)

        def convert(tensor: Any) -> Any:
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            if memory_format is not None and tensor.dim() in (4, 5):
                return tensor.to(device, wanted, non_blocking, memory_format=memory_format)
            return tensor.to(device, wanted, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """The module with fresh memory on a device; the values are not kept."""
        from rushlight.ops.create import empty_like
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse=recurse)

    def cuda(self, device: Any = None) -> Any:
        """The module with all tensors on a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def cpu(self) -> Any:
        """The module with all tensors in the CPU's memory."""
        return self._apply(lambda tensor: tensor.cpu())

    def xpu(self, device: Any = None) -> Any:
        """An error: there are no such devices here."""
        return self._apply(lambda tensor: tensor.to("xpu"))

    ipu = mtia = xpu

    def type(self, dst_type: Any) -> Any:
        """The module with all tensors, integer ones too, in a dtype."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Any:
        """The module with its floating-point tensors in float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> Any:
        """The module with its floating-point tensors in float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> Any:
        """The module with its floating-point tensors in float16."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self) -> Any:
        """The module with its floating-point tensors in bfloat16."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    def share_memory(self) -> Any:
        """The module with its tensors in memory that other processes see."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def train(self, mode: bool = True) -> Any:
        """The module in training mode, or not: what Dropout, BatchNorm and the like look at. Raises: ValueError unless mode is a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """The module in evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """The module with gradients wanted for all its parameters, or for none: freezing."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or fills them with zeros."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad.detach_() if parameter.grad.grad_fn is not None else parameter.grad.requires_grad_(False)
                parameter.grad.zero_()
