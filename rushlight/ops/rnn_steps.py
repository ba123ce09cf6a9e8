"""The rows of a sequence step by step, and what the kernels of recurrent layers share.

A sequence comes as `(T, B, features)`, or packed: `(rows, features)` with the number of sequences that take part in each step, from the
most to the fewest. Either way the kernels see flat tables of rows, and for each step the slice that is its own.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.products import product

#: the bytes of gates' gradients that are gathered before they are multiplied: they shall still be in the second-level cache then
GROUP = 3 << 20


class Steps:
    """Cuts tables of rows into their steps, in the order in which the layer runs over them."""

    def __init__(self, x: Any, sizes: tuple | None, reverse: bool):
        self.reverse = reverse
        self.shape = x.shape[:-1]
        if sizes is None:
            self.count, self.widest = self.shape
            sizes = (self.widest,) * self.count
        else:
            self.count, self.widest = len(sizes), max(sizes)
        self.packed = len(self.shape) == 1
        ends = np.cumsum(sizes).tolist()
        self.rows = ends[-1]
        self.bounds = self.in_order(list(zip([0, *ends[:-1]], ends)))
        self.sizes = self.in_order(list(sizes))

    def in_order(self, parts: list) -> list:
        """A list by time in the order of the steps."""
        return parts[::-1] if self.reverse else parts

    def of(self, table: Any) -> list:
        """The rows `(size, width)` of each step of a table with `rows` rows."""
        if self.packed:
            return [table[start:stop] for start, stop in self.bounds]
        return self.in_order(list(table.reshape(self.count, self.widest, table.shape[-1])))

    def blocks(self, table: Any, parts: int) -> list:
        """For each step the memory of its rows in a table, cut into parts `(parts, size, width)` in place of rows."""
        width = table.shape[-1] // parts
        if self.packed:
            return [table[start:stop].reshape(parts, stop - start, width) for start, stop in self.bounds]
        return self.in_order(list(table.reshape(self.count, parts, self.widest, width)))

    def groups(self, most: int) -> list:
        """For each step the rows of its group, which are neighbouring steps with at most that many, and its own place among them."""
        starts, start = [], 0
        for first, stop in sorted(self.bounds):
            if stop - start > most:
                start = first
            starts.append(start)
        found: list = []
        for start, (first, stop) in zip(reversed(starts), sorted(self.bounds, reverse=True)):
            group = found[-1][0] if found and found[-1][0].start == start else slice(start, stop)
            found.append((group, slice(first - start, stop - start)))
        return found if self.reverse else found[::-1]


def continued(state: Any, size: int, first: Any) -> Any:
    """The state with which a step of `size` sequences begins; those that begin with it take theirs from `first`."""
    known = len(state)
    if size > known:
        return np.concatenate((state, first[known:size]))
    return state[:size] if size < known else state


def carry(sizes: list, first: tuple, last: tuple, step: Callable) -> None:
    """Run step(number, *states) for each size in turn, with the states that the one before it returned.

    Sequences begin with the states `first`, and leave them in `last`.
    """
    states = [state[:sizes[0]].copy() for state in first]
    for number, size in enumerate(sizes):
        if size != len(states[0]):
            for state, end in zip(states, last):
                end[size:len(state)] = state[size:]  # nothing, where sequences begin
            states = [continued(state, size, start) for state, start in zip(states, first)]
        states = step(number, *states)
    for state, end in zip(states, last):
        end[:len(state)] = state


def zeros_unless(state: Any, steps: Steps, width: int, dtype: Any) -> Any:
    """The first state, zeros if none is given."""
    return np.zeros((steps.widest, width), dtype) if state is None else state


def operands(x: Any, steps: Steps, width: int) -> Any:
    """A table of what a step's weights are multiplied with: room for the state before it, its input, a 1 for the bias."""
    return fill_operands(np.empty((steps.rows, width + x.shape[-1] + 1), x.dtype), x, width)


