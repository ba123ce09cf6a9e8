"""Train PyTorch's module database, and with its optimizer database, in compiled steps, and compare with the same steps as written.

    python compiled_modules.py modules         each nn module: five steps of forward, backward and SGD
    python compiled_modules.py optimizers      each optimizer, each of its configurations: eight steps

Steps see other inputs each time. Outputs, parameters, buffers, gradients, optimizer state and the random stream are compared after each.
"""
import argparse
import collections
import itertools
import json
import sys
import warnings

import torch
from compiled import BACKENDS, DIFFERENT, EQUAL, Sample, brief, compare, uneven
from modules import entries
from oracle import find, library, reason, tensors, time_limit, to_rl

#: the steps of a module and of an optimizer; rounding errors grow from step to step, so that more may be off than in one call
MODULE_STEPS, OPTIMIZER_STEPS, TOLERANCE = 5, 8, 4


def detached(nest):
    """A nest of results without their history."""
    if hasattr(nest, "requires_grad"):
        return nest.detach()
    if isinstance(nest, (list, tuple)):
        return [detached(part) for part in nest]
    return nest


def feeds(feed, rl):
    """The arguments of each step."""
    sample = Sample(torch.testing._internal.opinfo.core.SampleInput(feed.args[0] if feed.args else None, args=feed.args[1:], kwargs=feed.kwargs))
    while True:
        args = (sample.input, *sample.args) if feed.args else ()
        yield to_rl(args, rl, True), to_rl(sample.kwargs, rl, True)
        sample = Sample(sample, uneven)


def module_steps(cls, given, rl, compiled):
    """What each step of a module gives and leaves; compiled(step) is what is called."""
    make = given.constructor_input
    rl.manual_seed(0)
    module = cls(*to_rl(make.args, rl), **to_rl(make.kwargs, rl))
    optimizer = None

    def step(*args, **kwargs):
        out = module(*args, **kwargs)
        loss = [t.sum() if t.numel() == 1 else (t * rl.linspace(0.5, 1.5, t.numel()).reshape(t.shape)).sum() for t in tensors(out) if t.requires_grad]
        if loss:
            sum(loss).backward()
            if optimizer is not None:
                optimizer.step()
                optimizer.zero_grad()
        return detached(out)
    call = compiled(step)
    for number, (args, kwargs) in zip(range(MODULE_STEPS + 1), feeds(given.forward_input, rl)):
        rl.manual_seed(number)
        if number == 1 and any(p.requires_grad for p in module.parameters()):  # a lazy module has its parameters by now
            optimizer = rl.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
        out = (call if number else step)(*args, **kwargs)
        yield [out, [p.detach().clone() for p in module.parameters()], [b.clone() for b in module.buffers()],
               [None if t.grad is None else t.grad.contiguous() for t in tensors([args, kwargs]) if t.is_leaf], rl.get_rng_state()]


def optimizer_steps(cls, settings, rl, compiled):
    """What each step of an optimizer leaves."""
    name = cls.__name__
    shapes = [(4, 3), (3, 3)] if name == "Muon" else [(4, 3), (3,), ()]
    rl.manual_seed(0)
    parameters = [rl.nn.Parameter(rl.randn(s)) for s in shapes]
    optimizer = cls(parameters, **{k: to_rl(v, rl) for k, v in settings.items()})

    def step(*aim):
        def closure():
            optimizer.zero_grad()
            loss = sum(((p - a) ** 2).sum() + p.sin().sum() for p, a in zip(parameters, aim))
            loss.backward()
            return loss
        loss = optimizer.step(closure) if name == "LBFGS" else closure()
        if name != "LBFGS":
            optimizer.step()
        return loss.detach()
    call = compiled(step)
    for _ in range(OPTIMIZER_STEPS):
        loss = call(*[rl.randn(s) for s in shapes])
        state = [v.detach().clone() for held in optimizer.state.values() for v in held.values() if hasattr(v, "requires_grad")]
        yield [loss, [p.detach().clone() for p in parameters], [p.grad.clone() for p in parameters], state]


def configurations(suite, info, rl):
    """For each configuration of an entry a function of `compiled` that gives the steps."""
    if suite == "modules":
        cls = find(rl, info.module_cls.__module__.split(".")[1] + "." + info.module_cls.__name__)
        for given in info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=True, training=True):
            if given.forward_input is not None:
                yield lambda compiled, given=given: module_steps(cls, given, rl, compiled)
    else:
        cls = find(rl, "optim." + info.optim_cls.__name__)
        for given in info.optim_inputs_func(device="cpu"):
            settings = {k: v for k, v in given.kwargs.items() if k not in ("fused", "capturable", "differentiable")}
            if not given.kwargs.get("differentiable"):
                yield lambda compiled, settings=settings: optimizer_steps(cls, settings, rl, compiled)


def outcome_of(steps, backend, rl):
    """'equal', or why the steps ran as written. Raises Mismatch."""
    works = []

    def compiled(step):
        made = rl.compile(step, backend=backend)
        works.append(made._rushlight_work)
        return made
    try:
        written = list(steps(lambda step: step))
    except Exception:
        return "fails as written"
    for number, (mine, theirs) in enumerate(zip(steps(compiled), written)):
        compare(mine, theirs, TOLERANCE, f"step {number}")
    [work] = works
    return EQUAL if any(made.function for made in work.recordings) else brief(work.refused or (work.history or ["no reason"])[-1])


def judged(suite, info, backend, rl, most):
    """A Counter of the outcomes of an entry's configurations, and the first difference."""
    counts, difference = collections.Counter(), None
    with time_limit(120):
        for steps in itertools.islice(configurations(suite, info, rl), most):
            try:
                outcome = outcome_of(steps, backend, rl)
            except Exception as error:
                outcome, difference = DIFFERENT, difference or reason(error)
            counts[outcome] += 1
    return counts, difference


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("suite", nargs="*", default=[], help="modules, optimizers; both unless given")
    parse.add_argument("--backends", default=",".join(BACKENDS))
    parse.add_argument("--only", default="", help="comma-separated names")
    parse.add_argument("--configurations", type=int, help="of an entry, at most")
    parse.add_argument("--json", help="write {name: 'pass' or the difference} here")
    parse.add_argument("-v", action="store_true", help="a line for each entry")
    given = parse.parse_args()
    warnings.simplefilter("ignore")
    rl, outcome, total = library(), {}, collections.Counter()
    only = set(filter(None, given.only.split(",")))
    for backend in given.backends.split(","):
        for suite in given.suite or ("modules", "optimizers"):
            for name, path, info in entries(suite):
                if find(rl, path) is None or only and name not in only:
                    continue
                counts, difference = judged(suite, info, backend, rl, given.configurations)
                total += counts
                if difference or name not in outcome:
                    outcome[name] = f"{backend}: {difference}" if difference else "pass"
                if given.v or difference:
                    print(f"{backend} {name}: {dict(counts)} {difference or ''}", flush=True)
    for why, count in total.most_common():
        print(f"{count:8}  {why}")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(outcome, file, indent=1)
    return 1 if total[DIFFERENT] else 0


if __name__ == "__main__":
    sys.exit(main())
