"""torch.load: places, mappings, trust, other formats."""
import io
import json
import pickle
import sys
import zipfile
from collections import defaultdict

import numpy as np
import pytest

import rushlight as torch

from .forge import archive, storage, tensor
from .same import same


class Point:
    """A user's class."""

    def __init__(self, x):
        self.x = x


class Ring(torch.Tensor):
    """A user's subclass of Tensor."""


@pytest.fixture
def path(tmp_path):
    torch.save({"a": torch.arange(4.0), "b": torch.ones(2, dtype=torch.int8)}, tmp_path / "file.pt")
    return tmp_path / "file.pt"


# ---- places

@pytest.mark.parametrize("place", [None, "cpu", b"cpu", torch.device("cpu"), {"cpu": "cpu"}, {}, lambda storage, tag: storage,
                                   lambda storage, tag: None])
def test_map_location_of_every_form_brings_storages_to_the_cpu(path, place):
    assert torch.load(path, map_location=place)["a"].tolist() == [0, 1, 2, 3]


def test_map_location_is_called_once_for_each_storage_with_its_tag(path):
    seen = []
    torch.load(path, map_location=lambda storage, tag: seen.append((storage.nbytes(), tag)))
    assert seen == [(16, "cpu"), (2, "cpu")]


def test_file_of_a_gpu_is_loaded_on_the_cpu_if_asked():
    data = archive(tensor(of=storage(location="cuda:3")))
    for place in ("cpu", {"cuda:3": "cpu"}):
        assert torch.load(io.BytesIO(data), map_location=place).device.type == "cpu"


def test_places_that_are_not_there_get_pytorchs_errors(path):
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match=r"^Attempting to deserialize object on a CUDA device but torch.cuda.is_available\(\) is False"):
            torch.load(path, map_location="cuda:0")
    with pytest.raises(RuntimeError, match=r"^don't know how to restore data location of torch.storage.UntypedStorage \(tagged with moon\)$"):
        torch.load(path, map_location="moon")


def test_registered_package_restores_its_own_tag(path, monkeypatch):
    from rushlight.serialization import location
    monkeypatch.setattr(location, "_registry", list(location._registry))
    torch.serialization.register_package(5, lambda storage: None, lambda storage, tag: storage if tag == "moon" else None)
    assert torch.load(path, map_location="moon")["a"].tolist() == [0, 1, 2, 3]


# ---- mappings

def test_mapped_tensor_is_written_in_memory_and_not_in_the_file(path):
    before = path.read_bytes()
    loaded = torch.load(path, mmap=True)
    loaded["a"][0] = 9
    assert loaded["a"].tolist() == [9, 1, 2, 3] and path.read_bytes() == before


def test_mapped_tensor_is_written_to_the_file_if_asked(path):
    import mmap
    with torch.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path, mmap=True)["a"][0] = 9
    assert torch.load(path)["a"].tolist() == [9, 1, 2, 3]


def test_mapped_tensors_have_storages_of_their_own_and_are_saved_again(path):
    loaded = torch.load(path, mmap=True)
    assert loaded["a"].untyped_storage().nbytes() == 16
    out = io.BytesIO()
    torch.save(loaded, out)
    out.seek(0)
    assert same(torch.load(out), torch.load(path))


def test_what_cannot_be_mapped_gets_pytorchs_error(path, tmp_path):
    with pytest.raises(ValueError, match="^f must be a file path in order to use the mmap argument$"):
        torch.load(io.BytesIO(path.read_bytes()), mmap=True)
    torch.save(1, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="^mmap can only be used with files saved with"):
        torch.load(tmp_path / "old.pt", mmap=True)


def test_numbers_in_the_other_byte_order_are_turned_around():
    order = b"big" if sys.byteorder == "little" else b"little"
    values = np.arange(4, dtype=np.float32)
    data = archive(tensor(), {"0": values.byteswap().tobytes()}, byteorder=order)
    assert torch.load(io.BytesIO(data)).tolist() == values.tolist()


# ---- trust

def written(value):
    out = io.BytesIO()
    torch.save(value, out)
    out.seek(0)
    return out


def test_users_class_is_loaded_if_listed_or_if_the_file_is_trusted():
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(written(Point(3)))
    assert torch.load(written(Point(3)), weights_only=False).x == 3
    with torch.serialization.safe_globals([Point]):
        assert torch.serialization.get_safe_globals() == [Point] and torch.load(written(Point(3))).x == 3
    assert torch.serialization.get_safe_globals() == []


def test_listed_things_are_found_under_other_names_too():
    renamed = written(Point(3)).getvalue().replace(b"Point", b"Pojnt")
    with torch.serialization.safe_globals([(Point, f"{Point.__module__}.Pojnt")]):
        assert torch.load(io.BytesIO(renamed)).x == 3


