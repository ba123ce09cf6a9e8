"""L-BFGS: steps along an estimate of the inverse Hessian, built from the last few gradients."""
from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import recording
from ..core.apply import wrap
from ..core.grad_mode import enable_grad, no_grad
from ..core.inplace import bump
from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr
from .update import Hyperparameters, number

#: the hyperparameters of a step
RULE = Hyperparameters("lr", "tolerance_grad", "tolerance_change")


class LBFGS(Optimizer):
    r"""Up to `max_iter` iterations per step, each along d = -H g; H is the inverse Hessian as the last `history_size` steps suggest it.

    `step` needs a closure, which it calls several times (at most about `max_eval`, by default 1.25 times max_iter). An iteration goes lr * d,
    or, with `line_search_fn="strong_wolfe"`, as far as a line search finds good. It ends when the largest gradient is at most
    `tolerance_grad`, or when step or loss change by less than `tolerance_change`. All parameters form one group; its state is kept for the
    first of them.

    Source: Nocedal and Wright, "Numerical optimization", 2006, algorithms 7.4 and 7.5; line search: 3.5 and 3.6, with the safeguards of
    Schmidt's minFunc.
    """

    def __init__(self, params: ParamsT, lr: float | Tensor = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
                 tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {"lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
                    "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn}
        super().__init__(params, defaults)
        check(len(self.param_groups) == 1, "LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any]) -> Any:
        """Minimize what closure computes; it clears the gradients, computes the loss with its gradients and returns it."""
        recording.reads("LBFGS.step()")

        def evaluate() -> Any:
            with enable_grad():
                return closure()
        with no_grad():
            return self.minimize(evaluate)

    def minimize(self, evaluate: Callable[[], Any]) -> Any:
        """The iterations of a step; the loss at its beginning."""
        group = self.param_groups[0]
        lr, tolerance_grad, tolerance_change = self.hyperparameters(group, RULE)
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        original = evaluate()
        loss, g = number(original), self.gradient()
        evaluations = 1
        state["func_evals"] += 1
        if largest(g) <= tolerance_grad:
            return original
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            first = state["n_iter"] == 1
            choose_direction(state, g, group["history_size"])
            d, before = state["d"], loss
            state["prev_flat_grad"], state["prev_loss"] = g.clone(), loss
            state["t"] = min(1.0, 1.0 / float(abs(g._array).sum())) * lr if first else lr
            slope = g.dot(d)
            if slope > -tolerance_change:
                break
            used = 0
            if group["line_search_fn"] is not None:
                check_line_search(group["line_search_fn"])
                point, used = self.search(evaluate, loss, g, slope, state, tolerance_change, group["max_eval"] - evaluations)
                loss, g, state["t"] = point.f, point.g, point.t
                self.move(state["t"], d)
            else:
                self.move(state["t"], d)
                if iteration != group["max_iter"]:  # nobody would read what the last move leads to
                    loss, g, used = number(evaluate()), self.gradient(), 1
            evaluations += used
            state["func_evals"] += used
            if (evaluations >= group["max_eval"] or largest(g) <= tolerance_grad
                    or largest(d * state["t"]) <= tolerance_change or abs(loss - before) < tolerance_change):
                break
        return original

    def search(self, evaluate: Callable[[], Any], loss: float, g: Tensor, slope: Tensor, state: dict, tolerance: float, limit: int) -> tuple:
        """The point that a line search from here along d ends at, and the evaluations it took."""
        d = state["d"]
        start = [p._array.copy() for p in self._params]

        def at(t: float) -> Point:
            self.move(t, d)
            f, there = number(evaluate()), self.gradient()
            for p, values in zip(self._params, start):
                p._array[...] = values
                bump(p)
            return Point(t, f, there, float(there.dot(d)))
        return strong_wolfe(at, Point(0.0, loss, g, float(slope)), state["t"], largest(d), tolerance, limit)

    def gradient(self) -> Tensor:
        """The gradients of all parameters in one row, complex numbers as pairs; zeros where there is none."""
        rows = [np.zeros_like(p._array) if p._grad is None else p._grad._array for p in self._params]
        return wrap(np.concatenate([row.ravel().view(row.real.dtype) for row in rows]))

    def move(self, t: float, d: Tensor) -> None:
        """Add t * d to the parameters."""
        at = 0
        for p in self._params:
            array = p._array
            size = array.size * (2 if array.dtype.kind == "c" else 1)
            array += t * d._array[at:at + size].view(array.dtype).reshape(array.shape)
            bump(p)
            at += size


def largest(v: Tensor) -> float:
    """The largest magnitude in a row."""
    return float(abs(v._array).max())


def check_line_search(name: str) -> None:
    """Raise PyTorch's error for a line search that there is not."""
    if name != "strong_wolfe":
        raise RuntimeError("only 'strong_wolfe' is supported")


def choose_direction(state: dict, g: Tensor, history_size: int) -> None:
    """Set state["d"] to -H g, after the last step has entered the history that H is made of."""
    if state["n_iter"] == 1:
        state.update(d=-g, old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return
    y = g - state["prev_flat_grad"]
    s = state["d"] * state["t"]
    ys = y.dot(s)
    if ys > 1e-10:
        for name, value in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / ys)):
            if len(state[name]) == history_size:
                state[name].pop(0)
            state[name].append(value)
        state["H_diag"] = ys / y.dot(y)
    state["d"] = two_loops(state, -g, history_size)


def two_loops(state: dict, q: Tensor, history_size: int) -> Tensor:
    """H q, algorithm 7.4: H_diag is H before the history, old_stps the steps s, old_dirs the changes y of the gradient, ro 1 / (y s)."""
    steps, changes, ro = state["old_stps"], state["old_dirs"], state["ro"]
    al = state.setdefault("al", [None] * history_size)
    for i in reversed(range(len(changes))):
        al[i] = steps[i].dot(q) * ro[i]
        q = q - changes[i] * al[i]
    q = q * state["H_diag"]
    for i in range(len(changes)):
        q = q + steps[i] * (al[i] - changes[i].dot(q) * ro[i])
    return q


#: a place on the line: how far, the loss there, its gradient, and the slope along the line
Point = namedtuple("Point", "t f g slope")


def cubic_minimum(a: Point, b: Point, bounds: tuple | None = None) -> float:
    """Where the cubic through two points with their slopes is least, within bounds (by default the points); the middle if there is no such
    place."""
    low, high = bounds if bounds is not None else (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 ** 2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square ** 0.5
    if a.t > b.t:
        a, b = b, a
    best = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(best, low), high)


def strong_wolfe(at: Callable[[float], Point], start: Point, t: float, size: float, tolerance: float, limit: int, c1: float = 1e-4,
                 c2: float = 0.9) -> tuple[Point, int]:
    """A point with a loss below start.f + c1 t start.slope and a slope at most c2 times start's, and the evaluations it took.

    `at(t)` evaluates, `t` is the first guess, `size` the largest element of the direction. If `limit` evaluations or a bracket smaller than
    `tolerance` come first, it is the best point so far.
    """
    def too_high(point: Point) -> bool:
        return point.f > start.f + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope
    pair, done, count = bracket(at, start, t, limit, too_high, flat)
    low = 0 if pair[0].f <= pair[-1].f else 1
    stuck = False
    while not done and count < limit and abs(pair[1].t - pair[0].t) * size >= tolerance:
        t, stuck = safeguarded(cubic_minimum(*pair), pair, stuck)
        point = at(t)
        count += 1
        if too_high(point) or point.f >= pair[low].f:
            pair[1 - low] = point
            low = 0 if pair[0].f <= pair[1].f else 1
            continue
        if flat(point):
            done = True
        elif point.slope * (pair[1 - low].t - pair[low].t) >= 0:
            pair[1 - low] = pair[low]
        pair[low] = point
    return pair[low], count + 1


def bracket(at: Callable[[float], Point], start: Point, t: float, limit: int, too_high: Callable, flat: Callable) -> tuple:
    """Two points with a good one between them, or one good point and True; and how often t was lengthened."""
    before, point = start, at(t)
    for count in range(limit):
        if too_high(point) or count > 1 and point.f >= before.f:
            return [before, point], False, count
        if flat(point):
            return [point], True, count
        if point.slope >= 0:
            return [before, point], False, count
        bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
        before, point = point, at(cubic_minimum(before, point, bounds))
    return [start, point], False, limit


def safeguarded(t: float, pair: list[Point], stuck: bool) -> tuple[float, bool]:
    """t, moved a tenth into the bracket if it is near its edge for the second time or outside; and whether it is near."""
    low, high = min(pair[0].t, pair[1].t), max(pair[0].t, pair[1].t)
    margin = 0.1 * (high - low)
    if min(high - t, t - low) >= margin:
        return t, False
    if stuck or t >= high or t <= low:
        return (high - margin if abs(t - high) < abs(t - low) else low + margin), False
    return t, True


LBFGS.__module__ = "torch.optim.lbfgs"
