"""`.safetensors` files: the `safetensors` library reads and checks the header, and the tensors are mapped where they lie."""
from __future__ import annotations

import math
import os
import stat
import sys
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.apply import wrap
from ..core.device import device
from .limits import Budgets, over
from .rebuild import MAX_DIMS, overflows

DTYPES = {"F64": dtypes.float64, "F32": dtypes.float32, "F16": dtypes.float16, "BF16": dtypes.bfloat16, "I64": dtypes.int64, "I32": dtypes.int32,
          "I16": dtypes.int16, "I8": dtypes.int8, "U64": dtypes.uint64, "U32": dtypes.uint32, "U16": dtypes.uint16, "U8": dtypes.uint8,
          "BOOL": dtypes.bool_, "C64": dtypes.complex64}


def load_safetensors(path: str, map_location: Any, budgets: Budgets) -> dict[str, Any]:
    """{name: tensor}, in the order of names. The tensors lie in a private mapping of the file: what is not looked at is not read.

    Raises: RuntimeError if the file is damaged, or if `safetensors` is not installed.
    """
    from .location import default_restore_location
    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(f"Loading safetensors file with {kind} map_location is not supported. Use a device string or torch.device instead.")
    if map_location is not None:
        default_restore_location(object(), str(device(map_location)) if isinstance(map_location, str) else str(map_location))
    layout = sorted(read_header(path, budgets))
    from ..ops.exchange import as_own_memory
    whole = np.memmap(path, np.uint8, "c") if os.path.getsize(path) else np.empty(0, np.uint8)
    found = {}
    for name, dtype, shape, start in layout:
        size = math.prod(shape) * dtype.itemsize
        data = as_own_memory(whole[start:start + size])
        if dtype is dtypes.bool_:
            data = (data != 0).view(np.uint8)  # NumPy counts on truths being 0 or 1
        found[name] = wrap(np.ndarray(shape, dtype.numpy, data) if size else np.empty(shape, dtype.numpy))
    return found


def read_header(path: str, budgets: Budgets) -> list[tuple[str, dtypes.dtype, tuple[int, ...], int]]:
    """(name, dtype, shape, place in the file) of each tensor, in the order in which they lie."""
    from ..extras import need
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise RuntimeError(f"{path} is no file")
    try:
        library = need("safetensors", "loading a .safetensors file")
    except ModuleNotFoundError as error:
        raise RuntimeError(f"Attempting to load a safetensors file but safetensors is not installed. {error}") from None
    check_header(path, budgets)
    found: list[tuple[str, dtypes.dtype, tuple[int, ...], int]] = []
    try:
        with library.safe_open(path, "np") as file:
            names = file.offset_keys()
            if len(names) > budgets.members:
                raise RuntimeError(over("members", budgets.members, f"{len(names)} tensors"))
            place = 0
            for name in names:
                part = file.get_slice(name)
                dtype, shape = DTYPES.get(str(part.get_dtype())), tuple(part.get_shape())
                if dtype is None:
                    raise RuntimeError(f"tensor {name[:200]!r} has the dtype {part.get_dtype()}, which Rushlight does not have yet")
                if len(shape) > MAX_DIMS:
                    raise RuntimeError(f"tensor {name[:200]!r} has {len(shape)} dimensions: at most {MAX_DIMS} are possible")
                if overflows(shape, dtype.itemsize):  # The library lets a dimension of 0 hide any others.
                    raise RuntimeError(f"tensor {name[:200]!r}: Storage size calculation overflowed with sizes={list(shape)}")
                found.append((name, dtype, shape, place))
                place += math.prod(shape) * dtype.itemsize
    except library.SafetensorError as error:
        raise RuntimeError(f"{os.path.basename(path)}: {str(error)[:300]}") from None
    # The library has made sure that the tensors fill the file from the header's end to its own, without gaps.
    first = os.path.getsize(path) - place
    if first < 8:
        raise RuntimeError(f"{os.path.basename(path)} was changed while it was read")
    return [(name, dtype, shape, first + start) for name, dtype, shape, start in found]


def check_header(path: str, budgets: Budgets) -> None:
    """Raises RuntimeError if the header is long. The library reads it whole, into up to 35 times the memory, before anyone can count tensors."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    size = os.path.getsize(path)
    if 8 + length <= size and length > budgets.header + size // 16:
        raise RuntimeError(over("header", budgets.header, f"a header of {length} bytes"))


def load_sharded(path: str, load_shard: Any, budgets: Budgets) -> dict[str, Any]:
    """{name: tensor} of a model in several files, from the index that says which file has which.

    Only files in the index's own folder are opened, by plain names.

    Raises: RuntimeError if the index is damaged, names a file elsewhere, or a file lacks what the index says it has.
    """
    homes = read_index(path, budgets)
    names: dict[str, list[str]] = {}
    for name, shard in homes.items():
        names.setdefault(shard, []).append(name)
    found: dict[str, Any] = {}
    for shard in sorted(names):
        place = os.path.join(os.path.dirname(path), shard)
        if not os.path.isfile(place):
            raise RuntimeError(f"the index names {shard[:200]!r}, which is not there")
        content = load_shard(place)
        for name in names[shard]:
            if not isinstance(content, dict) or name not in content:
                raise RuntimeError(f"the index says that {name[:200]!r} is in {shard!r}, which does not have it")
            found[name] = content[name]
    return {name: found[name] for name in homes}


def read_index(path: str, budgets: Budgets) -> dict[str, str]:
    """{name of a tensor: name of the file that has it}."""
    import json
    try:
        # Numbers are of no use here, and turning a long one into an int takes the square of its digits where Python sets no limit.
        homes = json.loads(read_text(path, budgets), parse_int=float)["weight_map"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise RuntimeError(f"{os.path.basename(path)} is no index of a model in several files ({type(error).__name__})") from None
    if not isinstance(homes, dict):
        raise RuntimeError(f"{os.path.basename(path)} is no index of a model in several files (its weight_map is no object)")
    for shard in homes.values():
        if not isinstance(shard, str) or not shard.endswith((".safetensors", ".bin", ".pt", ".pth")) or shard != os.path.basename(shard) \
                or "\\" in shard or ":" in shard or "\0" in shard:
            raise RuntimeError(f"the index names the file {str(shard)[:200]!r}: files are in the index's own folder, by plain names")
    return homes


def read_text(path: str, budgets: Budgets) -> str:
    """The text of an index. Raises RuntimeError if it, or what it would be read into, is long; ValueError if it is no text."""
    if os.path.getsize(path) > budgets.json:
        raise RuntimeError(over("json", budgets.json, "the index is too long"))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # One character beyond ASCII makes every character of a text up to four bytes wide, in the text as in each part of it.
    if sys.getsizeof(text) > budgets.json + 100:
        raise RuntimeError(over("json", budgets.json, "the index is too long"))
    # An entry ends in a comma; "[]," becomes a list of twenty times its size, and "[[" needs no comma.
    if text.count(",") > budgets.members + 100 or text.count("[") + text.count("{") > budgets.members:
        raise RuntimeError(over("members", budgets.members, "the index has too many entries"))
    return text
