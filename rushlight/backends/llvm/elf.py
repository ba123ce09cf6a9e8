"""Machine code put into memory: the objects that LLVM writes for x86-64 and ELF, by ourselves.

LLVM can do it too, but to load LLVM takes 40 ms and 60 MB, which a process that finds all its kernels on the disk need not spend. An object
is a table of sections; those that are to be in memory are copied there, and then the places are filled in that depend on where they lie
("relocations", below with the names and formulas of the System V ABI for AMD64, section 4.4: S a symbol's address, A an addend, P the
place, GOT the table of addresses).
"""
from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Any, NamedTuple

#: A section of an object: name, type, flags, address, offset, size, link, info, alignment, size of an entry.
SECTION = struct.Struct("<IIQQQQIIQQ")
#: A symbol: name, kind, visibility, section, value, size. A relocation: place, symbol and type, addend.
SYMBOL, RELOCATION = struct.Struct("<IBBHQQ"), struct.Struct("<QQq")
#: types and flags of sections
PROGRAM, SYMBOLS, RELOCATIONS, NOTE, WRITE, ALLOCATE = 1, 2, 4, 7, 1, 2
UNDEFINED, ABSOLUTE = 0, 0xFFF1
#: types of relocations
GOTOFF64, GOT64, GOTPC64 = 25, 27, 29
#: The beginning of a file that is read here: 64 bits, low byte first, an object, for x86-64.
HEAD = struct.Struct("<7s9xHH")
TABLE_OF_ADDRESSES = b"_GLOBAL_OFFSET_TABLE_"


class Unknown(Exception):
    """An object has something that is not known here; LLVM's own loader has to do it."""


class Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


class Loaded:
    """An object in memory."""

    def __init__(self, code: bytes):
        if HEAD.unpack_from(code) != (b"\x7fELF\x02\x01\x01", 1, 62):
            raise Unknown("the form of the file")
        self.code = code
        start, = struct.unpack_from("<Q", code, 0x28)
        count, = struct.unpack_from("<H", code, 0x3C)
        self.sections = [Section(*SECTION.unpack_from(code, start + i * SECTION.size)) for i in range(count)]
        self.symbols = self.read_symbols()
        self.places: dict[int, int] = {}
        size = self.lay_out()
        self.memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for number, place in self.places.items():
            section = self.sections[number]
            self.memory[place:place + section.size] = code[section.offset:section.offset + section.size]
        self.relocate()
        protect(self.base, size)

    def read_symbols(self) -> list[tuple[bytes, int, int]]:
        """(name, section, value) of every symbol."""
        [table] = [section for section in self.sections if section.kind == SYMBOLS]
        names = self.sections[table.link].offset
        found = []
        for at in range(table.offset, table.offset + table.size, SYMBOL.size):
            name, _, _, section, value, _ = SYMBOL.unpack_from(self.code, at)
            start = names + name
            found.append((self.code[start:self.code.index(b"\0", start)], section, value))
        return found

    def lay_out(self) -> int:
        """Choose a place for every section that is to be in memory, and one for the table of addresses; the size of all."""
        size = 0
        for number, section in enumerate(self.sections):
            if section.flags & ALLOCATE and section.kind in (PROGRAM, NOTE) and section.size:
                if section.flags & WRITE:
                    raise Unknown("memory to write to")
                alignment = max(section.alignment, 64)
                self.places[number] = size = -(-size // alignment) * alignment
                size += section.size
        self.table, self.entries = -(-size // 64) * 64, dict[int, int]()
        # Room for the address of every symbol: few have one, and none is small.
        return self.table + 8 * len(self.symbols) + 8

    def relocate(self) -> None:
        """Fill in what depends on where everything lies."""
        for section in self.sections:
            if section.kind != RELOCATIONS or section.info not in self.places:
                continue
            for at in range(section.offset, section.offset + section.size, RELOCATION.size):
                place, info, addend = RELOCATION.unpack_from(self.code, at)
                place += self.places[section.info]
                self.memory[place:place + 8] = struct.pack("<Q", self.value(info & 0xFFFFFFFF, info >> 32, addend, place) % 2**64)

    def value(self, kind: int, symbol: int, addend: int, place: int) -> int:
        """What stands at a place that a relocation names."""
        table = self.base + self.table
        if kind == GOTPC64:  # GOT + A - P
            return table + addend - (self.base + place)
        if kind == GOTOFF64:  # S + A - GOT
            return self.address_of(symbol) + addend - table
        if kind == GOT64:  # G + A, G being the place of the symbol's address in the table
            entry = self.entries.setdefault(symbol, 8 * len(self.entries))
            self.memory[self.table + entry:self.table + entry + 8] = struct.pack("<Q", self.address_of(symbol))
            return entry + addend
        raise Unknown(f"relocation {kind}")

    def address_of(self, number: int) -> int:
        """A symbol's address: in a section here, or a function of the C library."""
        name, section, value = self.symbols[number]
        if section in self.places:
            return self.base + self.places[section] + value
        if section == ABSOLUTE:
            return value
        if section != UNDEFINED or name == TABLE_OF_ADDRESSES:
            raise Unknown(f"the symbol {name!r}")
        return function_address(name.decode())

    def function(self, name: str) -> int:
        """The address of a function that the object defines."""
        for number, (known, section, _) in enumerate(self.symbols):
            if known == name.encode() and section in self.places:
                return self.address_of(number)
        raise Unknown(f"no function {name}")


def function_address(name: str) -> int:
    """The address of a function of this process, such as memcpy."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value or 0
    except AttributeError:
        raise Unknown(f"the function {name}") from None


def protect(start: int, size: int) -> None:
    """Make memory that may be run, and no longer be written."""
    call = ctypes.CDLL(None, use_errno=True).mprotect
    call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if call(start, size, mmap.PROT_READ | mmap.PROT_EXEC):
        raise Unknown("memory that may not be run")


def load(code: bytes, names: tuple[str, ...]) -> tuple[Any, list[int]]:
    """What holds an object in memory, and the addresses of its functions. Raises Unknown if anything about the object is out of the ordinary."""
    loaded = Loaded(code)
    return loaded, [loaded.function(name) for name in names]
