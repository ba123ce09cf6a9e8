"""Methods that overwrite a tensor with random numbers. What was in it has no influence, so its gradient is zero."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes, sampling, sampling_continuous, sampling_discrete, sampling_integers, sampling_normal
from ..core.apply import apply
from ..core.inplace import inplace
from ..core.memory import check_places
from ..core.op import Op, opaque
from .arithmetic import zero
from .random import check_deviation, check_probabilities, check_probability, require_kind, stream, whole

if TYPE_CHECKING:
    from ..tensor import Tensor


def _sampled(input: Tensor, op: Op, *args: Any, **attributes: Any) -> Tensor:
    return apply(op, input, *args, **attributes)


_write = inplace(_sampled, "random_")


def overwrite(input: Tensor, op: Op, *args: Any, **attributes: Any) -> Tensor:
    """Put an Op's numbers into input. Raises before anything is drawn if elements share memory."""
    check_places(input._array)
    return _write(input, op, *args, **attributes)


def _like(x: Any) -> Any:
    """An array without values yet whose elements lie in memory in the order of x's."""
    return np.empty_like(x, order="K")


def _bounds(args: tuple, named: dict, low: Any, high: Any, name: str) -> tuple:
    """The arguments `from` (a keyword in Python, which no parameter can be called) and `to`."""
    given = dict(zip(("from", "to"), args))
    for key, value in named.items():
        if key not in ("from", "to") or key in given:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        given[key] = value
    if len(args) > 2:
        raise TypeError(f"{name}() takes from 1 to 3 positional arguments but {len(args) + 1} were given")
    return given.get("from", low), given.get("to", high)


def _number(value: Any, name: str, argument: str, position: int) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be float, not {type(value).__name__}")
    return float(value)


