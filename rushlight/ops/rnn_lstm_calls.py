"""A layer of LSTM by the kernels of rnn_lstm_native: their arguments, and the products of all steps that follow them."""
from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..backends.llvm import multiply
from ..backends.llvm.engine import engine
from ..backends.llvm.gemm import VECTORS, tile_rows
from ..backends.llvm.multiply import address, give_panels, take_panels
from ..backends.llvm.workers import run_kernel
from ..backends.native import FLOAT
from ..backends.parallel import in_order, pool
from ..backends.products import LONG, NARROW, blocks, halves_of
from .rnn_steps import GROUP, Steps


def strided(array: Any) -> tuple:
    """The array, with neighbours along its last dim, and the floats from one step to the next, and from one sequence to the next."""
    if array.shape[-1] > 1 and array.strides[-1] != 4:
        array = in_order(array)
    return array, array.strides[0] // 4, array.strides[-2] // 4


def order(n: int, k: int, m: int) -> tuple:
    """The blocks in which a product of this size is summed."""
    return halves_of(k) if k > LONG and n * m <= NARROW else blocks(k)


def forward(steps: Steps, x: Any, out: Any, last: tuple, first: tuple, weights: tuple, gates: Any, cells: Any, table: Any) -> None:
    """Runs a layer: out and the last states; gates, cells and operands of all steps, or of one step alone, which is then written again."""
    w_ih, w_hh, b_ih, b_hh = weights
    depth, hidden = table.shape[1], w_hh.shape[1]
    call = LayerCall(steps, depth, hidden, 4 * hidden, -(-hidden // width()) * 4)
    call.pack(0, [in_order(w_hh), in_order(w_ih), *[None if bias is None else in_order(bias) for bias in (b_ih, b_hh)]], w_ih.shape[1])
    x, step, row = strided(x)
    call.run(0, 0, steps.count, [gates, cells, *last, *map(in_order, first), x, step, row, table, out, int(len(table) == steps.rows)])
    call.end()


def backward(steps: Steps, grads: tuple, c0: Any, w_ih: Any, w_hh: Any, parts: list, wants: tuple) -> tuple:
    """The gradients by x, h0, c0, w_ih, w_hh and the biases; those by x, and by the weights, are empty unless they are wanted."""
    hidden, (gates, cells, table) = w_hh.shape[1], parts
    by_first = np.empty((steps.widest, hidden), FLOAT), np.empty((steps.widest, hidden), FLOAT)
    by_x = np.empty((*steps.shape, w_ih.shape[1]) if wants[0] else 0, FLOAT)
    call = LayerCall(steps, 4 * hidden, hidden, hidden, -(-hidden // width()))
    call.pack(1, [in_order(w_hh), None, None, None], 0)
    g, step, row = strided(grads[0])
    ends = [in_order(grad) for grad in grads[1:]]
    total = GroupProducts(table.shape[1], hidden)
    groups = running_groups(steps, len(w_hh))
    memory = np.empty((max([group.stop - group.start for group, _, _ in groups]), len(w_hh)), FLOAT)
    for group, low, high in groups:
        dz = memory[:group.stop - group.start]
        call.run(1, low, high, [gates, cells, *by_first, None, in_order(c0), g, step, row, memory, group.start, *ends])
        if wants[0]:
            total.product(dz, in_order(w_ih), by_x.reshape(steps.rows, -1)[group])
        if wants[1]:
            total.add(dz, table[group])
    call.end()
    return by_x, *by_first, *total.parts(w_ih.shape[1], wants[1])


def running_groups(steps: Steps, width: int) -> list:
    """(rows, first step, step after the last) of each group of steps, from the last group to the first."""
    found: list = []
    for k, (group, _) in reversed(list(enumerate(steps.groups(GROUP // (width * 4))))):
        if found and found[-1][0] is group:
            found[-1] = group, k, found[-1][2]
        else:
            found.append((group, k, k + 1))
    return found


def width() -> int:
    """The columns of a panel."""
    return VECTORS * engine().width // 4


class LayerCall:
    """What the calls for one layer have in common: its steps, the packed weights, and memory for the threads."""

    def __init__(self, steps: Steps, depth: int, hidden: int, columns: int, panels: int):
        from . import rnn_lstm_native as native
        self.native, self.hidden, self.count, self.depth, self.panel_count = native, hidden, steps.widest, depth, panels
        times = [start if steps.packed else start // steps.widest for start, _ in steps.bounds]
        rows = [(0, 0, 0), *[(start, stop - start, time) for (start, stop), time in zip(steps.bounds, times)], (0, 0, 0)]
        self.steps = np.array(rows, np.int64)
        halves = order(steps.widest, depth, columns)
        self.blocks = np.array([*halves[0], *[bound for half in halves[1:] for bound in half[1:]]], np.int64)
        self.half_blocks = len(halves[0]) - 1
        self.chunk = -(-steps.widest // pool.size())
        self.rows = tile_rows(self.chunk, engine().width // 4)
        #: floats of a tile's packed rows, and of its sums
        self.left = -(-(self.rows * depth + width()) // 16) * 16
        sums = len(halves) * self.rows * width() * (4 if columns > hidden else panels)
        self.size = self.left + sums
        self.memory = take_panels(self.size * -(-steps.widest // self.chunk))
        self.panels = take_panels(panels * width() * depth)

    def pack(self, side: int, weights: list, inputs: int) -> None:
        """Pack the weights."""
        kernel, words = self.native.packers()[side], pack_words([*weights, self.panels, self.hidden, inputs])
        run_kernel(kernel.function, kernel.address, self.panel_count, -(-self.panel_count // pool.size()), words, (self, weights))

    def run(self, side: int, low: int, high: int, rest: list) -> None:
        """Run the steps from `low` on up to `high`, forward or backward."""
        kernel = self.native.kernels(self.rows)[side]
        words = pack_words([self.steps, low, high, self.hidden, self.depth, self.panels, self.blocks, self.half_blocks, len(self.blocks) - 1,
                            self.memory, self.size, self.left, self.chunk, *rest])
        run_kernel(kernel.function, kernel.address, self.count, self.chunk, words, (self, rest))

    def end(self) -> None:
        give_panels(self.memory)
        give_panels(self.panels)


def pack_words(items: list) -> bytes:
    """Arrays' addresses (0 for None) and whole numbers as a kernel's arguments."""
    words = [0 if item is None else item if item.__class__ is int else address(item) for item in items]
    return struct.pack(f"{len(words)}q", *words)


class GroupProducts:
    """The products that follow a group of steps, and the sum of the weights' gradients over the groups."""

    def __init__(self, depth: int, hidden: int):
        self.sum, self.depth, self.hidden = np.empty((4 * hidden, depth), FLOAT), depth, hidden
        self.part: Any = None
        self.memory: dict = {}

    def product(self, a: Any, b: Any, out: Any) -> None:
        """out = a @ b. All products of a size use the same memory, also where their calls are only noted."""
        (n, k), m = a.shape, b.shape[1]
        p = multiply.plan_of(a, b, order(n, k, m))
        if p not in self.memory:
            self.memory[p] = take_panels(p.memory)
        words = multiply.arguments(p, address(a), address(b), address(out), 0, address(self.memory[p]), 0)
        run_kernel(p.kernel, p.address, p.parts, 1, words, (p, a, b, out, self.memory[p]))

    def add(self, dz: Any, operands: Any) -> None:
        """Add dz.T @ operands to the sum."""
        if self.part is None:
            self.part = self.sum
        elif self.part is self.sum:
            self.part = np.empty_like(self.sum)
        self.product(dz.T, operands, self.part)
        if self.part is not self.sum:
            from .rnn_lstm_native import add_kernel
            add_kernel()(len(self.sum), self.depth, (self.sum, self.part))

    def parts(self, inputs: int, wanted: bool) -> tuple:
        """The gradients of w_ih, w_hh and the bias, once all groups are done."""
        for memory in self.memory.values():
            give_panels(memory)
        rows = 4 * self.hidden if wanted else 0
        found = np.empty((rows, inputs), FLOAT), np.empty((rows, self.hidden), FLOAT), np.empty(rows, FLOAT)
        if wanted:
            from .rnn_lstm_native import parts_kernel
            by_ih, by_hh, by_bias = found
            parts_kernel()(rows, self.depth, (self.sum, by_hh, by_ih, by_bias), (self.hidden, inputs))
        return found
