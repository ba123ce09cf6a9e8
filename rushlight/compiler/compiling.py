"""`torch.compile`: its arguments are checked as PyTorch checks them, and what comes back is called as what went in."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core import recording
from ..nn.module import Module
from .compiled import Compiled
from .stance import now

#: The names of backends. PyTorch's own stand for the best one there is.
BACKENDS = frozenset({"numpy", "llvm", "interpreter", "inductor", "eager", "aot_eager"})
MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


def compile(model: Callable | None = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str | Callable | None = None,
            mode: str | None = None, options: dict | None = None, name: str | None = None, disable: bool = False,
            recompile_limit: int | None = None, isolate_recompiles: bool = False, shapes_spec: Any = None) -> Any:
    """A function or module that computes what `model` computes; without a model a decorator.

    The first call with arguments of a kind runs as written and is recorded; later ones replay the recording. A call that cannot be recorded runs
    as written, with one warning that says why; with `fullgraph` that is an error. `backend` is "llvm" (with the `jit` extra), "numpy" or
    "interpreter"; PyTorch's names stand for the best one there is.

    Raises: RuntimeError for a mode or a backend that is none, and for a mode with options.
    """
    settings = {"fullgraph": fullgraph, "dynamic": dynamic, "backend": backend, "mode": mode, "options": options, "name": name,
                "disable": disable, "recompile_limit": recompile_limit, "isolate_recompiles": isolate_recompiles, "shapes_spec": shapes_spec}
    if model is None:
        return functools.partial(compile, **settings)
    check(backend, mode, options)
    if isinstance(model, Module):
        return OptimizedModule(model, settings)
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")

    if getattr(model, "_torchdynamo_disable", False):
        settings["disable"] = True
    work = Compiled(model, settings)

    @functools.wraps(model)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        # As Compiled.__call__ does, one call sooner: for a small step that is a fiftieth of its time.
        if recording.recorder is None and not now.is_special:
            recordings = work.recordings
            if recordings:
                result = recordings[0].replay(args, kwargs)
                if result is not None:
                    return result[0]
        return work(args, kwargs)
    compiled._rushlight_compiled = model  # type: ignore[attr-defined]
    compiled._rushlight_work = work  # type: ignore[attr-defined]
    return compiled


def check(backend: Any, mode: str | None, options: dict | None) -> None:
    """Raise PyTorch's error for settings that do not go."""
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if isinstance(backend, str) and backend not in BACKENDS:
        from .._dynamo.exc import InvalidBackend
        raise InvalidBackend(backend, *sorted(BACKENDS))


class OptimizedModule(Module):
    """A module in compiled form: its parameters are those of `_orig_mod`, and so are all attributes that it does not have itself."""

    def __init__(self, module: Module, settings: dict | None = None):
        super().__init__()
        self._orig_mod = module
        self.__dict__["_rushlight_work"] = Compiled(module, settings or {})

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._rushlight_work(args, kwargs)

    def __getstate__(self) -> dict:
        return {key: value for key, value in super().__getstate__().items() if key != "_rushlight_work"}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.__dict__["_rushlight_work"] = Compiled(self._orig_mod, {})

    def train(self, mode: bool = True) -> OptimizedModule:
        self._orig_mod.train(mode)
        return self

    @property
    def training(self) -> bool:  # the module's own, so that either can be asked
        return self._modules["_orig_mod"].training

    @training.setter
    def training(self, mode: bool) -> None:
        if "_orig_mod" in self.__dict__.get("_modules", ()):
            self._modules["_orig_mod"].training = mode

    def __getattr__(self, name: str) -> Any:
        inside = self.__dict__.get("_modules", {}).get("_orig_mod")
        if inside is None:  # while it is made, or read from a file
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return inside if name == "_orig_mod" else getattr(inside, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN or "_orig_mod" not in self.__dict__.get("_modules", ()):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)


#: what belongs to the form and not to the module in it
OWN = frozenset({"_orig_mod", "training", "_compiled_call_impl", "_rushlight_work", *vars(Module())})
