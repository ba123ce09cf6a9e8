"""The examples in the docstrings of the layers run and print what they say."""
import doctest
import importlib

import pytest

from rushlight import nn


@pytest.mark.parametrize("home", nn.NAMES)
def test_examples(home):
    module = importlib.import_module(f"rushlight.nn.{home}")
    runner = doctest.DocTestRunner()
    # One by one: classes bear PyTorch's module name, so that a search of the module would take them for strangers.
    for name in nn.NAMES[home].split():
        for test in doctest.DocTestFinder(exclude_empty=True).find(getattr(module, name), name, module=False, globs={}):
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
