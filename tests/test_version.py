"""The version prints as text and compares as numbers. The expected values are PyTorch's own TorchVersion's."""
import pytest

import rushlight
from rushlight.version import PYTORCH, RUSHLIGHT, TorchVersion


@pytest.mark.parametrize("other", ["1.9.1", "2.4", "2.13", "2.13.0", "2.13.0a0", (2, 4), (2, 13)])
def test_local_build_is_later_than_its_release_and_all_before(other):
    version = TorchVersion("2.13.0+cpu")
    assert version > other and version >= other and not version < other and not version <= other


@pytest.mark.parametrize("other", ["2.13.1", "2.14", "3", (2, 14)])
def test_later_versions_are_later(other):
    assert TorchVersion("2.13.0+cpu") < other and not TorchVersion("2.13.0+cpu") >= other


def test_pre_release_is_before_its_release():
    assert TorchVersion("2.13.0a0") < "2.13"


def test_version_is_equal_to_its_text_alone():
    assert TorchVersion("2.13.0+cpu") == "2.13.0+cpu" != TorchVersion("2.13.0")


def test_comparison_with_a_number_raises():
    with pytest.raises(TypeError, match="'<' not supported between instances of 'TorchVersion' and 'float'"):
        _ = TorchVersion("2.13.0") < 2.1


def test_public_version_names_interface_and_library():
    assert rushlight.__version__ == f"{PYTORCH}+rushlight{RUSHLIGHT}"
