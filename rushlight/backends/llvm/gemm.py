"""Matrix products in machine code: float32, any strides, the order of additions a choice.

The method is that of the fast BLAS libraries (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008): the right
matrix is copied into panels, in the order in which it will be read, and a tile of the result stays in registers while the inner dimension
runs. A tile has up to 14 rows and two vectors of columns. Every element of the result is a chain of fused multiply-adds along one *block*
of the inner dimension, and the sums of blocks are added from the left. What is not worth copying is read in its place
(docs/notes/machine-code.md says what was measured).
"""
from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from functools import cache

from .code import Code, module
from .engine import KERNEL, engine, lasting

#: The vectors of columns of a tile. Its sums, one row of the right matrix and one number of the left one fill the registers.
VECTORS = 2
#: The rows ahead that are fetched while panels are copied: they lie on pages of their own, where the processor does not look ahead by itself.
ROWS_AHEAD = 32
#: Of the next one of long rows, the floats that are fetched: the processor sees where that leads and fetches the rest by itself.
BEGINNING = 64
#: The rows ahead at which the right matrix is fetched into the first-level cache while a tile is computed.
AHEAD = 12


def heights(lanes: int) -> tuple[int, ...]:
    """The rows that tiles can have: as many as the registers hold (32 of them, or 16), and fewer for what remains."""
    return (14, 8, 4) if lanes == 16 else (6, 4, 2)


@cache
def fewest(rows: int, lanes: int) -> tuple[float, int]:
    """What so many rows cost, in rows of full tiles, and the height of the first of their tiles, negative. Each tile costs half a row besides.

    The highest tiles are always full.
    """
    if rows <= 0:
        return 0.0, 0
    most = heights(lanes)[0]
    return min([(height + 0.5 + fewest(rows - height, lanes)[0], -height) for height in heights(lanes) if height < most or rows >= most])


def first_heights(lanes: int) -> list[int]:
    """The height of the next tile where so many rows remain; the last number is for all that is more."""
    most = heights(lanes)[0]
    return [-fewest(rows, lanes)[1] for rows in range(2 * most)] + [most]


# The words of a call's arguments: addresses, then what is the same for all products of one plan.
ADDRESSES = LEFT, RIGHT, OUT, SECOND, BIAS, PANELS, PREPARED = range(7)
(LEFT_ROW, LEFT_COLUMN, RIGHT_ROW, RIGHT_COLUMN, OUT_ROW, ROW_COUNT, COLUMN_COUNT, BLOCKS, HALF_BLOCKS, BLOCK_COUNT, PANELS_SIZE, LEFT_SIZE,
 ROW_PARTS, COLUMN_PARTS, LEFT_PACKED, RIGHT_IN_PLACE) = range(7, 23)
#: Behind these, in the words of `product`: how many parts there are, and in how many a thread takes them.
PARTS, CHUNK = 23, 24
#: The panels of the right matrix that one pass over the rows multiplies: with 384 rows they fill three quarters of a second-level cache.
GROUP = 32
#: The floats before a part's panels: the first half's part counts there how many of the halves are done. It is a line of the cache.
HEAD = 16


def pack_lines(lanes: int, width: int) -> tuple[str, Code]:
    """@pack_WIDTH(from, lines, line stride, depth, to): to[k * width + l] = from[l * stride + k], four lines at a time.

    Where there are fewer lines than the width, the last one is repeated: what is computed of it is never stored.
    """
    c = Code(lanes)
    last = c.minus("%lines", 1)
    starts = [c.at("%from", c.times(c.smaller(line, last), "%stride")) for line in range(width)]
    whole = c.minus("%depth", lanes - 1)
    with c.loop(0, whole, lanes) as k:
        target = c.at("%to", c.times(k, width))
        # From the last lines to the first: where the width is no multiple of four, the surplus lies where the first lines of the next k
        # come later. The panel ends with room for the last one.
        for group in reversed(range(0, width, 4)):
            rows = [c.load(c.at(start, k)) for start in starts[group:group + 4]]
            for j, quarter in enumerate(c.quarters(rows + rows[-1:] * (4 - len(rows)))):
                c.store_quarter(quarter, c.at(target, j * width + group))
    rest = c.times(c.quotient("%depth", lanes), lanes)
    with c.loop(rest, "%depth") as k:
        target = c.at("%to", c.times(k, width))
        for line, start in enumerate(starts):
            c.store_one(c.load_one(c.at(start, k)), c.at(target, line))
    return c.function(f"pack_{width}", "ptr %from, i64 %lines, i64 %stride, i64 %depth, ptr %to"), c


