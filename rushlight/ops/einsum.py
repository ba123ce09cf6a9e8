"""einsum: subscripts read, then products two operands at a time, each one batched matrix product."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..tensor import Tensor

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(*args: Any) -> Tensor:
    """Sums of products of operands: a letter is a dimension; letters that the result lacks are summed over."""
    equation, operands = normalised(args)
    subscripts, arrow, result = equation.partition("->")
    terms = subscripts.split(",")
    check_count(terms, operands)
    parsed = [dims_of(term, operand, at) for at, (term, operand) in enumerate(zip(terms, operands))]
    broadcast = max([len([d for d in dims if isinstance(d, int)]) for dims in parsed], default=0)
    parsed = [[d if isinstance(d, str) else d + broadcast - sum(isinstance(e, int) for e in dims) for d in dims] for dims in parsed]
    target = result_dims(result, parsed, broadcast) if arrow else implicit_dims(parsed, broadcast)
    check_sizes(parsed, operands)
    factors = [diagonals(operand, dims) for operand, dims in zip(operands, parsed)]
    value, dims = factors[0]
    for at, (other, other_dims) in enumerate(factors[1:], start=1):
        later = {d for _, ds in factors[at + 1:] for d in ds} | set(target)
        value, dims = pair(value, dims, other, other_dims, later)
    return finish(value, dims, target)


def normalised(args: tuple) -> tuple[str, list]:
    """(equation without blanks, operands), also from the form einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    if not args:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list")
    if isinstance(args[0], str):
        operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
        if not operands:
            raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts "
                             "list")
        return args[0].replace(" ", ""), operands
    terms = ["".join(["..." if s is Ellipsis else LETTERS[s] for s in sub]) for sub in args[1::2]]
    equation = ",".join(terms)
    operands = list(args[:-1:2]) if len(args) % 2 else list(args[::2])
    if len(args) % 2:
        equation += "->" + "".join(["..." if s is Ellipsis else LETTERS[s] for s in args[-1]])
    return equation, operands


def check_count(terms: list, operands: list) -> None:
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")


def dims_of(term: str, operand: Any, at: int) -> list:
    """A name for each dimension of an operand: its letter, or a number for those under the ellipsis."""
    before, dots, after = term.partition("...")
    for letter in before + after:
        if letter not in LETTERS:
            raise RuntimeError(f"einsum(): invalid subscript given at index {term.index(letter)} in the equation string, subscripts must be in "
                               "[a-zA-Z]" if letter != "." else
                               "einsum(): found '.' for operand " f"{at} that is not part of any ellipsis")
    hidden = operand.dim() - len(before) - len(after)
    if hidden < 0 or hidden and not dots:
        raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                           + ("is more than" if hidden < 0 else "does not match") + f" the number of dimensions ({operand.dim()}) for operand {at}"
                           + ("" if hidden < 0 else " and no ellipsis was given"))
    return [*before, *range(hidden), *after]


def result_dims(text: str, parsed: list, broadcast: int) -> list:
    """The result's dimensions as written after the arrow."""
    before, dots, after = text.partition("...")
    known = {d for dims in parsed for d in dims}
    for letter in before + after:
        if letter not in LETTERS:
            raise RuntimeError("einsum(): invalid subscript given in the output, subscripts must be in [a-zA-Z]")
        if (before + after).count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in known:
            raise RuntimeError(f"einsum(): output subscript {letter} does not appear in the equation for any input operand")
    return [*before, *(range(broadcast) if dots else ()), *after]


def implicit_dims(parsed: list, broadcast: int) -> list:
    """Without an arrow: the ellipsis, then the letters that occur once, in alphabetical order."""
    letters = [d for dims in parsed for d in dims if isinstance(d, str)]
    return [*range(broadcast), *sorted([letter for letter in set(letters) if letters.count(letter) == 1])]


