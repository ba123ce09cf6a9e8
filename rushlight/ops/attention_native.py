"""Attention in machine code: each head's scores, softmax and products while they are in one core's cache, forward and backward.

The formulas are those of attention_kernels.py. A head is one piece of work. What it reads is first moved to memory of its own, in which
every row ends with room for whole vectors and every table with room for whole tiles: then no tile has an edge, and only what is moved
back to the results is cut to size. Rows of scores are worked on in blocks; the products' tiles are those of gemm.py with fewer rows.
"""
from __future__ import annotations

import math
import struct
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.gemm import VECTORS, pack_lines, sum_products
from ..backends.llvm.multiply import address, give_panels, take_panels
from ..backends.llvm.rows import Piece, Rows
from ..backends.llvm.vectors import exp_below_zero, log, number_text
from ..backends.llvm.workers import run_kernel
from ..backends.parallel import Unnotable, in_order, inside, pool

#: rows of scores in one block: a multiple of every tile's rows
BLOCK = 64
#: numbers between two rows of scores beyond the keys: rows a multiple of 4 KiB apart would share a few places of the cache
GAP = 16
#: A call's words: for each array its address and the strides of its batches, heads and rows; then sizes, and where in a piece's memory
#: its tables begin.
ARRAYS = ("q", "k", "v", "out", "g", "dq", "dk", "dv")
TABLES = ("keys_turned", "values_turned", "keys_here", "values_here", "rows_here", "grads_here", "scores", "slopes", "products", "dk_here",
          "dv_here", "tops", "totals")
NAMES = (*[f"{array}{part}" for array in ARRAYS for part in ("", "_batch", "_head", "_row")], "logs", "mask", "mask_head", "mask_row", "heads",
         "rows", "keys", "width", "value_width", "wide", "value_wide", "line", "causal", "memory", "memory_size", "chunk", *TABLES, "scale", "one")
PLACES = {name: k for k, name in enumerate(NAMES)}
pack_words = struct.Struct(f"{len(NAMES) - 2}q2f")


def tile_rows(lanes: int) -> int:
    """The rows of a tile: its sums fill half of the registers, and powers of two, as sizes often are, are whole tiles.

    They must not be more than a vector's lanes. A row of weights is written in whole vectors, with zeros behind the keys that it sees: so
    far, and no farther, read the tiles that it is in.
    """
    return 8 if lanes == 16 else 4


def write_tile(lanes: int) -> tuple[str, Code]:
    """@tile(left, row step, inner step, right, inner step, depth, out, row step, start, row step): out = start + left @ right.

    `start` is null (nothing is added) or the result itself.
    """
    c, rows = Code(lanes), tile_rows(lanes)
    lefts = [c.at("%left", c.times(i, "%left_row")) for i in range(rows)]

    def step() -> tuple[list[str], list[str]]:
        right, place = c.at("%right", c.times("%k", "%right_step")), c.times("%k", "%left_step")
        return [c.at(right, j * lanes) for j in range(VECTORS)], [c.at(left, place) for left in lefts]
    sum_products(c, rows, VECTORS, step)
    return c.function("tile", "ptr %left, i64 %left_row, i64 %left_step, ptr %right, i64 %right_step, i64 %depth, ptr %out, i64 %out_row, "
                              "ptr %start, i64 %start_row"), c


def write_move(lanes: int) -> tuple[str, Rows]:
    """@move(from, row step, rows, width, to, row step, factors, step): some rows, each times its factor."""
    c = Rows(lanes)
    with c.loop(0, "%rows") as i:
        source, target = c.at("%from", c.times(i, "%from_row")), c.at("%to", c.times(i, "%to_row"))
        factor = c.splat(c.load_one(c.at("%factors", c.times(i, "%step"))))
        c.over("%width", lambda p: p.store(c.multiply(p.load(source), factor), target))
    return c.function("move", "ptr %from, i64 %from_row, i64 %rows, i64 %width, ptr %to, i64 %to_row, ptr %factors, i64 %step"), c


