"""Carry values between PyTorch (the oracle) and Rushlight, and compare them.

Both libraries live in one process: `torch` is the real PyTorch, `rl` is Rushlight.
"""
import builtins
import collections
import contextlib
import importlib
import json
import signal
import types

import torch

#: absolute and relative tolerance per result dtype
TOLERANCE = {
    torch.float64: (1e-8, 1e-6), torch.complex128: (1e-8, 1e-6),
    torch.float32: (2e-5, 1e-4), torch.complex64: (2e-5, 1e-4),
    torch.bfloat16: (1e-2, 1.6e-2), torch.float16: (1e-3, 2e-3),
}
#: results fixed only up to a sign or a phase: compare magnitudes
UP_TO_SIGN = {"svd", "linalg.svd", "linalg.eig", "linalg.eigh", "linalg.qr", "qr", "geqrf",
              "pca_lowrank", "svd_lowrank", "linalg.householder_product", "ormqr"}
#: results whose values are unspecified: compare shape and dtype alone
UNSPECIFIED = {"empty", "empty_like", "new_empty", "new_empty_strided", "empty_strided",
               "empty_permuted", "resize_", "resize_as_"}


class Mismatch(Exception):
    """The two libraries disagree; the message says where."""


class TooSlow(Exception):
    """One case ran past its time limit."""


@contextlib.contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TooSlow(f"over {seconds} s")
    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def library(name="rushlight"):
    return importlib.import_module(name)


def dtype_name(dtype):
    return str(dtype).rsplit(".", 1)[-1]


def to_rl(value, rl, requires_grad=False):
    """A PyTorch value, or a nest of them, as Rushlight's: same strides, own memory."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().resolve_conj().resolve_neg()
        plain = plain.clone(memory_format=torch.preserve_format)
        if plain.dtype == torch.bfloat16:
            out = rl.from_numpy(plain.view(torch.int16).numpy()).view(rl.bfloat16)
        else:
            out = rl.from_numpy(plain.numpy())
        if requires_grad and value.requires_grad:
            out.requires_grad_(True)
        return out
    if isinstance(value, torch.dtype):
        return getattr(rl, dtype_name(value))
    if isinstance(value, torch.device):
        return rl.device(str(value))
    if isinstance(value, torch.memory_format):
        return getattr(rl, str(value).rsplit(".", 1)[-1])
    if isinstance(value, torch.layout):
        return getattr(rl, str(value).rsplit(".", 1)[-1])
    if isinstance(value, torch.Generator):
        out = rl.Generator()
        out.manual_seed(value.initial_seed())
        return out
    if isinstance(value, torch.Size):
        return rl.Size(value)
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value, rl)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_rl(v, rl, requires_grad) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(to_rl(v, rl, requires_grad) for v in value)
    if isinstance(value, dict):
        return {k: to_rl(v, rl, requires_grad) for k, v in value.items()}
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        home = (getattr(value, "__module__", None) or "").partition(".")[2].replace("modules.", "")
        found = (find(rl, f"{home}.{value.__name__}") or find(rl, f"nn.{value.__name__}") or find(rl, value.__name__)
                 if str(getattr(value, "__module__", "")).startswith("torch") else None)
        if found is None and isinstance(value, types.FunctionType):
            found = with_library(value, rl)
        return value if found is None else found
    return value


def encoder_layer(layer, rl):
    """The one module that the databases hand to another module's constructor, built anew with the same weights."""
    attention = layer.self_attn
    mine = rl.nn.TransformerEncoderLayer(
        attention.embed_dim, attention.num_heads, layer.linear1.out_features, layer.dropout.p, to_rl(layer.activation, rl),
        layer.norm1.eps, attention.batch_first, layer.norm_first, bias=layer.linear1.bias is not None)
    mine.load_state_dict({k: to_rl(v, rl) for k, v in layer.state_dict().items()})
    return mine.train(layer.training)


