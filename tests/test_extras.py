"""A missing optional library is one sentence that names the command that brings it."""
import pathlib
import re

import pytest

from rushlight.extras import EXTRAS, need


def test_missing_extra_names_the_command(monkeypatch):
    monkeypatch.setitem(EXTRAS, "demo", ("no_such_library",))
    with pytest.raises(ModuleNotFoundError) as caught:
        need("no_such_library.plots", "drawing")
    assert str(caught.value) == "drawing needs no_such_library: pip install 'rushlight[demo]'"


def test_error_inside_an_installed_extra_is_not_called_missing(monkeypatch, tmp_path):
    (tmp_path / "half_installed.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(EXTRAS, "demo", ("half_installed",))
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_library'"):
        need("half_installed", "drawing")


def test_table_of_extras_is_that_of_the_package():
    text = (pathlib.Path(__file__).parent.parent / "pyproject.toml").read_text()
    section = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    declared = set(re.findall(r"^(\w+) = ", section, re.M)) - {"all", "dev"}
    assert declared == set(EXTRAS)
