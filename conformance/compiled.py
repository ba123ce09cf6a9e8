"""Run every sample of PyTorch's operator database through `rushlight.compile`, and compare with the same call as written.

    python compiled.py                          all suites, both backends: a table
    python compiled.py forward --dtype int64
    python compiled.py forward --backends llvm --only add,softmax -v
    python compiled.py --samples 2              a quick look

Each sample is called until it is replayed, then with other values of the same shapes. forward: the operator; inplace: the in-place method;
gradient: the compiled operator trains under an eager backward; step: forward and backward are one compiled function. Results of float32 may
differ by 2 units in the last place where an operator goes element by element (or be no farther than that from the number in double precision,
beyond the distance of the call as written), and by 1e-5 of the largest number elsewhere; random draws, whole numbers and truth values may not
differ. What cannot be recorded runs as written, which counts by its reason.
"""
import argparse
import collections
import itertools
import json
import re
import sys
import warnings

import numpy as np
import oracle
import torch
from ops import call, chosen, counterpart, inplace_counterpart, key, seeded
from oracle import UNSPECIFIED, Mismatch, library, reason, tensors, time_limit
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, UnaryUfuncInfo

SUITES = ("forward", "inplace", "gradient", "step")
BACKENDS = ("llvm", "numpy")
#: what is compared by its unit in the last place
ULPS = 2
#: the units by which a number may be off elsewhere: for each unit of the largest number, which makes 1e-5 of it, and besides, where terms cancel
RELATIVE, ABSOLUTE = 84, 34
#: operators that go element by element and subtract what may be nearly equal, and those that make small differences larger, by how much:
#: attention's exponentials are of scores of a hundred and more here
CANCELLING = {"logaddexp", "nn.functional.tanhshrink"}
AMPLIFYING = {"pca_lowrank": 10, "svd_lowrank": 10, "nn.functional.scaled_dot_product_attention": 5}
EQUAL, DIFFERENT = "equal", "different"
EXACT = 0


class Skipped(Exception):
    """The sample cannot be run as written either."""


# ---- a sample with other values

def mapped(value, change):
    """A sample's nest of values with change(tensor) in place of every dense tensor that is not empty."""
    if isinstance(value, torch.Tensor):
        return change(value).requires_grad_(value.requires_grad) if value.layout == torch.strided and value.numel() else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(v, change) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(v, change) for v in value)
    if isinstance(value, dict):
        return {k: mapped(v, change) for k, v in value.items()}
    return value


def is_floating(tensor):
    return tensor.is_floating_point() or tensor.is_complex()


def scaled(tensor):
    """Other floats, nearer to zero by one factor; whole numbers and truth values change places."""
    other = tensor.detach().clone(memory_format=torch.preserve_format)
    return other.mul_(0.75) if is_floating(tensor) else other.copy_(tensor.detach().flatten().roll(1).reshape(tensor.shape))


def uneven(tensor):
    """The same, with a factor for each float."""
    if not is_floating(tensor):
        return scaled(tensor)
    factors = torch.linspace(0.7, 0.95, tensor.numel(), dtype=torch.float64).to(tensor.dtype).reshape(tensor.shape)
    return tensor.detach().clone(memory_format=torch.preserve_format).mul_(factors)


def doubled(tensor):
    """The same floats in double precision."""
    return tensor.detach().double() if tensor.dtype == torch.float32 else tensor.detach()


class Sample:
    """A sample's parts, as `call` takes them, with change(tensor) in place of each tensor."""

    def __init__(self, sample, change=None):
        parts = (sample.input, tuple(sample.args), sample.kwargs)
        self.input, self.args, self.kwargs = parts if change is None else mapped(parts, change)


# ---- the functions that are compiled

def weights(outs, rl):
    """Gradients of the results, which are others for each number."""
    return [rl.linspace(0.5, 1.5, t.numel(), dtype=rl.float64).reshape(t.shape).to(t.dtype) for t in outs]


