"""Tensor: an array and its autograd state. Its methods are a plain list, at the end, that points into `ops`."""
from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from . import methods, operators
from .core import apply as core_apply, device as devices, dtypes, memory, recording
from .core.apply import wrap
from .core.grad_mode import mode
from .core.inplace import INFERENCE, node_of
from .core.node import AccumulateGrad, RemovableHandle, add_hook, shown
from .core.size import Size
from .names import from_portable, portable

if TYPE_CHECKING:
    from .listed import Listed  # methods and operators come from the list in methods.py, which a type checker does not see
else:
    Listed = object

#: Makes a Size of a tuple without a call of Python's: an array's shape needs no check.
new_tuple = tuple.__new__


class Tensor(Listed):
    """An n-dimensional array of one dtype that can record how it was computed.

    `Tensor(2, 3)` is uninitialised, `Tensor([1, 2])` holds these numbers, both in the default dtype; prefer `torch.tensor`.
    """

    # What most tensors never set lives on the class, so that making one costs two assignments.
    _array: Any
    _node: Any
    _grad: Tensor | None = None
    _cell: Any = None              # the version of its storage, shared by all its views
    _base: Tensor | None = None    # the tensor of which it is a view
    _recipe: tuple = ()            # the view operations from base to here
    _seen: int = 0                 # the version of the storage when this view's node was derived
    _created: str | None = None    # what is special in how this view was made: "many" at once, in "no_grad" or in "inference" mode
    _post_hooks: Any = None
    _warned_of_scalars = False
    __array_priority__ = 1000      # NumPy's operators leave mixed expressions to ours

    def __new__(cls, *args: Any, device: Any = None) -> Any:
        from .tensor_types import legacy_tensor
        return as_class(legacy_tensor(args), cls)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith(("rushlight", "torch")):
            from .overrides import watch_subclass
            watch_subclass(cls)

    # ---- what it is

    @property
    def shape(self) -> Size:
        return new_tuple(Size, self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        shape = self._array.shape
        if dim is None:
            return new_tuple(Size, shape)
        return shape[dim if dim.__class__ is int and 0 <= dim < len(shape) else counted_dim(dim, len(shape))]

    @property
    def dtype(self) -> dtypes.dtype:
        found = dtypes.BY_NUMPY.get(self._array.dtype)
        return dtypes.of_numpy(self._array.dtype) if found is None else found

    @property
    def device(self) -> devices.device:
        if self._array.__class__ is np.ndarray:
            return devices.CPU
        return devices.device("cuda", self._array.device.id)

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.size * self._array.itemsize

    @property
    def is_cuda(self) -> bool:
        return self._array.__class__ is not np.ndarray

    is_cpu = property(lambda self: self._array.__class__ is np.ndarray)
    is_sparse = is_sparse_csr = is_quantized = is_mkldnn = is_meta = is_nested = is_mps = is_xpu = is_xla = is_ipu = False
    names = property(lambda self: (None,) * self._array.ndim)
    name: Any = None
    volatile = False

    @property
    def layout(self) -> Any:
        from .core.layout import strided
        return strided

    def get_device(self) -> int:
        """The CUDA device's number, -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def is_inference(self) -> bool:
        return self._cell is INFERENCE

    # ---- autograd

    @property
    def requires_grad(self) -> bool:
        return self._node is not None or self._base is not None and self._base._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Record operations on this tensor from now on, or stop; in place."""
        if not requires_grad:
            if self._node is not None and not isinstance(self._node, AccumulateGrad):
                raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                                   "subgraph that doesn't require differentiation use var_no_grad = var.detach().")
            self._node = None
        elif self._node is None and self.grad_fn is None:
            if self._cell is INFERENCE and not mode.inference:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
            if self._array.dtype.kind in "biu":
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
            self._node = AccumulateGrad(self)
        return self

    @property
    def is_leaf(self) -> bool:
        node = node_of(self)
        return node is None or node.__class__ is AccumulateGrad

    @property
    def grad_fn(self) -> Any:
        return None if self.is_leaf else shown(self._node)

    @property
    def output_nr(self) -> int:
        return getattr(self._node, "index", 0)

    @property
    def grad(self) -> Tensor | None:
        if self._grad is None and self._node is not None and not self.is_leaf and self._node.retain is None:
            import warnings
            warnings.warn("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
                          "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
                          ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
                          "Tensor instead.", stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._array.shape != self._array.shape:
                raise RuntimeError(f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size "
                                   f"'{list(self._array.shape)}'. Please ensure that the gradient and the tensor are the same size")
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(f"attempting to assign a gradient with dtype '{value.dtype.c_name}' to a tensor with grad_dtype "
                                   f"'{self.dtype.kernel_name}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). "
                                   "You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype "
                                   "with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they "
                                   "match.")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def detach(self) -> Tensor:
        """The same memory without history."""
        result = wrap(self._array)
        cell = self._cell
        if cell is None:
            from .core.inplace import version_of
            cell = version_of(self)
        result._cell = cell
        return result

    def detach_(self) -> Tensor:
        """Forget the history, in place."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
                               "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be "
                               "called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                               "torch/optim/optimizer.py as the solution.")
        self._node = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history; writes to it are not noticed by autograd."""
        result = wrap(self._array)
        if self._cell is INFERENCE:
            result._cell = INFERENCE
        return result

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if value._array is not self._array:  # as it is in `p.data -= g`
            recording.reads("assigning to .data")  # other memory, of which a recording would not learn
        self._array = value._array
        if INFERENCE in (self._cell, value._cell):
            self._cell = INFERENCE if value._cell is INFERENCE else None
        if isinstance(self._node, AccumulateGrad):
            self._node.shape, self._node.dtype = self._array.shape, self._array.dtype

    @property
    def _version(self) -> int:
        if self._cell is INFERENCE:
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._cell is None else self._cell.count

    def _is_view(self) -> bool:
        return self._base is not None

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in its `.grad`."""
        if node_of(self) is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf:
            self._node.special, self._node.retain = True, weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        return not self.is_leaf and self._node.retain is not None

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(grad) when this tensor's gradient is known; what it returns replaces the gradient."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return add_hook(node, "pre_hooks", hook)

    def register_post_accumulate_grad_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(self) each time after `.grad` of this leaf has grown."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(node, "post_hooks", hook)

    # ---- values

    def item(self) -> Any:
        """The Python number that a one-element tensor holds."""
        if recording.recorder is not None:
            recording.reads("item()")
        array = self._array
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        value = array.item()
        return value if array.dtype.kind in "biufc" else float(value)

    def tolist(self) -> Any:
        """Nested lists of Python numbers; a number if 0-d."""
        recording.reads("tolist()")
        array = self._array
        return array.tolist() if array.dtype.kind in "biufc" else array.astype(np.float32).tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The same memory as a NumPy array."""
        recording.reads("numpy()")
        if force:
            return self.detach().cpu().resolve_conj()._array
        if mode.grad and self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._array.__class__ is not np.ndarray:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")
        if self._array.dtype.kind not in "biufc":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        if dtype is not None:
            array = array.astype(dtype, copy=False)
        return array.copy() if copy and array is self._array else array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        return wrap(np.asarray(array))

    def type_as_numpy(self, dtype: Any) -> Tensor:
        """This tensor in a NumPy dtype (what gradients are cast by)."""
        return self.to(dtypes.of_numpy(dtype))

    def __bool__(self) -> bool:
        if recording.recorder is not None:
            recording.reads("bool()")
        size = self._array.size
        if size != 1:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous" if size == 0 else
                               "Boolean value of Tensor with more than one value is ambiguous")
        return bool(self._array.item())

    def __float__(self) -> float:
        value = self._one("float()")
        if value.__class__ is complex and value.imag:
            raise RuntimeError("value cannot be converted to type double without overflow")
        return float(value.real)

    def __int__(self) -> int:
        return int(self._one("int()"))

    def __complex__(self) -> complex:
        return complex(self._one("complex()"))

    def __index__(self) -> int:
        if self._array.dtype.kind not in "biu" or self._array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        recording.reads("a tensor as an index or a size")
        return int(self._array.item())

    def _one(self, what: str) -> Any:
        recording.reads(what)
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        if mode.grad and self._node is not None and not Tensor._warned_of_scalars:
            import warnings
            Tensor._warned_of_scalars = True  # once in a program, as PyTorch
            warnings.warn("Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
                          "Consider using tensor.detach() first.", stacklevel=3)
        return self.item()

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self) -> Any:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        recording.reads("in")
        if isinstance(element, (Tensor, bool, int, float, complex)):
            return bool((self == element).any().item())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        recording.reads("printing")
        from .printing import tensor_text
        return tensor_text(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        recording.reads("format()")
        from .printing import format_tensor
        return format_tensor(self, spec)

    def __copy__(self) -> Tensor:
        return as_class(self.detach().requires_grad_(self.requires_grad), type(self))

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                               "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
                               "https://github.com/pytorch/pytorch/pull/103001")
        if id(self) in memo:
            return memo[id(self)]
        recording.reads("deepcopy()")
        import copy
        result = wrap(memory.deep_copy(self._array, memo))
        result.__class__ = type(self)
        memo[id(self)] = result
        if self._node is not None:
            result._node = AccumulateGrad(result)
        if self._grad is not None:
            result._grad = copy.deepcopy(self._grad, memo)
        for name, value in self.__dict__.items():
            if name not in PRIVATE:
                result.__dict__[name] = copy.deepcopy(value, memo)
        return result

    def __reduce_ex__(self, protocol: Any) -> tuple:
        recording.reads("pickling")
        own = {k: v for k, v in self.__dict__.items() if k not in PRIVATE}
        return rebuild, (portable(type(self)), self.detach()._array, self.requires_grad and self.is_leaf, own)


#: the attributes that are ours; all others are the user's
PRIVATE = frozenset(Tensor.__annotations__) | {"_post_hooks"}
Tensor.__module__ = "torch"
core_apply.register(Tensor)


def rebuild(cls: Any, array: Any, requires_grad: bool, own: dict) -> Tensor:
    """A tensor from what pickling kept of it."""
    result = as_class(wrap(array), from_portable(cls))
    if requires_grad:
        result._node = AccumulateGrad(result)
    result.__dict__.update(own)
    return result


def as_class(tensor: Tensor, cls: type) -> Any:
    """The tensor, made an instance of a subclass."""
    if cls is not Tensor:
        tensor.__class__ = cls
        if isinstance(tensor._node, AccumulateGrad):
            tensor._node.leaf = weakref.ref(tensor)
    return tensor


def counted_dim(dim: int, ndim: int) -> int:
    """dim counted from the front; IndexError if out of range."""
    from .ops.dims import one_dim
    return one_dim(dim, ndim)


operators.install(Tensor)
methods.install(Tensor)
