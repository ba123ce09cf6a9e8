"""Run PyTorch's own operator database (702 entries, with its sample inputs and its error inputs) through Rushlight.

    python ops.py forward              every operator, float32
    python ops.py forward --dtype int64
    python ops.py gradient             first derivatives, float64
    python ops.py inplace              the in-place methods, float32
    python ops.py errors               the bad inputs: same exception type and message
    python ops.py forward --only add,nn.functional.conv2d -v

An operator passes when all its samples do. The last line is the figure.
"""
import argparse
import functools
import itertools
import random
import re
import sys
import types
import warnings

import torch
from oracle import Mismatch, find, library, reason, report, same, tensors, time_limit, to_rl, to_torch, with_library
from torch.testing._internal.common_methods_invocations import op_db

#: not part of the public interface, or of a GPU alone
PRIVATE = re.compile(r"^(_(?!_)|jiterator|torch\.|native_|sparse\.|to_sparse|slice$|max_pool2d_with_indices_backward|chalf)|partial_views$")


def key(op):
    return op.name + (f".{op.variant_test_name}" if op.variant_test_name else "")


#: where PyTorch's public functions are written in Python; a function from elsewhere is a wrapper that a database made
PUBLIC = ("torch.nn", "torch.functional", "torch._", "torch.masked", "torch.signal", "torch.fft", "torch.linalg")


def counterpart(op, rl):
    if isinstance(op.op, types.FunctionType) and not op.op.__module__.startswith(PUBLIC):
        if find(rl, op.name) is None and find(rl, op.name + "_") is None and not op.name.startswith("__"):
            return None
        return with_library(op.op, rl)
    return find(rl, op.name)


def inplace_counterpart(op, rl):
    if isinstance(op.inplace_variant, types.FunctionType):
        return with_library(op.inplace_variant, rl) if find(rl, op.name) else None
    if isinstance(op.inplace_variant, functools.partial):
        there = find(rl, op.name)
        return there and functools.partial(there, *op.inplace_variant.args, **op.inplace_variant.keywords)
    return getattr(rl.Tensor, op.inplace_variant.__name__, None)


def seeded(rl):
    torch.manual_seed(0)
    random.seed(0)
    rl.manual_seed(0)


def call(function, sample, rl, requires_grad=False):
    args = [to_rl(a, rl, requires_grad) for a in (sample.input, *sample.args)]
    kwargs = {k: to_rl(v, rl, requires_grad) for k, v in sample.kwargs.items()}
    return args, kwargs


def forward(op, rl, dtype, samples):
    function = counterpart(op, rl)
    for sample in samples:
        seeded(rl)
        try:
            theirs = op.op(sample.input, *sample.args, **sample.kwargs)
        except Exception:
            continue
        args, kwargs = call(function, sample, rl)
        seeded(rl)
        same(to_torch(function(*args, **kwargs), rl), theirs, op.name)


def inplace(op, rl, dtype, samples):
    function = inplace_counterpart(op, rl)
    for sample in samples:
        if sample.broadcasts_input or not isinstance(sample.input, torch.Tensor):
            continue
        seeded(rl)
        theirs = sample.input.detach().clone()
        try:
            op.inplace_variant(theirs, *sample.args, **sample.kwargs)
        except Exception:
            continue
        args, kwargs = call(function, sample, rl)
        seeded(rl)
        out = function(*args, **kwargs)
        if out is not args[0]:
            raise Mismatch("does not return its own tensor")
        same(to_torch(args[0], rl), theirs, op.name)