def backward(out, args, kwargs, rl):
    """The gradients of a call's arguments."""
    outs = [t for t in tensors(out) if t.requires_grad]
    leaves = [t for t in tensors([args, kwargs]) if t.requires_grad]
    if not outs or not leaves:
        raise Skipped
    return rl.autograd.grad(outs, leaves, weights(outs, rl), allow_unused=True)


def step_of(function, rl):
    """One function of forward and backward."""
    def step(*args, **kwargs):
        out = function(*args, **kwargs)
        return out, backward(out, args, kwargs, rl)
    return step


# ---- comparison

def compare(mine, theirs, tolerance, where="result"):
    """Raise Mismatch unless what a compiled call gave is what the call as written gave."""
    if mine.__class__ is not theirs.__class__:
        raise Mismatch(f"{where}: {mine.__class__.__name__} for {theirs.__class__.__name__}")
    if isinstance(theirs, (list, tuple)):
        if len(mine) != len(theirs):
            raise Mismatch(f"{where}: {len(mine)} for {len(theirs)}")
        for i, pair in enumerate(zip(mine, theirs)):
            compare(*pair, tolerance, f"{where}[{i}]")
    elif isinstance(theirs, dict):
        compare(list(mine.items()), list(theirs.items()), tolerance, where)
    elif hasattr(theirs, "_array"):
        compare_tensors(mine, theirs, tolerance, where)
    elif not (mine == theirs or mine != mine and theirs != theirs):
        raise Mismatch(f"{where}: {mine!r} for {theirs!r}")


def compare_tensors(mine, theirs, tolerance, where):
    for name in ("dtype", "shape", "requires_grad", "is_leaf"):
        if getattr(mine, name) != getattr(theirs, name):
            raise Mismatch(f"{where}: {name} {getattr(mine, name)} for {getattr(theirs, name)}")
    strides = [[stride for stride, size in zip(t.stride(), t.shape) if size > 1] for t in (mine, theirs)]
    if mine.numel() and strides[0] != strides[1]:
        raise Mismatch(f"{where}: strides {mine.stride()} for {theirs.stride()}")
    if tolerance is not None:
        compare_numbers(mine.detach()._array, theirs.detach()._array, tolerance, where)


def unit_of(dtype):
    """The distance of 1 from the next number. Double precision is compared as if it had two digits less."""
    if dtype.itemsize == 2:
        return 2.0 ** -10 if dtype.kind == "f" else 2.0 ** -7
    return 100 * float(np.finfo(np.float64).eps) if dtype.name in ("float64", "complex128") else float(np.finfo(np.float32).eps)


def compare_numbers(mine, theirs, tolerance, where):
    if mine.tobytes() == theirs.tobytes() or not mine.size:
        return
    if theirs.dtype.kind not in "fcV":
        raise Mismatch(f"{where}: {np.count_nonzero(mine != theirs)} of {mine.size} differ")
    unit = unit_of(theirs.dtype)
    if theirs.dtype.kind == "c":
        mine, theirs = mine.view(mine.real.dtype), theirs.view(theirs.real.dtype)
    mine, theirs = mine.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(all="ignore"):
        same = (mine == theirs) | np.isnan(mine) & np.isnan(theirs)
        error = np.where(same, 0.0, np.abs(mine - theirs))
        finite = np.abs(theirs[np.isfinite(theirs)])
        spacing = unit * 2.0 ** np.floor(np.log2(np.maximum(np.abs(theirs), 2.0 ** -126)))
        bound = ULPS * spacing if tolerance == EXACT else tolerance * unit * (RELATIVE * finite.max(initial=0.0) + ABSOLUTE)
        wrong = ~same & ~(error <= bound)
    if wrong.any():
        at = int(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1)))
        raise Mismatch(f"{where}: {mine.flat[at]!r} for {theirs.flat[at]!r}, {np.nanmax(np.where(wrong, error / spacing, 0)):.3g} units, "
                       f"{np.count_nonzero(wrong)} of {mine.size}")


