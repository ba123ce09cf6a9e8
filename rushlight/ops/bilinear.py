"""bilinear: a linear map of the product of two vectors."""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 @ weight[k] @ x2 + bias[k] for every k.

    Shape: `(*, I), (*, J)`, weight `(K, I, J)`, bias `(K)` -> `(*, K)`.
    """
    check_shapes(input1, input2, weight, bias)
    first, second, outputs = input1.shape[-1], input2.shape[-1], weight.shape[0]
    x1, x2 = input1.reshape(-1, first), input2.reshape(-1, second)
    # x1 with every weight[k] at once, as one product of matrices; then the products with x2, row by row.
    mixed = x1.mm(weight.permute(1, 0, 2).reshape(first, outputs * second)).view(-1, outputs, second)
    out = (mixed * x2.unsqueeze(1)).sum(-1).view(*input1.shape[:-1], outputs)
    return out if bias is None else out + bias


def check_shapes(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Raise PyTorch's error unless the sizes go together."""
    one, two, sizes = input1.shape, input2.shape, weight.shape
    if len(one) != len(two):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(one)} and {len(two)}")
    for dim, (a, b) in enumerate(zip(one[:-1], two[:-1])):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {dim}: got {a} and {b}")
    for name, size, expected in (("input1", one[-1], sizes[1]), ("input2", two[-1], sizes[-1])):
        if size != expected:
            raise RuntimeError(f"bilinear(): {name} size does not match weight size: got {size} but expected {expected}")
    if bias is not None and bias.shape[0] != sizes[0]:
        raise RuntimeError(f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {sizes[0]}")