def gradient(op, rl, dtype, samples):
    function = counterpart(op, rl)
    for sample in samples:
        seeded(rl)
        try:
            out = op.op(sample.input, *sample.args, **sample.kwargs)
        except Exception:
            continue
        if sample.output_process_fn_grad is not None:
            out = sample.output_process_fn_grad(out)
        outs = [t for t in tensors(out) if t.requires_grad and t.layout == torch.strided]
        leaves = [t for t in tensors([sample.input, sample.args, sample.kwargs]) if isinstance(t, torch.Tensor) and t.requires_grad]
        if not outs or not leaves:
            continue
        weights = [torch.linspace(0.5, 1.5, t.numel(), dtype=torch.float64).reshape(t.shape).to(t.dtype) for t in outs]
        theirs = torch.autograd.grad(outs, leaves, weights, allow_unused=True)
        args, kwargs = call(function, sample, rl, requires_grad=True)
        seeded(rl)
        mine_out = function(*args, **kwargs)
        if sample.output_process_fn_grad is not None:
            fn = sample.output_process_fn_grad
            mine_out = with_library(fn, rl)(mine_out) if isinstance(fn, types.FunctionType) else mine_out
        mine_outs = [t for t in tensors(mine_out) if t.requires_grad]
        mine_leaves = [t for t in tensors([args, kwargs]) if t.requires_grad]
        if len(mine_outs) != len(outs):
            raise Mismatch(f"{len(mine_outs)} differentiable results for {len(outs)}")
        mine = rl.autograd.grad(mine_outs, mine_leaves, [to_rl(w, rl) for w in weights], allow_unused=True)
        for i, (a, b) in enumerate(zip(mine, theirs)):
            if a is None or b is None:
                if (a is None) != (b is None) and not (b is None and not a.any()) and not (a is None and not b.any()):
                    raise Mismatch(f"gradient[{i}]: {'none' if a is None else 'some'} for {'none' if b is None else 'some'}")
                continue
            same(to_torch(a, rl), b, op.name, f"gradient[{i}]")


def errors(op, rl, dtype, samples):
    function = counterpart(op, rl)
    for bad in op.error_inputs("cpu"):
        sample = bad.sample_input
        try:
            args, kwargs = call(None, sample, torch)
            op.op(*args, **kwargs)
        except bad.error_type as error:
            if not re.search(bad.error_regex, str(error)):
                continue
            args, kwargs = call(function, sample, rl)
        except Exception:
            continue
        else:
            continue  # an error that hangs on storage that two tensors share, or on another device
        try:
            function(*args, **kwargs)
        except bad.error_type as error:
            if not re.search(bad.error_regex, str(error).replace(rl.__name__, "torch")):
                raise Mismatch(f"message {str(error)[:80]!r} for {bad.error_regex[:80]!r}") from None
        except Exception as error:
            raise Mismatch(f"{type(error).__name__} for {bad.error_type.__name__}: {str(error)[:80]}") from None
        else:
            raise Mismatch(f"no error for {bad.error_regex[:100]!r}")


SUITES = {"forward": forward, "gradient": gradient, "inplace": inplace, "errors": errors}


def chosen(suite, dtype, only):
    for op in op_db:
        if PRIVATE.search(key(op)) or (only and op.name not in only and key(op) not in only):
            continue
        if suite == "errors":
            if op.error_inputs_func is None:
                continue
        elif dtype not in op.supported_dtypes("cpu"):
            continue
        if suite == "gradient" and not (op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")):
            continue
        if suite == "inplace" and not callable(op.inplace_variant):
            continue
        yield op


def outcome_of(suite, op, rl, dtype, most):
    """'pass', 'missing', or what went wrong, with at most so many of the operator's samples."""
    there = inplace_counterpart(op, rl) if suite == "inplace" else counterpart(op, rl)
    if there is None:
        return "missing"
    try:
        with time_limit(30):
            samples = [] if suite == "errors" else itertools.islice(
                op.sample_inputs("cpu", dtype, requires_grad=suite == "gradient"), most)
            SUITES[suite](op, rl, dtype, samples)
    except Exception as error:
        return reason(error)
    return "pass"


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("suite", choices=SUITES)
    parse.add_argument("--dtype", default=None)
    parse.add_argument("--only", default="", help="comma-separated operator names")
    parse.add_argument("--samples", type=int, default=40, help="sample inputs per operator, at most")
    parse.add_argument("--library", default="rushlight")
    parse.add_argument("--json", help="write {operator: 'pass' or the reason} here")
    parse.add_argument("-v", action="store_true", help="name every operator that does not pass, with the reason")
    given = parse.parse_args()
    warnings.simplefilter("ignore")
    rl = library(given.library)
    dtype = getattr(torch, given.dtype or ("float64" if given.suite == "gradient" else "float32"))
    only = set(filter(None, given.only.split(",")))
    outcome = {key(op): outcome_of(given.suite, op, rl, dtype, given.samples)
               for op in chosen(given.suite, dtype, only)}
    return report(outcome, f"{given.suite} {str(dtype).split('.')[-1]}", given)


if __name__ == "__main__":
    sys.exit(main())
