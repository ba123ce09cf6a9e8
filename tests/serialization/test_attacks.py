"""Files that try to run code, or to take memory and time: refused with one of two exceptions, soon, and with little memory."""
import io
import os
import pickle
import struct

import pytest

import rushlight as torch

from .forge import (
    FLOATS,
    TENSOR,
    archive,
    call,
    legacy,
    legacy_storage,
    number,
    numbers,
    storage,
    tensor,
    text,
    zipped,
)

MEGABYTE = 1 << 20
DOCUMENTED = (pickle.UnpicklingError, RuntimeError)
ECHO = b"(" + text("echo hacked > hacked") + b"t"
OPEN = b"(" + text("open('hacked', 'w')") + b"t"


@pytest.fixture(autouse=True)
def no_code(tmp_path, monkeypatch):
    """Fails the test if the file gets code to run: all of it would leave a file behind."""
    monkeypatch.chdir(tmp_path)
    yield
    assert os.listdir(tmp_path) == []


def refused(data, match=None):
    """The exception that a file gives; it must be one of the two."""
    with pytest.raises(DOCUMENTED, match=match) as caught:
        torch.load(io.BytesIO(data))
    assert type(caught.value) in DOCUMENTED
    return caught.value


CODE = {
    "os.system": call("os", "system", ECHO),
    "posix.system": call("posix", "system", ECHO),
    "eval": call("builtins", "eval", OPEN),
    "eval by its old name": call("__builtin__", "eval", OPEN),
    "exec": call("builtins", "exec", OPEN),
    "import": call("builtins", "__import__", b"(" + text("os") + b"t"),
    "getattr": call("builtins", "getattr", b"(ctorch\nTensor\n" + text("__init__") + b"t"),
    "subprocess": call("subprocess", "Popen", ECHO),
    "partial": call("functools", "partial", b"(" + FLOATS + b"t"),
    "attrgetter": call("operator", "attrgetter", ECHO),
    "nested load": call("torch", "load", ECHO),
    "hub": call("torch.hub", "load", ECHO),
    "numpy's load": call("numpy", "load", ECHO),
    "our own parts": call("rushlight.names", "from_portable", ECHO),
    "dotted name": b"ctorch\nTensor.__init__.__globals__\n",
    "method of a class that is allowed": b"ccollections\nOrderedDict.fromkeys\n",
    "name on the stack": text("os") + text("system") + b"\x93" + ECHO + b"R",
    "old call": b"(" + text("echo") + b"ios\nsystem\n",
    "old object": b"(cos\nsystem\n" + text("echo") + b"o",
    "call with names": b"cos\nsystem\n" + ECHO + b"}\x92",
    "registry of extensions": b"\x82\x01",
    "text name of an object elsewhere": b"Pfile\n",
    "another kind of object elsewhere": b"(" + text("module") + b"cos\nsystem\ntQ",
    "call of text": text("os.system") + ECHO + b"R",
    "call of a tensor": tensor() + b")R",
    "call of a class of storages": FLOATS + b"(" + number(10**12) + b"tR",
    "empty Tensor of any size": b"ctorch\nTensor\n(" + number(10**12) + b"tR",
    "new object of a class": b"ctorch\nTensor\n)\x81",
    "state of a tensor": tensor() + b"}" + text("_array") + b"Nsb",
    "state of a dict": b"}}" + text("keys") + b"Nsb",
    "methods of an OrderedDict": call("collections", "OrderedDict") + b"}" + text("items") + b"Nsb",
    "function in the place of a tensor's": b"ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nset\nctorch\nTensor\n)}tR",
    "attributes in the place of a tensor's own": (b"ctorch._tensor\n_rebuild_from_type_v2\n(" + TENSOR + b"ctorch\nTensor\n(" + storage() + number(0)
                                                 + numbers((4,)) + numbers((1,)) + b"\x89NtO"[:3] + b"t}" + text("_array") + b"NstR"),
    "bytes unpacked by a codec": call("_codecs", "encode", b"(" + text("x") + text("zip") + b"t"),
    "append to what is no list": tensor() + b"Na",
    "item of what is no dict": tensor() + b"NNs",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
@pytest.mark.parametrize("wrap", [archive, legacy])
def test_code_in_a_pickle_is_refused(code, wrap):
    refused(wrap(code), "^Weights only load failed")


def test_what_follows_the_end_of_the_pickle_is_not_read():
    assert torch.load(io.BytesIO(archive(b"K\x07." + CODE["eval"]))) == 7


def test_messages_have_pytorchs_first_lines():
    told = str(refused(archive(CODE["subprocess"])))
    assert told.startswith("Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps only if "
                           "you trust the source of the checkpoint\033[0m. \n")
    assert "Unsupported global: GLOBAL subprocess.Popen was not an allowed global by default." in told
    assert "GLOBAL posix.system whose module posix is blocked" in str(refused(archive(CODE["posix.system"])))


def test_blocked_modules_stay_blocked_even_if_the_program_lists_them():
    with torch.serialization.safe_globals([(print, "os.system")]):
        refused(archive(CODE["os.system"]), "whose module os is blocked")


NESTED_KEY = b"K\x01" + b"".join([b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(40)])

COSTLY = {
    "empty sets": b"\x8f" * MEGABYTE,
    "empty dicts": b"}" * MEGABYTE,
    "marks": b"(" * MEGABYTE,
    "lists in lists": b"]" * 5000 + b"a" * 4999,
    "tuples in tuples": b")" + b"\x85" * 5000,
    "tuple as key whose hash takes 2**40 steps": b"}" + NESTED_KEY + b"Ns",
    "tuple as key that is 500000 deep": b"})" + b"\x85" * 500_000 + b"Ns",
    "set of such a tuple": b"cbuiltins\nset\n(](" + NESTED_KEY + b"etR",
    "text of 2**62 bytes": b"\x8d" + struct.pack("<Q", 2**62) + b"abc",
    "bytes of 2**62 bytes": b"\x8e" + struct.pack("<Q", 2**62) + b"abc",
    "bytearray of 10**11 bytes": call("builtins", "bytearray", b"(" + number(10**11) + b"t"),
    "copy of 2**40 elements": tensor(size=(2**20, 2**20), stride=(0, 0), more=b"}" + text("conj") + b"\x88s"),
    "tensors by the hundred thousand": (b"](" + TENSOR + b"q\x01(" + storage() + number(0) + numbers((4,)) + numbers((1,)) + b"\x89Ntq\x03R"
                                        + b"h\x01h\x03R" * 100_000 + b"e"),
}


@pytest.mark.parametrize("code", COSTLY.values(), ids=COSTLY)
def test_short_file_cannot_ask_for_much(code):
    refused(archive(code))


def keys_of_one_hash():
    """A dict of 20,000 numbers that all have the same hash: each takes longer to put in than the one before."""
    return b"}(" + b"".join([number(i * (2**61 - 1)) + b"N" for i in range(1, 20_000)]) + b"u"


def test_keys_that_collide_run_into_the_budget_of_time():
    with torch.serialization.budgets(seconds=0.05):
        refused(archive(keys_of_one_hash()), "budget seconds=0.05")


STORAGES = {
    "negative stride": (tensor(offset=3, stride=(-1,)), "Negative strides"),
    "negative size": (tensor(size=(-1,)), "overflowed"),
    "negative offset": (tensor(offset=-1), "invalid storage offset -1"),
    "past the end": (tensor(size=(5,)), "requiring a storage size of 20 are out of bounds for storage of size 16"),
    "past the end by its offset": (tensor(offset=1), "out of bounds"),
    "past the end by its stride": (tensor(stride=(2,)), "out of bounds"),
    "overflowing sizes": (tensor(size=(2**32, 2**32), stride=(0, 0)), "overflowed"),
    "overflow hidden by an empty dimension": (tensor(size=(0, 2**62), stride=(1, 1)), "overflowed"),
    "sizes without strides": (tensor(stride=()), "mismatch in length"),
    "more dimensions than there are": (tensor(size=(1,) * 70, stride=(1,) * 70), "at most 64"),
    "size that is no number": (TENSOR + b"(" + storage() + b"K\x00(G?\xf0\0\0\0\0\0\0t(K\x01t\x89NtR", "whole numbers"),
    "storage that is none": (tensor(of=text("0")), "stands on a storage"),
    "more elements than the record": (tensor(of=storage(5)), "wrong byte size: expected 20 got 16"),
    "fewer elements than the record": (tensor(of=storage(3)), "wrong byte size"),
    "negative number of elements": (tensor(of=storage(-4)), "a storage is named"),
    "missing record": (tensor(of=storage(key="7")), "failed locating file data/7"),
    "record outside its folder": (tensor(of=storage(key="../data.pkl")), "failed locating file"),
    "one storage of two dtypes": (b"](" + tensor() + tensor(of=storage(2, b"ctorch\nDoubleStorage\n")) + b"e", "two dtypes or sizes"),
    "dtype that there is not": (tensor(of=storage(kind=b"ctorch\nQInt8Storage\n")), "Unsupported global"),
    "place that there is not": (tensor(of=storage(location="moon:1")), "don't know how to restore data location"),
    "device of a number beyond all": (tensor(of=storage(location="cuda:" + "9" * 5000)), "restore data location"),
}


@pytest.mark.parametrize("code, match", STORAGES.values(), ids=STORAGES)
def test_tensor_stays_inside_its_storage(code, match):
    refused(archive(code), match)


def test_truths_of_a_file_are_0_or_1():
    made = archive(tensor(of=storage(16, b"ctorch\nBoolStorage\n"), size=(16,)), {"0": bytes(range(240, 256))})
    assert torch.load(io.BytesIO(made))._array.view("u1").tolist() == [1] * 16


OLD = {
    "more than the file has": legacy(tensor(of=legacy_storage(2**60))),
    "number of elements that is another": legacy(tensor(of=legacy_storage(3))),
    "storage that is not listed": legacy(tensor(of=legacy_storage()), keys=()),
    "storage that nothing refers to": legacy(tensor(of=legacy_storage()), keys=("1",)),
    "end inside a storage": legacy(tensor(of=legacy_storage()))[:-1],
    "view that leaves its storage": legacy(tensor(of=legacy_storage(view=b"(" + text("v") + number(2) + number(3) + b"t"))),
    "other magic number": pickle.dumps(7, 2),
    "nothing": b"",
    "text": b"garbage file",
    "tar": bytes(257) + b"ustar" + bytes(250),
}


@pytest.mark.parametrize("data", OLD.values(), ids=OLD)
def test_damaged_file_of_the_old_format_is_refused(data):
    refused(data)


# ---- archives

GOOD = archive(tensor())


def changed(old, new, count=-1):
    """The good archive with some bytes replaced."""
    assert old in GOOD
    return GOOD.replace(old, new, count)


ARCHIVES = {
    "bomb in the pickle": (zipped({"archive/data.pkl": b"\x80\x02" + b"]" * 100 * MEGABYTE}, packed=True), "budget inflated"),
    "bomb in a storage": (zipped({"archive/data.pkl": b"\x80\x02" + tensor(of=storage(25 * MEGABYTE)) + b".",
                                  "archive/data/0": bytes(100 * MEGABYTE)}, packed=True), "budget inflated"),
    "name above the folder": (zipped({"archive/data.pkl": b"", "../../evil": b""}), "leads out of its folder"),
    "name from the root": (zipped({"/etc/evil": b""}), "leads out of its folder"),
    "name of a drive": (zipped({"C:\\evil": b""}), "leads out of its folder"),
    "no folder": (zipped({"data.pkl": b""}), "not in a subdirectory"),
    "no pickle": (zipped({"archive/other": b""}), "failed locating file data.pkl"),
    "cut off": (GOOD[:-30], "failed finding central directory"),
    "beginning alone": (GOOD[:100], "failed finding central directory"),
    "another name in the header": (changed(b"archive/data/0FB", b"archive/data/1FB"), "another name"),
    "two records of a name": (zipped({"archive/data.pkl": b"", "archive/aa": b"", "archive/bb": b""}).replace(b"archive/bb", b"archive/aa"),
                              "same name"),
    "TorchScript": (zipped({"archive/data.pkl": b"", "archive/constants.pkl": b""}), "^Cannot use ``weights_only=True`` with TorchScript"),
    "byte order of nobody": (archive(tensor(), byteorder=b"middle"), "Unknown endianness type: middle"),
}


@pytest.mark.parametrize("data, match", ARCHIVES.values(), ids=ARCHIVES)
def test_archive_that_contradicts_itself_is_refused(data, match):
    assert type(refused(data, match)) is RuntimeError


def directory_of(data, name, offset, form, value):
    """The archive with one field of a record's entry in the directory changed."""
    at = data.index(name.encode(), data.index(b"PK\1\2")) - 46
    out = bytearray(data)
    struct.pack_into(form, out, at + offset, value)
    return bytes(out)


@pytest.mark.parametrize("offset, form, value", [(42, "<L", 0), (20, "<L", 2**31), (24, "<L", 2**31), (10, "<H", 99), (8, "<H", 1), (42, "<L", 2**31),
                                                 (20, "<L", 2**32 - 1), (28, "<H", 60000), (0, "<L", 0)])
def test_directory_that_does_not_fit_the_file_is_refused(offset, form, value):
    assert type(refused(directory_of(GOOD, "archive/data/0", offset, form, value))) is RuntimeError


def test_records_that_share_bytes_are_refused():
    both = zipped({"archive/data.pkl": b"x" * 100, "archive/data/0": b"y" * 100, "archive/data/1": b"z"})
    shared = directory_of(both, "archive/data/1", 42, "<L", both.index(b"archive/data/0") - 30)
    refused(shared, "overlaps|the same")


def test_too_many_records_are_refused():
    with torch.serialization.budgets(members=3):
        refused(GOOD, "budget members=3")


def test_budgets_are_raised_by_the_program_alone():
    deep = archive(b"]" * 1500 + b"a" * 1499)
    refused(deep, "budget depth=1000")
    with torch.serialization.budgets(depth=2000):
        assert isinstance(torch.load(io.BytesIO(deep)), list)
    with pytest.raises(TypeError, match="there is no budget 'width'"), torch.serialization.budgets(width=1):
        pass
