"""Convolution in machine code: `convolved`, `spread` and `correlated` of conv_kernels.py by the kernels of conv_code.py.

What the calls of one size have in common is planned once: how images lie in the kernels' memory, and the distances of the kernel's places.
"""
from __future__ import annotations

import struct
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address, give_panels, take_panels
from ..backends.llvm.workers import run_kernel
from ..backends.parallel import in_order, inside, pool
from . import conv_code as code
from .conv_code import Finish
from .windows import Windows, prod

#: floats of one strip's copy and results, and of a block of gradients: the first fill half of a second-level cache, the others a first-level one
STRIP, BLOCK = 1 << 17, 6144
#: a convolution's results as they are
PLAIN = Finish()


@cache
def packing_kernel() -> tuple:
    """The kernel that packs the weights of a convolution, and its address."""
    [place] = engine().addresses(code.packing_text(engine().width // 4), ("pack_weights",))
    return KERNEL(place), place


@cache
def convolution_kernel() -> tuple:
    """The kernel that convolves, and its address."""
    [place] = engine().addresses(code.convolution_text(engine().width // 4), ("convolve",))
    return KERNEL(place), place


@cache
def drain_address(finish: Finish) -> int:
    """Where the function lies that finishes a convolution's results."""
    return engine().addresses(code.finish_text(engine().width // 4, finish), ("drain",))[0]


@cache
def correlation_kernels(vectors: int) -> tuple:
    """The kernels of a weight's gradient with so many vectors of outputs: that which sums and that which adds the parts' sums."""
    places = engine().addresses(code.correlation_text(engine().width // 4, vectors), ("correlate", "collect"))
    return tuple([(KERNEL(place), place) for place in places])


class Words:
    """What packs a call's words: the addresses, then what is the same at all calls."""

    def __init__(self, *rest: int):
        self.rest = struct.pack(f"{len(rest)}q", *rest)

    def __call__(self, *addresses: int) -> bytes:
        return pack_addresses(*addresses) + self.rest


pack_addresses = struct.Struct(f"{len(code.ADDRESSES)}q").pack


class Side:
    """One dimension of a convolution: n places of the image, windows of k places with dilation d, step s, and `low` zeros before."""

    def __init__(self, windows: Windows, dim: int):
        self.size, self.kernel, self.step = windows.size[dim], windows.kernel[dim], windows.stride[dim]
        self.low, self.count = windows.pads[dim][0], windows.out[dim]
        self.places = [i * windows.dilation[dim] for i in range(self.kernel)]
        #: the phases of the kernel's places
        self.phases = max([place % self.step for place in self.places]) + 1
        #: the steps that the last of the kernel's places is away
        self.reach = self.places[-1] // self.step
        # The image's place i lies at step (i + low) // s, in phase (i + low) % s.
        self.first_step = self.low // self.step
        self.steps = (self.size - 1 + self.low) // self.step - self.first_step + 1

    def columns(self, phase: int) -> tuple[int, int, int]:
        """Of the image's places in a phase: the steps before the first one, where it lies, and how many there are."""
        skipped = max(-(-(self.low - phase) // self.step) - self.first_step, 0)
        first = self.step * (self.first_step + skipped) + phase - self.low
        return skipped, first, max(-(-(self.size - first) // self.step), 0)


def sides(windows: Windows) -> tuple[Side, Side]:
    """Both dimensions; a line is an image one line high."""
    if len(windows.size) == 1:
        windows = Windows((1, *windows.size), (1, *windows.kernel), (1, *windows.stride), ((0, 0), *windows.pads), (1, *windows.dilation),
                          windows.count and (1, *windows.count))
    return Side(windows, 0), Side(windows, 1)


def strips_of(lines: int, floats: int, images: int) -> tuple[int, int]:
    """Into how many strips of how many lines an image is cut, whose copy and results have so many floats for each line."""
    strips = max(-(-lines * floats // STRIP), -(-pool.size() // max(images, 1)))
    size = -(-lines // min(strips, lines))
    return -(-lines // size), size


def picks_of(width: int, planes: int, before: int, step: int, row: int) -> Any:
    """The columns of each plane: place j of a row is column j * step + plane - before of the image."""
    table = []
    for plane in range(planes):
        shift = before - plane
        first = -(-max(shift, 0) // step)
        last = min(-(-max(width + shift, 0) // step), row)
        table.append((first, first * step - shift, max(last - first, 0)))
    return np.array(table, np.int64)


def starts_of(lines: int, row: int, width: int, lanes: int) -> Any:
    """Where vectors begin that hold all windows, `width` in each line of `row` places: as few as can be, each from the next window on."""
    starts, place = [], 0
    while place < lines * row:
        starts.append(place)
        place += lanes
        if place % row >= width:  # between the lines
            place += row - place % row
    return np.array(starts, np.int64)


class Convolution:
    """The plan of sums over `inputs` channels and kernel places: lines of windows, how the image is copied, and the phases of the results."""

    def __init__(self, images: int, inputs: int, outputs: int, windows: Windows, forward: bool):
        down, right = sides(windows)
        lanes = engine().width // 4
        self.rows, vectors = code.tile_of(lanes)
        self.tiles = -(-outputs // self.rows)
        lines, width = (down.count, right.count) if forward else (down.steps, right.steps)
        row = width + right.reach
        # Forward, the image has a plane for each phase; backward, the results have phases.
        planes = down.phases * right.phases if forward else 1
        strips, strip = strips_of(lines, (inputs * planes + outputs) * row, images)
        rows = strip + down.reach
        self.starts = starts_of(strip, row, width, lanes)
        flat = -(-(int(self.starts[-1]) + lanes) // 16) * 16
        # A vector's last windows may stand for nothing, and lie behind the image.
        buffer = -(-(inputs * planes * rows * row + lanes + row) // 16) * 16
        self.parts = min(pool.size(), images * strips)
        #: the kernel's places, which lie in the weight (outputs, inputs, down, right) or, backward, (inputs, outputs, down, right)
        taps = down.kernel * right.kernel
        self.channel_step, self.output_step = (taps, inputs * taps) if forward else (outputs * taps, taps)
        if forward:
            before, step = right.low, right.step
            copied = [inputs, down.size, down.step, right.step, down.phases, right.phases, right.size, down.low]
            results = [outputs, down.count, right.count, 1, 1]
            self.out_shape = (images, outputs, *windows.out)
            phases = [([*range(down.kernel)], [*range(right.kernel)], self.distances(inputs, (down, right), rows, row), 0, 0, 0, right.count)]
        else:
            before, step = right.reach - right.first_step, 1
            copied = [inputs, down.count, 1, 1, 1, 1, right.count, down.reach - down.first_step]
            results = [outputs, down.size, right.size, down.step, right.step]
            self.out_shape = (images, outputs, *windows.size)
            phases = [self.phase(inputs, (down, right), (a, b), rows, row) for a in range(down.step) for b in range(right.step)]
        self.zeros = np.zeros(outputs, np.float32)
        self.picks = picks_of(copied[6], copied[5], before, step, row)
        shared = self.lay_out(phases, right.kernel, inputs)
        own = buffer + self.tiles * self.rows * flat
        self.size = shared + self.parts * own
        calls = -(-len(self.starts) // vectors) * self.tiles * sum([len(phase[2]) for phase in phases])
        image = inputs * prod((copied[1], copied[6]))
        self.words = Words(self.parts, images * strips, strips, strip, shared, own, buffer, image, copied[0], copied[1], address(self.picks),
                           *copied[2:], rows, row, rows * row, prod(self.out_shape[1:]), *results, self.tiles, flat, address(self.table),
                           len(phases), self.output_step, -(-image // max(calls * strips, 1)), address(self.starts), len(self.starts))

    def lay_out(self, phases: list, width: int, inputs: int) -> int:
        """Make the table of the phases, and say how many floats their packed weights take."""
        table, self.held, end = [], [], 0
        for down, right, distances, *where in phases:
            sources = [channel * self.channel_step + i * width + j for channel in range(inputs) for i in down for j in right]
            self.held.append((np.array(sources, np.int64), distances))
            table.append((end, address(self.held[-1][0]), address(distances), len(distances), *where))
            end += self.tiles * self.rows * len(distances)
        self.table = np.array(table, np.int64)
        return -(-end // 16) * 16

    @staticmethod
    def distances(inputs: int, both: tuple, rows: int, row: int) -> Any:
        """Where the kernel's places lie in the copy of an image with a plane for each phase, for all channels."""
        down, right = both
        flat = [((channel * down.phases + i % down.step) * right.phases + j % right.step) * rows * row
                + i // down.step * row + j // right.step
                for channel in range(inputs) for i in down.places for j in right.places]
        return np.array(flat, np.int64)

    @staticmethod
    def phase(inputs: int, both: tuple, phase: tuple, rows: int, row: int) -> tuple:
        """The kernel's places that a phase of the image meets, their distances, and where the phase lies."""
        down, right = both
        taps = [[k for k, place in enumerate(side.places) if place % side.step == at] for side, at in zip(both, phase)]
        flat = [channel * rows * row + (down.reach - down.places[i] // down.step) * row + right.reach - right.places[j] // right.step
                for channel in range(inputs) for i in taps[0] for j in taps[1]]
        return (*taps, np.array(flat, np.int64), down.step * down.first_step + phase[0] - down.low, *right.columns(phase[1]))

    def __call__(self, x: Any, weight: Any, bias: Any, finish: Finish = PLAIN, added: Any = None, mask: Any = None) -> Any:
        """The results."""
        (pack, pack_place), (kernel, place) = packing_kernel(), convolution_kernel()
        out = np.empty(self.out_shape, np.float32)
        memory = scratch(self.size)
        words = self.words(address(memory), address(x), address(out), address(self.zeros if bias is None else bias), address(weight),
                           0 if added is None else address(added), 0 if mask is None else address(mask), drain_address(finish))
        keep = self, x, weight, bias, added, mask, out, memory
        tiles = len(self.table) * self.tiles
        run_kernel(pack, pack_place, tiles, -(-tiles // pool.size()), words, keep)
        run_kernel(kernel, place, self.parts, 1, words, keep)
        give_panels(memory)
        return out


class Correlation:
    """The plan of a weight's gradient: sums over all windows of images."""

    def __init__(self, images: int, inputs: int, outputs: int, windows: Windows):
        down, right = sides(windows)
        lanes = engine().width // 4
        blocks = -(-outputs // lanes)
        most = 4 if lanes == 16 else 2
        groups = -(-blocks // most)
        self.vectors = -(-blocks // groups)
        count, width = code.taps_of(lanes, self.vectors), self.vectors * lanes
        row = (right.count - 1) * right.step + right.places[-1] + 1
        strips, strip = strips_of(down.count, inputs * row * down.step, images)
        rows = (strip - 1) * down.step + down.places[-1] + 1
        flat = [channel * rows * row + i * row + j for channel in range(inputs) for i in down.places for j in right.places]
        real = len(flat)
        flat += flat[-1:] * (-real % count)
        self.distances = np.array(flat, np.int64)
        self.picks = picks_of(right.size, 1, right.low, 1, row)
        block = min(max(BLOCK // (width * right.count), 1), strip)
        buffer = -(-inputs * rows * row // 16) * 16
        sums = buffer + -(-(block * right.count + 1) * width // 16) * 16
        own = sums + groups * len(flat) * width
        self.parts = min(pool.size(), images * strips)
        self.size = self.parts * own
        self.out_shape = outputs, inputs, *windows.kernel
        self.pieces = groups * -(-real // code.TOGETHER)
        self.words = Words(self.parts, images * strips, strips, strip, 0, own, buffer, inputs * down.size * right.size, inputs, down.size,
                           address(self.picks), 1, 1, 1, 1, right.size, down.low, rows, row, rows * row, outputs * down.count * right.count,
                           outputs, down.count * right.count, down.count, right.count, block, groups, len(flat), address(self.distances),
                           sums, groups * len(flat) * width, down.step * row, right.step, real)

    def __call__(self, y: Any, x: Any) -> Any:
        """The gradient."""
        (kernel, place), (collect, collect_place) = correlation_kernels(self.vectors)
        out = np.empty(self.out_shape, np.float32)
        memory = scratch(self.size)
        words = self.words(address(memory), address(x), address(out), address(y), 0, 0, 0, 0)
        keep = self, x, y, out, memory
        run_kernel(kernel, place, self.parts, 1, words, keep)
        run_kernel(collect, collect_place, self.pieces, -(-self.pieces // pool.size()), words, keep)
        give_panels(memory)
        return out


@lru_cache(64)
def convolution(images: int, inputs: int, outputs: int, windows: Windows, forward: bool, threads: int) -> Convolution:
    return Convolution(images, inputs, outputs, windows, forward)


@lru_cache(64)
def correlation(images: int, inputs: int, outputs: int, windows: Windows, threads: int) -> Correlation:
    return Correlation(images, inputs, outputs, windows)


def scratch(size: int) -> Any:
    """Memory for so many floats. While calls are only noted, all calls of a plan share it: they are made one after the other."""
    if inside.scratch is None:
        return take_panels(size)
    largest = inside.scratch[-1] if inside.scratch else None
    if largest is None or largest.size < size:
        # Half as much again as the largest before: a plan of growing sizes does not hold the sum of all.
        largest = take_panels(size if largest is None else max(size, largest.size * 3 // 2))
        inside.scratch.append(largest)
    return largest


def dense(a: Any) -> Any:
    """The array without gaps; None stays."""
    return None if a is None else in_order(a)


def convolved(x: Any, weight: Any, bias: Any, windows: Windows, finish: Finish = PLAIN, added: Any = None, mask: Any = None) -> Any:
    """The convolution of images x (N, C, *sizes) with weight (O, C, *kernel): (N, O, *out), finished."""
    plan = convolution(len(x), x.shape[1], len(weight), windows, True, pool.size())
    return plan(dense(x), dense(weight), dense(bias), finish, dense(added), dense(mask))


def spread(y: Any, weight: Any, windows: Windows, bias: Any = None, finish: Finish = PLAIN, added: Any = None, mask: Any = None) -> Any:
    """The transpose of `convolved`: outputs y (N, O, *out) added back into images (N, C, *sizes), finished."""
    plan = convolution(len(y), y.shape[1], weight.shape[1], windows, False, pool.size())
    return plan(dense(y), dense(weight), dense(bias), finish, dense(added), dense(mask))


def correlated(y: Any, x: Any, windows: Windows) -> Any:
    """The gradient of a weight (O, C, *kernel): outputs' gradients y (N, O, *out) times the images under the windows, added up."""
    return correlation(len(x), x.shape[1], y.shape[1], windows, pool.size())(dense(y), dense(x))
