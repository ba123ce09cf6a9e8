"""Convolution in machine code: `convolved`, `spread` and `correlated` of conv_kernels.py by the kernels of conv_code.py.

What the calls of one size have in common is planned once: how images lie in the kernels' memory, and the distances of the kernel's places.
"""
from __future__ import annotations

import ctypes
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address, give_panels, take_panels
from ..backends.llvm.workers import run_kernel
from ..backends.parallel import pool
from . import conv_code as code
from .windows import Windows, prod

#: floats of one strip's copy and results, and of a block of gradients: the first fill half of a second-level cache, the others a first-level one
STRIP, BLOCK = 1 << 17, 6144


@cache
def convolution_kernel() -> tuple:
    """The kernel of convolutions, and its address."""
    [place] = engine().addresses(code.convolution_text(engine().width // 4), ("convolve",))
    return KERNEL(place), place


@cache
def correlation_kernel(vectors: int) -> tuple:
    """The kernel of a weight's gradient with so many vectors of outputs, and its address."""
    [place] = engine().addresses(code.correlation_text(engine().width // 4, vectors), ("correlate",))
    return KERNEL(place), place


def words(values: list) -> Any:
    return (ctypes.c_int64 * len(values))(*values)


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
        self.strips, strip = strips_of(lines, (inputs * planes + outputs) * row, images)
        rows = strip + down.reach
        flat = -(-strip * row // (vectors * lanes)) * vectors * lanes
        buffer = -(-(inputs * planes * rows * row + vectors * lanes + row) // 16) * 16
        self.parts = min(pool.size(), images * self.strips)
        self.size = buffer + self.tiles * self.rows * flat
        if forward:
            copied = [inputs, down.size, right.size, down.step, right.step, down.phases, right.phases, down.low, right.low]
            results = [outputs, down.count, right.count, 1, 1]
            self.out_shape = (images, outputs, *windows.out)
            self.phases = [([*range(down.kernel)], [*range(right.kernel)], self.distances(inputs, (down, right), rows, row), 0, 0, 0, right.count)]
        else:
            copied = [inputs, down.count, right.count, 1, 1, 1, 1, down.reach - down.first_step, right.reach - right.first_step]
            results = [outputs, down.size, right.size, down.step, right.step]
            self.out_shape = (images, outputs, *windows.size)
            self.phases = [self.phase(inputs, (down, right), (a, b), rows, row) for a in range(down.step) for b in range(right.step)]
        self.head = [self.parts, images * self.strips, self.strips, strip]
        self.layout = [buffer, copied, [rows, row, rows * row]]
        self.results, self.flat = results, flat

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

    def __call__(self, x: Any, weight: Any, bias: Any) -> Any:
        """The results, of a weight (outputs, inputs, kernel down, kernel right)."""
        kernel, place = convolution_kernel()
        out = np.empty(self.out_shape, np.float32)
        bias = np.zeros(len(weight), np.float32) if bias is None else np.ascontiguousarray(bias)
        packed = [self.packed(weight, *taps[:2]) for taps in self.phases]
        phases = words([number for weights, taps in zip(packed, self.phases, strict=True)
                        for number in (address(weights), address(taps[2]), len(taps[2]), *taps[3:])])
        memory = take_panels(self.parts * self.size)
        buffer, copied, plane = self.layout
        run_kernel(kernel, place, self.parts, 1, words([
            *self.head, address(memory), self.size, buffer, address(x), prod(x.shape[1:]), *copied, *plane, address(out), prod(out.shape[1:]),
            *self.results, address(bias), self.tiles, self.flat, ctypes.addressof(phases), len(packed)]))
        give_panels(memory)
        return out

    def packed(self, weight: Any, down: list, right: list) -> Any:
        """These places of a weight as tiles of rows, a tile's numbers for one place side by side."""
        if (len(down), len(right)) != weight.shape[2:]:
            weight = weight[:, :, down][:, :, :, right]
        surplus = self.tiles * self.rows - len(weight)
        if surplus:
            weight = np.concatenate([weight, np.zeros((surplus, *weight.shape[1:]), np.float32)])
        return np.ascontiguousarray(weight.reshape(self.tiles, self.rows, *weight.shape[1:]).transpose(0, 2, 3, 4, 1))


class Correlation:
    """The plan of a weight's gradient: sums over all windows of images."""

    def __init__(self, images: int, inputs: int, outputs: int, windows: Windows):
        down, right = sides(windows)
        lanes = engine().width // 4
        blocks = -(-outputs // lanes)
        most = 4 if lanes == 16 else 2
        self.groups = -(-blocks // most)
        self.vectors = -(-blocks // self.groups)
        count, width = code.taps_of(lanes, self.vectors), self.vectors * lanes
        row = (right.count - 1) * right.step + right.places[-1] + 1
        self.strips, strip = strips_of(down.count, inputs * row * down.step, images)
        rows = (strip - 1) * down.step + down.places[-1] + 1
        flat = [channel * rows * row + i * row + j for channel in range(inputs) for i in down.places for j in right.places]
        self.real = len(flat)
        flat += flat[-1:] * (-len(flat) % count)
        self.distances = np.array(flat, np.int64)
        block = min(max(BLOCK // (width * right.count), 1), strip)
        buffer = -(-inputs * rows * row // 16) * 16
        self.parts = min(pool.size(), images * self.strips)
        self.size = buffer + -(-(block * right.count + 1) * width // 16) * 16
        self.sums = (self.groups, len(flat), width)
        self.head = [self.parts, images * self.strips, self.strips, strip]
        self.copied = [inputs, down.size, right.size, 1, 1, 1, 1, down.low, right.low, rows, row, rows * row]
        self.buffer = buffer
        self.lines = [outputs, down.count * right.count, down.count, right.count, block, self.groups, len(flat), address(self.distances)]
        self.steps = [prod(self.sums), down.step * row, right.step]

    def __call__(self, y: Any, x: Any) -> Any:
        """The gradient as a table (outputs, inputs * kernel places)."""
        kernel, place = correlation_kernel(self.vectors)
        sums = np.zeros((self.parts, *self.sums), np.float32)
        memory = take_panels(self.parts * self.size)
        run_kernel(kernel, place, self.parts, 1, words([
            *self.head, address(memory), self.size, self.buffer, address(x), prod(x.shape[1:]), *self.copied, address(y), prod(y.shape[1:]),
            *self.lines, address(sums), *self.steps]))
        give_panels(memory)
        total = sums[0]
        for part in sums[1:]:
            total += part
        return np.ascontiguousarray(total[:, :self.real].transpose(0, 2, 1).reshape(-1, self.real)[:y.shape[1]])


@lru_cache(64)
def convolution(images: int, inputs: int, outputs: int, windows: Windows, forward: bool, threads: int) -> Convolution:
    return Convolution(images, inputs, outputs, windows, forward)


@lru_cache(64)
def correlation(images: int, inputs: int, outputs: int, windows: Windows, threads: int) -> Correlation:
    return Correlation(images, inputs, outputs, windows)


def flat_kernel(weight: Any) -> Any:
    """A weight with two kernel dimensions."""
    return weight.reshape(*weight.shape[:2], -1, weight.shape[-1])


def convolved(x: Any, weight: Any, bias: Any, windows: Windows) -> Any:
    """The convolution of images x (N, C, *sizes) with weight (O, C, *kernel): (N, O, *out)."""
    plan = convolution(len(x), x.shape[1], len(weight), windows, True, pool.size())
    return plan(np.ascontiguousarray(x), flat_kernel(weight), bias)


def spread(y: Any, weight: Any, windows: Windows) -> Any:
    """The transpose of `convolved`: outputs y (N, O, *out) added back into images (N, C, *sizes)."""
    plan = convolution(len(y), y.shape[1], weight.shape[1], windows, False, pool.size())
    return plan(np.ascontiguousarray(y), flat_kernel(weight).swapaxes(0, 1), None)


def correlated(y: Any, x: Any, windows: Windows) -> Any:
    """The gradient of a weight (O, C, *kernel): outputs' gradients y (N, O, *out) times the images under the windows, added up."""
    plan = correlation(len(x), x.shape[1], y.shape[1], windows, pool.size())
    return plan(np.ascontiguousarray(y), np.ascontiguousarray(x)).reshape(y.shape[1], x.shape[1], *windows.kernel)
