"""New tensors of random numbers, and samples of distributions that tensors describe.

Every operation here has its generator as an attribute and draws when its forward runs, so a replay of it draws anew.
"""
from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices, dtypes, recording, sampling, sampling_discrete, sampling_integers, sampling_normal
from ..core.apply import apply, watchers
from ..core.generator import FEW, Generator, default_stream
from ..core.memory import dense
from ..core.numbers import SINGLE
from ..core.op import Kind, Op, evaluate_opaque, explain_broadcast, opaque
from ..core.out import write_out
from .arithmetic import zero
from .create import blank, checked_shape, held
from .dims import plain_sizes

if TYPE_CHECKING:
    from ..tensor import Tensor


def stream(generator: Any, name: str) -> Generator:
    """The generator to draw from: the default one for None. Raises TypeError if it is something else."""
    if generator is None:
        return default_stream()
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator


def whole(value: Any, name: str, argument: str, position: int) -> int:
    """An int argument as a Python int of 64 bits. Raises TypeError for floats and bools, ValueError for larger ones."""
    if value.__class__ is not int:
        try:
            value = operator.index(value if not isinstance(value, bool) else None)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be int, not {type(value).__name__}") from None
    if not -2**63 <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return value


def require_kind(dtype: Any, kinds: str, kernel: str) -> None:
    """Raise PyTorch's error for a dtype that a kernel does not know; `kinds` are NumPy's letters of those that it does."""
    if dtype.kind not in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.of_numpy(dtype).kernel_name}'")


def shape_of(args: tuple, size: Any, name: str) -> tuple:
    """The shape given as f(2, 3), f((2, 3)) or f(size=(2, 3))."""
    if size is not None:
        args = (size,)
    elif not args:
        raise TypeError(f"{name}() received an invalid combination of arguments - got (), but expected one of:\n * (tuple of ints size)")
    shape = plain_sizes(args)
    return checked_shape(name, args, wrong_size) if shape is None else shape


def wrong_size(name: str, args: tuple) -> TypeError:
    """PyTorch's error for sizes that are not integers."""
    wrong = args[0] if len(args) == 1 else next(n for n in args if not hasattr(n, "__index__"))
    return TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(wrong).__name__}")


def fresh(op: Op, shape: tuple, dtype: dtypes.dtype, requires_grad: bool = False, order: Any = None, **attributes: Any) -> Tensor:
    """A new tensor that an Op of this file fills; `order` are the axes from outermost to innermost in memory."""
    if requires_grad and dtype.category < dtypes.FLOAT:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    if watchers:
        result = apply(op, shape=shape, dtype=dtype.numpy, order=order, **attributes)
    else:  # then there is nothing for `apply` to do, and it would take as long as drawing a few numbers
        result = held(op.forward(shape=shape, dtype=dtype.numpy, order=order, **attributes))
    return result.requires_grad_() if requires_grad else result


def order_of(array: Any, memory_format: Any = None) -> Any:
    """The order of axes that a tensor like this one gets: its own if its elements lie without gaps."""
    if memory_format is not None and memory_format.name == "contiguous_format" or array.flags.c_contiguous or not dense(array):
        return None
    return sampling.memory_axes(array)


def prepared(out: Any, shape: tuple, dtype: Any, name: str) -> Tensor:
    """`out` with that shape, to be filled in place. Raises before anything changes."""
    if not hasattr(out, "_array"):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if dtype is not None and dtype.numpy != out._array.dtype:
        raise RuntimeError(f"dtype {dtype.kernel_name} does not match dtype of out parameter ({out.dtype.kernel_name})")
    if out.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if out._array.shape != shape:
        recording.reads("out= of another size")
        out._array = np.empty(shape, out._array.dtype)
    return out


def rand(*args: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """Numbers uniform in [0, 1), of that size."""
    shape, source = shape_of(args, size, "rand"), stream(generator, "rand")
    devices.require_cpu(device)
    if out is not None:
        return prepared(out, shape, dtype, "rand").uniform_(generator=source)
    return _uniform(shape, dtypes.get_default_dtype() if dtype is None else dtype, source, requires_grad)


def rand_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
              requires_grad: bool = False, memory_format: Any = None, generator: Any = None) -> Tensor:
    """Numbers uniform in [0, 1), of input's shape, dtype and layout in memory."""
    source, array = stream(generator, "rand_like"), _array_of(input, "rand_like")
    devices.require_cpu(device)
    return _uniform(array.shape, input.dtype if dtype is None else dtype, source, requires_grad, order_of(array, memory_format))


def _array_of(input: Any, name: str) -> Any:
    try:
        return input._array
    except AttributeError:
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}") from None


