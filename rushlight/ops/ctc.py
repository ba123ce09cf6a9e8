"""Connectionist temporal classification: the likelihood of a sequence of labels under all its alignments with a longer one.

Between, before and behind the labels l stand blanks: l' = (blank, l1, blank, l2, ..., blank). alpha[t, s] is the logarithm of the sum
over all beginnings of alignments that are at l's after step t; beta the same for endings. Source: Graves et al., 2006, equations 6 to 15.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, opaque
from .activation import not_implemented
from .choose import where
from .loss import REDUCTIONS

if TYPE_CHECKING:
    from ..tensor import Tensor


def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
             zero_infinity: bool = False) -> Tensor:
    """-log of the probability of the targets, summed over all alignments.

    *Shape*: log_probs (T, N, C), logarithms of probabilities (log_softmax's); targets (N, S), or all in one row; the lengths N numbers
    each. Without N, one sequence. "mean" divides each loss by its number of labels first. zero_infinity takes 0 for impossible targets.
    *Gradient*: as PyTorch's, that of the logits in front of log_softmax.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    single = log_probs._array.ndim == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets._array.ndim == 1 else targets
    recording.reads("ctc_loss()")
    steps, labels = lengths_of(input_lengths), lengths_of(target_lengths)
    check_ctc(log_probs, targets._array, steps, labels, blank)
    loss = apply(CTC_LOSS, log_probs, table_of(targets._array, labels), steps=steps, labels=labels, blank=blank, zero_infinity=zero_infinity)
    if zero_infinity:
        loss = where(loss == float("inf"), 0, loss)
    if reduction == "none":
        return loss.squeeze(0) if single else loss
    return loss.sum() if reduction == "sum" else (loss / wrap(np.maximum(labels, 1)).to(loss.dtype)).mean()


def lengths_of(lengths: Any) -> Any:
    """The lengths as an array of integers."""
    array = np.atleast_1d(np.asarray(lengths._array if hasattr(lengths, "_array") else lengths))
    if array.dtype.kind not in "iu":
        raise RuntimeError("input_lengths must be integral")
    return array.astype(np.int64)


def check_ctc(log_probs: Any, targets: Any, steps: Any, labels: Any, blank: int) -> None:
    """Raise PyTorch's error for arguments that do not fit."""
    longest, images, classes = log_probs._array.shape
    where_checked = "(while checking arguments for ctc_loss_allocate_outputs)"
    if log_probs.dtype.name not in ("float32", "float64"):
        raise not_implemented("ctc_loss_cpu", log_probs)
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, values in (("input_lengths", steps), ("target_lengths", labels)):
        if len(values) != images:
            raise RuntimeError(f"{name} must be of size batch_size")
        if (values < 0).any():
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {values[values < 0][0]} {where_checked}")
    if (steps > longest).any():
        raise RuntimeError(f"Expected input_lengths to have value at most {longest}, but got value {steps[steps > longest][0]} {where_checked}")
    if targets.ndim == 1 and targets.size != labels.sum():
        raise RuntimeError(f"Expected tensor to have size {labels.sum()} at dimension 0, but got size {targets.size} for argument #2 'targets' "
                           f"{where_checked}")
    if targets.ndim == 2 and len(labels) and targets.shape[1] < labels.max():
        raise RuntimeError(f"Expected tensor to have size at least {labels.max()} at dimension 1, but got size {targets.shape[1]} for argument #2 "
                           f"'targets' {where_checked}")


def table_of(targets: Any, labels: Any) -> Any:
    """The targets as a table (N, S) of integers, filled up with 0, as a tensor."""
    targets = targets.astype(np.int64)
    if targets.ndim == 2:
        return wrap(targets)
    table = np.zeros((len(labels), int(labels.max()) if len(labels) else 0), np.int64)
    ends = np.cumsum(labels)
    for row, (end, count) in enumerate(zip(ends, labels)):
        table[row, :count] = targets[end - count:end]
    return wrap(table)


def with_blanks(targets: Any, blank: int) -> Any:
    """l': the labels with blanks between, before and behind."""
    table = np.full((targets.shape[0], 2 * targets.shape[1] + 1), blank, np.int64)
    table[:, 1::2] = targets
    return table


def can_skip(states: Any, blank: int) -> Any:
    """The states that can be reached past a blank: labels that differ from the one before."""
    skip = np.zeros(states.shape, bool)
    skip[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    return skip


def shifted(table: Any, by: int) -> Any:
    """A table of logarithms moved along its columns, -inf where nothing comes in."""
    out = np.full(table.shape, -np.inf, table.dtype)
    if by > 0:
        out[:, by:] = table[:, :-by]
    else:
        out[:, :by] = table[:, -by:]
    return out


def _ctc_loss(log_probs: Any, targets: Any, *, steps: Any, labels: Any, blank: int, zero_infinity: bool) -> tuple:
    longest, images, _ = log_probs.shape
    states = with_blanks(targets, blank)
    emitted = np.take_along_axis(log_probs, np.broadcast_to(states, (longest, *states.shape)), 2)
    skip = can_skip(states, blank)
    rows = np.arange(images)
    alpha = np.full(emitted.shape, -np.inf, log_probs.dtype)
    if longest:
        alpha[0, :, :2] = emitted[0, :, :2]
        alpha[0, labels == 0, 1:] = -np.inf
    for t in range(1, longest):
        before = alpha[t - 1]
        total = np.logaddexp(before, shifted(before, 1))
        total = np.logaddexp(total, np.where(skip, shifted(before, 2), -np.inf))
        alpha[t] = total + emitted[t]
    last = alpha[np.maximum(steps - 1, 0), rows] if longest else np.full((images, states.shape[1]), -np.inf, log_probs.dtype)
    end = last[rows, 2 * labels]
    before = np.where(labels > 0, last[rows, np.maximum(2 * labels - 1, 0)], -np.inf)
    loss = -np.logaddexp(end, before)
    return np.where(steps == 0, np.where(labels == 0, 0, np.inf), loss).astype(log_probs.dtype), alpha


def _ctc_loss_backward(grad: Any, log_probs: Any, targets: Any, loss: Any, alpha: Any, *, steps: Any, labels: Any, blank: int,
                       zero_infinity: bool) -> Any:
    longest, images, classes = log_probs.shape
    states = with_blanks(targets, blank)
    together = alpha + endings(log_probs, states, steps, labels, blank)
    sums = np.full(log_probs.shape, -np.inf, log_probs.dtype)
    rows = np.arange(images)
    for s in range(states.shape[1]):
        label = states[:, s]
        sums[:, rows, label] = np.logaddexp(sums[:, rows, label], together[:, :, s])
    out = np.exp(log_probs) - np.exp(sums + loss[:, None] - log_probs)
    out *= grad[:, None]
    out[np.arange(longest)[:, None] >= steps] = 0
    if zero_infinity:
        out[:, np.isinf(loss)] = 0
    return out


def endings(log_probs: Any, states: Any, steps: Any, labels: Any, blank: int) -> Any:
    """beta: the logarithms of the sums over the endings of alignments, each with its own first step."""
    longest, images, _ = log_probs.shape
    emitted = np.take_along_axis(log_probs, np.broadcast_to(states, (longest, *states.shape)), 2)
    columns = np.arange(states.shape[1])
    skip = np.zeros(states.shape, bool)
    skip[:, :-2] = can_skip(states, blank)[:, 2:]
    final = (columns == 2 * labels[:, None]) | (columns == 2 * labels[:, None] - 1)
    beta = np.full(emitted.shape, -np.inf, log_probs.dtype)
    after = np.full(states.shape, -np.inf, log_probs.dtype)
    for t in range(longest - 1, -1, -1):
        total = np.logaddexp(after, shifted(after, -1))
        total = np.logaddexp(total, np.where(skip, shifted(after, -2), -np.inf)) + emitted[t]
        total[columns > 2 * labels[:, None]] = -np.inf
        begins = (steps - 1 == t)[:, None]
        after = np.where(begins, np.where(final, emitted[t], -np.inf), np.where((t < steps)[:, None], total, -np.inf))
        beta[t] = after
    return beta


CTC_LOSS_BACKWARD = Op("ctc_loss_backward", opaque, _ctc_loss_backward)
CTC_LOSS = Op("ctc_loss", opaque, _ctc_loss, hidden=True,
    grads=(lambda g, log_probs, targets, out, steps, labels, blank, zero_infinity: apply(
               CTC_LOSS_BACKWARD, g, log_probs, targets, out[0], out[1], steps=steps, labels=labels, blank=blank, zero_infinity=zero_infinity),
           None))
