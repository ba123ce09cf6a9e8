"""What is said when a file cannot be loaded. Two exceptions only: pickle.UnpicklingError, about the pickle, and RuntimeError, about the rest."""
from __future__ import annotations

from pickle import UnpicklingError

TRUST = ("In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` from `False` to `True`. "
         "Re-running `torch.load` with `weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. "
         "Do it only if you got the file from a trusted source.")
DAMAGED = ("This is an internal miniz error. If you are seeing this error, there is a high likelihood that your checkpoint file is corrupted. "
           "This can happen if the checkpoint was not saved properly, was transferred incorrectly, or the file was modified after saving.")


class Refused(UnpicklingError):
    """The pickle asks for what a file may not ask for."""


class NotAllowed(Refused):
    """The pickle calls a name that is not on the list of what a file may call."""


class Malformed(UnpicklingError):
    """The pickle is damaged, or would cost more than its budget."""


def not_allowed(name: str) -> NotAllowed:
    """The error for a name that is not on the list."""
    short = name.removeprefix("builtins.")
    return NotAllowed(f"Unsupported global: GLOBAL {short} was not an allowed global by default. Please use "
                      f"`torch.serialization.add_safe_globals([{short}])` or the `torch.serialization.safe_globals([{short}])` context manager to "
                      "allowlist this global if you trust this class/function.")


def weights_only_failure(error: UnpicklingError) -> UnpicklingError:
    """What `load` raises for an error of the pickle: PyTorch's first line, then what was found."""
    if isinstance(error, NotAllowed):
        return UnpicklingError("Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps only "
                               f"if you trust the source of the checkpoint\033[0m. \n\t(1) {TRUST}\n\t(2) Alternatively, to load with "
                               "`weights_only=True` please check the recommended steps in the following error message.\n\tWeightsUnpickler error: "
                               f"{error}\n\n`rushlight inspect FILE` lists all that the file would call.")
    if isinstance(error, Refused):
        return UnpicklingError(f"Weights only load failed. {TRUST}\nWeightsUnpickler error: {error}")
    return UnpicklingError(f"Weights only load failed. {error}")


def archive_error(what: str) -> RuntimeError:
    """The error for an archive that is damaged or not what it claims to be."""
    if what in ("not a ZIP archive", "failed finding central directory"):
        what = f"{what}. {DAMAGED}"
    return RuntimeError(f"PytorchStreamReader failed reading zip archive: {what}")