def to_torch(value, rl):
    """A Rushlight result, or a nest of them, as PyTorch's."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, rl.Tensor):
        value = value.detach().resolve_conj().resolve_neg() if hasattr(value, "resolve_conj") else value.detach()
        if dtype_name(value.dtype) == "bfloat16":
            return torch.from_numpy(value.contiguous().view(rl.int16).numpy().copy()).view(torch.bfloat16)
        return torch.from_numpy(value.numpy().copy())
    if isinstance(value, (list, tuple)):
        return [to_torch(v, rl) for v in value]
    if isinstance(value, dict):
        return {k: to_torch(v, rl) for k, v in value.items()}
    if value.__class__.__module__.split(".")[0] == rl.__name__.split(".")[0]:
        return str(value).replace(rl.__name__, "torch")
    return value


def same(mine, theirs, name="", where="result"):
    """Raise Mismatch unless a converted result equals PyTorch's."""
    if isinstance(theirs, torch.Tensor):
        if not isinstance(mine, torch.Tensor):
            raise Mismatch(f"{where}: {type(mine).__name__} for a Tensor")
        if theirs.layout != torch.strided:
            theirs = theirs.to_dense()
        theirs = theirs.detach().resolve_conj().resolve_neg()
        if mine.dtype != theirs.dtype:
            raise Mismatch(f"{where}: dtype {mine.dtype} for {theirs.dtype}")
        if mine.shape != theirs.shape:
            raise Mismatch(f"{where}: shape {tuple(mine.shape)} for {tuple(theirs.shape)}")
        if name in UNSPECIFIED:
            return
        if name in UP_TO_SIGN and theirs.dtype != torch.bool:
            mine, theirs = mine.abs(), theirs.abs()
        atol, rtol = TOLERANCE.get(theirs.dtype, (0, 0))
        try:
            torch.testing.assert_close(mine, theirs, atol=atol, rtol=rtol, equal_nan=True)
        except AssertionError as error:
            raise Mismatch(f"{where}: {' '.join(str(error).split())[:160]}") from None
        return
    if isinstance(theirs, (list, tuple)):
        theirs = list(theirs)
        if not isinstance(mine, list) or len(mine) != len(theirs):
            raise Mismatch(f"{where}: {type(mine).__name__} of another length for {len(theirs)} results")
        for i, (a, b) in enumerate(zip(mine, theirs)):
            same(a, b, name, f"{where}[{i}]")
        return
    if isinstance(theirs, (float, complex)):
        if not (mine == theirs or abs(mine - theirs) <= 1e-5 * max(1, abs(theirs)) or (mine != mine and theirs != theirs)):
            raise Mismatch(f"{where}: {mine!r} for {theirs!r}")
        return
    if theirs.__class__.__module__.split(".")[0] == "torch":
        theirs = str(theirs)
    if mine != theirs:
        raise Mismatch(f"{where}: {mine!r} for {theirs!r}")


def with_library(function, rl):
    """The same Python function, with the global name `torch` meaning Rushlight."""
    cells = function.__closure__
    if cells:
        cells = tuple(types.CellType(with_library(c.cell_contents, rl) if isinstance(c.cell_contents, types.FunctionType)
                                     else find(rl, dotted(c.cell_contents)) or c.cell_contents) for c in cells)
    scope = {**function.__globals__, "torch": rl, "__builtins__": builtins,
             "F": getattr(getattr(rl, "nn", None), "functional", None), "wrapper_set_seed": seed_setter(rl)}
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def seed_setter(rl):
    """What the databases wrap random operators in: it runs them from seed 42. Theirs would seed PyTorch's stream instead of Rushlight's."""
    def wrapper_set_seed(op, *args, **kwargs):
        state = rl.get_rng_state()
        rl.manual_seed(42)
        try:
            return op(*args, **kwargs)
        finally:
            rl.set_rng_state(state)
    return wrapper_set_seed


def dotted(value):
    return getattr(value, "__name__", "") if callable(value) else ""


def find(rl, path):
    """What `path` names in Rushlight, as a function or as a Tensor method or property; None if there is nothing."""
    for root in (rl, rl.Tensor):
        at = root
        for part in filter(None, path.split(".")):
            at = getattr(at, part, None)
            if at is None:
                break
        else:
            if at is not root and (callable(at) or root is rl.Tensor):
                return at
    return None


def tensors(nest):
    """Every tensor in a nest of lists, tuples and dicts, in order."""
    if isinstance(nest, (list, tuple)):
        for item in nest:
            yield from tensors(item)
    elif isinstance(nest, dict):
        for item in nest.values():
            yield from tensors(item)
    elif hasattr(nest, "requires_grad"):
        yield nest


def reason(error):
    """Why a case did not pass, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def report(outcome, title, given):
    """Prints the figure, and with -v what did not pass; keeps the outcome with --json. The exit code: 0 if all passed."""
    if given.v:
        for name, why in outcome.items():
            if why != "pass":
                print(f"{name}: {why}")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(outcome, file, indent=1)
    count = collections.Counter(why if why in ("pass", "missing") else "wrong" for why in outcome.values())
    total = len(outcome)
    print(f"{title}: {count['pass']} of {total} pass ({100 * count['pass'] / max(total, 1):.1f} %), "
          f"{count['wrong']} wrong, {count['missing']} missing")
    return 0 if total and count["pass"] == total else 1