def test_listed_module_is_loaded_without_trust():
    classes = [torch.nn.Linear, torch.nn.Sequential, torch.nn.ReLU]
    with torch.serialization.safe_globals(classes):
        loaded = torch.load(written(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())))
    assert repr(loaded[0]) == "Linear(in_features=2, out_features=3, bias=True)"


def test_listed_subclasses_of_tensor_and_dict_are_loaded():
    ring = torch.ones(2).as_subclass(Ring)
    ring.note = "x"
    with torch.serialization.safe_globals([Ring, defaultdict, dict]):
        loaded, counts = torch.load(written([ring, defaultdict(dict, a=1)]))
    assert type(loaded) is Ring and loaded.note == "x" and type(counts) is defaultdict and counts["a"] == 1


def test_numpy_scalar_is_loaded_if_its_parts_are_listed():
    value = np.float64(2.5)
    function, _ = value.__reduce__()
    with torch.serialization.safe_globals([function, np.dtype, type(np.dtype(np.float64))]):
        assert torch.load(written(value)) == value


def test_unsafe_globals_are_named_without_loading():
    assert torch.serialization.get_unsafe_globals_in_checkpoint(written([Point(3), torch.ones(1)])) == [f"{Point.__module__}.Point"]
    with torch.serialization.safe_globals([Point]):
        assert torch.serialization.get_unsafe_globals_in_checkpoint(written(Point(3))) == []
    with pytest.raises(ValueError, match="^Expected input to be a checkpoint returned by torch.save$"):
        torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"text"))


def test_environment_can_take_trust_away_but_not_give_it(monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="has no effect in Rushlight"), pytest.raises(pickle.UnpicklingError):
        torch.load(written(Point(3)))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(written(Point(3)), weights_only=False)


def test_pickle_module_goes_only_with_trust():
    assert torch.load(written(Point(3)), pickle_module=pickle).x == 3
    with pytest.raises(RuntimeError, match="^Can not safely load weights when explicit pickle_module is specified$"):
        torch.load(written(1), pickle_module=pickle, weights_only=True)


def test_missing_and_unseekable_files_get_their_own_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "none.pt")
    with pytest.raises(AttributeError, match=r"^'int' object has no attribute '(seek|tell)'. You can only torch.load from a file that is seekable"):
        torch.load(5)


# ---- .npz

@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("mmap", [False, True])
def test_npz_is_a_dict_of_tensors(tmp_path, save, mmap):
    save(tmp_path / "file.npz", a=np.arange(6.0).reshape(2, 3), t=np.arange(6).reshape(2, 3).T, big=np.arange(3, dtype=">i4"),
         flag=np.array([True, False]), zero=np.array(2.5, np.float32), empty=np.empty((0, 3)))
    loaded = torch.load(tmp_path / "file.npz", mmap=mmap)
    assert list(loaded) == ["a", "t", "big", "flag", "zero", "empty"]
    assert loaded["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and loaded["t"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert loaded["big"].dtype is torch.int32 and loaded["big"].tolist() == [0, 1, 2] and loaded["flag"].tolist() == [True, False]
    assert loaded["zero"].item() == 2.5 and loaded["empty"].shape == (0, 3)
    loaded["a"][0] = 7


def test_npz_of_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "file.npz", a=np.array([Point(1)], object))
    with pytest.raises(RuntimeError, match="array a.npy cannot become a tensor"):
        torch.load(tmp_path / "file.npz")