class Head(Rows):
    """The body of a kernel over heads. A value of NAMES is written c["name"]; a block of rows begins at row `first` and has `count`."""

    def __init__(self, lanes: int, masked: bool):
        super().__init__(lanes)
        self.masked, self.tile_rows, self.tile_width = masked, tile_rows(lanes), VECTORS * lanes
        self.known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.known[name]

    def read_words(self) -> None:
        """Read the call's words, and find this piece's memory and its tables in it."""
        pointers = {*ARRAYS, "logs", "mask", "memory"}
        for name, place in PLACES.items():
            if name in pointers:
                self.known[name] = self.pointer("%arguments", place)
            elif name not in ("scale", "one"):
                self.known[name] = self.word("%arguments", place)
        for k, name in enumerate(("scale", "one")):  # two floats, in the place of one word
            self.known[name] = self.at("%arguments", 2 * PLACES["scale"] + k)
        self.known["is_causal"] = self.test("ne", self["causal"], 0)
        memory = self.at(self["memory"], self.times(self["memory_size"], self.quotient("%start", self["chunk"])))
        for name in TABLES:
            self.known[name] = self.at(memory, self[name])

    def of_head(self, array: str, head: str) -> str:
        """Where a head's part of an array begins."""
        batch = self.quotient(head, self["heads"])
        within = self.minus(head, self.times(batch, self["heads"]))
        return self.at(self[array], self.plus(self.times(batch, self[f"{array}_batch"]), self.times(within, self[f"{array}_head"])))

    def call(self, name: str, *arguments: str | int, pointers: tuple = ()) -> None:
        given = ", ".join([f"{'ptr' if k in pointers else 'i64'} {value}" for k, value in enumerate(arguments)])
        self.lines.append(f"  call void @{name}({given})")

    def tile(self, left: tuple, right: tuple, depth: str, out: tuple, add: bool = False) -> None:
        """One tile; left is (address, row step, inner step), right (address, inner step), out (address, row step)."""
        self.call("tile", *left, *right, depth, *out, *(out if add else ("null", 0)), pointers=(0, 3, 6, 8))

    def move(self, source: tuple, rows: str, width: str, target: tuple, factors: str, step: int = 0) -> None:
        """Rows from (address, row step) to (address, row step), times one factor or those that lie in a row."""
        self.call("move", *source, rows, width, *target, factors, step, pointers=(0, 4, 6))

    def turn(self, array: str, head: str, width: str, target: str) -> None:
        """Lay a head's keys or values out by columns, so many rows side by side as a tile has columns."""
        source, row, size = self.of_head(array, head), self[f"{array}_row"], self.tile_width
        with self.loop(0, self["keys"], size) as n:
            lines = self.smaller(size, self.minus(self["keys"], n))
            self.call(f"pack_{size}", self.at(source, self.times(n, row)), lines, row, width, self.at(target, self.times(n, width)), pointers=(0, 4))

    def seen(self, row: str, behind: int) -> str:
        """How many keys a row sees, or all of a tile's rows do, if it ends so many rows behind."""
        return self.choose(self["is_causal"], self.smaller(self["keys"], self.plus(row, behind)), self["keys"])

    def score(self, first: str, count: str, rows: str, wide: str, turned: str, width: str, out: str) -> None:
        """out = rows @ turned for a block: the keys that are seen."""
        with self.loop(0, count, self.tile_rows) as t, self.loop(0, self.seen(self.plus(first, t), self.tile_rows), self.tile_width) as n:
            self.tile((self.at(rows, self.times(t, wide)), wide, 1), (self.at(turned, self.times(n, width)), self.tile_width), width,
                      (self.at(out, self.plus(self.times(t, self["line"]), n)), self["line"]))

    def combine(self, first: str, count: str, weights: str, values: str, wide: str, width: str) -> None:
        """products = weights @ values for a block: weights by the keys that are seen."""
        with self.loop(0, count, self.tile_rows) as t, self.loop(0, width, self.tile_width) as n:
            self.tile((self.at(weights, self.times(t, self["line"])), self["line"], 1), (self.at(values, n), wide),
                      self.seen(self.plus(first, t), self.tile_rows), (self.at(self["products"], self.plus(self.times(t, wide), n)), wide))

    def collect(self, first: str, count: str, weights: str, rows: str, wide: str, width: str, out: str) -> None:
        """out += weights^T @ rows for a block: for each key the rows that see it."""
        with self.loop(0, self.seen(first, BLOCK), self.tile_rows) as key:
            later = self.minus(key, first)
            begin = self.choose(self["is_causal"], self.choose(self.test("sgt", later, 0), later, 0), 0)
            depth = self.minus(count, begin)
            with self.when(self.test("sgt", depth, 0)), self.loop(0, width, self.tile_width) as n:
                left = self.at(weights, self.plus(self.times(begin, self["line"]), key))
                self.tile((left, 1, self["line"]), (self.at(rows, self.plus(self.times(begin, wide), n)), wide), depth,
                          (self.at(out, self.plus(self.times(key, wide), n)), wide), add=True)

    def clear(self, table: str, wide: str) -> None:
        """Zeros for all keys of a table."""
        with self.loop(0, self.times(self.rounded(self["keys"]), wide), self.lanes) as i:
            self.store(self.number(0.0), self.at(table, i))

    def rounded(self, count: str) -> str:
        """A count of keys as whole tiles."""
        return self.times(self.rounded_up(count, self.tile_rows), self.tile_rows)

    def score_of(self, p: Piece, row: str, mask: str) -> str:
        """A vector of a row of scores, with the mask added."""
        x = self.load(self.at(row, p.at))
        return self.add(x, self.load(self.at(mask, p.at))) if self.masked else x

    def mask_row(self, head: str, row: str) -> str:
        return self.at(self["mask"], self.plus(self.times(head, self["mask_head"]), self.times(row, self["mask_row"])))

    def soften(self, head: str, first: str, count: str) -> None:
        """Bring a block of scores to exp(score - top); the rows' tops and sums go to their tables."""
        with self.loop(0, count) as i:
            row, at = self.at(self["scores"], self.times(i, self["line"])), self.plus(first, i)
            seen, mask, tops, sums = self.seen(at, 1), self.mask_row(head, at), self.cells(-math.inf), self.cells(0.0)

            def look(p: Piece) -> None:
                x = self.score_of(p, row, mask)
                if self.masked:
                    self.store(x, self.at(row, p.at))
                self.store(self.larger(p.chosen(x, -math.inf), self.load(tops[p.strand])), tops[p.strand])
            self.over(seen, look)
            top = self.largest(tops)
            # A row that sees no key has no top to subtract.
            top = self.choose(self.emit(f"fcmp oeq float {top}, {number_text(-math.inf)}"), number_text(0.0), top, "float")
            shift = self.splat(top)

            def raise_(p: Piece) -> None:
                e = p.chosen(exp_below_zero(self, self.subtract(self.load(self.at(row, p.at)), shift)))
                self.store(e, self.at(row, p.at))
                self.accumulate(e, sums[p.strand])
            self.over(seen, raise_)
            self.store_one(top, self.at(self["tops"], i))
            self.store_one(self.total(sums), self.at(self["totals"], i))

    def close(self, head: str, first: str, count: str) -> None:
        """The logarithms of a block's sums; the table of sums becomes that of the factors 1 / sum."""
        logs = self.at(self["logs"], self.plus(self.times(head, self["rows"]), first))

        def work(p: Piece) -> None:
            total, top = self.load(self.at(self["totals"], p.at)), self.load(self.at(self["tops"], p.at))
            none = self.compare("oeq", total, self.number(0.0))
            self.store(self.divide(self.number(1.0), self.where(none, self.number(1.0), total)), self.at(self["totals"], p.at))
            # A row without keys gets +inf, so that exp(s - log) is 0.
            p.store(self.where(none, self.number(math.inf), self.add(top, log(self, total))), logs)
        self.over(count, work)

    def slope(self, head: str, first: str, count: str) -> None:
        """For a block: scores become weights p = exp(score - log), and slopes, the gradients d of the weights, p (d - sum(p d))."""
        with self.loop(0, count) as i:
            at, place = self.plus(first, i), self.times(i, self["line"])
            row, slopes = self.at(self["scores"], place), self.at(self["slopes"], place)
            seen, mask, dots = self.seen(at, 1), self.mask_row(head, at), self.cells(0.0)
            shift = self.splat(self.load_one(self.at(self["logs"], self.plus(self.times(head, self["rows"]), at))))

            def weigh(p: Piece) -> None:
                weight = p.chosen(exp_below_zero(self, self.subtract(self.score_of(p, row, mask), shift)))
                self.store(weight, self.at(row, p.at))
                product = p.chosen(self.multiply(weight, self.load(self.at(slopes, p.at))))
                self.accumulate(product, dots[p.strand])
            self.over(seen, weigh)
            dot = self.splat(self.total(dots))

            def finish(p: Piece) -> None:
                d = self.subtract(self.load(self.at(slopes, p.at)), dot)
                self.store(p.chosen(self.multiply(self.load(self.at(row, p.at)), d)), self.at(slopes, p.at))
            self.over(seen, finish)