def check_sizes(parsed: list, operands: list) -> None:
    """Raise PyTorch's error where one letter stands for two sizes."""
    sizes: dict = {}
    for at, (dims, operand) in enumerate(zip(parsed, operands)):
        own: dict = {}
        for d, n in zip(dims, operand.shape):
            if own.setdefault(d, n) != n:
                raise RuntimeError(f"einsum(): subscript {d} is repeated for operand {at} but the sizes don't match, {n} != {own[d]}")
            if sizes.get(d, 1) != n and n != 1 and sizes.get(d, 1) != 1:
                raise RuntimeError(f"einsum(): subscript {d} has size {n} for operand {at} which does not broadcast with previously seen size "
                                   f"{sizes[d]}")
            if n != 1 or d not in sizes:
                sizes[d] = n


def diagonals(operand: Any, dims: list) -> tuple[Any, list]:
    """A letter that occurs twice in one operand is its diagonal."""
    dims = list(dims)
    for d in list(dict.fromkeys(dims)):
        while dims.count(d) > 1:
            i = dims.index(d)
            j = dims.index(d, i + 1)
            operand = operand.diagonal(0, i, j)
            dims = [e for at, e in enumerate(dims) if at not in (i, j)] + [d]
    return operand, dims


def pair(a: Any, a_dims: list, b: Any, b_dims: list, later: set) -> tuple[Any, list]:
    """The product of two operands, summed over the dimensions that nothing later names."""
    a, a_dims = summed(a, a_dims, later | set(b_dims))
    b, b_dims = summed(b, b_dims, later | set(a_dims))
    sizes_a, sizes_b = dict(zip(a_dims, a.shape)), dict(zip(b_dims, b.shape))
    shared = [d for d in a_dims if d in sizes_b]
    batch = [d for d in shared if d in later]
    inner = [d for d in shared if d not in later]
    if any([sizes_a[d] != sizes_b[d] for d in shared]) or not inner:
        return broadcast_pair(a, a_dims, b, b_dims, later)
    left = [d for d in a_dims if d not in shared]
    right = [d for d in b_dims if d not in shared]

    def size(dims: list, sizes: dict) -> int:
        total = 1
        for d in dims:
            total *= sizes[d]
        return total
    count, k = size(batch, sizes_a), size(inner, sizes_a)
    m, n = size(left, sizes_a), size(right, sizes_b)
    x = a.permute([a_dims.index(d) for d in batch + left + inner]).reshape(count, m, k)
    y = b.permute([b_dims.index(d) for d in batch + inner + right]).reshape(count, k, n)
    out = x.bmm(y).reshape([sizes_a[d] for d in batch + left] + [sizes_b[d] for d in right])
    return out, batch + left + right


def broadcast_pair(a: Any, a_dims: list, b: Any, b_dims: list, later: set) -> tuple[Any, list]:
    """The plain product of two operands, for sizes of 1 against others, and where nothing is summed."""
    dims = a_dims + [d for d in b_dims if d not in a_dims]
    out = aligned(a, a_dims, dims) * aligned(b, b_dims, dims)
    return summed(out, dims, later)


def aligned(value: Any, own: list, dims: list) -> Any:
    """value with its dimensions in the order of dims, and size 1 for those that it lacks."""
    value = value.permute([own.index(d) for d in dims if d in own])
    shape = iter(value.shape)
    return value.reshape([next(shape) if d in own else 1 for d in dims])


def summed(value: Any, dims: list, keep: set) -> tuple[Any, list]:
    """value summed over the dimensions that are not kept."""
    gone = [at for at, d in enumerate(dims) if d not in keep]
    return (value.sum(gone), [d for d in dims if d in keep]) if gone else (value, dims)


def finish(value: Any, dims: list, target: list) -> Any:
    """The result with its dimensions in the order asked for."""
    value, dims = summed(value, dims, set(target))
    return value.permute([dims.index(d) for d in target])
