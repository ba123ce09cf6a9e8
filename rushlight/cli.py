"""The command `rushlight`."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable

USAGE = """\
usage: rushlight COMMAND ...

  rushlight run FILE [ARG ...]        run a PyTorch program on Rushlight: `import torch` is Rushlight
  rushlight run -m MODULE [ARG ...]   the same for a module, as python -m
  rushlight demo [PICTURE]            train a small network on handwritten digits and draw what it learned
  rushlight generate [PROMPT]         write text with a small LSTM that has read Python's standard library; --help says more
  rushlight info                      versions, BLAS, threads, extras, devices
  rushlight inspect FILE              what a model file holds and what it would call, without loading it

As python -m rushlight COMMAND ... too."""


def run(arguments: list[str]) -> int:
    """`rushlight run`: the program's own exit code, if it gets as far as its end."""
    from . import runner
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        runner.run_module(arguments[1], arguments[2:])
    elif arguments and not arguments[0].startswith("-"):
        runner.run_file(arguments[0], arguments[1:])
    else:
        return wrong("rushlight run: give a FILE, or -m and a MODULE")
    return 0


def demo(arguments: list[str]) -> int:
    """`rushlight demo`: runs `examples/digits.py`, an ordinary PyTorch program, which trains, prints and draws."""
    from . import runner
    from .extras import need
    try:
        need("matplotlib", "rushlight demo")
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    runner.run_file(example("digits.py"), arguments)
    return 0


def example(name: str) -> str:
    """The path of a program of `examples/`: inside the package where it was installed, beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(package, "examples", name)
    return inside if os.path.exists(inside) else os.path.join(os.path.dirname(package), "examples", name)


def info(arguments: list[str]) -> int:
    """`rushlight info`: prints what a bug report needs."""
    from .info import report
    print(report())
    return 0


def generate(arguments: list[str]) -> int:
    """`rushlight generate`: text that a character model writes."""
    from .models.writing import main
    return main(arguments)


def inspect(arguments: list[str]) -> int:
    """`rushlight inspect`: 1 if the file is damaged or of no format that `torch.load` reads."""
    if len(arguments) != 1:
        return wrong("rushlight inspect: give one FILE")
    from pickle import UnpicklingError

    from .serialization.describe import report
    try:
        print(report(arguments[0]))
    except (OSError, RuntimeError, UnpicklingError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


def show_help(arguments: list[str]) -> int:
    """`rushlight --help`."""
    print(USAGE)
    return 0


def show_version(arguments: list[str]) -> int:
    """`rushlight --version`."""
    from .version import PYTORCH, RUSHLIGHT
    print(f"rushlight {RUSHLIGHT} (the interface of PyTorch {PYTORCH})")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run, "demo": demo, "generate": generate, "info": info, "inspect": inspect,
    "help": show_help, "--help": show_help, "-h": show_help, "--version": show_version,
}


def wrong(message: str) -> int:
    """The exit code of a command line that makes no sense, after saying why."""
    print(f"{message}\n\n{USAGE}", file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """The command `rushlight`; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        return wrong("rushlight: no command given")
    if given[0] not in COMMANDS:
        return wrong(f"rushlight: there is no command {given[0]!r}")
    return COMMANDS[given[0]](given[1:])