def _uniform(shape: tuple, dtype: dtypes.dtype, source: Generator, requires_grad: bool, order: Any = None) -> Tensor:
    require_kind(dtype.numpy, "fVc", "check_uniform_bounds")
    return fresh(RAND, shape, dtype, requires_grad, order, generator=source)


def _rand(*, shape: tuple, dtype: Any, order: Any, generator: Generator) -> Any:
    if dtype is SINGLE and order is None and (size := math.prod(shape)) < FEW:
        numbers = generator.singles(size)
        return numbers if len(shape) == 1 else numbers.reshape(shape)
    return sampling.uniform(blank(shape, dtype, order), 0.0, 1.0, generator)


RAND = Op("rand", opaque, _rand)


def randn(*args: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """Normal numbers of mean 0 and variance 1, of that size."""
    shape, source = shape_of(args, size, "randn"), stream(generator, "randn")
    devices.require_cpu(device)
    if out is not None:
        return prepared(out, shape, dtype, "randn").normal_(generator=source)
    return _normal(shape, dtypes.get_default_dtype() if dtype is None else dtype, source, requires_grad)


def randn_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
               requires_grad: bool = False, memory_format: Any = None, generator: Any = None) -> Tensor:
    """Normal numbers of mean 0 and variance 1, of input's shape, dtype and layout in memory."""
    source, array = stream(generator, "randn_like"), _array_of(input, "randn_like")
    devices.require_cpu(device)
    return _normal(array.shape, input.dtype if dtype is None else dtype, source, requires_grad, order_of(array, memory_format))


def _normal(shape: tuple, dtype: dtypes.dtype, source: Generator, requires_grad: bool = False, order: Any = None,
            mean: float = 0.0, std: float = 1.0) -> Tensor:
    require_kind(dtype.numpy, "fVc", "normal_kernel_cpu")
    return fresh(RANDN, shape, dtype, requires_grad, order, mean=mean, std=std, generator=source)


RANDN = Op("randn", opaque, lambda *, shape, dtype, order, mean, std, generator: sampling_normal.normal(
    blank(shape, dtype, order), mean, std, generator))


