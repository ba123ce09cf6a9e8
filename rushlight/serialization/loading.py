"""torch.load."""
from __future__ import annotations

import os
import pickle
import sys
import warnings
from contextlib import contextmanager
from typing import Any

from . import options
from .allowed import allowed_names
from .archive import Archive
from .errors import TRUST, Malformed, Refused, weights_only_failure
from .limits import Budgets, current
from .location import restorer
from .rebuild import LoadedGenerator, Rebuilder
from .saving import MAGIC_NUMBER, PROTOCOL_VERSION
from .source import Source, is_path
from .storages import LegacyStorages, StorageType, ZipStorages

TRUE = ("1", "y", "yes", "true")


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None,
         **pickle_load_args: Any) -> Any:
    """What `save` wrote to a file, here or in PyTorch; of a .safetensors, .safetensors.index.json or .npz file a dict of tensors.

    map_location: where storages go: a device or its name, a dict of tags, or a function (storage, tag) -> storage or None.
    weights_only: True, the default, reads data and calls nothing but what PyTorch's list and `add_safe_globals` allow, within the limits of
    `torch.serialization.budgets`. False unpickles whatever is there and so can run any code: only for a file that you trust.
    mmap: tensors lie in the file itself, copied where they are written to.

    Raises: pickle.UnpicklingError for what the file asks for and may not, or for a damaged pickle; RuntimeError for a damaged archive, for
    storages that are not there, and for places that this machine does not have.

    Example: `model.load_state_dict(torch.load("checkpoint.pt")["model"])`
    """
    trusted = is_trusted(weights_only, pickle_module)
    if pickle_load_args and not trusted:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    encoding = pickle_load_args.setdefault("encoding", "utf-8")
    job = Job(restorer(map_location), trusted, pickle_module or pickle, pickle_load_args, str(encoding), current())
    if is_path(f):
        path = os.fsdecode(f)
        if path.endswith(".safetensors"):
            from .safetensors_file import load_safetensors
            return load_safetensors(path, map_location, job.budgets)
        if path.endswith(".index.json"):
            from .safetensors_file import load_sharded
            return load_sharded(path, lambda shard: load(shard, map_location, weights_only=weights_only, mmap=mmap), job.budgets)
        with open(path, "rb") as file:
            return load_from(Source(file, path), job, bool(mmap))
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    return load_from(Source(f), job, False)


def is_trusted(weights_only: bool | None, pickle_module: Any) -> bool:
    """Whether the caller vouches for the file. Unlike PyTorch, no setting from outside the program can do it in the caller's place."""
    if os.getenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in TRUE:
        warnings.warn("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD has no effect in Rushlight: pass weights_only=False for a file that you trust.", stacklevel=3)
    if weights_only is None:
        weights_only = pickle_module is None
    if os.getenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in TRUE:
        weights_only = True
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return not weights_only


class Job:
    """How one file is to be loaded."""

    def __init__(self, restore: Any, trusted: bool, pickle_module: Any, pickle_args: dict[str, Any], encoding: str, budgets: Budgets):
        self.restore = restore
        self.trusted = trusted
        self.pickle_module = pickle_module
        self.pickle_args = pickle_args
        self.encoding = encoding
        self.budgets = budgets

    def unpickle(self, data: Any, at: int, storages: Any, rebuilder: Rebuilder, room: int) -> tuple[Any, int]:
        """(object, where it ends) of a pickle that begins at a place in the data."""
        if self.trusted:
            file = _Reader(data, at)
            unpickler = trusted_unpickler(self.pickle_module)(file, **self.pickle_args)
            unpickler.functions, unpickler.storages = rebuilder.functions, storages
            return unpickler.load(), file.at
        from .instructions import Machine
        machine = Machine(data, at, rebuilder, storages.load, self.budgets, room, self.encoding)
        return machine.load(), machine.at


@contextmanager
def explained(trusted: bool = False) -> Any:
    """Gives an error of the pickle PyTorch's words."""
    try:
        yield
    except (Refused, Malformed) as error:
        raise (pickle.UnpicklingError(str(error)) if trusted else weights_only_failure(error)) from None


def load_from(source: Source, job: Job, mapped: bool) -> Any:
    """What a file of any of the formats holds."""
    if source.size == 0:
        raise pickle.UnpicklingError("Weights only load failed. Ran out of input: the file is empty")
    head = source.read(0, min(4, source.size))
    if head == b"PK\3\4":
        return load_zip(source, job, mapped)
    if mapped:
        raise RuntimeError("mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), please torch.save your "
                           "checkpoint with this option in order to use mmap.")
    if source.size > 262 and source.read(257, 5) == b"ustar":
        raise RuntimeError(f"Cannot use ``weights_only=True`` with files saved in the legacy .tar format. {TRUST}\n  Rushlight does not read that "
                           "format, which PyTorch wrote before 0.1.10: load and save the file in PyTorch")
    with explained(job.trusted):
        return load_legacy(source, job)


# ---- zip

def load_zip(source: Source, job: Job, mapped: bool) -> Any:
    """What a zip archive holds: an object that `save` wrote, or the arrays of an .npz file."""
    archive = Archive(source, job.budgets)
    mapping = map_file(source) if mapped else None
    from .npz import is_npz, load_npz
    if is_npz(archive):
        return load_npz(archive, mapping)
    folder = folder_of(archive)
    if f"{folder}/constants.pkl" in archive.members:
        raise RuntimeError(f"Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. {TRUST}\n"
                           "  Rushlight does not run TorchScript")
    rebuilder = Rebuilder()
    storages = ZipStorages(archive, folder, byteorder_of(archive, folder), job.restore, mapping)
    with explained(job.trusted):
        result, _ = job.unpickle(archive.read(f"{folder}/data.pkl"), 0, storages, rebuilder, source.size)
        rebuilder.finish()
    return result


