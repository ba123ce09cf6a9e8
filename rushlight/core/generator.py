"""The source of random numbers: PyTorch's mt19937 stream, word for word, drawn through NumPy's bit generator.

A word is 32 bits. What needs more takes two words, the first one being the high half. How words become uniform numbers, normal
numbers, permutations ... is told in the `sampling` files.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator as Coroutine
from typing import Any

import numpy as np

from . import recording
from .wrap import wrap

#: The seed of a new Generator (not of the default one).
FIRST_SEED = 67280421310721
#: PyTorch's layout of a state. `left` and `next` both tell the position in `words`; what has no name here is zero.
STATE = np.dtype({
    "names": ["seed", "left", "seeded", "next", "words", "normal", "has_normal"],
    "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", (624,)), "<f8", "<i4"],
    "offsets": [0, 8, 12, 16, 24, 5024, 5040],
    "itemsize": 5056})
#: The words that the generator makes at a time, and keeps as its state.
BLOCK = 624
# Measured: below this many numbers random_raw is the faster of NumPy's two ways, above it randint.
FEW = 1000
_UNIT = np.array(2.0**-24, np.float32)
_32 = np.array(32, np.uint64)
_LOW_BITS = tuple(np.array((1 << bits) - 1, np.uint64) for bits in range(65))
#: Two words are put together after the first was cut to these bits, so that the result is cut too.
_HIGH_BITS = tuple(np.array((1 << max(bits - 32, 0)) - 1, np.uint64) for bits in range(65))
_NO_WORDS = np.empty(0, np.uint64)


def _to_singles(words: np.ndarray) -> np.ndarray:
    """k * 2**-24 for the low 24 bits k of each word."""
    found = np.bitwise_and(words, _LOW_BITS[24]).astype(np.float32)
    return np.multiply(found, _UNIT, found)


class Generator:
    """A stream of random numbers, which `manual_seed` starts anew; all random functions take one as `generator=`.

    `cached_normal` is the second of two normal numbers that were made together and that nobody has asked for yet, or None.

    A call of NumPy takes longer than a few numbers, and programs draw a few at a time. So a block of words is read at once into `_ahead`:
    those that NumPy's generator gives from its position on until it makes new ones. The position alone says which of them were drawn, and
    it is moved on in NumPy's own state: whoever asks for the state, or draws in another way, sees what he would see without a block.
    """

    # Building NumPy's generator costs 90 us and its import milliseconds: _start does both when the first number is drawn.
    __slots__ = ("_seed", "_fresh", "cached_normal", "_lock", "_memory", "_position", "_raw", "_randint", "_reseed", "_ahead", "_singles",
                 "__weakref__")

    def __init__(self, device: Any = "cpu"):
        _require_cpu(device)
        self._seed: int | None = FIRST_SEED
        # PyTorch's state bytes tell "just seeded" from "624 words drawn", which NumPy's position does not.
        self._fresh = True
        self.cached_normal: float | None = None
        self._raw: Any = None
        self._lock = threading.RLock()
        self._forget()

    @property
    def device(self) -> Any:
        """device(type='cpu')"""
        from .device import CPU
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of that seed; returns the generator. Seeds with equal low 32 bits have equal streams.

        Raises RuntimeError if seed is no int, ValueError unless -2**63 <= seed < 2**64.
        """
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required\n  give manual_seed an int: manual_seed(int(seed))")
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {_type_name(seed)}")
        if not -2**63 <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long\n  a seed has 64 bits")
        recording.reads("manual_seed()")
        with self._lock:
            self._seed = seed % 2**64
            self._fresh = True
            self.cached_normal = None
            if self._raw is not None:
                self._reseed(self._seed % 2**32)
                self._forget()
        return self

    def seed(self) -> int:
        """Start the stream of an unpredictable seed, and return that seed."""
        self.manual_seed(_unpredictable_seed())
        return self.initial_seed()

    def initial_seed(self) -> int:
        """The seed that the stream was started with, between 0 and 2**64 - 1."""
        if self._seed is None:
            self._seed = _unpredictable_seed()
        return self._seed

    def _start(self) -> None:
        import ctypes

        from numpy.random import MT19937, RandomState
        bits = MT19937(0)
        state = RandomState(bits)
        # 624 words, then the position: NumPy's public address. Its `state` property costs 50 times as much.
        address = bits.ctypes.state_address
        self._memory = np.frombuffer(memoryview((ctypes.c_uint32 * (BLOCK + 1)).from_address(address)), np.uint32)
        self._position = ctypes.c_int32.from_address(address + 4 * BLOCK)
        self._randint, self._reseed = state.randint, state.seed
        self._reseed(self.initial_seed() % 2**32)
        self._raw = bits.random_raw

    def _forget(self) -> None:
        """Nothing is read ahead any more: NumPy's generator has made new words, or is about to."""
        self._ahead: Any = None
        self._singles: Any = None

    def _read_ahead(self) -> None:
        """Read the words that are left of NumPy's block; of the next one, if none is."""
        if self._raw is None:
            self._start()
        self._singles = None
        at = self._position.value % BLOCK
        if at:
            self._ahead = np.empty(BLOCK, np.uint64)
            self._ahead[at:] = self._raw(BLOCK - at)
        else:
            self._ahead = self._raw(BLOCK)
        self._position.value = at

    def words(self, count: int) -> np.ndarray:
        """The next `count` words, as uint64. They may be what was read ahead: do not write there."""
        with self._lock:
            if not count:
                return _NO_WORDS
            self._fresh = False
            if self._ahead is None or self._position.value == BLOCK:
                self._read_ahead()
            at = self._position.value
            end = at + count
            if end <= BLOCK:
                self._position.value = end
                return self._ahead[at:end]
            rest = self._ahead[at:]
            self._position.value = BLOCK
            return np.concatenate((rest, self.words(end - BLOCK)))

    def singles(self, count: int) -> np.ndarray:
        """The next `count` numbers uniform in [0, 1), of 24 random bits each: float32, in an array of their own."""
        with self._lock:
            if self._singles is not None:
                at = self._position.value
                end = at + count
                if end <= BLOCK:
                    self._position.value = end
                    return self._singles[at:end].copy()
            words = self.words(count)
            if self._singles is None and self._ahead is not None:
                self._singles = _to_singles(self._ahead)
            return _to_singles(words)

    def draw(self, count: int, bits: int) -> np.ndarray:
        """The next `count` numbers, each the low `bits` bits of one word, or for more than 32 bits of two.

        *Dtype*: an integer type that holds them, signed unless bits is 32 or 64.
        """
        unsigned = bits == 32 or bits == 64
        if count >= FEW:
            # RandomState masks words for a power of two, and never throws one away.
            wide = (np.uint64 if unsigned else np.int64) if bits > 32 else (np.uint32 if unsigned else np.int32)
            return self.moved_by(lambda memory: self._randint(0, 1 << bits, count, wide))
        if bits <= 32:
            low = np.bitwise_and(self.words(count), _LOW_BITS[bits])
            return low if unsigned else low.view(np.int64)
        words = self.words(2 * count)
        high = np.bitwise_and(words[::2], _HIGH_BITS[bits])
        np.left_shift(high, _32, high)
        np.bitwise_or(high, words[1::2], high)
        return high if unsigned else high.view(np.int64)

    def moved_by(self, draw: Callable[[np.ndarray], Any], words: int = BLOCK + 1) -> Any:
        """draw(memory) of the 624 words and the position, for what draws from there by itself, `words` at most; no other thread draws meanwhile."""
        with self._lock:
            if self._raw is None:
                self._start()
            self._fresh = False
            if self._position.value + words > BLOCK:
                self._forget()
            return draw(self._memory)

    def uniforms(self) -> Coroutine[float, None, None]:
        """Doubles uniform in [0, 1), one at a time, for samplers that cannot tell how many they need.

        They are drawn ahead in blocks; `close()` puts back what was not taken, so use `contextlib.closing`.
        """
        while True:
            if self._raw is None:
                self._start()
            before = self._memory.copy()
            block = (self.draw(256, 53) * 2.0**-53).tolist()
            taken = 0
            try:
                for number in block:
                    taken += 1
                    yield number
            except GeneratorExit:
                with self._lock:
                    self._forget()
                    self._memory[:] = before
                    self.words(2 * taken)
                raise

    def state_bytes(self) -> np.ndarray:
        """The state as 5056 bytes, the same that PyTorch's `get_state` gives."""
        state = np.zeros((), STATE)
        with self._lock:
            if self._raw is None:
                self._start()
            position = self._position.value
            state["seed"] = self._seed
            state["left"] = BLOCK + 1 - position
            state["seeded"] = 1
            state["next"] = 0 if self._fresh else position
            state["words"] = self._memory[:BLOCK]
            state["normal"] = self.cached_normal or 0.0
            state["has_normal"] = self.cached_normal is not None
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def load_state_bytes(self, array: np.ndarray) -> None:
        """Take over the state that `state_bytes` or PyTorch's `get_state` gave. Raises RuntimeError if it is none."""
        if array.size != STATE.itemsize:
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {STATE.itemsize} but found the input RNG state size to be {array.size}")
        state = np.frombuffer(array.tobytes(), STATE)[0]
        left, following = int(state["left"]), int(state["next"])
        if state["seeded"] != 1 or not 1 <= left <= BLOCK or following > BLOCK:
            raise RuntimeError("Invalid mt19937 state")
        with self._lock:
            if self._raw is None:
                self._start()
            self._forget()
            self._memory[:BLOCK] = state["words"]
            self._position.value = BLOCK + 1 - left
            self._seed = int(state["seed"])
            self._fresh = left == 1 and following == 0
            self.cached_normal = float(state["normal"]) if state["has_normal"] else None

    def get_state(self) -> Any:
        """The state, as a uint8 tensor of 5056 elements that `set_state` takes."""
        recording.reads("get_state()")
        return wrap(self.state_bytes())

    def set_state(self, new_state: Any) -> Generator:
        """Go back to a state that `get_state` gave; returns the generator. Raises TypeError or RuntimeError if it is none."""
        recording.reads("set_state()")
        array = getattr(new_state, "_array", None)
        if array is None:
            raise TypeError(f"expected a torch.ByteTensor, but got {_type_name(new_state)}")
        if array.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if not array.flags.c_contiguous:
            raise RuntimeError("RNG state must be contiguous")
        self.load_state_bytes(array)
        return self

    def clone_state(self) -> Generator:
        """Another generator, at the same place of the same stream."""
        return _restored(self.state_bytes())

    def get_offset(self) -> int:
        """Raises RuntimeError: only generators of a GPU count in offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError: only generators of a GPU count in offsets."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self) -> tuple:
        return _restored, (self.state_bytes(),)


Generator.__module__ = "torch._C"


def _restored(state: np.ndarray) -> Generator:
    generator = Generator()
    generator.load_state_bytes(state)
    return generator


def _unpredictable_seed() -> int:
    return int.from_bytes(os.urandom(8), "little")


def _require_cpu(where: Any) -> None:
    from .device import device
    if where is None:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    kind = str(device(where).type)
    if kind == "cuda":
        raise RuntimeError("Cannot get CUDA generator without ATen_cuda library.\n  no CUDA device serves this program")
    if kind != "cpu":
        raise RuntimeError(f"{kind.upper()} device type not an accelerator.")


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"numpy.{kind.__name__}" if isinstance(value, np.generic) else kind.__name__


#: The stream that random functions draw from unless told otherwise. Its seed is chosen when it is first asked for.
default_generator = Generator()
default_generator._seed = None
if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread draws would wait for that thread for ever, which it does not have.
    os.register_at_fork(before=default_generator._lock.acquire, after_in_parent=default_generator._lock.release,
                        after_in_child=default_generator._lock.release)

#: Threads that have a stream of their own, as the workers of a DataLoader have, by the thread's number: what they draw must not depend on
#: which of them is faster.
of_threads: dict[int, Generator] = {}


def default_stream() -> Generator:
    """The generator that random functions draw from in this thread unless told otherwise."""
    return of_threads.get(threading.get_ident(), default_generator) if of_threads else default_generator
