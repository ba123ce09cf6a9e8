"""The text of convolution's kernels: float32 images (N, C, H, W), no groups, any stride, padding and dilation.

An image is copied into memory with its zeros around it, and then lies flat: one place of the kernel is one distance in that memory, for
all windows. So a tile of results, some outputs of vectors of windows that follow each other, adds `weight * vector at a distance` for each input
channel and place of the kernel, and nothing is copied into columns. Windows that run over the end of a line are computed and thrown away.

Where windows step by s, the copy holds up to s planes for each channel, every s-th column (and row) in one: in each the windows follow each
other again. The gradient by the image is a convolution too, of the outputs' gradients with the kernel mirrored. Where windows step by s, the places
of the image fall into s phases, each of which meets its own part of the kernel's places.

The weight's gradient is `sum over windows of x at a distance * g`. Its tile is some places of the kernel times many outputs, for which g is
copied with the outputs side by side.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..backends.llvm.code import Code, module
from ..backends.llvm.gemm import pack_lines
from ..backends.llvm.vectors import maximum

# The words of a call. First the addresses, which are others at each call; the kernels' memory and the images have the same place in all.
ADDRESSES = MEMORY, IMAGES, OUT, BIAS, WEIGHT, ADDED, MASK, DRAIN = range(8)
GRADS = BIAS
# Then, for all kernels, the parts of the work, their memory, and how an image is laid out in it.
(PARTS, ITEMS, STRIPS, STRIP_LINES, SHARED_SIZE, MEMORY_SIZE, BUFFER_SIZE, IMAGE_SIZE, CHANNELS, HEIGHT, PICKS, STEP_DOWN, STEP_RIGHT,
 PLANES_DOWN, PLANES_RIGHT, WIDTH, ABOVE, ROWS, ROW, PLANE) = range(8, 28)
#: the words of a plane's columns: where the first one that the image has lies in a row of the plane, and in the image, and how many there are
PICK = PLACE, SOURCE, COUNT = range(3)
# Of a convolution: its results and their phases.
OUT_SIZE, OUTPUTS, OUT_HEIGHT, OUT_WIDTH, OUT_DOWN, OUT_RIGHT, TILES, FLAT, PHASES, PHASE_COUNT, WEIGHT_STEP, PACE, STARTS, VECTORS = range(28, 42)
#: the words of a phase: where its packed weights lie, where they come from, its distances, and how many; the first row in the image; the first
#: column that counts, where it lies in the image, and how many there are
PHASE = WEIGHTS, SOURCES, DISTANCES, DEPTH, FIRST_ROW, SKIPPED, FIRST_COLUMN, COLUMNS = range(8)
# Of the weight's gradient.
(GRAD_SIZE, GRAD_CHANNELS, PLACES, LINES, LINE, BLOCK, GROUPS, TAPS, TAP_DISTANCES, SUMS, SUMS_SIZE, LINE_STEP, PLACE_STEP,
 REAL_TAPS) = range(28, 42)
#: the kernel's places whose sums are brought to the gradient at a time: they stay in the first-level cache
TOGETHER = 64


def tile_of(lanes: int) -> tuple[int, int]:
    """The outputs and the vectors of windows of a tile: its sums, the image's vectors and one weight fill the registers."""
    return (8, 3) if lanes == 16 else (6, 2)


def taps_of(lanes: int, vectors: int) -> int:
    """The kernel's places in a tile of the weight's gradient, whose outputs are so many vectors; each place has a pointer in a register."""
    return {1: 12, 2: 12, 3: 8, 4: 6}[vectors] if lanes == 16 else {1: 10, 2: 6}[vectors]


def copy(c: Code, source: str, target: str, count: str) -> None:
    """Copy a line of floats."""
    whole = c.times(c.quotient(count, c.lanes), c.lanes)
    with c.loop(0, whole, c.lanes) as j:
        c.store(c.load(c.at(source, j)), c.at(target, j))
    with c.when(c.test("slt", whole, count)):
        lanes = c.first_lanes(c.minus(count, whole))
        c.store_some(c.load_some(c.at(source, whole), lanes), c.at(target, whole), lanes)


