"""Run a program as `python` would, with `import torch` answered by Rushlight.

The program sees its own `sys.argv`, `sys.path[0]` and `__main__`, and an error ends it with the traceback and the exit
code that it has under `python`: no line of Rushlight's own stands in it.
"""
from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import NoReturn

from .torch_alias import install_as_torch


def run_file(path: str, arguments: list[str]) -> None:
    """`python PATH ARGUMENTS...`, for a file, or for a folder or zip archive with a `__main__.py`."""
    sys.argv[:] = [path, *arguments]
    main = fresh_main()
    # As Python does: the path as given behind the working folder, not made normal.
    full = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    if is_importable(full):
        set_search_folder(full)
        import runpy
        execute(lambda: runpy._run_module_as_main("__main__", alter_argv=False))  # type: ignore[attr-defined]
        return
    source = read(full)
    set_search_folder(os.path.dirname(os.path.realpath(full)))
    from importlib.machinery import SourceFileLoader
    vars(main).update(__file__=full, __cached__=None, __loader__=SourceFileLoader("__main__", full))
    execute(lambda: exec(compile(source, full, "exec", dont_inherit=True), vars(main)))


def run_module(name: str, arguments: list[str]) -> None:
    """`python -m NAME ARGUMENTS...`."""
    import runpy
    sys.argv[:] = ["-m", *arguments]
    set_search_folder(os.getcwd())
    fresh_main()
    execute(lambda: runpy._run_module_as_main(name))  # type: ignore[attr-defined]  # what `python -m` itself calls


def execute(program: Callable[[], None]) -> None:
    """Runs the program with `torch` meaning Rushlight, here and in the processes that it spawns."""
    install_as_torch()
    alias_in_spawned_processes()
    try:
        program()
    except BaseException as error:
        hide_our_frames(error.__traceback__)
        raise


def hide_our_frames(traceback: TracebackType | None) -> None:
    """Makes the error that is about to end the process print the program's frames alone.

    Python itself must do the ending (exit codes, the signal after Ctrl-C, `sys.last_value`), and every frame that the
    error passes through on its way out is added to it: so the trim waits in `sys.excepthook`, the last to see it.
    """
    for _ in range(2):  # `execute` and the lambda that it called
        traceback = traceback and traceback.tb_next
    shown = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        shown(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = excepthook


def fresh_main() -> ModuleType:
    """An empty module in the place of `__main__`, where pickle, multiprocessing and inspect look for the program's names."""
    main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins)
    if sys.version_info < (3, 14):  # from there on, annotations are made when they are asked for
        vars(main).update(__annotations__={})
    sys.modules["__main__"] = main
    return main


def set_search_folder(folder: str) -> None:
    """Puts the program's folder where Python puts it, in `sys.path[0]`, in place of the folder of our own command."""
    if not getattr(sys.flags, "safe_path", False):  # python -P has no such entry
        sys.path[0] = folder


def is_importable(path: str) -> bool:
    """Whether `path` is a folder or an archive, which Python runs by its `__main__.py`."""
    import pkgutil
    return pkgutil.get_importer(path) is not None


def read(path: str) -> bytes:
    """The program's text. A file that cannot be read ends the process with Python's words and exit code."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        stop(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}")


def stop(message: str) -> NoReturn:
    """Ends the process as a wrong command line does: the message, and exit code 2."""
    print(message, file=sys.stderr)
    sys.exit(2)


class TorchInChild:
    """Something that a spawned process unpickles before it imports the program: being unpickled, it installs the alias."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return start_in_child, ()


def start_in_child() -> None:
    """What `rushlight run` sets up, in a process that the program spawned."""
    install_as_torch()
    alias_in_spawned_processes()


def alias_in_spawned_processes() -> None:
    """Sends `TorchInChild` along with what multiprocessing gives a new process to prepare with.

    A spawned process imports the program anew, in a fresh Python that has never heard of Rushlight. The dictionary it
    is given first may hold keys that it does not know, so one more does no harm.
    """
    from multiprocessing import spawn
    prepare = spawn.get_preparation_data

    def with_torch(name: str) -> dict[str, object]:
        return {**prepare(name), "rushlight": TorchInChild()}

    spawn.get_preparation_data = with_torch
