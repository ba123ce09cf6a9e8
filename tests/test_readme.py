"""What the README shows is what happens."""
import doctest
import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent


def test_sessions_of_the_readme_give_what_they_show():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 0 and results.failed == 0


def test_targets_that_the_documents_name_exist():
    makefile = (ROOT / "Makefile").read_text()
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\bmake (\w+)", (ROOT / document).read_text()):
            assert re.search(rf"^{target}:", makefile, re.M), target
