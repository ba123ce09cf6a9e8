"""What a type checker may take as given of Tensor: the methods and operators that come from the list in methods.py.

No such module exists when the program runs: tensor.py reads this file under TYPE_CHECKING alone.
"""
from typing import Any

from .tensor import Tensor

class Listed:
    def __getattr__(self, name: str) -> Any: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def __setitem__(self, index: Any, value: Any) -> None: ...
    def _unary(self) -> Tensor: ...
    def _binary(self, other: Any) -> Tensor: ...
    __neg__ = __pos__ = __abs__ = __invert__ = _unary
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _binary
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _binary
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _binary
    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __imod__ = __ipow__ = _binary
    __iand__ = __ior__ = __ixor__ = __ilshift__ = __irshift__ = _binary
    __lt__ = __le__ = __gt__ = __ge__ = _binary
    def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
