"""AdaptiveLogSoftmaxWithLoss: a softmax over many classes, most of them rare."""
from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from rushlight.tensor import Tensor

from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """(log-probability of each target, its negative mean), by a softmax over frequent classes and clusters of the others.

    `cutoffs` are the class numbers at which clusters begin; cluster i is computed in in_features / div_value^(i + 1) dimensions.
    Shape: input `(N, in_features)` or `(in_features)`, target `(N)` or `()`; output as target, loss a scalar.
    Source: Grave and others 2016, "Efficient softmax approximation for GPUs".
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = cutoffs == sorted(set(cutoffs)) and all(int(c) == c for c in cutoffs)
        if not rising or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1:
            raise ValueError("cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is "
                             "between 1 and n_classes-1")
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = cutoffs + [n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for i, (first, last) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, width, bias=False, **kind), Linear(width, last - first, bias=False, **kind)))

    def reset_parameters(self) -> None:
        """Draws first values anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log-probabilities of the targets and the loss."""
        target = self._checked(input_, target_)
        input = input_ if target_.dim() else input_.unsqueeze(0)
        head = F.log_softmax(self.head(input), dim=1)
        output = input.new_zeros(target.size(0))
        for i, (first, last) in enumerate(zip([0, *self.cutoffs], self.cutoffs)):
            rows = ((target >= first) & (target < last)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            if i == 0:
                found = head.index_select(0, rows).gather(1, target.index_select(0, rows).unsqueeze(1)).squeeze(1)
            else:
                found = self._in_cluster(i - 1, input.index_select(0, rows), target.index_select(0, rows) - first, head.index_select(0, rows))
            output = output.index_copy(0, rows, found)
        loss = (-output).mean()
        return _ASMoutput(output if target_.dim() else output.squeeze(0), loss)

    def _in_cluster(self, cluster: int, input: Tensor, target: Tensor, head: Tensor) -> Tensor:
        """log P(cluster) + log P(class | cluster)."""
        within = F.log_softmax(self.tail[cluster](input), dim=1)
        return head[:, self.shortlist_size + cluster] + within.gather(1, target.unsqueeze(1)).squeeze(1)

    def _checked(self, input: Tensor, target: Tensor) -> Tensor:
        """The targets as a vector. Raises: RuntimeError if they do not fit the input or are no classes."""
        if target.dim() == 1:
            if input.size(0) != target.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input.dim() != 2:
                raise RuntimeError("1D target tensor expects 2D input tensors, but found inputs with size", input.size())
        elif target.dim() == 0:
            if input.dim() != 1:
                raise RuntimeError("0D target tensor expects 1D input tensors, but found inputs with size", input.size())
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        target = target if target.dim() else target.unsqueeze(0)
        if target.numel() and (target.min() < 0 or target.max() >= self.n_classes):
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                               f"[{target.min().item()}, {target.max().item()}] were found. ")
        return target

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes. Shape: `(N, in_features) -> (N, n_classes)`."""
        return self._all_log_probs(input, self.head(input))

    def _all_log_probs(self, input: Tensor, head_output: Tensor) -> Tensor:
        from rushlight import cat
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, :self.shortlist_size]]
        for i in range(self.n_clusters):
            parts.append(F.log_softmax(self.tail[i](input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row. Shape: `(N, in_features) -> (N)`."""
        head_output = self.head(input)
        best = head_output.argmax(dim=1)
        unsure = best >= self.shortlist_size
        if not unsure.any():
            return best
        # Only where a cluster wins in the head need the clusters be looked into.
        best[unsure] = self._all_log_probs(input[unsure], head_output[unsure]).argmax(dim=1)
        return best
