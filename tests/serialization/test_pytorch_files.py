"""Files that PyTorch 2.13 wrote: read here to the bit, and written here byte for byte the same."""
import pathlib
import zipfile

import pytest

import rushlight as torch

from . import contents
from .same import same

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", contents.ZIP)
def test_zip_file_is_read_to_the_bit(name, mmap):
    assert same(torch.load(FIXTURES / f"{name}.pt", mmap=mmap), contents.ZIP[name](torch))


@pytest.mark.parametrize("name", contents.ZIP)
def test_zip_file_that_is_trusted_is_read_to_the_bit(name):
    assert same(torch.load(FIXTURES / f"{name}.pt", weights_only=False), contents.ZIP[name](torch))


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("name", contents.LEGACY)
def test_file_of_the_format_before_zip_is_read_to_the_bit(name, weights_only):
    assert same(torch.load(FIXTURES / f"{name}.legacy", weights_only=weights_only), contents.LEGACY[name](torch))


def test_conjugated_numbers_are_read_as_they_are_and_not_as_a_note():
    x, conjugate, negative = torch.load(FIXTURES / "conjugated.pt")
    assert conjugate.tolist() == [0, 1 - 1j, 2 - 2j] and x.tolist() == [0, 1 + 1j, 2 + 2j] and negative.tolist() == [0, -1, -2]


def test_module_that_is_trusted_computes_what_it_computed():
    loaded, made = torch.load(FIXTURES / "network.pt", weights_only=False).eval(), contents.network(torch).eval()
    assert repr(loaded) == repr(made) and loaded[0].in_features == 4
    x = contents.counted(torch, 3, 4)
    assert torch.equal(loaded(x), made(x))


def test_generator_that_is_trusted_goes_on_where_it_was():
    loaded = torch.load(FIXTURES / "generator.pt", weights_only=False)
    assert type(loaded) is torch.Generator
    assert torch.equal(torch.rand(3, generator=loaded), torch.rand(3, generator=torch.Generator().manual_seed(4)))


def test_named_result_that_is_trusted_keeps_its_names():
    loaded = torch.load(FIXTURES / "maximum.pt", weights_only=False)
    assert type(loaded) is torch.return_types.max and loaded.indices.tolist() == [1, 1, 1]


def test_optimizer_that_is_trusted_steps():
    loaded = torch.load(FIXTURES / "optimizer.pt", weights_only=False)
    weight = loaded.param_groups[0]["params"][0]
    before = weight.tolist()
    weight.grad = torch.ones_like(weight)
    loaded.step()
    assert weight.tolist() == [[before[0][0] - 0.125, before[0][1] - 0.125]]


@pytest.mark.parametrize("name", [*contents.OBJECTS])
def test_object_is_refused_unless_the_file_is_trusted(name):
    with pytest.raises(torch.serialization.loading.pickle.UnpicklingError, match="^Weights only load failed. This file can still be loaded"):
        torch.load(FIXTURES / f"{name}.pt")


#: a device's name is one text object in PyTorch and another here, so the pickle refers to it where PyTorch repeats it
OTHER_BYTES = {"descriptions"}


@pytest.mark.parametrize("name", [name for name in contents.ZIP if name not in OTHER_BYTES])
def test_written_here_the_file_is_the_same(name, tmp_path):
    path = tmp_path / f"{name}.pt"
    torch.save(contents.ZIP[name](torch), path)
    ours, theirs = records(path), records(FIXTURES / f"{name}.pt")
    identity = f"{name}/.data/serialization_id"
    assert len(ours.pop(identity)[1]) == len(theirs.pop(identity)[1]) == 40
    assert ours == theirs
    different = [at for at, (a, b) in enumerate(zip(path.read_bytes(), (FIXTURES / f"{name}.pt").read_bytes(), strict=True)) if a != b]
    assert len(different) <= 48  # the identity, and its checksum twice


def records(path):
    """{name: (place, bytes)} of an archive."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {entry.filename: (entry.header_offset, file.read(entry)) for entry in file.infolist()}


@pytest.mark.parametrize("name", contents.ZIP)
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}])
def test_round_trip_keeps_everything(name, options, tmp_path):
    torch.save(contents.ZIP[name](torch), tmp_path / "file.pt", **options)
    assert same(torch.load(tmp_path / "file.pt"), contents.ZIP[name](torch))


@pytest.mark.parametrize("name", contents.OBJECTS)
def test_round_trip_of_objects_that_are_trusted(name, tmp_path):
    torch.save(contents.OBJECTS[name](torch), tmp_path / "file.pt")
    loaded = torch.load(tmp_path / "file.pt", weights_only=False)
    assert type(loaded) is type(contents.OBJECTS[name](torch))
