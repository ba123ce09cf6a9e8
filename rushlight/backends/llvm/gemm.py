"""Matrix products in machine code: float32, any strides, the order of additions a choice.

The method is that of the fast BLAS libraries (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008): both
matrices are copied into panels, in the order in which they will be read, and a tile of the result stays in registers while the inner
dimension runs. A tile has up to 14 rows and two vectors of columns. Every element of the result is a chain of fused multiply-adds along one
*block* of the inner dimension, and the sums of blocks are added from the left.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from .code import Code, module
from .engine import KERNEL, engine

#: The vectors of columns of a tile. Its sums, one row of the right matrix and one number of the left one fill the registers.
VECTORS = 2
#: The rows ahead that are fetched while rows are copied: they lie on pages of their own, where the processor does not look ahead by itself.
ROWS_AHEAD = 32
#: the bytes ahead at which the right matrix's panel is fetched into the first-level cache
AHEAD = 1024


def tile_rows(n: int, lanes: int) -> int:
    """The rows of a tile for a result of n rows: at most what the registers hold (32 of them, or 16), and little beyond the edge."""
    most = 14 if lanes == 16 else 6
    return max(-(-n // -(-n // most)), most // 2)


# The words of a call's arguments.
(LEFT, LEFT_ROW, LEFT_COLUMN, RIGHT, RIGHT_ROW, RIGHT_COLUMN, OUT, OUT_ROW, SECOND, BIAS, ROW_COUNT, COLUMN_COUNT, BLOCKS, HALF_BLOCKS,
 BLOCK_COUNT, PANELS, PANELS_SIZE, LEFT_SIZE, ROW_PARTS, COLUMN_PARTS, PREPARED) = range(21)
WORDS = 21
#: The panels of the right matrix that one pass over the rows multiplies: with 384 rows they fill half of a second-level cache.
GROUP = 16


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
    """@copy_WIDTH(from, lines, depth stride, depth, to): to[k * width + l] = from[k * stride + l]."""
    c = Code(lanes)
    reach = -(-width // lanes) * lanes  # vectors may read beyond the width, but not beyond the lines
    enough = c.test("sge", "%lines", reach)
    with c.when(enough), c.loop(0, "%depth") as k:
        source, target = c.at("%from", c.times(k, "%stride")), c.at("%to", c.times(k, width))
        for j in range(0, width, 16):  # a line of the cache is 16 floats
            c.prefetch(c.at("%from", c.plus(c.times(c.plus(k, ROWS_AHEAD), "%stride"), j)))
        for j in range(0, width, lanes):
            c.store(c.load(c.at(source, j)), c.at(target, j))
    last = c.minus("%lines", 1)
    with c.when(c.emit(f"xor i1 {enough}, true")), c.loop(0, "%depth") as k:
        source, target = c.at("%from", c.times(k, "%stride")), c.at("%to", c.times(k, width))
        with c.loop(0, width) as line:
            c.store_one(c.load_one(c.at(source, c.smaller(line, last))), c.at(target, line))
    return c.function(f"copy_{width}", "ptr %from, i64 %lines, i64 %stride, i64 %depth, ptr %to"), c


def tile(lanes: int, rows: int, vectors: int) -> tuple[str, Code]:
    """@tile_VECTORS(left panel, right panel, depth, out, row stride, start, start's row stride): out = start + left @ right on one tile.

    `start` may be null (nothing is added), the result itself (a further block), or the bias (stride 0). With one vector the second half of
    the right panel is not looked at.
    """
    c = Code(lanes)
    # What the sums are added to is on its way while they are computed.
    for i in range(rows):
        for j in range(vectors):
            c.prefetch(c.at("%start", c.plus(c.times(i, "%start_row"), j * lanes)))

    def step() -> tuple[list[str], list[str]]:
        right, left = c.at("%right", c.times("%k", VECTORS * lanes)), c.at("%left", c.times("%k", rows))
        for j in range(vectors):
            c.prefetch(c.at(right, AHEAD // 4 + j * lanes))
        return [c.at(right, j * lanes) for j in range(vectors)], [c.at(left, i) for i in range(rows)]
    sum_products(c, rows, vectors, step)
    return c.function(f"tile_{vectors}", "ptr %left, ptr %right, i64 %depth, ptr %out, i64 %out_row, ptr %start, i64 %start_row"), c


def sum_products(c: Code, rows: int, vectors: int, step: Callable[[], tuple[list[str], list[str]]]) -> None:
    """A tile's body: out = start + the sums over %k, from 0 to %depth, of a column's numbers times a row of vectors.

    `step` writes what finds the addresses of step %k: of the vectors, and of the column's numbers. %start may be null.
    """
    sums = [[f"%sum_{i}_{j}" for j in range(vectors)] for i in range(rows)]
    c.jump("before")
    c.begin("before")
    c.jump("test")
    c.begin("test")
    c.lines.append("  %k = phi i64 [ 0, %before ], [ %next, %work ]")
    head = len(c.lines)
    c.lines.append(f"  br i1 {c.test('slt', '%k', '%depth')}, label %work, label %done")
    c.begin("work")
    columns, numbers = step()
    columns = [c.load(column) for column in columns]
    products = []
    for i, number in enumerate(numbers):
        one = c.splat(c.load_one(number))
        products.append([c.fma(one, column, sums[i][j]) for j, column in enumerate(columns)])
    c.lines.append("  %next = add i64 %k, 1")
    c.jump("test")
    c.lines[head:head] = [f"  {sums[i][j]} = phi {c.float} [ zeroinitializer, %before ], [ {products[i][j]}, %work ]"
                          for i in range(rows) for j in range(vectors)]
    c.begin("done")
    none = c.emit("icmp eq ptr %start, null")
    for condition, add in ((none, False), (c.emit(f"xor i1 {none}, true"), True)):
        with c.when(condition):
            store_tile(c, sums, add)


def store_tile(c: Code, sums: list, add: bool) -> None:
    """Write a tile's sums, and what they start from."""
    for i, row in enumerate(sums):
        out, start = c.at("%out", c.times(i, "%out_row")), c.at("%start", c.times(i, "%start_row"))
        for j, value in enumerate(row):
            if add:
                value = c.add(value, c.load(c.at(start, j * c.lanes)))
            c.store(value, c.at(out, j * c.lanes))


def call_packer(c: Code, width: int, transposed: tuple, straight: tuple, is_straight: str) -> None:
    """Call the packer that fits the strides."""
    for name, given, condition in (("copy", straight, is_straight), ("pack", transposed, c.emit(f"xor i1 {is_straight}, true"))):
        begin, lines, stride, depth, target = given
        with c.when(condition):
            c.lines.append(f"  call void @{name}_{width}(ptr {begin}, i64 {lines}, i64 {stride}, i64 {depth}, ptr {target})")


def multiply(lanes: int, rows: int) -> tuple[str, Code]:
    """@multiply(start, stop, arguments): some of the parts of a product.

    Parts are a half of the inner dimension, some rows and some columns; each has memory for panels of its own, and shares nothing.
    """
    c, width = Code(lanes), VECTORS * lanes
    row_parts, column_parts = c.word("%arguments", ROW_PARTS), c.word("%arguments", COLUMN_PARTS)
    tiles = c.rounded_up(c.word("%arguments", ROW_COUNT), rows)
    panels = c.rounded_up(c.word("%arguments", COLUMN_COUNT), width)
    halves, blocks = c.word("%arguments", HALF_BLOCKS), c.word("%arguments", BLOCK_COUNT)
    count_of_halves = c.choose(c.test("eq", halves, blocks), 1, 2)
    with c.loop("%start", "%stop") as part:
        memory = c.at(c.pointer("%arguments", PANELS), c.times(part, c.word("%arguments", PANELS_SIZE)))
        # The halves of one part of the result follow each other.
        of_result = c.quotient(part, count_of_halves)
        is_first = c.test("eq", c.emit(f"srem i64 {part}, {count_of_halves}"), 0)
        r, k = c.quotient(of_result, column_parts), c.emit(f"srem i64 {of_result}, {column_parts}")
        given = [*[c.times(c.share(tiles, i, row_parts), rows) for i in (r, c.plus(r, 1))],
                 *[c.times(c.share(panels, i, column_parts), width) for i in (k, c.plus(k, 1))],
                 c.choose(is_first, 0, halves), c.choose(is_first, halves, blocks)]
        out = c.choose(is_first, c.pointer("%arguments", OUT), c.pointer("%arguments", SECOND), "ptr")
        bias = c.choose(is_first, c.pointer("%arguments", BIAS), "null", "ptr")
        bounds = ", ".join([f"i64 {value}" for value in given])
        c.lines.append(f"  call void @part({bounds}, ptr {out}, ptr {bias}, ptr {memory}, ptr %arguments)")
        with c.when(c.emit(f"xor i1 {is_first}, true")):
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


def part(lanes: int, rows: int) -> tuple[str, Code]:
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
            with c.when(c.emit(f"xor i1 {is_prepared}, true")), c.loop(group, group_end, width) as n:
                pack_right(c, n, low, depth, c.at(right_panels, c.times(c.minus(n, group), depth)))
            multiply_group(c, rows, low, depth, is_first, group, group_end, right_panels, origin)
    return c.function("part", PART), c


def pack_right(c: Code, n: str, low: str, depth: str, target: str) -> None:
    """Pack one panel of one block of the right matrix: the columns from n on, the rows from low on."""
    width = VECTORS * c.lanes
    row, column, count = (c.word("%arguments", k) for k in (RIGHT_ROW, RIGHT_COLUMN, COLUMN_COUNT))
    begin, lines = c.at(c.pointer("%arguments", RIGHT), c.plus(c.times(low, row), c.times(n, column))), c.minus(count, n)
    call_packer(c, width, (begin, c.smaller(lines, width), column, depth, target), (begin, lines, row, depth, target), c.test("eq", column, 1))


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


def multiply_group(c: Code, rows: int, low: str, depth: str, is_first: str, group: str, group_end: str, right_panels: str,
                   origin: str) -> None:
    """All rows of a part with the columns whose panels lie ready, from column `origin` on, tile by tile."""
    width = VECTORS * c.lanes
    count, columns = c.word("%arguments", ROW_COUNT), c.word("%arguments", COLUMN_COUNT)
    row, column, out_row = (c.word("%arguments", k) for k in (LEFT_ROW, LEFT_COLUMN, OUT_ROW))
    left = c.at(c.pointer("%arguments", LEFT), c.times(low, column))
    straight = c.test("eq", row, 1)
    has_bias = c.emit("icmp ne ptr %bias, null")
    with c.loop("%first_row", "%last_row", rows) as t:
        begin, lines = c.at(left, c.times(t, row)), c.minus(count, t)
        call_packer(c, rows, (begin, c.smaller(lines, rows), row, depth, "%memory"), (begin, lines, column, depth, "%memory"), straight)
        with c.loop(group, group_end, width) as n:
            panel = c.at(right_panels, c.times(c.minus(n, origin), depth))
            # A share of the next tile's part of the left matrix is fetched with each panel.
            ahead = c.at(left, c.plus(c.times(c.plus(t, rows), row), c.quotient(c.times(c.minus(n, group), depth), GROUP * width)))
            for i in range(rows):
                line = c.at(ahead, c.times(i, row))
                c.prefetch(line, 2)
                c.prefetch(c.at(line, 16), 2)
            target = c.at("%out", c.plus(c.times(t, out_row), n))
            start = c.choose(is_first, c.choose(has_bias, c.at("%bias", n), "null", "ptr"), target, "ptr")
            start_row = c.choose(is_first, 0, out_row)
            whole = c.logic_one(c.test("sle", c.plus(n, width), columns), c.test("sle", c.plus(t, rows), count))
            with c.when(whole):
                c.lines.append(f"  call void @tile_{VECTORS}(ptr %memory, ptr {panel}, i64 {depth}, ptr {target}, i64 {out_row}, "
                               f"ptr {start}, i64 {start_row})")
            with c.when(c.emit(f"xor i1 {whole}, true")):
                edge_tile(c, rows, panel, depth, target, out_row, start, start_row, c.smaller(rows, c.minus(count, t)),
                          c.smaller(width, c.minus(columns, n)))


def edge_tile(c: Code, rows: int, panel: str, depth: str, target: str, out_row: str, start: str, start_row: str, row_count: str,
              column_count: str) -> None:
    """A tile that reaches over the result's edge: computed whole beside it, and what lies inside is moved there."""
    width = VECTORS * c.lanes
    c.stack.append(f"  %spare = alloca [{rows * width} x float], align 64")
    narrow = c.test("sle", column_count, c.lanes)
    for vectors, condition in ((1, narrow), (VECTORS, c.emit(f"xor i1 {narrow}, true"))):
        with c.when(condition):
            c.lines.append(f"  call void @tile_{vectors}(ptr %memory, ptr {panel}, i64 {depth}, ptr %spare, i64 {width}, ptr null, i64 0)")
    adds = c.emit(f"icmp ne ptr {start}, null")
    with c.loop(0, row_count) as i:
        source, out, begin = c.at("%spare", c.times(i, width)), c.at(target, c.times(i, out_row)), c.at(start, c.times(i, start_row))
        with c.loop(0, column_count) as j:
            with c.when(adds):
                total = c.emit(f"fadd float {c.load_one(c.at(source, j))}, {c.load_one(c.at(begin, j))}")
                c.store_one(total, c.at(source, j))
            c.store_one(c.load_one(c.at(source, j)), c.at(out, j))


def module_text(lanes: int, rows: int) -> str:
    """The module of all that a product needs, in tiles of so many rows."""
    width = VECTORS * lanes
    written = [pack_lines(lanes, rows), copy_lines(lanes, rows), pack_lines(lanes, width), copy_lines(lanes, width), tile(lanes, rows, 1),
               tile(lanes, rows, VECTORS), part(lanes, rows), multiply(lanes, rows), prepare(lanes)]
    return module([text for text, _ in written], [code for _, code in written], lanes)


@cache
def kernels(rows: int) -> tuple[Any, int, Any, int]:
    """The kernel of products in tiles of so many rows and its address, then those that prepare a right matrix."""
    address, of_prepare = engine().addresses(module_text(engine().width // 4, rows), ("multiply", "prepare"))
    return KERNEL(address), address, KERNEL(of_prepare), of_prepare
