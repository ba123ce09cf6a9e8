"""What the machine does at each instruction of a pickle, of protocols 2 to 5. What is not here it refuses.

Left out on purpose: text numbers (their length squared is their cost), calls by other ways than a listed name, codes that a registry
resolves, buffers outside the file.
"""
from __future__ import annotations

import pickle
import struct
from sys import getsizeof
from typing import Any

from .allowed import hashable
from .errors import Malformed, Refused
from .machine import DICT, ENTRY, LIST, MADE, MEMO, NUMBER, SET, TUPLE, Machine, Step, Stop, instruction

#: a text or bytes from here on is measured before it is made
LONG = 1 << 16


@instruction(pickle.PROTO)
def protocol(m: Machine) -> None:
    if m.take(1)[0] > 5:
        raise Refused("unsupported pickle protocol")


@instruction(pickle.FRAME)
def frame(m: Machine) -> None:
    m.take(8)


@instruction(pickle.STOP)
def stop(m: Machine) -> None:
    raise Stop


# ---- numbers and constants

def constant(code: bytes, value: Any) -> None:
    """Makes an instruction that pushes a constant."""
    instruction(code)(lambda m: m.push(value, 8))


for _code, _value in ((pickle.NONE, None), (pickle.NEWTRUE, True), (pickle.NEWFALSE, False), (pickle.EMPTY_TUPLE, ())):
    constant(_code, _value)


def packed(code: bytes, form: str) -> None:
    """Makes an instruction that pushes a number of fixed width."""
    read, width = struct.Struct(form).unpack, struct.calcsize(form)

    def step(m: Machine) -> None:
        m.push(read(m.take(width))[0], NUMBER)
    instruction(code)(step)


for _code, _form in ((pickle.BININT, "<i"), (pickle.BININT1, "<B"), (pickle.BININT2, "<H"), (pickle.BINFLOAT, ">d")):
    packed(_code, _form)


@instruction(pickle.LONG1)
def long1(m: Machine) -> None:
    data = m.take(m.take(1)[0])
    m.push(int.from_bytes(data, "little", signed=True), NUMBER + 2 * len(data))


# ---- text and bytes

def text(length: str) -> Step:
    """The instruction that pushes text whose length has that form."""
    def step(m: Machine) -> None:
        data = m.take(m.number(length, struct.calcsize(length)))
        if len(data) > LONG and not data.isascii():
            m.spend(4 * len(data))  # one character beyond the 16-bit ones makes all of them four bytes wide
        value = str(data, "utf-8", "surrogatepass")
        m.push(value, getsizeof(value) + 8)
    return step


def binary(length: str, kind: Any = bytes) -> Step:
    """The instruction that pushes bytes whose length has that form."""
    def step(m: Machine) -> None:
        value = kind(m.take(m.number(length, struct.calcsize(length))))
        m.push(value, len(value) + 64)
    return step


def old_text(length: str) -> Step:
    """The instruction that pushes a string of Python 2, as text if it is text."""
    def step(m: Machine) -> None:
        data = m.take(m.number(length, struct.calcsize(length)))
        m.push(data if m.encoding == "bytes" else data.decode(m.encoding), 4 * len(data) + 64)
    return step


for _code, _step in ((pickle.BINUNICODE, text("<I")), (pickle.SHORT_BINUNICODE, text("<B")), (pickle.BINUNICODE8, text("<Q")),
                     (pickle.BINBYTES, binary("<I")), (pickle.SHORT_BINBYTES, binary("<B")), (pickle.BINBYTES8, binary("<Q")),
                     (pickle.BYTEARRAY8, binary("<Q", bytearray)), (pickle.SHORT_BINSTRING, old_text("<B")), (pickle.BINSTRING, old_text("<I"))):
    instruction(_code)(_step)


# ---- containers

@instruction(pickle.MARK)
def mark(m: Machine) -> None:
    m.marks.append(m.stack)
    m.stack = []
    m.spent += LIST + 8


