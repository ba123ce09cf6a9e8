"""The text of convolution's kernels: float32 images (N, C, H, W), no groups, any stride, padding and dilation.

An image is copied into memory with its zeros around it, and then lies flat: one place of the kernel is one distance in that memory, for
all windows. So a tile of results, some outputs of many windows that follow each other, adds `weight * vector at a distance` for each input
channel and place of the kernel, and nothing is copied into columns. Windows that run over the end of a line are computed and thrown away.

Where windows step by s, the copy holds up to s planes for each channel, every s-th column (and row) in one: in each the windows follow each
other again. The gradient by the image is a convolution too, of the outputs' gradients with the kernel mirrored. Where windows step by s, the places
of the image fall into s phases, each of which meets its own part of the kernel's places.

The weight's gradient is `sum over windows of x at a distance * g`. Its tile is some places of the kernel times many outputs, for which g is
copied with the outputs side by side.
"""
from __future__ import annotations

from ..backends.llvm.code import Code, module
from ..backends.llvm.gemm import pack_lines

# The words of a call, for all kernels: the parts of the work, their memory, and how an image is laid out in it.
(PARTS, ITEMS, STRIPS, STRIP_LINES, MEMORY, MEMORY_SIZE, BUFFER_SIZE, IMAGES, IMAGE_SIZE, CHANNELS, HEIGHT, WIDTH, STEP_DOWN, STEP_RIGHT,
 PLANES_DOWN, PLANES_RIGHT, ABOVE, BEFORE, ROWS, ROW, PLANE) = range(21)
# Of a convolution: its results and their phases.
OUT, OUT_SIZE, OUTPUTS, OUT_HEIGHT, OUT_WIDTH, OUT_DOWN, OUT_RIGHT, BIAS, TILES, FLAT, PHASES, PHASE_COUNT = range(21, 33)
#: the words of a phase: its weights, its distances and how many; the first row in the image; the first column that counts, where it lies in
#: the image, and how many there are
PHASE = WEIGHTS, DISTANCES, DEPTH, FIRST_ROW, SKIPPED, FIRST_COLUMN, COLUMNS = range(7)
# Of the weight's gradient.
(GRADS, GRAD_SIZE, GRAD_CHANNELS, PLACES, LINES, LINE, BLOCK, GROUPS, TAPS, TAP_DISTANCES, SUMS, SUMS_SIZE, LINE_STEP, PLACE_STEP) = range(21, 35)


def tile_of(lanes: int) -> tuple[int, int]:
    """The outputs and the vectors of windows of a tile: its sums, the image's vectors and one weight fill the registers."""
    return (8, 3) if lanes == 16 else (6, 2)


def taps_of(lanes: int, vectors: int) -> int:
    """The kernel's places in a tile of the weight's gradient, whose outputs are so many vectors; each place has a pointer in a register."""
    return {1: 12, 2: 12, 3: 8, 4: 6}[vectors] if lanes == 16 else {1: 10, 2: 6}[vectors]


def copy(c: Code, source: str, target: str, count: str, added: str | None = None) -> None:
    """Copy a line of floats, with a vector added to each."""
    whole = c.times(c.quotient(count, c.lanes), c.lanes)

    def move(value: str) -> str:
        return value if added is None else c.add(value, added)
    with c.loop(0, whole, c.lanes) as j:
        c.store(move(c.load(c.at(source, j))), c.at(target, j))
    with c.when(c.test("slt", whole, count)):
        lanes = c.first_lanes(c.minus(count, whole))
        c.store_some(move(c.load_some(c.at(source, whole), lanes)), c.at(target, whole), lanes)


def pick(c: Code, source: str, target: str, count: str, step: str) -> None:
    """Copy every step-th float of a line."""
    cell = f"%copied{c.labels}"
    c.stack.append(f"  {cell} = alloca i64")
    c.lines.append(f"  store i64 0, ptr {cell}")
    # Of two vectors the even lanes; the last numbers one by one, as the second vector would end beyond the line.
    with c.when(c.test("eq", step, 2)), c.loop(0, c.minus(count, c.lanes), c.lanes) as j:
        line = c.at(source, c.times(j, 2))
        c.store(c.shuffle(c.load(line), c.load(c.at(line, c.lanes)), range(0, 2 * c.lanes, 2)), c.at(target, j))
        c.lines.append(f"  store i64 {c.plus(j, c.lanes)}, ptr {cell}")
    with c.loop(c.emit(f"load i64, ptr {cell}"), count) as j:
        c.store_one(c.load_one(c.at(source, c.times(j, step))), c.at(target, j))