# ---- one sample

def run(function, op, sample, rl, suite):
    """(what a call gave, its arguments after it, the random stream after it) for fresh arguments."""
    args, kwargs = call(None, sample, rl, requires_grad=suite in ("gradient", "step"))
    seeded(rl)
    out = function(*args, **kwargs)
    if suite == "gradient":
        out = out, backward(out, args, kwargs, rl)
    return out, list(tensors([args, kwargs])), rl.get_rng_state()


def as_written(function, op, sample, rl, suite):
    """What a call as written gives, with a sample of other values that goes too."""
    for change in (uneven, scaled):
        other = Sample(sample, change)
        try:
            return run(function, op, Sample(sample), rl, suite), other, run(function, op, other, rl, suite)
        except Exception:
            continue
    raise Skipped


def is_as_exact(function, op, sample, rl, suite, found, expected):
    """Whether the results of an operator that goes element by element are as near to those in double precision as the ones of the call as written,
    or 2 units farther away: NumPy's own functions are off by up to 3."""
    true = run(function, op, Sample(sample, doubled), rl, suite)
    for mine, theirs, best in zip(tensors(list(found)), tensors(list(expected)), tensors(list(true))):
        mine, theirs, best = (t.detach()._array for t in (mine, theirs, best))
        if mine.dtype != np.float32:
            if mine.tobytes() != theirs.tobytes():
                return False
            continue
        with np.errstate(all="ignore"):
            off = np.abs(mine - best) - np.abs(theirs - best) - ULPS * np.spacing(np.abs(best).astype(np.float32))
        if not ((off <= 0) | (mine == theirs) | np.isnan(mine) & np.isnan(theirs)).all():
            return False
    return True


def outcome_of(function, op, sample, rl, suite, backend, tolerance):
    """'equal', or why the sample ran as written. Raises Mismatch."""
    written = step_of(function, rl) if suite == "step" else function
    first, other, second = as_written(written, op, sample, rl, suite)
    compiled = rl.compile(written, backend=backend)
    work = compiled._rushlight_work
    for values, expected in ((sample, first), (sample, first), (other, second), (other, second)):
        found = run(compiled, op, Sample(values), rl, suite)
        try:
            compare(found, expected, tolerance, "call")
        except Mismatch:
            if tolerance != EXACT or not is_as_exact(written, op, values, rl, suite, found, expected):
                raise
    replayed = [recording for recording in work.recordings if recording.function is not None]
    if replayed:
        return EQUAL if work.made == 1 else "recorded more than once"
    return brief(work.refused or (work.history or ["no reason"])[-1])


def brief(text):
    """A reason without names and places."""
    text = re.sub(r"^.*(runs as written, because of|not kept, because of|not kept, because) ", "", text)
    return re.sub(r"\b[kv]\d+\b|0x[0-9a-f]+|\d+", "_", re.sub(r", at /.*$", "", text))[:110]


# ---- all of them

def tolerance_of(op, suite):
    """How far the numbers of an operator's results may be off: EXACT, a multiple of what is allowed elsewhere, or None for any numbers."""
    if op.name in UNSPECIFIED:
        return None
    if suite in ("forward", "inplace") and isinstance(op, (UnaryUfuncInfo, BinaryUfuncInfo)) and op.name not in CANCELLING:
        return EXACT
    return AMPLIFYING.get(op.name, 1)