def pick(c: Code, source: str, target: str, count: str, step: str) -> None:
    """Copy every step-th float of a line."""
    twice, apart = either(c, c.test("eq", step, 2))
    with twice, c.loop(0, count, c.lanes) as j:
        # Of two vectors the even lanes; nothing is read beyond the last float that counts.
        rest = c.minus(count, j)
        reach = c.minus(c.times(rest, 2), 1)
        line = c.at(source, c.times(j, 2))
        low = c.load_some(line, c.first_lanes(reach))
        high = c.load_some(c.at(line, c.lanes), c.first_lanes(c.minus(reach, c.lanes)))
        c.store_some(c.shuffle(low, high, range(0, 2 * c.lanes, 2)), c.at(target, j), c.first_lanes(rest))
    with apart, c.loop(0, count) as j:
        c.store_one(c.load_one(c.at(source, c.times(j, step))), c.at(target, j))


def either(c: Code, condition: str) -> tuple:
    """Two blocks for `with`: what is done if a truth value holds, and if not."""
    return c.when(condition), c.when(c.emit(f"xor i1 {condition}, true"))


def within(c: Code, row: str, count: str) -> str:
    """Whether 0 <= row < count: as whole numbers without sign, one comparison."""
    return c.test("ult", row, count)


def fill(lanes: int) -> tuple[str, Code]:
    """@fill(image, first, to, arguments): the lines of all channels that the windows from line `first` on reach, between the zeros around them."""
    c = Code(lanes)
    channels, height, width, down, right, planes_down, planes_right, above, rows, row_size, plane = (
        c.word("%arguments", k) for k in (CHANNELS, HEIGHT, WIDTH, STEP_DOWN, STEP_RIGHT, PLANES_DOWN, PLANES_RIGHT, ABOVE, ROWS, ROW, PLANE))
    picks = c.pointer("%arguments", PICKS)
    with c.loop(0, planes_right) as b:
        own = c.emit(f"getelementptr i64, ptr {picks}, i64 {c.times(b, len(PICK))}")
        place, first, count = (c.word(own, k) for k in PICK)
        with c.loop(0, channels) as channel, c.loop(0, planes_down) as a, c.loop(0, rows) as r:
            line = c.minus(c.plus(c.times(c.plus("%first", r), down), a), above)
            with c.when(within(c, line, height)):
                planes = c.plus(c.times(c.plus(c.times(channel, planes_down), a), planes_right), b)
                target = c.at("%to", c.plus(c.plus(c.times(planes, plane), c.times(r, row_size)), place))
                source = c.at("%image", c.plus(c.times(c.plus(c.times(channel, height), line), width), first))
                dense, apart = either(c, c.test("eq", right, 1))
                with dense:
                    copy(c, source, target, count)
                with apart:
                    pick(c, source, target, count, right)
    return c.function("fill", "ptr %image, i64 %first, ptr %to, ptr %arguments"), c


def items(c: Code, part: str) -> tuple[str, str]:
    """The first of a part's pieces of work, strips of images, and the first of the next part's."""
    count, parts = c.word("%arguments", ITEMS), c.word("%arguments", PARTS)
    return c.share(count, part, parts), c.share(count, c.plus(part, 1), parts)


def memory_of(c: Code, part: str) -> str:
    """A part's own memory, behind what all parts share."""
    own = c.times(part, c.word("%arguments", MEMORY_SIZE))
    return c.at(c.pointer("%arguments", MEMORY), c.plus(c.word("%arguments", SHARED_SIZE), own))


def filled(c: Code, item: str, first: str, memory: str, step: str | int) -> tuple[str, str]:
    """Fill the memory for a piece of work; the number of its image, and its first line of windows. `first` is the part's first piece."""
    strips = c.word("%arguments", STRIPS)
    # The zeros around the image before stay, where the same lines are around this one.
    with c.when(c.emit(f"or i1 {c.test('eq', item, first)}, {c.test('ne', strips, 1)}")), c.loop(0, c.word("%arguments", BUFFER_SIZE), c.lanes) as i:
        c.store(c.number(0.0), c.at(memory, i))
    image = c.quotient(item, strips)
    line = c.times(c.minus(item, c.times(image, strips)), c.word("%arguments", STRIP_LINES))
    c.lines.append(f"  call void @fill(ptr {image_at(c, image)}, i64 {c.times(line, step)}, ptr {memory}, ptr %arguments)")
    return image, line


def image_at(c: Code, image: str) -> str:
    return c.at(c.pointer("%arguments", IMAGES), c.times(image, c.word("%arguments", IMAGE_SIZE)))


# ---- the convolution