def write_forward(c: Head) -> None:
    """out and logs of the heads from `start` to `stop`."""
    c.read_words()
    with c.loop("%start", "%stop") as head:
        q, out = c.of_head("q", head), c.of_head("out", head)
        c.turn("k", head, c["width"], c["keys_turned"])
        c.move((c.of_head("v", head), c["v_row"]), c["keys"], c["value_width"], (c["values_here"], c["value_wide"]), c["one"])
        with c.loop(0, c["rows"], BLOCK) as first:
            count = c.smaller(BLOCK, c.minus(c["rows"], first))
            c.move((c.at(q, c.times(first, c["q_row"])), c["q_row"]), count, c["width"], (c["rows_here"], c["wide"]), c["scale"])
            c.score(first, count, c["rows_here"], c["wide"], c["keys_turned"], c["width"], c["scores"])
            c.soften(head, first, count)
            c.close(head, first, count)
            c.combine(first, count, c["scores"], c["values_here"], c["value_wide"], c["value_width"])
            target = c.at(out, c.times(first, c["out_row"]))
            c.move((c["products"], c["value_wide"]), count, c["value_width"], (target, c["out_row"]), c["totals"], 1)


def write_backward(c: Head) -> None:
    """dq, dk and dv of the heads from `start` to `stop`."""
    c.read_words()
    with c.loop("%start", "%stop") as head:
        q, g, dq = (c.of_head(name, head) for name in ("q", "g", "dq"))
        c.turn("k", head, c["width"], c["keys_turned"])
        c.turn("v", head, c["value_width"], c["values_turned"])
        c.move((c.of_head("k", head), c["k_row"]), c["keys"], c["width"], (c["keys_here"], c["wide"]), c["one"])
        c.clear(c["dk_here"], c["wide"])
        c.clear(c["dv_here"], c["value_wide"])
        with c.loop(0, c["rows"], BLOCK) as first:
            count = c.smaller(BLOCK, c.minus(c["rows"], first))
            c.move((c.at(q, c.times(first, c["q_row"])), c["q_row"]), count, c["width"], (c["rows_here"], c["wide"]), c["scale"])
            c.move((c.at(g, c.times(first, c["g_row"])), c["g_row"]), count, c["value_width"], (c["grads_here"], c["value_wide"]), c["one"])
            c.score(first, count, c["rows_here"], c["wide"], c["keys_turned"], c["width"], c["scores"])
            c.score(first, count, c["grads_here"], c["value_wide"], c["values_turned"], c["value_width"], c["slopes"])
            c.slope(head, first, count)
            c.combine(first, count, c["slopes"], c["keys_here"], c["wide"], c["width"])
            target = c.at(dq, c.times(first, c["dq_row"]))
            c.move((c["products"], c["wide"]), count, c["width"], (target, c["dq_row"]), c["scale"])
            # The rows here are scaled already, and dk with them.
            c.collect(first, count, c["slopes"], c["rows_here"], c["wide"], c["width"], c["dk_here"])
            c.collect(first, count, c["scores"], c["grads_here"], c["value_wide"], c["value_width"], c["dv_here"])
        c.move((c["dk_here"], c["wide"]), c["keys"], c["width"], (c.of_head("dk", head), c["dk_row"]), c["one"])
        c.move((c["dv_here"], c["value_wide"]), c["keys"], c["value_width"], (c.of_head("dv", head), c["dv_row"]), c["one"])


