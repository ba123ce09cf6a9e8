"""Calling a module with other parameters than its own."""
from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rushlight.tensor import Tensor

from ..module import Module


def call_functional(module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict | None = None, *,
                    tie_weights: bool = True, strict: bool = False) -> Any:
    """module(*args, **kwargs) with tensors in the place of its parameters and buffers: {path: tensor}, or several such dictionaries.

    The module is afterwards as it was, but what forward writes into a given buffer stays there. With tie_weights, a tensor given for
    one name of a shared parameter counts for all its names; with `strict` every name must be given and exist.
    Raises: ValueError for names given twice, RuntimeError for missing or unexpected names, TypeError for what is no tensor.
    """
    given = _merged(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, given, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


def functional_call(module: Module, parameters_and_buffers: dict[str, Tensor], args: Any = None, kwargs: dict | None = None, *,
                    tie_weights: bool = True, strict: bool = False) -> Any:
    """The old name of `torch.func.functional_call`."""
    warnings.warn("`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version of PyTorch. "
                  "Please use `torch.func.functional_call` instead which is a drop-in replacement.", FutureWarning, stacklevel=2)
    return call_functional(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


def _merged(dictionaries: Any) -> dict[str, Tensor]:
    if isinstance(dictionaries, dict):
        return dictionaries
    if not isinstance(dictionaries, Sequence):
        raise ValueError(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dictionaries)}")
    if not all(isinstance(d, dict) for d in dictionaries):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    merged: dict[str, Tensor] = {}
    for dictionary in dictionaries:
        twice = [name for name in dictionary if name in merged]
        if twice:
            raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        merged.update(dictionary)
    return merged


@contextmanager
def _reparametrize_module(module: Module, given: dict[str, Tensor], tie_weights: bool = False, strict: bool = False) -> Iterator[None]:
    """Within it, the module has other tensors under the names given."""
    given = _for_all_names(module, given) if tie_weights else given
    known = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
    if strict:
        _check_names(module, set(known) - set(given), set(given) - set(known))
    for name, tensor in given.items():
        if name in known and not isinstance(tensor, Tensor):
            raise TypeError(f"{tensor} is not an instance of torch.Tensor")
    places = [(registry, leaf, registry[leaf], tensor) for name, tensor in given.items() if name in known
              for registry, leaf in [_place_of(module, name)]]
    try:
        for registry, leaf, _, tensor in places:
            registry[leaf] = tensor
        yield
    finally:
        for registry, leaf, old, _ in places:
            registry[leaf] = old


def _place_of(module: Module, path: str) -> tuple[dict[str, Any], str]:
    """The dictionary, and the key in it, under which a module of the tree keeps the tensor at a path."""
    parent, _, name = path.rpartition(".")
    owner = module.get_submodule(parent)
    return (owner._parameters if name in owner._parameters else owner._buffers), name


def _for_all_names(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors given, also under the other names of the parameters they are given for."""
    names: dict[int, list[str]] = {}
    for members in (module.named_parameters, module.named_buffers):
        for name, tensor in members(remove_duplicate=False):
            names.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for tied in names.values():
        present = [name for name in tied if name in given]
        if len({id(given[name]) for name in present}) > 1:
            raise ValueError(f"functional_call got multiple values for keys {sorted(present)}, which are tied. Consider using tie_weights=False")
        result.update((name, given[present[0]]) for name in tied if present)
    return result


def _check_names(module: Module, missing: set[str], unexpected: set[str]) -> None:
    lines = [f"{what} key(s): {', '.join(map(repr, sorted(names)))}." for what, names in (("Unexpected", unexpected), ("Missing", missing))
             if names]
    if lines:
        raise RuntimeError("Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(lines)))
