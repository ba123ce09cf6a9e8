"""Discrete Fourier transforms, by NumPy's pocketfft, which keeps single precision.

Three operations carry all functions: complex to complex, real to complex, half a spectrum to real. Each is linear, so its gradient is its
adjoint: the transform the other way with the scale on the other side.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.dtypes import get_default_dtype
from ..core.op import Op, opaque
from .dims import one_dim
from .padding import constant_pad
from .rearrange import roll

if TYPE_CHECKING:
    from ..tensor import Tensor

#: the norm with which the transform the other way is the adjoint
ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


# ---- the three transforms

def _c2c(x: Any, *, dim: tuple, norm: Any, inverse: bool) -> Any:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=dim, norm=norm)


C2C = Op("fft_c2c", opaque, _c2c, node_name="FftC2CBackward0",
    grads=(lambda g, dim, norm, inverse: apply(C2C, g, dim=dim, norm=ADJOINT[norm], inverse=not inverse),))


def _r2c(x: Any, *, dim: tuple, norm: Any, onesided: bool, size: int) -> Any:
    return (np.fft.rfftn if onesided else np.fft.fftn)(x, axes=dim, norm=norm)


def _r2c_gradient(g: Any, dim: tuple, norm: str, onesided: bool, size: int) -> Any:
    if onesided:
        g = resized(g, (dim[-1],), (size,))
    return apply(C2C, g, dim=dim, norm=ADJOINT[norm], inverse=True).real


R2C = Op("fft_r2c", opaque, _r2c, node_name="FftR2CBackward0",
    grads=(lambda g, dim, norm, onesided, size: _r2c_gradient(g, dim, norm, onesided, size),))


def _c2r(x: Any, *, dim: tuple, norm: Any, size: int) -> Any:
    return np.fft.irfftn(x, [*[x.shape[d] for d in dim[:-1]], size], dim, norm)


def _c2r_gradient(g: Any, dim: tuple, norm: str, size: int) -> Any:
    """What stands for two frequencies, itself and its mirror image, counts twice: all but 0 and, for an even size, the highest."""
    half = apply(R2C, g, dim=dim, norm=ADJOINT[norm], onesided=True, size=size)
    counts = np.full(size // 2 + 1, 2, half._array.real.dtype)
    counts[0] = 1
    if size % 2 == 0:
        counts[-1] = 1
    return half * half.new_tensor(counts.tolist(), dtype=g.dtype).reshape([-1] + [1] * (half._array.ndim - 1 - dim[-1]))


C2R = Op("fft_c2r", opaque, _c2r, node_name="FftC2RBackward0",
    grads=(lambda g, dim, norm, size: _c2r_gradient(g, dim, norm, size),))


# ---- arguments

def prepared(input: Any) -> Any:
    """input as floating or complex numbers."""
    array = input._array
    if array.dtype.kind in "biu":
        return input.to(get_default_dtype())
    if array.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {input.dtype.kernel_name}")
    return input


def complex_of(input: Any) -> Any:
    """input as complex numbers."""
    input = prepared(input)
    return input if input._array.dtype.kind == "c" else input + 0j


def real_of(input: Any, name: str, what: str = "real") -> Any:
    """input as real numbers. Raises PyTorch's error for complex ones."""
    if input._array.dtype.kind == "c":
        raise RuntimeError(f"{name} expects a {what} input tensor, but got {input.dtype.kernel_name}")
    return prepared(input)


def checked_norm(norm: Any, name: str) -> str:
    """The normalisation: "backward" (1/n on the inverse), "ortho" (1/sqrt n on both), "forward" (1/n on the transform)."""
    if norm is None:
        return "backward"
    if not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    if norm not in ADJOINT:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return norm


def checked_size(n: int) -> int:
    """n. Raises PyTorch's error below 1."""
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def dim_and_size(input: Any, n: Any, dim: int, name: str) -> tuple:
    """The dimension, and how many points to transform."""
    array = input._array
    if n is not None and not hasattr(n, "__index__"):
        raise TypeError(f"fft_{name}(): argument 'n' must be int, not {type(n).__name__}")
    if not array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = one_dim(dim, array.ndim)
    return dim, array.shape[dim] if n is None else n