def randint(*args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Any = None, out: Any = None, dtype: Any = None,
            layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """Integers from low (0 if not given) up to but without high: `randint(high, size)` or `randint(low, high, size)`."""
    low, high, size = _bounds_and_size(args, low, high, size)
    source, shape = stream(generator, "randint"), shape_of((), size, "randint")
    devices.require_cpu(device)
    if out is not None:
        return prepared(out, shape, dtype, "randint").random_(low, high, generator=source)
    return _integers(shape, dtypes.int64 if dtype is None else dtype, low, high, source, requires_grad)


def _bounds_and_size(args: tuple, low: Any, high: Any, size: Any) -> tuple:
    """The arguments of randint by their names."""
    given = list(args)
    if size is None and len(given) == 2 and high is None and not isinstance(given[1], (tuple, list)):
        raise TypeError(f"randint(): argument 'size' (position 2) must be tuple of ints, not {type(given[1]).__name__}")
    # What stands before a named argument must be there by position too, so the size comes last unless it is named.
    if size is None and given and low is None and high is None and isinstance(given[-1], (tuple, list)):
        size = given.pop()
    if high is None and given:
        high = given.pop()
    if low is None and given:
        low = given.pop()
    if given or size is None or high is None:
        named = {"low": low, "high": high, "size": size}
        kinds = [type(value).__name__ for value in args] + [f"{name}={type(value).__name__}" for name, value in named.items()
                                                            if value is not None and all([value is not given for given in args])]
        raise TypeError(f"randint() received an invalid combination of arguments - got ({', '.join(kinds)}), but expected one of:\n"
                        " * (int high, tuple of ints size)\n * (int low, int high, tuple of ints size)")
    position = 1 if low is None else 2
    return 0 if low is None else whole(low, "randint", "low", 1), whole(high, "randint", "high", position), size


def randint_like(input: Tensor, low: Any = None, high: Any = None, *, dtype: Any = None, layout: Any = None, device: Any = None,
                 pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None, generator: Any = None) -> Tensor:
    """Integers as `randint` gives, of input's shape, dtype and layout in memory: `randint_like(input, high)` or with low before high."""
    array, source = _array_of(input, "randint_like"), stream(generator, "randint_like")
    if high is None:
        low, high = 0, low
    devices.require_cpu(device)
    low, high = whole(low, "randint_like", "low", 2), whole(high, "randint_like", "high", 2)
    return _integers(array.shape, input.dtype if dtype is None else dtype, low, high, source, requires_grad, order_of(array, memory_format))


def _integers(shape: tuple, dtype: dtypes.dtype, low: int, high: int, source: Generator, requires_grad: bool, order: Any = None) -> Tensor:
    low, high = sampling_integers.checked_bounds(dtype.numpy, low, high)
    return fresh(RANDINT, shape, dtype, requires_grad, order, low=low, high=high, generator=source)


RANDINT = Op("randint", opaque, lambda *, shape, dtype, order, low, high, generator: sampling_integers.integers(
    blank(shape, dtype, order), low, high, generator))


def randperm(n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
             pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """0 .. n - 1 in random order; int64 unless dtype is given."""
    n, source = whole(n, "randperm", "n", 1), stream(generator, "randperm")
    devices.require_cpu(device)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    dtype = dtype if dtype is not None else dtypes.int64 if out is None else getattr(out, "dtype", dtypes.int64)
    _check_permutation(n, dtype)
    if out is not None:
        out = prepared(out, (n,), dtype, "randperm")
    result = fresh(RANDPERM, (n,), dtype, requires_grad, generator=source)
    return result if out is None else write_out("randperm", result, out)


_LIMITS = {"float16": "2049", "float32": "2^24+1", "float64": "2^53+1"}


def _check_permutation(n: int, dtype: dtypes.dtype) -> None:
    """Raise PyTorch's error if the dtype cannot tell n numbers apart."""
    name = dtype.name
    if dtype.is_complex or name == "bool" or dtype in dtypes.WIDE_UNSIGNED:
        raise NotImplementedError(f"\"randperm\" not implemented for '{dtype.kernel_name}'")
    if name in _LIMITS and n > sampling_integers.COUNT[name]:
        raise RuntimeError(f"n cannot be greater than {_LIMITS[name]} for {dtype.kernel_name} type.")
    if dtype.category == dtypes.INTEGER and n > np.iinfo(dtype.numpy).max:
        raise RuntimeError(f"value cannot be converted to type {name}_t without overflow")


RANDPERM = Op("randperm", opaque, lambda *, shape, dtype, order, generator: sampling_integers.permutation(
    shape[0], generator).astype(np.float32 if dtype.itemsize == 2 and dtype.kind != "i" else dtype).astype(dtype, copy=False))


def normal(mean: Any, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None,
           device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """Normal numbers of the mean and standard deviation given for each, as tensors or numbers; of two numbers with a size.

    Gradient: zero. Use `mean + std * randn(size)` to differentiate.
    """
    source = stream(generator, "normal")
    if size is None:
        result = _normal_of(mean, std, source)
        return result if out is None else write_out("normal", result, out)
    mean, std, shape = float(mean), float(std), shape_of((), size, "normal")
    devices.require_cpu(device)
    check_deviation(std)
    if out is not None:
        return prepared(out, shape, dtype, "normal").normal_(mean, std, generator=source)
    return _normal(shape, dtypes.get_default_dtype() if dtype is None else dtype, source, requires_grad, None, mean, std)


def check_deviation(std: float) -> None:
    """Raise PyTorch's error for a negative standard deviation."""
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")


def _normal_of(mean: Any, std: Any, source: Generator) -> Tensor:
    tensors = [value for value in (mean, std) if hasattr(value, "_array")]
    if not tensors:
        raise TypeError(f"normal() received an invalid combination of arguments - got ({type(mean).__name__}, {type(std).__name__}), but "
                        "expected one of:\n * (Tensor mean, Tensor std)\n * (Tensor mean, float std)\n * (float mean, Tensor std)\n"
                        " * (float mean, float std, tuple of ints size)")
    require_kind(tensors[0]._array.dtype, "fVc", "normal_kernel_cpu")
    deviation = getattr(std, "_array", None)
    if deviation is None:
        check_deviation(std)
        return apply(NORMAL_MEAN, mean, float(std), generator=source)
    if deviation.dtype.kind == "c":
        raise RuntimeError("normal expects standard deviation to be non-complex")
    return apply(NORMAL_STD if len(tensors) == 1 else NORMAL_BOTH, mean, std, generator=source)


def _normal_arrays(mean: Any, std: Any, *, generator: Generator) -> Any:
    like = mean if hasattr(mean, "dtype") else std
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std))
    scaled = hasattr(std, "dtype")
    if scaled and not (std >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    out = sampling_normal.normal(np.empty(shape, like.dtype), 0.0, 1.0 if scaled else std, generator)
    if scaled:
        np.multiply(out, std, out=out, casting="unsafe")
    return np.add(out, mean, out=out, casting="unsafe")


_pair = Kind("normal", evaluate_opaque, ("mean", "std"), explain_broadcast)
NORMAL_MEAN = Op("normal_mean", _pair, _normal_arrays, grads=(zero, None), node_name="NormalBackward1")
NORMAL_STD = Op("normal_std", _pair, _normal_arrays, grads=(None, zero), node_name="NormalBackward2")
NORMAL_BOTH = Op("normal", _pair, _normal_arrays, grads=(zero, zero), node_name="NormalBackward3")


def check_probabilities(p: Any, kernel: str) -> None:
    """Raise PyTorch's error unless all numbers of an array are probabilities."""
    require_kind(p.dtype, "fV", kernel)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please "
                           "report an enhancement request to PyTorch.)")


def check_probability(p: float, name: str) -> None:
    """Raise PyTorch's error unless a number is a probability."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"{name} expects p to be in [0, 1], but got p={p:g}")


def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """1 with the probability that input gives for each element, else 0; or with probability p for all. Gradient: zero."""
    source, array = stream(generator, "bernoulli"), _array_of(input, "bernoulli")
    if p is None:
        result = apply(BERNOULLI, input, generator=source)
    else:
        if hasattr(p, "_array"):
            raise TypeError("bernoulli() received an invalid combination of arguments - got (Tensor, Tensor), but expected one of:\n"
                            " * (Tensor input)\n * (Tensor input, float p)")
        check_probability(p, "bernoulli_")
        require_kind(array.dtype, "fVbiu", "bernoulli_scalar_cpu_")
        result = apply(BERNOULLI_OF_NUMBER, input, p=float(p), generator=source)
    return result if out is None else write_out("bernoulli", result, out)


def _bernoulli(x: Any, *, generator: Generator) -> Any:
    check_probabilities(x, "bernoulli_tensor_cpu_self_" if x.dtype.kind == "c" else "bernoulli_tensor_cpu_p_")
    return sampling.bernoulli_each(np.empty(x.shape, x.dtype), x, generator)


BERNOULLI = Op("bernoulli", opaque, _bernoulli, grads=(zero,))
BERNOULLI_OF_NUMBER = Op("bernoulli_of_number", opaque, lambda x, *, p, generator: sampling.bernoulli(np.empty(x.shape, x.dtype), p, generator),
    grads=(zero,), node_name="BernoulliBackward0")


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None) -> Tensor:
    """Indices into each row of input, drawn with probabilities in proportion to its numbers.

    Shape: `(C) -> (num_samples)`, `(N, C) -> (N, num_samples)`; int64. Raises RuntimeError for weights that are none.
    """
    source, weights = stream(generator, "multinomial"), _array_of(input, "multinomial")
    count = whole(num_samples, "multinomial", "num_samples", 2)
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.kind not in "fV":
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype.kernel_name}")
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and count > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if weights.shape[-1] > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if out is not None and out._array.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype.kernel_name}")
    result = apply(MULTINOMIAL, input, count=count, replacement=bool(replacement), generator=source)
    return result if out is None else write_out("multinomial", result, prepared(out, result._array.shape, None, "multinomial"))


MULTINOMIAL = Op("multinomial", opaque, lambda x, *, count, replacement, generator: sampling_discrete.multinomial(
    x, count, replacement, generator))


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers of the rates in input, in its dtype. Gradient: zero."""
    source, rates = stream(generator, "poisson"), _array_of(input, "poisson")
    require_kind(rates.dtype, "fV", "poisson_cpu")
    return apply(POISSON, input, generator=source)


def _poisson(x: Any, *, generator: Generator) -> Any:
    if not (x >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return sampling_discrete.poisson(x, generator)


POISSON = Op("poisson", opaque, _poisson, grads=(zero,))


def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """How many of `count` trials succeed with probability `prob`. Shapes broadcast. Gradient: none."""
    source = stream(generator, "binomial")
    for array, what in ((count._array, "count"), (prob._array, "prob")):
        if array.dtype.kind not in "fV":
            raise ValueError(f"binomial only supports floating-point dtypes for {what}, got: {dtypes.of_numpy(array.dtype).kernel_name}")
    if count._array.dtype != prob._array.dtype:
        raise RuntimeError(f"Found dtype {prob.dtype.kernel_name} but expected {count.dtype.kernel_name}")
    if count._array.itemsize == 2:
        raise NotImplementedError(f"\"binomial_cpu\" not implemented for '{count.dtype.kernel_name}'")
    return apply(BINOMIAL, count, prob, generator=source)


def _no_binomial_gradient(g: Any) -> Any:
    raise RuntimeError("derivative for aten::binomial is not implemented")


def _binomial(count: Any, prob: Any, *, generator: Generator) -> Any:
    count, prob = np.broadcast_arrays(count, prob)
    return sampling_discrete.binomial(count, prob, generator)


BINOMIAL = Op("binomial", Kind("binomial", evaluate_opaque, ("count", "prob"), explain_broadcast), _binomial,
    grads=(_no_binomial_gradient, _no_binomial_gradient), node_name="NotImplemented")
