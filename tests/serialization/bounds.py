"""What loading a file may do: read that file and its neighbours, and nothing else."""
import os
import sys
from contextlib import contextmanager

FORBIDDEN = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "subprocess.Popen", "socket.connect",
             "pickle.find_class", "shutil.rmtree"}
#: what Python reads to import a module, or to show a line of it in a warning
CODE = (".py", ".pyc", ".so")

_state = {"watching": False, "folder": None}


class OutOfBounds(BaseException):
    """Something that loading a file may not do. No handler of exceptions catches it by chance."""


@contextmanager
def within(folder):
    """Raises OutOfBounds where what runs inside opens a file elsewhere, or runs a program."""
    if not _state["watching"]:  # A hook stays until Python ends: one is enough.
        sys.addaudithook(_watch)
    _state.update(watching=True, folder=str(folder))
    try:
        yield
    finally:
        _state["folder"] = None


def _watch(event, details):
    if _state["folder"] is None or event != "open" and event not in FORBIDDEN:
        return
    path = os.fsdecode(details[0]) if event == "open" and not isinstance(details[0], int) else None
    if event != "open" or path is not None and os.path.dirname(path) != _state["folder"] and not path.endswith(CODE):
        raise OutOfBounds(f"{event}{details}")