def dims_and_sizes(input: Any, s: Any, dim: Any) -> tuple:
    """The dimensions, and how many points to transform along each: all of them unless `s` says otherwise; -1 there means all."""
    shape = input._array.shape
    s = [s] if isinstance(s, int) else s
    if dim is not None:
        dims = [one_dim(d, len(shape)) for d in ([dim] if isinstance(dim, int) else dim)]
        if dims and not shape:
            raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > len(shape):
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {len(shape)} dimensions.")
        dims = list(range(len(shape) - len(s), len(shape)))
    else:
        dims = list(range(len(shape)))
    sizes = [shape[d] for d in dims] if s is None else [shape[d] if n == -1 else n for d, n in zip(dims, s)]
    return tuple(dims), sizes


def resized(input: Any, dims: tuple, sizes: Any) -> Any:
    """input cut off, or filled up with zeros, to these sizes."""
    shape = input._array.shape
    pads = [(0, 0)] * len(shape)
    for dim, size in zip(dims, sizes):
        pads[dim] = (0, size - shape[dim])
    return constant_pad(input, tuple(pads), 0) if any([high for _, high in pads]) else input


# ---- over one dimension

def spectrum(input: Any, sizes: Any, dims: tuple, norm: str, inverse: bool) -> Any:
    """The whole spectrum of real or complex input; PyTorch takes the inverse of real input as a conjugate."""
    input = resized(input, dims, [checked_size(n) for n in sizes])
    if input._array.dtype.kind == "c":
        return apply(C2C, input, dim=dims, norm=norm, inverse=inverse)
    out = apply(R2C, input, dim=dims, norm=ADJOINT[norm] if inverse else norm, onesided=False, size=sizes[-1])
    return out.conj() if inverse else out


def half_spectrum(input: Any, sizes: Any, dims: tuple, norm: str) -> Any:
    """The spectrum of real input, of the last dimension the frequencies that are not negative."""
    input = resized(input, dims, [checked_size(n) for n in sizes])
    return apply(R2C, input, dim=dims, norm=norm, onesided=True, size=sizes[-1])