def uniform_(input: Tensor, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """Overwrite input with numbers uniform in [from, to), by default in [0, 1): `uniform_(from, to)`."""
    low, high = _bounds(args, named, 0.0, 1.0, "uniform_")
    source = stream(generator, "uniform_")
    low, high = _number(low, "uniform_", "from", 1), _number(high, "uniform_", "to", 2)
    require_kind(input._array.dtype, "fVc", "check_uniform_bounds")
    _check_uniform(low, high, input.dtype.to_real())
    return overwrite(input, UNIFORM, low=low, high=high, generator=source)


def _check_uniform(low: float, high: float, dtype: dtypes.dtype) -> None:
    largest = sampling_integers.LARGEST[dtype.name]
    for value, which in ((low, "from"), (high, "to")):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{which} is out of bounds for {dtype.c_name}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if high - low > largest:
        raise RuntimeError(f"uniform_ expects to-from <= std::numeric_limits<{dtype.kernel_name}>::max(), but found to={high:g} and "
                           f"from={low:g} which result in to-from to exceed the limit")


UNIFORM = Op("uniform", opaque, lambda x, *, low, high, generator: sampling.uniform(_like(x), low, high, generator), grads=(zero,))


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Overwrite input with normal numbers of that mean and standard deviation."""
    source = stream(generator, "normal_")
    mean, std = _number(mean, "normal_", "mean", 1), _number(std, "normal_", "std", 2)
    check_deviation(std)
    require_kind(input._array.dtype, "fVc", "normal_kernel_cpu")
    return overwrite(input, NORMAL, mean=mean, std=std, generator=source)


# PyTorch draws in another way for tensors that are not contiguous, so the copy must be told.
NORMAL = Op("normal_in_place", opaque, lambda x, *, mean, std, generator: sampling_normal.normal(
    _like(x), mean, std, generator, x.flags.c_contiguous), grads=(zero,), node_name="NormalBackward0")


def random_(input: Tensor, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """Overwrite input with integers: `random_(from, to)` up to but without to, `random_(to)` from 0, `random_()` up to the dtype's largest.

    `random_(from, None)` goes from `from` to the dtype's largest; for float types that is where they start to leave integers out.
    """
    source = stream(generator, "random_")
    if len(args) == 1 and not named:
        args = (0, args[0])
    low, high = _bounds(args, named, None, None, "random_")
    if low is None and high is None:
        return overwrite(input, RANDOM, generator=source)
    low = 0 if low is None else _integer(low)
    if high is None and low == -2**63:
        return overwrite(input, RANDOM_64_BITS, generator=source)
    low, high = sampling_integers.checked_bounds(input._array.dtype, low, None if high is None else _integer(high))
    return overwrite(input, RANDOM_BETWEEN, low=low, high=high, generator=source)


def _integer(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise TypeError(f"random_() received an invalid combination of arguments - got ({type(value).__name__}), but expected one of:\n"
                        " * ()\n * (int to)\n * (int from, int to)")
    return whole(value, "random_", "to", 1)


RANDOM = Op("random", opaque, lambda x, *, generator: sampling_integers.any_integers(_like(x), generator),
    grads=(zero,), node_name="RandomBackward2")
RANDOM_64_BITS = Op("random_64_bits", opaque, lambda x, *, generator: sampling_integers.all_integers(_like(x), generator),
    grads=(zero,), node_name="RandomBackward0")
RANDOM_BETWEEN = Op("random_between", opaque, lambda x, *, low, high, generator: sampling_integers.integers(_like(x), low, high, generator),
    grads=(zero,), node_name="RandomBackward0")


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Overwrite each element of input with 1 with probability p, else with 0; p is a number, or a tensor that broadcasts to input."""
    source = stream(generator, "bernoulli_")
    require_kind(input._array.dtype, "fVbiu", "bernoulli_scalar_cpu_")
    if not hasattr(p, "_array"):
        p = _number(p, "bernoulli_", "p", 1)
        check_probability(p, "bernoulli_")
        return overwrite(input, BERNOULLI, p=p, generator=source)
    return overwrite(input, BERNOULLI_EACH, p.detach().expand(input.shape), generator=source)


BERNOULLI = Op("bernoulli_in_place", opaque, lambda x, *, p, generator: sampling.bernoulli(_like(x), p, generator),
    grads=(zero,), node_name="BernoulliBackward2")


def _bernoulli_each(x: Any, p: Any, *, generator: Any) -> Any:
    check_probabilities(p, "bernoulli_tensor_cpu_p_")
    return sampling.bernoulli_each(_like(x), p, generator)


BERNOULLI_EACH = Op("bernoulli_each", opaque, _bernoulli_each,
    grads=(zero, None), node_name="BernoulliBackward1")


def exponential_(input: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Overwrite input with exponential numbers of rate lambd."""
    source, rate = stream(generator, "exponential_"), _number(lambd, "exponential_", "lambd", 1)
    if input._array.dtype.kind not in "fV":
        raise RuntimeError("Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified "
                           + input.dtype.kernel_name)
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    return overwrite(input, EXPONENTIAL, rate=rate, generator=source)


EXPONENTIAL = Op("exponential", opaque, lambda x, *, rate, generator: sampling_continuous.exponential(_like(x), rate, generator), grads=(zero,))


def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Overwrite input with the numbers of trials until one of probability p succeeds."""
    source, p = stream(generator, "geometric_"), _number(p, "geometric_", "p", 1)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    require_kind(input._array.dtype, "fViu", "geometric_cpu")
    return overwrite(input, GEOMETRIC, p=p, generator=source)


GEOMETRIC = Op("geometric", opaque, lambda x, *, p, generator: sampling_discrete.geometric(_like(x), p, generator), grads=(zero,))


def cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Overwrite input with numbers of the Cauchy distribution."""
    source = stream(generator, "cauchy_")
    median, sigma = _number(median, "cauchy_", "median", 1), _number(sigma, "cauchy_", "sigma", 2)
    if input._array.dtype.kind not in "fV":
        raise RuntimeError(f"Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified "
                           f"{input.dtype.c_name}")
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    return overwrite(input, CAUCHY, median=median, sigma=sigma, generator=source)


CAUCHY = Op("cauchy", opaque, lambda x, *, median, sigma, generator: sampling_continuous.cauchy(_like(x), median, sigma, generator), grads=(zero,))


def log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Overwrite input with exp of normal numbers of that mean and standard deviation."""
    source = stream(generator, "log_normal_")
    mean, std = _number(mean, "log_normal_", "mean", 1), _number(std, "log_normal_", "std", 2)
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    require_kind(input._array.dtype, "fV", "log_normal_cpu")
    return overwrite(input, LOG_NORMAL, mean=mean, std=std, generator=source)


LOG_NORMAL = Op("log_normal", opaque, lambda x, *, mean, std, generator: sampling_continuous.log_normal(_like(x), mean, std, generator),
    grads=(zero,))