@cache
def kernel(backward: bool, masked: bool) -> tuple[Any, int]:
    """A kernel and its address."""
    lanes = engine().width // 4
    c = Head(lanes, masked)
    (write_backward if backward else write_forward)(c)
    parts = [pack_lines(lanes, VECTORS * lanes), write_tile(lanes), write_move(lanes),
             (c.function("heads", "i64 %start, i64 %stop, ptr %arguments", internal=False), c)]
    [place] = engine().addresses(module([text for text, _ in parts], [code for _, code in parts], lanes), ("heads",))
    return KERNEL(place), place


def strided(array: Any) -> tuple:
    """An array's address, and its strides in floats but for the last."""
    return address(array), *[stride // 4 for stride in array.strides[:-1]]


def up(count: int, step: int) -> int:
    return -(-count // step) * step


def run(backward: bool, arrays: dict, logs: Any, mask: Any, scale: float, causal: bool) -> None:
    """Run a kernel on arrays (batch, heads, rows, width), given by the names of ARRAYS; the mask is (heads or 1, rows or 1, keys) or None."""
    size = VECTORS * engine().width // 4
    (batches, heads, rows, width), (keys, value_width) = arrays["q"].shape, arrays["v"].shape[2:]
    wide, value_wide, line, all_keys = up(width, size), up(value_width, size), up(keys, size) + GAP, up(keys, size)
    sizes = {"keys_turned": all_keys * width, "rows_here": BLOCK * wide, "scores": BLOCK * line, "products": BLOCK * max(wide, value_wide),
             "values_here": all_keys * value_wide, "tops": BLOCK, "totals": BLOCK}
    if backward:
        sizes |= {"values_turned": all_keys * value_width, "keys_here": all_keys * wide, "grads_here": BLOCK * value_wide, "values_here": 0,
                  "slopes": BLOCK * line, "dk_here": all_keys * wide, "dv_here": all_keys * value_wide}
    offsets, total = [], 0
    for name in TABLES:
        offsets.append(total)
        total += up(sizes.get(name, 0), 16)
    count = batches * heads
    chunk = -(-count // pool.size())
    memory = take_panels(total * -(-count // chunk))
    described = [part for name in ARRAYS for part in (strided(arrays[name]) if name in arrays else (0,) * 4)]
    padded = padded_mask(mask, all_keys)
    masks = (0,) * 3 if padded is None else (address(padded), *[0 if n == 1 else s // 4 for n, s in zip(padded.shape, padded.strides)][:2])
    words = pack_words.pack(*described, address(logs), *masks, heads, rows, keys, width, value_width, wide, value_wide, line, causal,
                            address(memory), total, chunk, *offsets, scale, 1.0)
    function, place = kernel(backward, mask is not None)
    run_kernel(function, place, count, chunk, words, (arrays, logs, padded, memory))
    give_panels(memory)


def padded_mask(mask: Any, keys: int) -> Any:
    """A mask as numbers to add, its rows long enough for whole tiles."""
    if mask is None:
        return None
    if inside.launches is not None:
        raise Unnotable("a mask")
    padded = np.zeros((*mask.shape[:2], keys), np.float32)
    padded[:, :, :mask.shape[2]] = np.where(mask, np.float32(0), np.float32(-np.inf)) if mask.dtype.kind == "b" else mask
    return padded


def straight(array: Any) -> Any:
    """The array, with its last dimension without gaps."""
    return array if array.strides[-1] == 4 or array.shape[-1] == 1 else in_order(array)


def laid_like(a: Any, width: int) -> Any:
    """New memory for a's batches, heads and rows, with neighbours along a row; rows before heads in memory where a's are so."""
    batches, heads, rows, _ = a.shape
    # A broadcast array has strides of 0, from which NumPy's empty_like would make rows that are no rows in memory.
    if a.strides[1] >= a.strides[2]:
        return np.empty((batches, heads, rows, width), np.float32)
    return np.empty((batches, rows, heads, width), np.float32).swapaxes(1, 2)


def attended(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> tuple:
    """softmax(q k^T scale + mask) v for arrays (batch, heads, rows, width), and the logarithms of the rows' sums (batch * heads, rows, 1).

    In memory the result lies as q does, as in PyTorch: where its heads lie side by side the next layer takes them together without a copy.
    """
    q, k, v = straight(q), straight(k), straight(v)
    batches, heads, rows, _ = q.shape
    out = laid_like(q, v.shape[3])
    logs = np.empty((batches * heads, rows, 1), np.float32)
    run(False, {"q": q, "k": k, "v": v, "out": out}, logs, mask, scale, causal)
    return out, logs


def attended_backward(g: Any, q: Any, k: Any, v: Any, mask: Any, logs: Any, scale: float, causal: bool) -> tuple:
    """The gradients by q, k and v, which lie in memory as these do."""
    g, q, k, v = straight(g), straight(q), straight(k), straight(v)
    dq, dk, dv = [laid_like(a, a.shape[3]) for a in (q, k, v)]
    run(True, {"q": q, "k": k, "v": v, "g": g, "dq": dq, "dk": dk, "dv": dv}, logs, mask, scale, causal)
    return dq, dk, dv