def judged(op, rl, suite, backend, dtype, most):
    """A Counter of the outcomes of an operator's samples, and the first difference."""
    function = inplace_counterpart(op, rl) if suite == "inplace" else counterpart(op, rl)
    counts, difference = collections.Counter(), None
    if function is None:
        return counts, None
    tolerance = tolerance_of(op, suite)
    try:
        with time_limit(60):
            samples = op.sample_inputs("cpu", dtype, requires_grad=suite in ("gradient", "step"))
            for sample in itertools.islice(samples, most):
                if suite == "inplace" and (sample.broadcasts_input or not isinstance(sample.input, torch.Tensor)):
                    continue
                try:
                    outcome = outcome_of(function, op, sample, rl, suite, backend, tolerance)
                except Skipped:
                    continue
                except Exception as error:
                    difference = difference or reason(error)
                    outcome = DIFFERENT
                counts[outcome] += 1
    except Exception as error:
        difference = difference or reason(error)
        counts[DIFFERENT] += 1
    return counts, difference


class Total(collections.Counter):
    """The outcomes of a suite's samples, and the operators that had any."""

    def __init__(self):
        super().__init__()
        self.operators = []


def suite_of(suite, backend, given, rl):
    """A Counter of a suite's outcomes, and {operator: its first difference}."""
    total, differences = Total(), {}
    only = set(filter(None, given.only.split(",")))
    dtype = getattr(torch, given.dtype)
    for op in chosen("gradient" if suite == "step" else suite, dtype, only):
        counts, difference = judged(op, rl, suite, backend, dtype, given.samples)
        total.update(counts)
        if counts:
            total.operators.append(key(op))
        if difference is not None:
            differences[key(op)] = difference
        if given.v:
            print(f"{suite} {backend} {key(op)}: {dict(counts)}" + (f"  {difference}" if difference else ""), flush=True)
    return total, differences


def table(rows):
    """The figures of all suites, then the reasons of what ran as written."""
    print(f"{'suite':10}{'backend':9}{'samples':>9}{'replayed, equal':>17}{'as written':>12}{'different':>11}")
    reasons = collections.Counter()
    for (suite, backend), (total, _) in rows.items():
        written = total.total() - total[EQUAL] - total[DIFFERENT]
        print(f"{suite:10}{backend:9}{total.total():9}{total[EQUAL]:17}{written:12}{total[DIFFERENT]:11}")
        reasons += collections.Counter({why: n for why, n in total.items() if why not in (EQUAL, DIFFERENT)})
    for why, count in reasons.most_common():
        print(f"{count:8}  {why}")
    for (suite, backend), (_, differences) in rows.items():
        for name, difference in differences.items():
            print(f"different: {suite} {backend} {name}: {difference}")


def outcome_by_operator(rows):
    """{operator: 'pass', or its first difference}."""
    outcome = {}
    for (suite, backend), (total, differences) in rows.items():
        for name in total.operators:
            outcome.setdefault(name, "pass")
        for name, why in differences.items():
            outcome[name] = f"{suite} {backend}: {why}"
    return outcome


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("suite", nargs="*", default=[], help="suites, all unless given: " + ", ".join(SUITES))
    parse.add_argument("--backends", default=",".join(BACKENDS))
    parse.add_argument("--dtype", default="float32")
    parse.add_argument("--only", default="", help="comma-separated operator names")
    parse.add_argument("--samples", type=int, default=40, help="sample inputs per operator, at most")
    parse.add_argument("--json", help="write {operator: 'pass' or the difference} here")
    parse.add_argument("-v", action="store_true", help="a line for each operator")
    given = parse.parse_args()
    warnings.simplefilter("ignore")
    # The databases' random operators seed the stream themselves and put it back, which reads its state: here every call is seeded from outside.
    oracle.seed_setter = lambda rl: lambda op, *args, **kwargs: op(*args, **kwargs)
    rl = library()
    rows = {(suite, backend): suite_of(suite, backend, given, rl) for backend in given.backends.split(",") for suite in given.suite or SUITES}
    table(rows)
    outcome = outcome_by_operator(rows)
    if given.json:
        with open(given.json, "w") as file:
            json.dump(outcome, file, indent=1)
    return 1 if set(outcome.values()) - {"pass"} else 0


if __name__ == "__main__":
    sys.exit(main())
