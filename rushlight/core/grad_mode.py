"""Whether operations record what `backward` needs: one switch for each thread, and the contexts that turn it."""
from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any


class Mode(threading.local):
    """What holds for the operations of this thread. Class attributes are the values that a new thread starts with."""

    grad: bool | None = True  # None in inference mode, so that operations learn of both by one look
    inference = False
    asked = False          # in inference mode, where nothing is recorded: whether recording was asked for
    plain_tensors = False  # whether subclasses of Tensor count as plain ones


mode = Mode()


class _Context:
    """A context manager that is a decorator too, of functions and of generator functions."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Context:
        return self.__class__()

    def __call__(self, function: Callable) -> Callable:
        import inspect
        if inspect.isclass(function):
            import warnings
            warnings.warn("Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or "
                          "methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` method and "
                          "nothing else.", FutureWarning, stacklevel=2)
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def inside(*args: object, **kwargs: object) -> object:
            with self.clone():
                return function(*args, **kwargs)
        return inside

    def _wrap_generator(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: object, **kwargs: object) -> object:
            # The mode holds while the generator runs and is undone while its consumer does.
            generator = function(*args, **kwargs)
            send, value = generator.send, None
            while True:
                try:
                    with self.clone():
                        item = send(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value, send = (yield item), generator.send
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:
                    value, send = error, generator.throw
        return inside


class set_grad_enabled(_Context):
    """Turn recording on or off, at once and, as a context, until its end."""

    def __init__(self, mode: bool):
        self.previous = is_grad_enabled()
        self.mode = bool(mode)
        _switch(self.mode)

    def __enter__(self) -> None:
        _switch(self.mode)

    def __exit__(self, *exception: object) -> None:
        _switch(self.previous)

    def clone(self) -> set_grad_enabled:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable) -> Callable:
        _switch(self.previous)  # used as a decorator it changes nothing outside the function
        return super().__call__(function)


def _switch(on: bool) -> None:
    if mode.inference:
        mode.asked = on
    else:
        mode.grad = on


class no_grad(_Context):
    """Record nothing inside: `with no_grad():` or `@no_grad()`."""

    def __new__(cls, function: Callable | None = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)  # `@no_grad` without brackets

    def __init__(self, function: Callable | None = None):
        self.outer: list[bool] = []

    def __enter__(self) -> None:
        self.outer.append(is_grad_enabled())
        _switch(False)

    def __exit__(self, *exception: object) -> None:
        _switch(self.outer.pop())


class enable_grad(no_grad):
    """Record inside, also within a `no_grad` block."""

    def __enter__(self) -> None:
        self.outer.append(is_grad_enabled())
        _switch(True)


class inference_mode(_Context):
    """Record nothing inside, and make tensors that can never be recorded, nor written outside; or, with False, do neither inside."""

    def __new__(cls, mode: object = True) -> Any:
        self = super().__new__(cls)
        if callable(mode) and not isinstance(mode, bool):
            self.__init__()  # type: ignore[misc]  # Python does not call it: a function comes back, and no instance
            return self(mode)
        return self

    def __init__(self, mode: bool = True):
        self.mode = mode
        self.outer: list[tuple[bool | None, bool, bool]] = []

    def __enter__(self) -> None:
        self.outer.append((mode.grad, mode.inference, mode.asked))
        if self.mode:
            from . import op
            op.saves_are_checked = True
            mode.grad, mode.inference, mode.asked = None, True, False
        else:
            mode.grad, mode.inference = True, False

    def __exit__(self, *exception: object) -> None:
        mode.grad, mode.inference, mode.asked = self.outer.pop()

    def clone(self) -> inference_mode:
        return inference_mode(self.mode)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded, or would be were it not for inference mode."""
    return mode.asked if mode.inference else bool(mode.grad)


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return mode.inference


for _context in (set_grad_enabled, no_grad, enable_grad, inference_mode):
    _context.__module__ = "rushlight"