def either(c: Code, condition: str) -> tuple:
    """Two blocks for `with`: what is done if a truth value holds, and if not."""
    return c.when(condition), c.when(c.emit(f"xor i1 {condition}, true"))


def within(c: Code, row: str, count: str) -> str:
    """Whether 0 <= row < count: as whole numbers without sign, one comparison."""
    return c.test("ult", row, count)


def fill(lanes: int) -> tuple[str, Code]:
    """@fill(image, first, to, arguments): the lines of all channels that the windows from line `first` on reach, zeros around them."""
    c = Code(lanes)
    channels, height, width, down, right, planes_down, planes_right, above, before, rows, row_size, plane = (
        c.word("%arguments", k) for k in (CHANNELS, HEIGHT, WIDTH, STEP_DOWN, STEP_RIGHT, PLANES_DOWN, PLANES_RIGHT, ABOVE, BEFORE, ROWS, ROW, PLANE))
    with c.loop(0, c.word("%arguments", BUFFER_SIZE), lanes) as i:
        c.store(c.number(0.0), c.at("%to", i))
    with c.loop(0, channels) as channel, c.loop(0, planes_down) as a, c.loop(0, rows) as r:
        line = c.minus(c.plus(c.times(c.plus("%first", r), down), a), above)
        with c.when(within(c, line, height)), c.loop(0, planes_right) as b:
            planes = c.plus(c.times(c.plus(c.times(channel, planes_down), a), planes_right), b)
            target = c.at("%to", c.plus(c.times(planes, plane), c.times(r, row_size)))
            # Place j of the line holds column j * right + b - before of the image.
            shift = c.minus(before, b)
            first = c.quotient(not_negative(c, c.plus(shift, c.minus(right, 1))), right)
            last = c.smaller(c.quotient(not_negative(c, c.plus(c.plus(width, shift), c.minus(right, 1))), right), row_size)
            source = c.at("%image", c.plus(c.times(c.plus(c.times(channel, height), line), width), c.minus(c.times(first, right), shift)))
            dense, apart = either(c, c.test("eq", right, 1))
            with dense:
                copy(c, source, c.at(target, first), c.minus(last, first))
            with apart:
                pick(c, source, c.at(target, first), c.minus(last, first), right)
    return c.function("fill", "ptr %image, i64 %first, ptr %to, ptr %arguments"), c


def not_negative(c: Code, value: str) -> str:
    """The value, or 0 if it is below."""
    return c.choose(c.test("slt", value, 0), 0, value)


def items(c: Code, part: str) -> tuple[str, str]:
    """The first of a part's pieces of work, strips of images, and the first of the next part's."""
    count, parts = c.word("%arguments", ITEMS), c.word("%arguments", PARTS)
    return c.share(count, part, parts), c.share(count, c.plus(part, 1), parts)


def filled(c: Code, item: str, memory: str, step: str | int) -> tuple[str, str]:
    """Fill the memory for a piece of work; the number of its image, and its first line of windows."""
    strips = c.word("%arguments", STRIPS)
    image = c.quotient(item, strips)
    line = c.times(c.minus(item, c.times(image, strips)), c.word("%arguments", STRIP_LINES))
    source = c.at(c.pointer("%arguments", IMAGES), c.times(image, c.word("%arguments", IMAGE_SIZE)))
    c.lines.append(f"  call void @fill(ptr {source}, i64 {c.times(line, step)}, ptr {memory}, ptr %arguments)")
    return image, line


# ---- the convolution

def tile(lanes: int) -> tuple[str, Code]:
    """@tile(image, distances, depth, weights, out, row): sums of weight * image over the distances, for some outputs and vectors of windows."""
    c = Code(lanes)
    rows, vectors = tile_of(lanes)
    sums = sums_in_registers(c, rows, vectors)
    with c.loop(0, "%depth") as k:
        image, weights = c.at("%image", c.word("%distances", k)), c.at("%weights", c.times(k, rows))
        columns = [c.load(c.at(image, j * lanes)) for j in range(vectors)]
        for i in range(rows):
            add_products(c, sums[i], c.load_one(c.at(weights, i)), columns)
    for i in range(rows):
        for j in range(vectors):
            c.store(c.load(sums[i][j]), c.at("%out", c.plus(c.times("%row", i), j * lanes)))
    return c.function("tile", "ptr %image, ptr %distances, i64 %depth, ptr %weights, ptr %out, i64 %row"), c


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