def from_half(input: Any, sizes: Any, dims: tuple, norm: str) -> Any:
    """The real numbers whose half spectrum input is; `sizes` are the result's."""
    for n in sizes:
        checked_size(n)
    input = resized(input, dims, [*sizes[:-1], sizes[-1] // 2 + 1])
    return apply(C2R, input, dim=dims, norm=norm, size=sizes[-1])


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The discrete Fourier transform along dim, of n points: X[k] = sum x[j] exp(-2 pi i j k / n)."""
    input = prepared(input)
    dim, size = dim_and_size(input, n, dim, "fft")
    return spectrum(input, (size,), (dim,), checked_norm(norm, "fft"), False)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`."""
    input = prepared(input)
    dim, size = dim_and_size(input, n, dim, "ifft")
    return spectrum(input, (size,), (dim,), checked_norm(norm, "ifft"), True)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first n // 2 + 1 numbers of the transform of real input; the others mirror them."""
    input = real_of(input, "rfft")
    dim, size = dim_and_size(input, n, dim, "rfft")
    return half_spectrum(input, (size,), (dim,), checked_norm(norm, "rfft"))


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`: n real numbers, 2 (m - 1) of m unless given."""
    input = complex_of(input)
    dim, size = dim_and_size(input, n, dim, "irfft")
    return from_half(input, (2 * (size - 1) if n is None else n,), (dim,), checked_norm(norm, "irfft"))


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real transform of a signal of which half is given, the other half being its conjugate mirrored."""
    input = complex_of(input)
    dim, size = dim_and_size(input, n, dim, "hfft")
    return from_half(input.conj(), (2 * (size - 1) if n is None else n,), (dim,), ADJOINT[checked_norm(norm, "hfft")])


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`."""
    input = real_of(input, "ihfft")
    dim, size = dim_and_size(input, n, dim, "ihfft")
    return half_spectrum(input, (size,), (dim,), ADJOINT[checked_norm(norm, "ihfft")]).conj()


# ---- over several dimensions

def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The transform along every one of dim, or along all dimensions."""
    return _over_many(input, s, dim, norm, "fftn", False)


def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`."""
    return _over_many(input, s, dim, norm, "ifftn", True)


def _over_many(input: Any, s: Any, dim: Any, norm: Any, name: str, inverse: bool) -> Any:
    dims, sizes = dims_and_sizes(input, s, dim)
    norm = checked_norm(norm, name)
    if not dims:
        return complex_of(input).clone()
    return spectrum(prepared(input), sizes, dims, norm, inverse)


def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fftn` of real input, of the last dimension the first half."""
    input = real_of(input, "rfftn", "real-valued")
    dims, sizes = some_of(input, s, dim, "rfftn")
    return half_spectrum(input, sizes, dims, checked_norm(norm, "rfftn"))


def some_of(input: Any, s: Any, dim: Any, name: str) -> tuple:
    """As dims_and_sizes. Raises PyTorch's error for no dimension."""
    dims, sizes = dims_and_sizes(input, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    return dims, sizes


def halved(input: Any, s: Any, dim: Any, name: str) -> tuple:
    """The dimensions, and the sizes of a real result, of which input is half a spectrum."""
    dims, sizes = some_of(input, s, dim, name)
    s = [s] if isinstance(s, int) else s
    if s is None or s[-1] == -1:
        sizes[-1] = 2 * (input._array.shape[dims[-1]] - 1)
    return dims, sizes


def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`; s is the result's shape."""
    dims, sizes = halved(input, s, dim, "irfftn")
    return from_half(complex_of(input), sizes, dims, checked_norm(norm, "irfftn"))


def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The real transform of a signal of which half is given along the last dimension."""
    dims, sizes = halved(input, s, dim, "hfftn")
    return from_half(complex_of(input).conj(), sizes, dims, ADJOINT[checked_norm(norm, "hfftn")])


def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`."""
    input = real_of(input, "ihfftn", "real-valued")
    dims, sizes = some_of(input, s, dim, "ihfftn")
    return half_spectrum(input, sizes, dims, ADJOINT[checked_norm(norm, "ihfftn")]).conj()


def _over_two(name: str, over_many: Any, what: str) -> Any:
    def transform(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return over_many(input, s, dim, norm)
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"{what} over the last two dimensions."
    return transform


fft2 = _over_two("fft2", fftn, "`fftn`")
ifft2 = _over_two("ifft2", ifftn, "`ifftn`")
rfft2 = _over_two("rfft2", rfftn, "`rfftn`")
irfft2 = _over_two("irfft2", irfftn, "`irfftn`")
hfft2 = _over_two("hfft2", hfftn, "`hfftn`")
ihfft2 = _over_two("ihfft2", ihfftn, "`ihfftn`")


# ---- frequencies

def fftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:
    """The frequency of each place in the result of `fft`, samples being d apart: 0, 1, 2 ... -2, -1 over n d."""
    return _frequencies(np.concatenate((np.arange((n + 1) // 2), np.arange(-(n // 2), 0))), n, d, "fftfreq", out, dtype, device, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """The frequency of each place in the result of `rfft`."""
    return _frequencies(np.arange(n // 2 + 1), n, d, "rfftfreq", out, dtype, device, requires_grad)


def _frequencies(numbers: Any, n: int, d: float, name: str, out: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    from ..core.device import require_cpu
    from ..core.out import write_out
    from .create import constant
    require_cpu(device)
    dtype = get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point and not dtype.is_complex:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    array = numbers.astype(dtype.numpy) * np.asarray(1 / (n * d) if n else 0, dtype.numpy)
    result = constant(array, requires_grad)
    return result if out is None else write_out(name, result, out)


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """input with frequency 0 moved to the middle of each dimension."""
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)


def _shifted(input: Any, dim: Any, by: Any) -> Any:
    shape = input._array.shape
    dims = list(range(len(shape))) if dim is None else [one_dim(d, len(shape)) for d in ([dim] if isinstance(dim, int) else dim)]
    return roll(input, [by(shape[d]) for d in dims], dims)