@pytest.mark.parametrize("shape", ["(0, 2305843009213693952)", "(0, 4611686018427387904, 4611686018427387904)"])
def test_npz_array_whose_empty_dimension_hides_others_that_are_too_long_is_refused(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".encode()
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as file:
        file.writestr("a.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(RuntimeError, match="the header of array a.npy is damaged"):
        torch.load(tmp_path / "file.npz")


# ---- .safetensors

@pytest.fixture
def safetensors():
    return pytest.importorskip("safetensors.numpy", reason="the extra safetensors is not installed")


def test_safetensors_file_is_mapped(safetensors, tmp_path):
    import ml_dtypes
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(5), "h": np.arange(3).astype(ml_dtypes.bfloat16),
              "e": np.empty((0, 2), np.float16), "f": np.array([True, False])}
    safetensors.save_file(arrays, tmp_path / "model.safetensors")
    loaded = torch.load(tmp_path / "model.safetensors")
    assert list(loaded) == sorted(arrays)
    assert all([loaded[name]._array.tobytes() == array.tobytes() and loaded[name].shape == array.shape for name, array in arrays.items()])
    before = (tmp_path / "model.safetensors").read_bytes()
    loaded["w"][0, 0] = 9
    assert loaded["h"].dtype is torch.bfloat16 and (tmp_path / "model.safetensors").read_bytes() == before


def test_sharded_safetensors_are_one_dict(safetensors, tmp_path):
    for i in range(2):
        safetensors.save_file({f"w{i}": np.full(2, i, np.float32)}, tmp_path / f"model-{i}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"w0": "model-0.safetensors", "w1": "model-1.safetensors"}}))
    assert {name: value.tolist() for name, value in torch.load(index).items()} == {"w0": [0, 0], "w1": [1, 1]}


@pytest.mark.parametrize("data", [b"", b"x" * 100, (10**12).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
                                  (3).to_bytes(8, "little") + b"{}"])
def test_damaged_safetensors_file_is_refused(safetensors, tmp_path, data):
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(RuntimeError):
        torch.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("shape", ["[0, 2305843009213693952]", "[0, 9223372036854775808]", "[0, 4611686018427387904, 4611686018427387904]"])
def test_empty_dimension_hides_no_others_that_are_too_long(safetensors, tmp_path, shape):
    header = f'{{"a": {{"dtype": "F64", "shape": {shape}, "data_offsets": [0, 0]}}}}'.encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(RuntimeError, match="^tensor 'a': Storage size calculation overflowed"):
        torch.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtype, shape", [("F8_E4M3", "[1]"), ("F32", "[" + "1," * 64 + "1]"), ("F32", "[2]"), ("F32", f"[0, {2**62}]")])
def test_message_about_a_header_is_short_however_long_a_name_is(safetensors, tmp_path, dtype, shape):
    size = {"F8_E4M3": 1, "F32": 0 if shape.startswith("[0") else 4}[dtype]
    header = f'{{"{"x" * 100_000}": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [0, {size}]}}}}'.encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(RuntimeError) as caught:
        torch.load(tmp_path / "model.safetensors")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("part", ["1", "[]", '{"":1}'])
def test_header_that_would_take_far_more_memory_than_its_file_is_refused(safetensors, tmp_path, part):
    # The library turns each part into 24 to 250 bytes.
    parts = ",".join([part] * (4_000_000 // (len(part) + 1)))
    header = f'{{"a": {{"dtype": "U8", "shape": [], "data_offsets": [0, 1], "more": [{parts}]}}}}'.encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1")
    with pytest.raises(RuntimeError, match="budget header="):
        torch.load(tmp_path / "model.safetensors")


def test_header_beyond_its_budget_is_refused_before_it_is_read(safetensors, tmp_path):
    safetensors.save_file({f"w{i}": np.zeros(1) for i in range(20)}, tmp_path / "model.safetensors")
    with torch.serialization.budgets(header=100), pytest.raises(RuntimeError, match="budget header=100"):
        torch.load(tmp_path / "model.safetensors")


def test_safetensors_file_without_the_library_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(RuntimeError, match=r"^Attempting to load a safetensors file but safetensors is not installed. .*rushlight\[safetensors\]"):
        torch.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("shard", ["../other.safetensors", "/etc/passwd", "folder/x.safetensors", "..", "C:x.pt", "x.txt", 5, "x\0.pt"])
def test_index_opens_files_of_its_own_folder_alone(tmp_path, shard):
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": shard}}))
    with pytest.raises(RuntimeError, match="^the index names the file"):
        torch.load(index)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": []}', "[" * 100_000])
def test_damaged_index_is_refused(tmp_path, text):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(RuntimeError):
        torch.load(tmp_path / "model.safetensors.index.json")


@pytest.mark.parametrize("text, budget", [("[" + "[]," * 200_000 + "[]]", "members"), ("[" + ("[" * 90 + "]" * 90 + ",") * 2_000 + "[]]", "members"),
                                          ('{"' + "x" * 5_000_000 + '\U0001f600":1}', "json"), ("x" * 15_000_000, "json")])
def test_index_that_would_take_far_more_memory_than_its_file_is_refused(tmp_path, text, budget):
    # An empty list takes 80 bytes, and one character beyond the basic plane makes every character of a text take four.
    (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(RuntimeError, match=f"budget {budget}="):
        torch.load(tmp_path / "model.safetensors.index.json")


def test_index_reads_no_number_however_long(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"total_size": ' + "9" * 1_000_000 + ', "weight_map": {}}')
    assert torch.load(tmp_path / "model.safetensors.index.json") == {}


def test_message_about_an_index_is_short_however_long_a_name_is(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "x" * 100_000 + ".pt"}}))
    with pytest.raises(RuntimeError, match="^the index names 'xxx") as caught:
        torch.load(tmp_path / "model.safetensors.index.json")
    assert len(str(caught.value)) < 500