def copy_lines(lanes: int, width: int) -> tuple[str, Code]:
    """@copy_WIDTH(from, lines, depth stride, depth, to): to[k * width + l] = from[k * stride + l]; beyond the lines, any number."""
    c = Code(lanes)
    reach = -(-width // lanes) * lanes  # vectors may read beyond the width, but not beyond the lines
    enough = c.test("sge", "%lines", reach)
    for condition, whole in ((enough, True), (c.emit(f"xor i1 {enough}, true"), False)):
        with c.when(condition):
            masks = [c.first_lanes(c.minus("%lines", j)) for j in range(0, width, lanes)]
            with c.loop(0, "%depth") as k:
                source, target = c.at("%from", c.times(k, "%stride")), c.at("%to", c.times(k, width))
                for j in range(0, width, 16):  # a line of the cache is 16 floats
                    c.prefetch(c.at("%from", c.plus(c.times(c.plus(k, ROWS_AHEAD), "%stride"), j)))
                for j, mask in zip(range(0, width, lanes), masks, strict=True):
                    c.store(c.load(c.at(source, j)) if whole else c.load_some(c.at(source, j), mask), c.at(target, j))
    return c.function(f"copy_{width}", "ptr %from, i64 %lines, i64 %stride, i64 %depth, ptr %to"), c


def copy_rows(lanes: int) -> tuple[str, Code]:
    """@copy_rows(from, rows, row stride, length, to, to's row stride): some rows as they are, each in whole vectors."""
    c = Code(lanes)
    whole = c.times(c.quotient("%length", lanes), lanes)
    rest = c.first_lanes(c.minus("%length", whole))
    with c.loop(0, "%rows") as i:
        source, target = c.at("%from", c.times(i, "%stride")), c.at("%to", c.times(i, "%to_stride"))
        ahead = c.at(source, c.times(4, "%stride"))
        with c.loop(0, whole, lanes) as k:
            c.prefetch(c.at(ahead, k))
            c.store(c.load(c.at(source, k)), c.at(target, k))
        c.store(c.load_some(c.at(source, whole), rest), c.at(target, whole))
    return c.function("copy_rows", "ptr %from, i64 %rows, i64 %stride, i64 %length, ptr %to, i64 %to_stride"), c


TILE = ("ptr %left, i64 %left_row, i64 %left_column, i64 %last, ptr %right, i64 %right_row, i64 %depth, ptr %out, i64 %out_row, "
        "ptr %start, i64 %start_row")
#: The multiples of a row's stride that need no register of their own next to a row's address, and the rows of the highest tiles from
#: which these multiples reach all others. With an address for each row the tile would read some of them from memory at every step,
#: and reading is what bounds it next to the arithmetic.
STEPS, BASES = (1, 2, 4, 8), {14: (0, 3, 5, 10), 6: (0, 3)}


def strided_tile(lanes: int, height: int, vectors: int) -> tuple[str, Code]:
    """@tile_HEIGHT_VECTORS(TILE): out = start + left @ right on one tile.

    Both matrices lie anywhere; of the right one whole vectors are read. In all but the highest tiles rows beyond the last are the last
    again. `start` is the result itself (a further block), or the bias or nothing (with stride 0).
    """
    c = Code(lanes)
    moving = {"%row": ("%right", c.times("%right_row", 4))}
    find = tall_rows(c, height, moving) if height == heights(lanes)[0] else clipped_rows(c, height)
    ahead = c.times("%right_row", AHEAD)

    def step() -> tuple[list[str], list[str]]:
        for j in range(vectors):
            c.prefetch(c.at(c.at("%row", ahead), j * lanes))
        return [c.at("%row", j * lanes) for j in range(vectors)], find()

    out, start = "%out", "%start"
    for row in add_up(c, height, vectors, step, moving):
        for j, value in enumerate(row):
            c.store(c.add(value, c.load(c.at(start, j * lanes))), c.at(out, j * lanes))
        out, start = c.at(out, "%out_row"), c.at(start, "%start_row")
    return c.function(f"tile_{height}_{vectors}", TILE), c


def clipped_rows(c: Code, height: int) -> Callable[[], list[str]]:
    """What writes the addresses of column %k in the left matrix's rows, those beyond the last being the last."""
    lefts = [c.at("%left", c.times(c.smaller(i, "%last"), "%left_row")) for i in range(height)]
    return lambda: [c.at(left, c.times("%k", "%left_column")) for left in lefts]


def tall_rows(c: Code, height: int, moving: dict[str, tuple[str, str]]) -> Callable[[], list[str]]:
    """The same for the highest tiles: their rows' addresses are made of a few that move, and multiples of the rows' stride."""
    column = c.times("%left_column", 4)
    moving |= {f"%left{base}": (c.at("%left", c.times(base, "%left_row")), column) for base in BASES[height]}
    multiples = {step: c.hidden(c.times(step, "%left_row"), "i64") for step in STEPS} | {0: "0"}
    nearest = [next(base for base in BASES[height] if i - base in multiples) for i in range(height)]
    return lambda: [c.at(f"%left{base}", multiples[i - base]) for i, base in enumerate(nearest)]


def fetch(lanes: int) -> tuple[str, Code]:
    """@fetch(out, row stride): the numbers to which a tile's sums will be added are on their way to the first-level cache."""
    c, line = Code(lanes), "%out"
    for _ in range(heights(lanes)[0]):
        for j in range(0, VECTORS * lanes, 16):
            c.prefetch(c.at(line, j))
        line = c.at(line, "%row")
    return c.function("fetch", "ptr %out, i64 %row"), c


def settle(lanes: int) -> tuple[str, Code]:
    """@settle(spare, rows, columns, out, row stride, start, start's row stride): out = start + spare, for a tile that lies in part outside."""
    c, width = Code(lanes), VECTORS * lanes
    masks = [c.first_lanes(c.minus("%columns", j)) for j in range(0, width, lanes)]
    with c.loop(0, "%rows") as i:
        spare, out, start = (c.at(place, c.times(i, row)) for place, row in (("%spare", width), ("%out", "%out_row"), ("%start", "%start_row")))
        for j, mask in zip(range(0, width, lanes), masks, strict=True):
            c.store_some(c.add(c.load(c.at(spare, j)), c.load_some(c.at(start, j), mask)), c.at(out, j), mask)
    return c.function("settle", "ptr %spare, i64 %rows, i64 %columns, ptr %out, i64 %out_row, ptr %start, i64 %start_row"), c


def tile_rows(n: int, lanes: int) -> int:
    """The rows of `tile`, for kernels whose tiles all have as many, with n rows in all: little beyond the edge."""
    most = heights(lanes)[0]
    return max(-(-n // -(-n // most)), most // 2)


def tile(lanes: int, rows: int, vectors: int) -> tuple[str, Code]:
    """@tile_VECTORS(left panel, right panel, depth, out, row stride, start, start's row stride): out = start + left @ right on one tile.

    Both matrices lie in panels. `start` is as in `sum_products`. With one vector the second half of the right panel is not looked at.
    """
    c = Code(lanes)

    def step() -> tuple[list[str], list[str]]:
        right, left = c.at("%right", c.times("%k", VECTORS * lanes)), c.at("%left", c.times("%k", rows))
        for j in range(vectors):
            c.prefetch(c.at(right, AHEAD * VECTORS * lanes + j * lanes))
        return [c.at(right, j * lanes) for j in range(vectors)], [c.at(left, i) for i in range(rows)]
    sum_products(c, rows, vectors, step)
    return c.function(f"tile_{vectors}", "ptr %left, ptr %right, i64 %depth, ptr %out, i64 %out_row, ptr %start, i64 %start_row"), c


def sum_products(c: Code, rows: int, vectors: int, step: Callable[[], tuple[list[str], list[str]]]) -> None:
    """A tile's body: out = start + the sums over %k, from 0 to %depth, of a column's numbers times a row of vectors.

    `step` is as in `add_up`. %start may be null.
    """
    sums = add_up(c, rows, vectors, step)
    none = c.emit("icmp eq ptr %start, null")
    for condition, add in ((none, False), (c.emit(f"xor i1 {none}, true"), True)):
        with c.when(condition):
            for i, row in enumerate(sums):
                out, start = c.at("%out", c.times(i, "%out_row")), c.at("%start", c.times(i, "%start_row"))
                for j, value in enumerate(row):
                    c.store(c.add(value, c.load(c.at(start, j * c.lanes))) if add else value, c.at(out, j * c.lanes))


def add_up(c: Code, rows: int, vectors: int, step: Callable[[], tuple[list[str], list[str]]],
           moving: dict[str, tuple[str, str]] | None = None) -> list[list[str]]:
    """A tile's sums over %k, from 0 to %depth, of a column's numbers times a row of vectors.

    `step` writes what finds the addresses of step %k: of the vectors, and of the column's numbers. `moving` are pointers that it may use:
    where they begin, and the bytes that they move at each step.
    """
    moving = moving or {}
    sums = [[f"%sum_{i}_{j}" for j in range(vectors)] for i in range(rows)]
    c.jump("before")
    c.begin("before")
    c.jump("test")
    c.begin("test")
    c.lines.append("  %k = phi i64 [ 0, %before ], [ %next, %work ]")
    head = len(c.lines)
    c.lines.append(f"  br i1 {c.test('slt', '%k', '%depth')}, label %work, label %done")
    c.begin("work")
    for name in moving:
        # LLVM would make an address of its own for every use, more of them than there are registers.
        c.lines.append(f"  {name} = {c.hiding(f'{name}.now', 'ptr')}")
    columns, numbers = step()
    columns = [c.load(column) for column in columns]
    products = []
    for i, number in enumerate(numbers):
        one = c.splat(c.load_one(number))
        products.append([c.fma(one, column, sums[i][j]) for j, column in enumerate(columns)])
    c.lines.append("  %next = add i64 %k, 1")
    moved = [(name, start, c.emit(f"getelementptr i8, ptr {name}, i64 {by}")) for name, (start, by) in moving.items()]
    c.jump("test")
    c.lines[head:head] = [f"  {sums[i][j]} = phi {c.float} [ zeroinitializer, %before ], [ {products[i][j]}, %work ]"
                          for i in range(rows) for j in range(vectors)]
    c.lines[head:head] = [f"  {name}.now = phi ptr [ {start}, %before ], [ {after}, %work ]" for name, start, after in moved]
    c.begin("done")
    return sums


def multiply(lanes: int) -> tuple[str, Code]:
    """@multiply(start, stop, arguments): some of the parts of a product.

    Parts are a half of the inner dimension, some rows and some columns; each has memory for panels of its own. Of the two halves of a part
    of the result, the one that is done last adds them.
    """
    c, width = Code(lanes), VECTORS * lanes
    row_parts, column_parts = c.word("%arguments", ROW_PARTS), c.word("%arguments", COLUMN_PARTS)
    panels = c.rounded_up(c.word("%arguments", COLUMN_COUNT), width)
    halves, blocks = c.word("%arguments", HALF_BLOCKS), c.word("%arguments", BLOCK_COUNT)
    is_whole = c.test("eq", halves, blocks)
    count_of_halves = c.choose(is_whole, 1, 2)
    with c.loop("%start", "%stop") as part:
        memory = c.at(c.pointer("%arguments", PANELS), c.times(part, c.word("%arguments", PANELS_SIZE)))
        of_result = c.quotient(part, count_of_halves)
        half = c.minus(part, c.times(of_result, count_of_halves))
        is_first = c.test("eq", half, 0)
        r, k = c.quotient(of_result, column_parts), c.emit(f"srem i64 {of_result}, {column_parts}")
        given = [*[c.share(c.word("%arguments", ROW_COUNT), i, row_parts) for i in (r, c.plus(r, 1))],
                 *[c.times(c.share(panels, i, column_parts), width) for i in (k, c.plus(k, 1))],
                 c.choose(is_first, 0, halves), c.choose(is_first, halves, blocks)]
        out = c.choose(is_first, c.pointer("%arguments", OUT), c.pointer("%arguments", SECOND), "ptr")
        bias = c.choose(is_first, c.pointer("%arguments", BIAS), "null", "ptr")
        bounds = ", ".join([f"i64 {value}" for value in given])
        c.lines.append(f"  call void @part({bounds}, ptr {out}, ptr {bias}, ptr {c.at(memory, HEAD)}, ptr %arguments)")
        with c.when(c.emit(f"xor i1 {is_whole}, true")):
            done = c.at(memory, c.minus(0, c.times(half, c.word("%arguments", PANELS_SIZE))))  # the first half's
            with c.when(c.test("eq", c.emit(f"atomicrmw add ptr {done}, i64 1 acq_rel"), 1)):
                c.lines.append(f"  store i64 0, ptr {done}")  # for the next call with the same memory
                add_halves(c, *given[:4])
    return c.function("multiply", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def add_halves(c: Code, first_row: str, last_row: str, first_column: str, last_column: str) -> None:
    """Add the second half's sums of a part to the first's."""
    row, columns = c.word("%arguments", OUT_ROW), c.word("%arguments", COLUMN_COUNT)
    out, second = c.pointer("%arguments", OUT), c.pointer("%arguments", SECOND)
    end = c.smaller(last_column, columns)
    whole = c.minus(end, c.lanes - 1)
    vectors = c.plus(first_column, c.times(c.quotient(c.minus(end, first_column), c.lanes), c.lanes))
    with c.loop(first_row, c.smaller(last_row, c.word("%arguments", ROW_COUNT))) as i:
        target, source = c.at(out, c.times(i, row)), c.at(second, c.times(i, row))
        with c.loop(first_column, whole, c.lanes) as j:
            c.store(c.add(c.load(c.at(target, j)), c.load(c.at(source, j))), c.at(target, j))
        with c.loop(vectors, end) as j:
            c.store_one(c.emit(f"fadd float {c.load_one(c.at(target, j))}, {c.load_one(c.at(source, j))}"), c.at(target, j))


PART = ("i64 %first_row, i64 %last_row, i64 %first_column, i64 %last_column, i64 %first_block, i64 %last_block, ptr %out, "
        "ptr %bias, ptr %memory, ptr %arguments")


def part(lanes: int) -> tuple[str, Code]:
    """@part(bounds, where the result lies, the bias or null, memory for panels, arguments): block by block, a group of columns at a time."""
    c, width = Code(lanes), VECTORS * lanes
    bounds = c.pointer("%arguments", BLOCKS)
    columns, last_column = c.word("%arguments", COLUMN_COUNT), "%last_column"
    own_panels, all_panels = c.at("%memory", c.word("%arguments", LEFT_SIZE)), c.pointer("%arguments", PREPARED)
    is_prepared = c.emit(f"icmp ne ptr {all_panels}, null")
    with c.loop("%first_block", "%last_block") as block:
        low, high = c.word(bounds, block), c.word(bounds, c.plus(block, 1))
        depth = c.minus(high, low)
        is_first = c.test("eq", block, "%first_block")
        of_block = c.at(all_panels, c.times(low, c.times(c.rounded_up(columns, width), width)))
        right_panels = c.choose(is_prepared, of_block, own_panels, "ptr")
        with c.loop("%first_column", last_column, GROUP * width) as group:
            group_end = c.smaller(last_column, c.plus(group, GROUP * width))
            origin = c.choose(is_prepared, 0, group)
            with c.when(c.emit(f"xor i1 {is_prepared}, true")):
                pack_group(c, low, depth, group, group_end, right_panels)
            multiply_group(c, low, depth, is_first, group, group_end, right_panels, origin)
    return c.function("part", PART), c


def copy_panels(lanes: int) -> tuple[str, Code]:
    """@copy_panels(from, columns, row stride, depth, to): whole panels of neighbouring columns, all of a row before the next."""
    c, width = Code(lanes), VECTORS * lanes
    with c.loop(0, "%depth") as k:
        source, target = c.at("%from", c.times(k, "%stride")), c.at("%to", c.times(k, width))
        for j in range(0, BEGINNING, 16):
            c.prefetch(c.at(c.at(source, "%stride"), j), 2)
        with c.loop(0, "%columns", width) as n:
            begin, end = c.at(source, n), c.at(target, c.times(n, "%depth"))
            for j in range(0, width, lanes):
                c.store(c.load(c.at(begin, j)), c.at(end, j))
    return c.function("copy_panels", "ptr %from, i64 %columns, i64 %stride, i64 %depth, ptr %to"), c


def pack_group(c: Code, low: str, depth: str, group: str, group_end: str, panels: str) -> None:
    """Pack a group of columns of one block of the right matrix, but what is read in its place."""
    width = VECTORS * c.lanes
    row, columns = c.word("%arguments", RIGHT_ROW), c.smaller(group_end, c.word("%arguments", COLUMN_COUNT))
    in_rows = c.test("eq", c.word("%arguments", RIGHT_COLUMN), 1)
    packed = c.test("eq", c.word("%arguments", RIGHT_IN_PLACE), 0)
    whole = c.times(c.quotient(c.minus(columns, group), width), width)
    with c.when(c.logic_one(in_rows, packed)):
        begin = c.at(c.pointer("%arguments", RIGHT), c.plus(c.times(low, row), group))
        c.lines.append(f"  call void @copy_panels(ptr {begin}, i64 {whole}, i64 {row}, i64 {depth}, ptr {panels})")
    with c.loop(c.plus(group, c.choose(in_rows, whole, 0)), group_end, width) as n:
        pack_right(c, n, low, depth, c.at(panels, c.times(c.minus(n, group), depth)))


def pack_right(c: Code, n: str, low: str, depth: str, target: str) -> None:
    """Pack one panel of one block of the right matrix: the columns from n on, the rows from low on."""
    width = VECTORS * c.lanes
    row, column, count = (c.word("%arguments", k) for k in (RIGHT_ROW, RIGHT_COLUMN, COLUMN_COUNT))
    begin, lines = c.at(c.pointer("%arguments", RIGHT), c.plus(c.times(low, row), c.times(n, column))), c.minus(count, n)
    straight = c.test("eq", column, 1)
    with c.when(straight):
        c.lines.append(f"  call void @copy_{width}(ptr {begin}, i64 {lines}, i64 {row}, i64 {depth}, ptr {target})")
    with c.when(c.emit(f"xor i1 {straight}, true")):
        c.lines.append(f"  call void @pack_{width}(ptr {begin}, i64 {c.smaller(lines, width)}, i64 {column}, i64 {depth}, ptr {target})")


def prepare(lanes: int) -> tuple[str, Code]:
    """@prepare(start, stop, arguments): pack some panels of the right matrix, all its blocks, for the products that follow."""
    c, width = Code(lanes), VECTORS * lanes
    bounds, panels = c.pointer("%arguments", BLOCKS), c.pointer("%arguments", PREPARED)
    all_columns = c.times(c.rounded_up(c.word("%arguments", COLUMN_COUNT), width), width)
    with c.loop("%start", "%stop") as panel, c.loop(0, c.word("%arguments", BLOCK_COUNT)) as block:
        low, high = c.word(bounds, block), c.word(bounds, c.plus(block, 1))
        depth, n = c.minus(high, low), c.times(panel, width)
        pack_right(c, n, low, depth, c.at(panels, c.plus(c.times(low, all_columns), c.times(n, depth))))
    return c.function("prepare", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def multiply_group(c: Code, low: str, depth: str, is_first: str, group: str, group_end: str, right_panels: str, origin: str) -> None:
    """All rows of a part with the columns whose panels lie ready, from column `origin` on, tile by tile."""
    width, most = VECTORS * c.lanes, heights(c.lanes)[0]
    columns, out_row, right_row = (c.word("%arguments", k) for k in (COLUMN_COUNT, OUT_ROW, RIGHT_ROW))
    in_place = c.test("ne", c.word("%arguments", RIGHT_IN_PLACE), 0)
    in_matrix = c.at(c.pointer("%arguments", RIGHT), c.times(low, right_row))
    has_bias = c.emit("icmp ne ptr %bias, null")
    with c.loop("%first_row", "%last_row", "%height") as t:
        rest = c.minus("%last_row", t)
        c.lines.append(f"  %height = load i64, ptr {c.emit(f'getelementptr i64, ptr @heights, i64 {c.smaller(rest, 2 * most)}')}")
        rows = c.smaller(rest, "%height")
        left = left_tile(c, t, rows, low, depth)
        with c.loop(group, group_end, width) as n:
            there = c.logic_one(in_place, c.test("sle", c.plus(n, width), columns))
            panel = c.choose(there, c.at(in_matrix, n), c.at(right_panels, c.times(c.minus(n, origin), depth)), "ptr")
            target = c.at("%out", c.plus(c.times(t, out_row), n))
            start = c.choose(is_first, c.choose(has_bias, c.at("%bias", n), "@nothing", "ptr"), target, "ptr")
            with c.when(c.emit(f"xor i1 {is_first}, true")):
                c.lines.append(f"  call void @fetch(ptr {target}, i64 {out_row})")
            call_tile(c, f"{left}, i64 {c.minus(rows, 1)}, ptr {panel}, i64 {c.choose(there, right_row, width)}, i64 {depth}",
                      rows, c.smaller(c.minus(columns, n), width), target, out_row, start, c.choose(is_first, 0, out_row))
    c.declared[f"@heights = internal constant [{2 * most + 1} x i64] [{', '.join([f'i64 {k}' for k in first_heights(c.lanes)])}]"] = None
    # Minus zero: added to a number it changes no bit, also of zeros.
    c.declared[f"@nothing = internal constant [{width} x float] [{', '.join(['float -0.0'] * width)}], align 64"] = None


def left_tile(c: Code, t: str, rows: str, low: str, depth: str) -> str:
    """The first arguments of a tile at row t: where the left matrix's part lies, packed or in its place, and its strides of rows and columns."""
    most = heights(c.lanes)[0]
    row, column = (c.word("%arguments", k) for k in (LEFT_ROW, LEFT_COLUMN))
    begin = c.at(c.pointer("%arguments", LEFT), c.plus(c.times(low, column), c.times(t, row)))
    lines = c.minus(c.word("%arguments", ROW_COUNT), t)
    packed, in_rows = c.test("ne", c.word("%arguments", LEFT_PACKED), 0), c.test("eq", column, 1)
    # An odd number of the cache's lines: copied rows at such a distance fall into different places of the first-level cache.
    distance = c.times(c.emit(f"or i64 {c.rounded_up(depth, 16)}, 1"), 16)
    with c.when(c.logic_one(packed, in_rows)):
        c.lines.append(f"  call void @copy_rows(ptr {begin}, i64 {rows}, i64 {row}, i64 {depth}, ptr %memory, i64 {distance})")
    with c.when(c.logic_one(packed, c.emit(f"xor i1 {in_rows}, true"))):
        c.lines.append(f"  call void @copy_{most}(ptr {begin}, i64 {lines}, i64 {column}, i64 {depth}, ptr %memory)")
    copied_row, copied_column = c.choose(in_rows, distance, 1), c.choose(in_rows, 1, most)
    return (f"ptr {c.choose(packed, '%memory', begin, 'ptr')}, i64 {c.choose(packed, copied_row, row)}, "
            f"i64 {c.choose(packed, copied_column, column)}")


def call_tile(c: Code, given: str, rows: str, columns: str, out: str, out_row: str, start: str, start_row: str) -> None:
    """Call the tile of %height rows that fits so many columns. One that reaches over the edge is computed beside the result."""
    width = VECTORS * c.lanes
    c.stack.append(f"  %spare = alloca [{width * heights(c.lanes)[0]} x float], align 64")
    narrow = c.test("sle", columns, c.lanes)
    name = ""
    for height in reversed(heights(c.lanes)):
        one = c.choose(narrow, f"@tile_{height}_1", f"@tile_{height}_{VECTORS}", "ptr")
        name = c.choose(c.test("sge", "%height", height), one, name, "ptr") if name else one
    whole = c.logic_one(c.test("eq", columns, width), c.test("eq", rows, "%height"))
    targets: list[tuple[str, str | int, str]] = [(out, "%spare", "ptr"), (out_row, width, "i64"), (start, "@nothing", "ptr"), (start_row, 0, "i64")]
    c.lines.append(f"  call void {name}({given}, {', '.join([f'{kind} {c.choose(whole, a, b, kind)}' for a, b, kind in targets])})")
    with c.when(c.emit(f"xor i1 {whole}, true")):
        c.lines.append(f"  call void @settle(ptr %spare, i64 {rows}, i64 {columns}, ptr {out}, i64 {out_row}, ptr {start}, i64 {start_row})")


def product(lanes: int) -> tuple[str, Code]:
    """@product(words): a whole product, in one call from Python. The first word is what threads share, or 0 for none; the second is `run_pieces`.

    The words behind these are the arguments, with array objects in place of the addresses of LEFT, RIGHT, OUT, BIAS and PANELS, and in SECOND the
    floats from PANELS on, and then PARTS and CHUNK.
    """
    c = Code(lanes)
    shared, run = c.pointer("%words", 0), c.pointer("%words", 1)
    words = c.emit("getelementptr i64, ptr %words, i64 2")
    given = c.addressed(words, PARTS, (LEFT, RIGHT, OUT, PANELS))
    panels, parts = c.pointer(given, PANELS), c.word(words, PARTS)
    c.put(c.at(panels, c.word(words, SECOND)), given, SECOND, "ptr")
    with c.when(c.test("ne", c.word(words, BIAS), 0)):
        c.put(c.data(words, BIAS), given, BIAS, "ptr")
    with c.when(c.test("ne", c.word(words, HALF_BLOCKS), c.word(words, BLOCK_COUNT))), c.loop(0, parts, 2) as part:  # none of the halves is done
        c.lines.append(f"  store i64 0, ptr {c.at(panels, c.times(part, c.word(words, PANELS_SIZE)))}")
    alone = c.emit(f"icmp eq ptr {shared}, null")
    with c.when(alone):
        c.lines.append(f"  call void @multiply(i64 0, i64 {parts}, ptr {given})")
    with c.when(c.emit(f"xor i1 {alone}, true")):
        c.lines.append(f"  call void {run}(ptr {shared}, ptr @multiply, i64 {parts}, i64 {c.word(words, CHUNK)}, ptr {given})")
    return c.function("product", "ptr %words", internal=False), c


def module_text(lanes: int) -> str:
    """The module of all that a product needs."""
    most, width = heights(lanes)[0], VECTORS * lanes
    written = [copy_rows(lanes), copy_lines(lanes, most), pack_lines(lanes, width), copy_lines(lanes, width),
               *[strided_tile(lanes, height, vectors) for height in heights(lanes) for vectors in range(1, VECTORS + 1)],
               fetch(lanes), settle(lanes), copy_panels(lanes), part(lanes), multiply(lanes), prepare(lanes), product(lanes)]
    return module([text for text, _ in written], [code for _, code in written], lanes)


#: the kernel of products, and that which prepares a right matrix, with their addresses; and the function of a whole product
Kernels = namedtuple("Kernels", "multiply multiply_address prepare prepare_address product")


@cache
def kernels() -> Kernels:
    """The functions of the module."""
    multiply, prepare, product = engine().addresses(module_text(engine().width // 4), ("multiply", "prepare", "product"))
    return Kernels(KERNEL(multiply), multiply, KERNEL(prepare), prepare, lasting(product))