def fill_operands(table: Any, x: Any, width: int) -> Any:
    """Such a table, with all but the states in its place."""
    table[:, width:-1] = x.reshape(len(table), x.shape[-1])
    table[:, -1] = 1
    return table


def joined(w_hh: Any, w_ih: Any, bias: Any) -> Any:
    """The weights that the columns of `operands` are multiplied with."""
    column = np.zeros((len(w_hh), 1), w_hh.dtype) if bias is None else bias[:, None]
    return np.concatenate((w_hh, w_ih, column), 1)


def worth_joining(steps: Steps) -> bool:
    """Whether the steps repay one copy of the weights, side by side and transposed, which makes their products faster."""
    return steps.count >= 8 and steps.widest > 1


#: rows from which a copy of the weight with its bias costs less than to add the bias
MANY_ROWS = 16


#: features below which a weight is laid out anew in rows: BLAS then takes half the time
NARROW = 8


def input_products(table: Any, w_ih: Any, bias: Any) -> Any:
    """x @ w_ih.T + bias for all rows at once, where table is x with a column of ones."""
    if len(table) < MANY_ROWS:
        out = np.matmul(table[:, :-1], w_ih.T)
        return out if bias is None else np.add(out, bias, out)
    # With the ones a series of single numbers has two columns: products of one column do not reach BLAS and take six times as long.
    row = np.zeros((1, len(w_ih)), w_ih.dtype) if bias is None else bias[None]
    weight = np.concatenate((w_ih.T, row)) if w_ih.shape[1] < NARROW else np.concatenate((w_ih, row.T), 1).T
    return np.matmul(table, weight)


def added(b_ih: Any, b_hh: Any) -> Any:
    """The sum of the two biases; None if there are none."""
    return None if b_ih is None else b_ih + b_hh


def matrix_product(a: Any, b: Any) -> Any:
    """a @ b, also where the inner size is 1, which does not reach BLAS."""
    return np.multiply(a, b) if a.shape[1] == 1 else product(a, b)


class WeightGradients:
    """Sums dz.T @ operands over the steps, and multiplies dz @ w_ih, for a group of steps at a time.

    One product over all steps would need dz of all steps in memory: with 100 steps of 64 rows that took a tenth more time.
    `wants` says whether the gradients by the inputs, and those by the weights, are wanted; what is not stays empty.
    """

    def __init__(self, steps: Steps, operands: Any, w_ih: Any, wants: tuple):
        self.operands, self.w_ih, (self.wants_x, self.wants_weights) = operands, w_ih, wants
        self.groups = steps.groups(GROUP // (len(w_ih) * operands.itemsize))
        self.memory = np.empty((max([group.stop - group.start for group, _ in self.groups]), len(w_ih)), operands.dtype)
        self.sum: Any = None if self.wants_weights else np.empty((0, operands.shape[-1]), operands.dtype)
        self.by_x = np.empty((*steps.shape, w_ih.shape[1]) if self.wants_x else 0, operands.dtype)
        self.x_rows = self.by_x.reshape(-1, w_ih.shape[1])

    def rows(self, k: int) -> Any:
        """Where dz of step k belongs."""
        return self.memory[self.groups[k][1]]

    def done(self, k: int) -> None:
        """To be called when dz of step k is there, from the last step to the first."""
        group = self.groups[k][0]
        if k and self.groups[k - 1][0] is group:
            return
        dz = self.memory[:group.stop - group.start]
        if self.wants_x:
            self.x_rows[group] = product(dz, self.w_ih)
        if self.wants_weights:
            part = matrix_product(dz.T, self.operands[group])
            self.sum = part if self.sum is None else np.add(self.sum, part, self.sum)

    def parts(self, width: int) -> tuple:
        """The gradients of w_ih, w_hh and the bias, once all steps are done."""
        return tuple([np.ascontiguousarray(part) for part in (self.sum[:, width:-1], self.sum[:, :width], self.sum[:, -1])])