def drain(lanes: int) -> tuple[str, Code]:
    """@drain(scratch, image, line, phase, arguments): move a phase's results of one strip to where they lie in the image, with the bias."""
    c = Code(lanes)
    height, width, down, right, row_size, flat = (c.word("%arguments", k) for k in (OUT_HEIGHT, OUT_WIDTH, OUT_DOWN, OUT_RIGHT, ROW, FLAT))
    first_row, skipped, first_column, columns = (c.word("%phase", k) for k in (FIRST_ROW, SKIPPED, FIRST_COLUMN, COLUMNS))
    with c.loop(0, c.word("%arguments", OUTPUTS)) as output:
        bias = c.load_one(c.at(c.pointer("%arguments", BIAS), output))
        added = c.splat(bias)
        with c.loop(0, c.word("%arguments", STRIP_LINES)) as i:
            row = c.plus(c.times(c.plus("%line", i), down), first_row)
            source = c.at("%scratch", c.plus(c.plus(c.times(output, flat), c.times(i, row_size)), skipped))
            target = c.at("%image", c.plus(c.times(c.plus(c.times(output, height), row), width), first_column))
            with c.when(within(c, row, height)):
                dense, apart = either(c, c.test("eq", right, 1))
                with dense:
                    copy(c, source, target, columns, added)
                with apart, c.loop(0, columns) as j:
                    c.store_one(c.emit(f"fadd float {c.load_one(c.at(source, j))}, {bias}"), c.at(target, c.times(j, right)))
    return c.function("drain", "ptr %scratch, ptr %image, i64 %line, ptr %phase, ptr %arguments"), c


def convolve(lanes: int) -> tuple[str, Code]:
    """@convolve(start, stop, arguments): some parts of a convolution, each with memory of its own."""
    c = Code(lanes)
    rows, vectors = tile_of(lanes)
    tiles, flat = c.word("%arguments", TILES), c.word("%arguments", FLAT)
    with c.loop("%start", "%stop") as part:
        memory = c.at(c.pointer("%arguments", MEMORY), c.times(part, c.word("%arguments", MEMORY_SIZE)))
        scratch = c.at(memory, c.word("%arguments", BUFFER_SIZE))
        with c.loop(*items(c, part)) as item:
            image, line = filled(c, item, memory, 1)
            out = c.at(c.pointer("%arguments", OUT), c.times(image, c.word("%arguments", OUT_SIZE)))
            with c.loop(0, c.word("%arguments", PHASE_COUNT)) as number:
                phase = c.emit(f"getelementptr i64, ptr {c.pointer('%arguments', PHASES)}, i64 {c.times(number, len(PHASE))}")
                weights, distances, depth = c.pointer(phase, WEIGHTS), c.pointer(phase, DISTANCES), c.word(phase, DEPTH)
                with c.loop(0, flat, vectors * lanes) as place, c.loop(0, tiles) as t:
                    target = c.at(scratch, c.plus(c.times(c.times(t, rows), flat), place))
                    c.lines.append(f"  call void @tile(ptr {c.at(memory, place)}, ptr {distances}, i64 {depth}, "
                                   f"ptr {c.at(weights, c.times(t, c.times(depth, rows)))}, ptr {target}, i64 {flat})")
                c.lines.append(f"  call void @drain(ptr {scratch}, ptr {out}, i64 {line}, ptr {phase}, ptr %arguments)")
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
        memory = c.at(c.pointer("%arguments", MEMORY), c.times(part, c.word("%arguments", MEMORY_SIZE)))
        packed = c.at(memory, c.word("%arguments", BUFFER_SIZE))
        sums = c.at(c.pointer("%arguments", SUMS), c.times(part, c.word("%arguments", SUMS_SIZE)))
        with c.loop(*items(c, part)) as item:
            image, line = filled(c, item, memory, step)
            last = c.smaller(c.plus(line, c.word("%arguments", STRIP_LINES)), all_lines)
            grads = c.at(c.pointer("%arguments", GRADS), c.times(image, c.word("%arguments", GRAD_SIZE)))
            with c.loop(line, last, block) as first:
                lines = c.smaller(block, c.minus(last, first))
                multiply_block(c, vectors, c.at(memory, c.times(c.minus(first, line), down)), c.at(grads, c.times(first, line_size)), lines,
                               packed, sums)
    return c.function("correlate", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


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
    """The module of a convolution."""
    return text([fill(lanes), tile(lanes), drain(lanes), convolve(lanes)], lanes)


def correlation_text(lanes: int, vectors: int) -> str:
    """The module of a weight's gradient, for so many vectors of outputs at once."""
    return text([fill(lanes), pack_lines(lanes, lanes), tap_tile(lanes, vectors), correlate(lanes, vectors)], lanes)


def text(written: list, lanes: int) -> str:
    return module([function for function, _ in written], [code for _, code in written], lanes)
