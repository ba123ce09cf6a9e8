"""Look-up tables of vectors: Embedding and EmbeddingBag."""
from __future__ import annotations

from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.ops.create import empty
from rushlight.tensor import Tensor

from . import functional as F, init
from .module import Module, Registered
from .parameter import Parameter


class _Table(Module):
    """What both share: a weight with a row for every index, and one index whose row stays zero."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    weight: Any = Registered()

    def _set_up(self, padding_idx: int | None, message: str, weight: Tensor | None, requires_grad: bool, device: Any, dtype: Any) -> None:
        shape = [self.num_embeddings, self.embedding_dim]
        if padding_idx is not None:
            if not -self.num_embeddings <= padding_idx < self.num_embeddings:
                raise AssertionError(message)
            padding_idx %= self.num_embeddings
        if weight is not None and list(weight.shape) != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.padding_idx = padding_idx
        if weight is None:
            self.weight = Parameter(empty(shape, device=device, dtype=dtype), requires_grad=requires_grad)
            self.reset_parameters()
        else:
            self.weight = Parameter(weight, requires_grad=requires_grad)

    def reset_parameters(self) -> None:
        """Draws first values anew: standard normal, the padding row zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


class Embedding(_Table):
    """The rows of a table, by index.

    Shape: integers `(*) -> (*, embedding_dim)`; weight `(num_embeddings, embedding_dim)`.
    First values: standard normal; the row `padding_idx` is zero and gets no gradient.
    Raises: AssertionError if padding_idx is no index of the table or a given weight has another shape.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.Embedding(10, 3)(torch.tensor([[1, 2], [4, 5]])).shape
        torch.Size([2, 2, 3])
    """

    __constants__ = ["num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"]

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
                 norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Tensor | None = None,
                 _freeze: bool = False, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._set_up(padding_idx, "Padding_idx must be within num_embeddings", _weight, not _freeze, device, dtype)
        self.sparse = sparse

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
                        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Embedding:
        """A table of given rows, which it shares memory with; not trained if `freeze`."""
        rows, width = _table_size(embeddings)
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _weight=embeddings, _freeze=freeze)

    def forward(self, input: Tensor) -> Tensor:
        """The rows whose indices the input holds."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse)

    def extra_repr(self) -> str:
        """The table's size, and what differs from the default."""
        return f"{self.num_embeddings}, {self.embedding_dim}" + _unusual(self, padding_idx=None, max_norm=None, norm_type=2,
                                                                         scale_grad_by_freq=False, sparse=False)


class EmbeddingBag(_Table):
    """The sum, mean or maximum of rows of a table, over bags of indices.

    Shape: integers `(B, N) -> (B, embedding_dim)`, or `(N)` with the bags' first positions in offsets `(B)`;
    weight `(num_embeddings, embedding_dim)`.
    First values: as Embedding; the row `padding_idx` does not count.
    """

    __constants__ = ["num_embeddings", "embedding_dim", "max_norm", "norm_type", "scale_grad_by_freq", "mode", "sparse", "include_last_offset",
                     "padding_idx"]

    def __init__(self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
                 scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight: Tensor | None = None,
                 include_last_offset: bool = False, padding_idx: int | None = None, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._set_up(padding_idx, "padding_idx must be within num_embeddings", _weight, True, device, dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None, norm_type: float = 2.0,
                        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
                        padding_idx: int | None = None) -> EmbeddingBag:
        """A table of given rows, which it shares memory with; not trained if `freeze`."""
        rows, width = _table_size(embeddings)
        bag = cls(rows, width, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx)
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """One vector per bag."""
        return F.embedding_bag(input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
                               per_sample_weights, self.include_last_offset, self.padding_idx)

    def extra_repr(self) -> str:
        """The table's size, the mode, and what differs from the default."""
        return (f"{self.num_embeddings}, {self.embedding_dim}" + _unusual(self, max_norm=None, norm_type=2, scale_grad_by_freq=False)
                + f", mode={self.mode!r}" + _unusual(self, padding_idx=None))


def _table_size(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.dim() != 2:
        raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
    return embeddings.shape[0], embeddings.shape[1]


def _unusual(module: Any, **defaults: Any) -> str:
    """", name=value" for every attribute that is not at its default."""
    return "".join([f", {name}={getattr(module, name)}" for name, usual in defaults.items() if getattr(module, name) != usual])