def folder_of(archive: Archive) -> str:
    """The folder that all records are in."""
    first = next(iter(archive.members), "")
    folder, slash, _ = first.partition("/")
    if not slash:
        raise RuntimeError(f"file in archive is not in a subdirectory: {first}")
    return folder


def byteorder_of(archive: Archive, folder: str) -> str:
    """"little" or "big", as the archive says, or as is set for archives that do not say."""
    if f"{folder}/byteorder" in archive.members:
        noted = archive.head(f"{folder}/byteorder", 16)
        if noted not in (b"little", b"big"):
            raise RuntimeError(f"Unknown endianness type: {noted.decode('ascii', 'replace')}")
        return noted.decode()
    default = options.get_default_load_endianness()
    return sys.byteorder if default is options.LoadEndianness.NATIVE else "big" if default is options.LoadEndianness.BIG else "little"


def map_file(source: Source) -> Any:
    """The whole file as an array of bytes in a mapping of it."""
    import mmap

    import numpy as np
    return np.memmap(source.path or "", np.uint8, "r+" if options.get_default_mmap_options() == mmap.MAP_SHARED else "c")


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names that a file would call and may not, as `add_safe_globals` stands now. Nothing is loaded.

    Raises: ValueError if the file is not in the zip format.
    """
    from .describe import globals_of
    with open(f, "rb") if is_path(f) else nothing(f) as file:
        source = Source(file)
        if source.size < 4 or source.read(0, 4) != b"PK\3\4":
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = Archive(source, current())
        folder = folder_of(archive)
        if f"{folder}/constants.pkl" in archive.members:
            raise ValueError("Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint")
        with explained():
            return list(globals_of(archive.read(f"{folder}/data.pkl"), current()) - allowed_names())


@contextmanager
def nothing(value: Any) -> Any:
    """A with-statement that leaves its object as it is."""
    yield value


# ---- the format before zip

def load_legacy(source: Source, job: Job) -> Any:
    """What a file of the old format holds. A file object is left where the next reader can begin: such files can hold several in a row."""
    data = source.rest()
    at = 0
    for expected, what in ((MAGIC_NUMBER, "Invalid magic number; corrupt file?"), (PROTOCOL_VERSION, "Invalid protocol version")):
        value, at = job.unpickle(data, at, NO_STORAGES, Rebuilder(), source.size)
        if value != expected:
            raise RuntimeError(what)
    _, at = job.unpickle(data, at, NO_STORAGES, Rebuilder(), source.size)
    storages, rebuilder = LegacyStorages(source.size, job.restore), Rebuilder()
    result, at = job.unpickle(data, at, storages, rebuilder, source.size)
    keys, at = job.unpickle(data, at, NO_STORAGES, Rebuilder(), source.size)
    at = storages.fill(data, at, keys)
    rebuilder.finish()
    if source.path is None:
        source.leave_at(at)
    return result


class _NoStorages:
    """What a pickle that has no storages may refer to: nothing."""

    def load(self, identity: Any) -> Any:
        """Raises Refused."""
        raise Refused("unsupported persistent id encountered")


NO_STORAGES = _NoStorages()


# ---- files that the caller trusts

class _Reader:
    """A file over data in memory, which knows how far it has been read."""

    def __init__(self, data: Any, at: int):
        self.data = data
        self.at = at

    def read(self, count: int) -> bytes:
        """The next bytes, fewer if there are no more."""
        piece = self.data[self.at:self.at + count]
        self.at += len(piece)
        return piece

    def readline(self) -> bytes:
        """The next bytes up to the end of the line."""
        end = self.data.find(b"\n", self.at)
        return self.read((len(self.data) if end < 0 else end + 1) - self.at)


def trusted_unpickler(pickle_module: Any) -> Any:
    """pickle_module's own Unpickler, which finds under PyTorch's names what we have for them."""
    class Unpickler(pickle_module.Unpickler):
        functions: dict[str, Any] = {}
        storages: Any = None

        def persistent_load(self, identity: Any) -> Any:
            # The old format puts a module's class there, with its source, which PyTorch compares and we do not.
            return identity[1] if identity[0] == "module" else self.storages.load(identity)

        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            if full in self.functions:
                return self.functions[full]
            if module == "torch" or module.startswith("torch."):
                return find_of_torch(module, name)
            return super().find_class(module, name)

    return Unpickler


def find_of_torch(module: str, name: str) -> Any:
    """What a name of PyTorch's stands for in a file that is trusted."""
    if module in ("torch", "torch.cuda") and name.endswith("Storage") and name not in ("UntypedStorage", "TypedStorage"):
        try:
            return StorageType(name)
        except KeyError:
            raise pickle.UnpicklingError(f"the file has a {module}.{name}: Rushlight does not have its dtype yet") from None
    if (module, name) == ("torch._C", "Generator"):
        return LoadedGenerator
    from .torch_names import resolve
    if module == "torch.return_types":
        made = resolve(module, name)
        return lambda values, names=None: made(values)
    if (module, name) == ("torch.serialization", "_get_layout"):
        from .rebuild import get_layout
        return get_layout
    return resolve("torch._tensor" if module == "torch.tensor" else module, name)