@instruction(pickle.POP)
def pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_mark()


@instruction(pickle.POP_MARK)
def pop_mark(m: Machine) -> None:
    m.pop_mark()


instruction(pickle.EMPTY_LIST)(lambda m: m.push([], LIST))
instruction(pickle.EMPTY_DICT)(lambda m: m.push({}, DICT))
instruction(pickle.EMPTY_SET)(lambda m: m.push(set(), SET))


@instruction(pickle.TUPLE)
def make_tuple(m: Machine) -> None:
    items = m.pop_mark()
    m.push(tuple(items), TUPLE + 8 * len(items))


def short_tuple(count: int) -> Step:
    """The instruction that makes a tuple of that many objects."""
    def step(m: Machine) -> None:
        items = tuple(m.stack[-count:])
        if len(items) != count:
            raise IndexError("the stack is empty")
        del m.stack[-count:]
        m.push(items, TUPLE + 8 * count)
    return step


for _code, _count in ((pickle.TUPLE1, 1), (pickle.TUPLE2, 2), (pickle.TUPLE3, 3)):
    instruction(_code)(short_tuple(_count))


@instruction(pickle.APPEND)
def append(m: Machine) -> None:
    item = m.stack.pop()
    m.list_on_top().append(item)
    m.spent += ENTRY


@instruction(pickle.APPENDS)
def appends(m: Machine) -> None:
    items = m.pop_mark()
    m.list_on_top().extend(items)
    m.spend(ENTRY + 9 * len(items))


@instruction(pickle.SETITEM)
def set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.set_items([key, value])


@instruction(pickle.SETITEMS)
def set_items(m: Machine) -> None:
    m.set_items(m.pop_mark())


@instruction(pickle.ADDITEMS)
def add_items(m: Machine) -> None:
    items, target = m.pop_mark(), m.stack[-1]
    if type(target) is not set:
        raise Refused(f"Can only add to sets, but got {type(target)}")
    m.spend(ENTRY * len(items))
    target.update(hashable(items, m.check))


@instruction(pickle.FROZENSET)
def frozen_set(m: Machine) -> None:
    items = m.pop_mark()
    m.spend(SET + ENTRY * len(items))
    m.push(frozenset(hashable(items, m.check)), 8)


# ---- references

@instruction(pickle.BINPUT)
def put(m: Machine) -> None:
    m.memo[m.take(1)[0]] = m.stack[-1]
    m.spent += MEMO


@instruction(pickle.LONG_BINPUT)
def long_put(m: Machine) -> None:
    m.memo[m.number("<I", 4)] = m.stack[-1]
    m.spent += MEMO


@instruction(pickle.MEMOIZE)
def memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]
    m.spent += MEMO


@instruction(pickle.BINGET)
def get(m: Machine) -> None:
    m.push(m.memo[m.take(1)[0]], 8)


@instruction(pickle.LONG_BINGET)
def long_get(m: Machine) -> None:
    m.push(m.memo[m.number("<I", 4)], 8)


# ---- names and calls

@instruction(pickle.GLOBAL)
def find_global(m: Machine) -> None:
    module = m.line()
    m.find(module, m.line())


@instruction(pickle.STACK_GLOBAL)
def stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if type(module) is not str or type(name) is not str:
        raise Malformed("a name is text")
    m.find(module, name)


@instruction(pickle.REDUCE)
def reduce(m: Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.call(m.stack[-1], args)


@instruction(pickle.NEWOBJ)
def new_object(m: Machine) -> None:
    args = m.stack.pop()
    m.stack[-1] = m.make(m.stack[-1], args)


@instruction(pickle.BUILD)
def build(m: Machine) -> None:
    state = m.stack.pop()
    m.build(m.stack[-1], state)


@instruction(pickle.BINPERSID)
def persistent(m: Machine) -> None:
    m.stack[-1] = m.persistent(m.stack[-1])
    m.spent += MADE