class Finish(NamedTuple):
    """What is done to a convolution's results before they are stored, besides adding the bias: `added`, an array of the same shape is added;
    `relu`, what is below 0 becomes 0; `masked`, what stands where an array of the same shape is 0 becomes 0."""

    added: bool = False
    relu: bool = False
    masked: bool = False

    def write(self, c: Code, value: str, place: str, load: Callable[[str], str]) -> str:
        """The value for a place of the image; `load` reads a vector of the other arrays."""
        if self.added:
            value = c.add(value, load(c.at("%added", place)))
        if self.relu:
            value = maximum(c, value, c.number(0.0))
        if self.masked:
            value = c.where(c.compare("oeq", load(c.at("%mask", place)), c.number(0.0)), c.number(0.0), value)
        return value


def pack_weights(lanes: int) -> tuple[str, Code]:
    """@pack_weights(start, stop, arguments): the weights of some tiles of the phases, a tile's numbers for one place side by side."""
    c = Code(lanes)
    rows, _ = tile_of(lanes)
    weight, tiles, outputs, step = c.pointer("%arguments", WEIGHT), *[c.word("%arguments", k) for k in (TILES, OUTPUTS, WEIGHT_STEP)]
    with c.loop("%start", "%stop") as item:
        number = c.quotient(item, tiles)
        t = c.minus(item, c.times(number, tiles))
        phase = phase_at(c, number)
        sources, depth = c.pointer(phase, SOURCES), c.word(phase, DEPTH)
        first = c.times(t, rows)
        target = c.at(c.pointer("%arguments", MEMORY), c.plus(c.word(phase, WEIGHTS), c.times(first, depth)))
        with c.loop(0, rows) as r:
            output = c.plus(first, r)
            some, none = either(c, c.test("slt", output, outputs))
            line = c.at(weight, c.times(output, step))
            with some, c.loop(0, depth) as k:
                c.store_one(c.load_one(c.at(line, c.word(sources, k))), c.at(target, c.plus(c.times(k, rows), r)))
            with none, c.loop(0, depth) as k:
                c.store_one("0.0", c.at(target, c.plus(c.times(k, rows), r)))
    return c.function("pack_weights", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def phase_at(c: Code, number: str) -> str:
    return c.emit(f"getelementptr i64, ptr {c.pointer('%arguments', PHASES)}, i64 {c.times(number, len(PHASE))}")


def tile(lanes: int, vectors: int) -> tuple[str, Code]:
    """@tile_VECTORS(image, starts, distances, depth, weights, out, row, next, pace): sums of weight * image over the distances, for some outputs and
    for vectors of windows that begin at `starts`. Meanwhile the memory from `next` on is fetched, `pace` floats for each distance."""
    c = Code(lanes)
    rows, _ = tile_of(lanes)
    starts = [c.word("%starts", j) for j in range(vectors)]
    images, outs = ([c.at(base, start) for start in starts] for base in ("%image", "%out"))
    sums = sums_in_registers(c, rows, vectors)
    with c.loop(0, "%depth") as k:
        c.prefetch(c.at("%next", c.times(k, "%pace")), 2)
        distance, weights = c.word("%distances", k), c.at("%weights", c.times(k, rows))
        columns = [c.load(c.at(image, distance)) for image in images]
        for i in range(rows):
            add_products(c, sums[i], c.load_one(c.at(weights, i)), columns)
    for i in range(rows):
        for out, cell in zip(outs, sums[i], strict=True):
            c.store(c.load(cell), c.at(out, c.times("%row", i)))
    return c.function(f"tile_{vectors}", "ptr %image, ptr %starts, ptr %distances, i64 %depth, ptr %weights, ptr %out, i64 %row, ptr %next, "
                                        "i64 %pace"), c


def sums_in_registers(c: Code, rows: int, vectors: int) -> list[list[str]]:
    """Cells of the stack with zeros, which LLVM makes registers of."""
    sums = [[f"%sum_{i}_{j}" for j in range(vectors)] for i in range(rows)]
    for row in sums:
        for cell in row:
            c.stack.append(f"  {cell} = alloca {c.float}")
            c.store(c.number(0.0), cell)
    return sums


def add_products(c: Code, cells: list[str], one: str, columns: list[str]) -> None:
    """Add one float times each of some vectors to the sums in cells."""
    factor = c.splat(one)
    for cell, column in zip(cells, columns, strict=True):
        c.store(c.fma(factor, column, c.load(cell)), cell)


def drain(lanes: int, finish: Finish) -> tuple[str, Code]:
    """@drain(scratch, image, added, mask, line, phase, arguments): move a phase's results of one strip to where they lie in the image, finished."""
    c = Code(lanes)
    height, width, down, right, row_size, flat = (c.word("%arguments", k) for k in (OUT_HEIGHT, OUT_WIDTH, OUT_DOWN, OUT_RIGHT, ROW, FLAT))
    first_row, skipped, first_column, columns = (c.word("%phase", k) for k in (FIRST_ROW, SKIPPED, FIRST_COLUMN, COLUMNS))
    with c.loop(0, c.word("%arguments", OUTPUTS)) as output:
        bias = c.splat(c.load_one(c.at(c.pointer("%arguments", BIAS), output)))
        with c.loop(0, c.word("%arguments", STRIP_LINES)) as i:
            row = c.plus(c.times(c.plus("%line", i), down), first_row)
            source = c.at("%scratch", c.plus(c.plus(c.times(output, flat), c.times(i, row_size)), skipped))
            place = c.plus(c.times(c.plus(c.times(output, height), row), width), first_column)
            with c.when(within(c, row, height)):
                drain_line(c, finish, source, place, columns, right, bias)
    return c.function("drain", "ptr %scratch, ptr %image, ptr %added, ptr %mask, i64 %line, ptr %phase, ptr %arguments", internal=False), c


def drain_line(c: Code, finish: Finish, source: str, place: str, count: str, step: str, bias: str) -> None:
    """Move a line of results to every step-th place of the image."""
    n = c.lanes

    def put(value: str, at: str, lanes: str | None = None) -> None:
        def load(pointer: str) -> str:
            return c.load(pointer) if lanes is None else c.load_some(pointer, lanes)
        value, target = finish.write(c, c.add(value, bias), at, load), c.at("%image", at)
        if lanes is None:
            c.store(value, target)
        else:
            c.store_some(value, target, lanes)
    dense, apart = either(c, c.test("eq", step, 1))
    with dense:
        whole = c.times(c.quotient(count, n), n)
        with c.loop(0, whole, n) as j:
            put(c.load(c.at(source, j)), c.plus(place, j))
        with c.when(c.test("slt", whole, count)):
            lanes = c.first_lanes(c.minus(count, whole))
            put(c.load_some(c.at(source, whole), lanes), c.plus(place, whole), lanes)
    with apart:
        twice, wide = either(c, c.test("eq", step, 2))
        # Every other lane of two vectors.
        with twice, c.loop(0, count, n // 2) as j:
            half = c.load_some(c.at(source, j), c.first_lanes(c.smaller(c.minus(count, j), n // 2)))
            ahead = c.first_lanes(c.minus(c.times(c.minus(count, j), 2), 1))
            even = "<" + ", ".join([f"i1 {lane % 2 == 0}".lower() for lane in range(n)]) + ">"
            put(c.shuffle(half, half, [lane // 2 for lane in range(n)]), c.plus(place, c.times(j, 2)), c.logic("and", ahead, even))
        with wide, c.loop(0, count) as j:
            put(c.splat(c.load_one(c.at(source, j))), c.plus(place, c.times(j, step)), c.first_lanes("1"))


def convolve(lanes: int) -> tuple[str, Code]:
    """@convolve(start, stop, arguments): some parts of a convolution, each with memory of its own."""
    c = Code(lanes)
    rows, vectors = tile_of(lanes)
    tiles, flat, pace, count = (c.word("%arguments", k) for k in (TILES, FLAT, PACE, VECTORS))
    starts, packed, drain = (c.pointer("%arguments", k) for k in (STARTS, MEMORY, DRAIN))
    with c.loop("%start", "%stop") as part:
        memory = memory_of(c, part)
        scratch = c.at(memory, c.word("%arguments", BUFFER_SIZE))
        begin, end = items(c, part)
        with c.loop(begin, end) as item:
            image, line = filled(c, item, begin, memory, 1)
            following = image_at(c, c.quotient(c.plus(item, 1), c.word("%arguments", STRIPS)))
            here = c.times(image, c.word("%arguments", OUT_SIZE))
            out, added, mask = (c.at(c.pointer("%arguments", k), here) for k in (OUT, ADDED, MASK))
            with c.loop(0, c.word("%arguments", PHASE_COUNT)) as number:
                phase = phase_at(c, number)
                weights, distances, depth = c.at(packed, c.word(phase, WEIGHTS)), c.pointer(phase, DISTANCES), c.word(phase, DEPTH)
                begin = "0"
                for size in range(vectors, 0, -1):
                    stop = c.plus(begin, c.times(c.quotient(c.minus(count, begin), size), size))
                    with c.loop(begin, stop, size) as first, c.loop(0, tiles) as t:
                        target = c.at(scratch, c.times(c.times(t, rows), flat))
                        call = c.plus(c.times(c.quotient(first, vectors), tiles), t)
                        own = c.emit(f"getelementptr i64, ptr {starts}, i64 {first}")
                        c.lines.append(f"  call void @tile_{size}(ptr {memory}, ptr {own}, ptr {distances}, i64 {depth}, "
                                       f"ptr {c.at(weights, c.times(t, c.times(depth, rows)))}, ptr {target}, i64 {flat}, "
                                       f"ptr {c.at(following, c.times(call, c.times(depth, pace)))}, i64 {pace})")
                    begin = stop
                c.lines.append(f"  call void {drain}(ptr {scratch}, ptr {out}, ptr {added}, ptr {mask}, i64 {line}, ptr {phase}, ptr %arguments)")
    return c.function("convolve", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


# ---- the weight's gradient

def tap_tile(lanes: int, vectors: int) -> tuple[str, Code]:
    """@taps(image, distances, grads, lines, arguments, sums): sums += image at a distance * grads over some lines of windows."""
    c = Code(lanes)
    count = taps_of(lanes, vectors)
    line, line_step, step = (c.word("%arguments", k) for k in (LINE, LINE_STEP, PLACE_STEP))
    images = [c.at("%image", c.word("%distances", i)) for i in range(count)]
    # The gradients of one vector of outputs lie together, then those of the next.
    panels = [c.at("%grads", c.times(c.times(line, "%lines"), v * lanes)) for v in range(vectors)]
    sums = sums_in_registers(c, count, vectors)
    with c.loop(0, "%lines") as i:
        start, first = c.times(i, line_step), c.times(i, line)
        with c.loop(0, line) as j:
            at = c.times(c.plus(first, j), lanes)
            columns = [c.load(c.at(panel, at)) for panel in panels]
            place = c.plus(start, c.times(j, step))
            for image, cells in zip(images, sums, strict=True):
                add_products(c, cells, c.load_one(c.at(image, place)), columns)
    for tap, cells in enumerate(sums):
        for v, cell in enumerate(cells):
            target = c.at("%sums", (tap * vectors + v) * lanes)
            c.store(c.add(c.load(target), c.load(cell)), target)
    return c.function("taps", "ptr %image, ptr %distances, ptr %grads, i64 %lines, ptr %arguments, ptr %sums"), c


def correlate(lanes: int, vectors: int) -> tuple[str, Code]:
    """@correlate(start, stop, arguments): some parts of a weight's gradient, each with memory and sums of its own."""
    c = Code(lanes)
    block, all_lines, line_size, down = (c.word("%arguments", k) for k in (BLOCK, LINES, LINE, LINE_STEP))
    # LINE_STEP is in floats of the copy; windows step down by so many of its rows.
    step = c.quotient(down, c.word("%arguments", ROW))
    with c.loop("%start", "%stop") as part:
        memory = memory_of(c, part)
        packed, sums = (c.at(memory, c.word("%arguments", k)) for k in (BUFFER_SIZE, SUMS))
        with c.loop(0, c.word("%arguments", SUMS_SIZE), lanes) as i:
            c.store(c.number(0.0), c.at(sums, i))
        begin, end = items(c, part)
        with c.loop(begin, end) as item:
            image, line = filled(c, item, begin, memory, step)
            last = c.smaller(c.plus(line, c.word("%arguments", STRIP_LINES)), all_lines)
            grads = c.at(c.pointer("%arguments", GRADS), c.times(image, c.word("%arguments", GRAD_SIZE)))
            with c.loop(line, last, block) as first:
                lines = c.smaller(block, c.minus(last, first))
                multiply_block(c, vectors, c.at(memory, c.times(c.minus(first, line), down)), c.at(grads, c.times(first, line_size)), lines,
                               packed, sums)
    return c.function("correlate", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def collect(lanes: int, vectors: int) -> tuple[str, Code]:
    """@collect(start, stop, arguments): the gradient at some places of the kernel: the parts' sums, added in their order, a row for each output.

    A piece of work is TOGETHER places for a group of outputs, which lie side by side in the sums.
    """
    c = Code(lanes)
    width, memory, out = vectors * lanes, c.pointer("%arguments", MEMORY), c.pointer("%arguments", OUT)
    parts, size, sums, taps, count, outputs = (c.word("%arguments", k) for k in (PARTS, MEMORY_SIZE, SUMS, TAPS, REAL_TAPS, GRAD_CHANNELS))
    blocks = c.rounded_up(count, TOGETHER)
    with c.loop("%start", "%stop") as item:
        group = c.quotient(item, blocks)
        first = c.times(c.minus(item, c.times(group, blocks)), TOGETHER)
        places = c.smaller(c.minus(count, first), TOGETHER)
        total = c.at(memory, c.plus(sums, c.times(c.plus(c.times(group, taps), first), width)))
        with c.loop(1, parts) as part, c.loop(0, c.times(places, width), lanes) as i:
            own = c.at(total, i)
            c.store(c.add(c.load(own), c.load(c.at(own, c.times(part, size)))), own)
        with c.loop(0, width, lanes) as v:
            output = c.plus(c.times(group, width), v)
            rows = c.smaller(c.minus(outputs, output), lanes)
            turn(c, width, count, places, c.at(total, v), c.at(out, c.plus(c.times(output, count), first)), rows)
    return c.function("collect", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def turn(c: Code, width: int, step: str, places: str, source: str, target: str, rows: str) -> None:
    """target[row * step + place] = source[place * width + row] for as many rows as a vector has, or fewer."""
    fours = c.choose(c.test("eq", rows, c.lanes), c.times(c.quotient(places, 4), 4), 0)
    with c.loop(0, fours, 4) as place:
        lines = [c.load(c.at(source, c.times(c.plus(place, k), width))) for k in range(4)]
        for number, quarter in enumerate(c.quarters(lines)):
            c.store_quarter(quarter, c.at(target, c.plus(c.times(step, number), place)))
    with c.loop(fours, places) as place, c.loop(0, rows) as row:
        c.store_one(c.load_one(c.at(source, c.plus(c.times(place, width), row))), c.at(target, c.plus(c.times(row, step), place)))


def multiply_block(c: Code, vectors: int, image: str, grads: str, lines: str, packed: str, sums: str) -> None:
    """Add what some lines of windows give to all places of the kernel and all outputs."""
    width, count = vectors * c.lanes, taps_of(c.lanes, vectors)
    outputs, places, taps = (c.word("%arguments", k) for k in (GRAD_CHANNELS, PLACES, TAPS))
    distances = c.pointer("%arguments", TAP_DISTANCES)
    depth = c.times(lines, c.word("%arguments", LINE))
    with c.loop(0, c.word("%arguments", GROUPS)) as group:
        with c.loop(0, vectors) as v:
            first = c.times(c.plus(c.times(group, vectors), v), c.lanes)
            with c.when(c.test("slt", first, outputs)):
                c.lines.append(f"  call void @pack_{c.lanes}(ptr {c.at(grads, c.times(first, places))}, "
                               f"i64 {c.smaller(c.minus(outputs, first), c.lanes)}, i64 {places}, i64 {depth}, "
                               f"ptr {c.at(packed, c.times(v, c.times(depth, c.lanes)))})")
        with c.loop(0, taps, count) as tap:
            own = c.emit(f"getelementptr i64, ptr {distances}, i64 {tap}")
            target = c.at(sums, c.times(c.plus(c.times(group, taps), tap), width))
            c.lines.append(f"  call void @taps(ptr {image}, ptr {own}, ptr {packed}, i64 {lines}, ptr %arguments, ptr {target})")


def convolution_text(lanes: int) -> str:
    """The module of a convolution, but for its end."""
    tiles = [tile(lanes, vectors + 1) for vectors in range(tile_of(lanes)[1])]
    return text([fill(lanes), *tiles, convolve(lanes)], lanes)


def finish_text(lanes: int, finish: Finish) -> str:
    """The module of a convolution's end. It is a module of its own, since the rest is the same for all and takes five times as long to compile."""
    return text([drain(lanes, finish)], lanes)


def packing_text(lanes: int) -> str:
    """The module that packs a convolution's weights."""
    return text([pack_weights(lanes)], lanes)


def correlation_text(lanes: int, vectors: int) -> str:
    """The module of a weight's gradient, for so many vectors of outputs at once."""
    return text([fill(lanes), pack_lines(lanes, lanes), tap_tile(lanes, vectors), correlate(lanes, vectors), collect(lanes, vectors)], lanes)


def text(written: list, lanes: int) -> str:
    return module([function for function, _ in written], [code for _, code in written], lanes)
