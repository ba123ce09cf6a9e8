"""`import torch` is Rushlight, by the same module objects, and what is missing says so."""
import textwrap

import pytest


@pytest.fixture
def program(rushlight, tmp_path):
    """Runs a program under rushlight run, beside a folder with something else that is called torch."""
    (tmp_path / "installed" / "torch").mkdir(parents=True)
    (tmp_path / "installed" / "torch" / "__init__.py").write_text("print('the other torch')\n__version__ = '0'\n")
    (tmp_path / "installed" / "torch" / "onlythere.py").write_text("")

    def run(source):
        (tmp_path / "program.py").write_text(textwrap.dedent(source))
        return rushlight("run", "program.py", path=[tmp_path / "installed"])

    return run


def test_every_way_of_importing_gives_the_same_module_objects(program):
    done = program("""
        import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim
        from torch import nn as also_nn, Tensor
        from torch.nn import functional, Linear
        from torch.optim.lr_scheduler import StepLR
        import rushlight, rushlight.nn.functional, rushlight.optim.lr_scheduler
        assert torch is rushlight and Tensor is rushlight.Tensor
        assert nn is also_nn is rushlight.nn is torch.nn and Linear is rushlight.nn.Linear
        assert F is functional is rushlight.nn.functional is torch.nn.functional
        assert optim is rushlight.optim and StepLR is rushlight.optim.lr_scheduler.StepLR
        import sys
        assert sys.modules["torch.nn"] is sys.modules["rushlight.nn"]
        assert rushlight.nn.__spec__.name == rushlight.nn.__name__ == "rushlight.nn"
        """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_long_import_paths_lead_to_the_same_classes(program):
    done = program("""
        import torch
        from torch.nn.modules.linear import Linear
        from torch.nn.modules.module import Module
        from torch.nn.parameter import Parameter
        from torch.optim.optimizer import Optimizer
        assert Linear is torch.nn.Linear and Module is torch.nn.Module
        assert Parameter is torch.nn.Parameter and Optimizer is torch.optim.Optimizer
        """)
    assert (done.returncode, done.stderr) == (0, "")


def test_missing_names_are_called_by_their_torch_names(program):
    done = program("""
        import torch
        for name in ("torch.no_such_thing", "torch.nn.no_such_thing", "torch.nn.functional.no_such_thing", "torch.optim.no_such_thing"):
            try:
                eval(name)
            except AttributeError as error:
                print(error)
        """)
    parts = ["torch", "torch.nn", "torch.nn.functional", "torch.optim"]
    assert done.stderr == ""
    assert done.stdout == "".join(f"module '{part}' has no attribute 'no_such_thing'\n"
                                  f"Rushlight does not have {part}.no_such_thing yet\n" for part in parts)


def test_missing_submodule_is_called_by_its_torch_name_even_if_the_other_torch_has_it(program):
    done = program("import torch.onlythere")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch.onlythere'"


def test_presence_can_be_asked_for_without_an_error(program):
    done = program("""
        import importlib.util, torch
        print(hasattr(torch, "no_such_thing"), importlib.util.find_spec("torch.nowhere"), importlib.util.find_spec("torch.nn") is not None)
        """)
    assert done.stdout == "False None True\n"


def test_version_begins_with_that_of_the_interface(program):
    done = program("import torch; print(torch.__version__.startswith('2.13.0'), torch.version.cuda)")
    assert done.stdout == "True None\n"


def test_install_as_torch_is_idempotent(python):
    done = python("-c", "import sys, rushlight; rushlight.install_as_torch(); rushlight.install_as_torch(); import torch; "
                        "print(torch is rushlight, sum(type(f).__name__ == 'TorchFinder' for f in sys.meta_path))")
    assert done.stdout == "True 1\n"


def test_install_as_torch_refuses_to_mix_two_libraries(python, tmp_path):
    (tmp_path / "torch.py").write_text("")
    done = python("-c", "import torch, rushlight; rushlight.install_as_torch()")
    assert "RuntimeError: PyTorch is already imported as torch in this process" in done.stderr


@pytest.mark.parametrize(("line", "module"), [("from torch import jig", "torch"), ("from torch.nn import jig", "torch.nn"),
                                              ("from torch.nn.functional import relu, jig", "torch.nn.functional")])
def test_import_of_a_missing_name_names_torch(rushlight, tmp_path, line, module):
    (tmp_path / "program.py").write_text(line)
    done = rushlight("run", "program.py")
    *_, message, gap = done.stderr.splitlines()
    assert message.startswith(f"ImportError: cannot import name 'jig' from '{module}' (")
    assert gap == f"Rushlight does not have {module}.jig yet"


def test_missing_name_is_an_attribute_error_to_everybody_else(rushlight, tmp_path):
    (tmp_path / "program.py").write_text("import torch\nprint(hasattr(torch, 'jig'), getattr(torch.nn, 'jig', 3))\ntorch.jig")
    done = rushlight("run", "program.py")
    assert done.stdout == "False 3\n" and done.stderr.splitlines()[-2] == "AttributeError: module 'torch' has no attribute 'jig'"
