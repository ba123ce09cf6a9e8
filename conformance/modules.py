"""Run PyTorch's own module and optimizer databases through Rushlight.

    python modules.py modules          each nn module: same initial parameters from the same seed, same output, same gradients
    python modules.py optimizers       each optimizer, each of its configurations: same parameters after ten steps

An entry passes when all its configurations do. The last line is the figure.
"""
import argparse
import inspect
import sys
import warnings

import torch
from oracle import Mismatch, find, library, reason, report, same, tensors, time_limit, to_rl, to_torch
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import optim_db


def state(module, rl=None):
    return {k: (to_torch(v, rl) if rl else v) for k, v in module.state_dict().items()
            if not type(v).__name__.startswith("Uninitialized") and hasattr(v, "shape")}


def modules(info, rl):
    cls = find(rl, info.module_cls.__module__.split(".")[1] + "." + info.module_cls.__name__)
    for given in info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=True, training=True):
        make, feed = given.constructor_input, given.forward_input
        torch.manual_seed(0)
        theirs = info.module_cls(*make.args, **make.kwargs)
        rl.manual_seed(0)
        mine = cls(*to_rl(make.args, rl), **to_rl(make.kwargs, rl))
        if repr(mine) != repr(theirs):
            raise Mismatch(f"repr {repr(mine)[:70]!r} for {repr(theirs)[:70]!r}")
        a, b = state(mine, rl), state(theirs)
        if list(a) != list(b):
            raise Mismatch(f"state_dict keys {list(a)} for {list(b)}")
        for name in b:
            if not torch.equal(a[name], b[name]):
                raise Mismatch(f"initial {name} is not the same to the bit")
        if feed is None:
            continue
        torch.manual_seed(1)
        try:
            want = theirs(*feed.args, **feed.kwargs)
        except Exception:
            continue
        args, kwargs = to_rl(feed.args, rl, True), to_rl(feed.kwargs, rl, True)
        rl.manual_seed(1)
        got = mine(*args, **kwargs)
        same(to_torch(got, rl), want, where="output")
        outs = [t for t in tensors(want) if t.requires_grad]
        if not outs:
            continue
        leaves = [p for p in theirs.parameters() if p.requires_grad]
        my_leaves = [p for p in mine.parameters() if p.requires_grad]
        weights = [torch.linspace(0.5, 1.5, t.numel()).reshape(t.shape) for t in outs]
        want = torch.autograd.grad(outs, leaves, weights, allow_unused=True) if leaves else ()
        got = rl.autograd.grad([t for t in tensors(got) if t.requires_grad], my_leaves, [to_rl(w, rl) for w in weights],
                               allow_unused=True) if my_leaves else ()
        for (name, _), x, y in zip(theirs.named_parameters(), got, want):
            if (x is None) != (y is None):
                raise Mismatch(f"gradient of {name}: {'none' if x is None else 'some'}")
            if y is not None:
                same(to_torch(x, rl), y, where=f"gradient of {name}")


def optimizers(info, rl):
    cls = find(rl, "optim." + info.optim_cls.__name__)
    for given in info.optim_inputs_func(device="cpu"):
        kwargs = {k: v for k, v in given.kwargs.items() if k not in ("fused", "capturable", "differentiable")}
        if not given.kwargs.get("differentiable"):
            optimize_both(info.optim_cls, cls, kwargs, rl)


def optimize_both(their_class, my_class, kwargs, rl):
    """Ten steps of one configuration from the same start, in both libraries: the same parameters and keys of the state."""
    name = their_class.__name__
    shapes = [(4, 3), (3, 3)] if name == "Muon" else [(4, 3), (3,), ()]
    torch.manual_seed(0)
    start = [torch.randn(s, dtype=torch.float64) for s in shapes]
    aim = [torch.randn(s, dtype=torch.float64) for s in shapes]
    theirs = [torch.nn.Parameter(s.clone()) for s in start]
    mine = [rl.nn.Parameter(to_rl(s, rl)) for s in start]
    their_optimizer = their_class(theirs, **kwargs)
    my_optimizer = my_class(mine, **{k: to_rl(v, rl) for k, v in kwargs.items()})
    for optimizer, parameters, target in ((their_optimizer, theirs, aim), (my_optimizer, mine, to_rl(aim, rl))):
        optimize(optimizer, parameters, target, name)
    for i, (x, y) in enumerate(zip(mine, theirs)):
        same(to_torch(x, rl), y.detach(), where=f"{kwargs}: parameter {i}")
    takes_closure = "closure" in inspect.signature(their_class.step).parameters
    if takes_closure and set(my_optimizer.state_dict()) != set(their_optimizer.state_dict()):
        raise Mismatch("state_dict keys differ")


def optimize(optimizer, parameters, aim, name):
    """Ten steps towards `aim`, in either library."""
    def closure():
        optimizer.zero_grad()
        loss = sum(((p - a) ** 2).sum() + p.sin().sum() for p, a in zip(parameters, aim))
        loss.backward()
        return loss
    for _ in range(10):
        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()


def entries(suite):
    """(name, path in the library, entry) of each module or optimizer; SparseAdam needs sparse gradients and is left out."""
    if suite == "modules":
        return [(info.name, info.name, info) for info in module_db]
    named = [(info.optim_cls.__name__, info) for info in optim_db]
    return [(name, f"optim.{name}", info) for name, info in named if name != "SparseAdam"]


def outcome_of(suite, path, info, rl):
    """'pass', 'missing', or what went wrong."""
    if find(rl, path) is None:
        return "missing"
    try:
        with time_limit(60):
            SUITES[suite](info, rl)
    except Exception as error:
        return reason(error)
    return "pass"


SUITES = {"modules": modules, "optimizers": optimizers}


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("suite", choices=SUITES)
    parse.add_argument("--only", default="", help="comma-separated names")
    parse.add_argument("--library", default="rushlight")
    parse.add_argument("--json", help="write {name: 'pass' or the reason} here")
    parse.add_argument("-v", action="store_true", help="name everything that does not pass, with the reason")
    given = parse.parse_args()
    warnings.simplefilter("ignore")
    rl = library(given.library)
    only = set(filter(None, given.only.split(",")))
    outcome = {name: outcome_of(given.suite, path, info, rl)
               for name, path, info in entries(given.suite) if not only or name in only}
    return report(outcome, given.suite, given)


if __name__ == "__main__":
    sys.exit(main())
