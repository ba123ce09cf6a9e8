"""LBFGS: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import LBFGS
from rushlight.optim.lbfgs import Point, cubic_minimum, safeguarded

GOLDEN = [
    ({}, [0.582422992433, 1.91230615903e-06, -0.835430092387, -0.45018272583, -0.190914951678]),
    ({"lr": 0.1, "max_iter": 3}, [0.571103639522, -0.158905034602, -0.653040066538, -0.372859678551, -0.272287076493]),
    ({"line_search_fn": "strong_wolfe", "max_iter": 2},
     [0.582440234401, -2.59354401092e-06, -0.835430696209, -0.450187239632, -0.190913030204]),
    ({"lr": 0.1, "history_size": 2, "max_iter": 4, "tolerance_grad": 0.001},
     [0.581056533681, -0.019691651435, -0.813655134101, -0.441001155817, -0.200786621051]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("LBFGS", **options) == pytest.approx(expected, rel=1e-8)


def rosenbrock(optimizer, p):
    def closure():
        optimizer.zero_grad()
        loss = 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2
        loss.backward()
        return loss
    return closure


# Losses before each step, evaluations and iterations: of a bumpy valley, by PyTorch 2.13. Near the end rounding would decide the counts.
BUMPY = [
    ({"line_search_fn": "strong_wolfe"}, [2.0, -1.5, 0.3], [3439.919689, 55.96418406, 55.96418406, 55.96418406], 21, 19),
    ({"line_search_fn": "strong_wolfe", "lr": 0.01, "max_iter": 6}, [-1.2, 1.0, 0.5],
     [12.87972577, -45.89264961, -54.54214964], 23, 8),
    ({"line_search_fn": "strong_wolfe", "lr": 20.0, "max_iter": 8, "max_eval": 30}, [2.0, -1.5, 0.3],
     [3439.919689, -53.33057833, -55.81244265, -55.81244265], 36, 16),
    ({"line_search_fn": "strong_wolfe", "lr": 5.0, "max_iter": 3, "max_eval": 4}, [-1.2, 1.0, 0.5],
     [12.87972577, -40.9727062, -55.77230223, -55.81244188], 17, 7),
    ({"line_search_fn": "strong_wolfe", "lr": 5.0, "max_iter": 3, "max_eval": 4}, [2.0, -1.5, 0.3],
     [3439.919689, -4.594196411, -22.96078587, -53.2850985], 19, 8),
    ({"line_search_fn": "strong_wolfe", "history_size": 2, "tolerance_change": 0.01}, [2.0, -1.5, 0.3],
     [3439.919689, 55.96709666, 55.96709666, 55.96709666], 18, 15),
    ({"lr": 0.002, "max_iter": 5}, [-1.2, 1.0, 0.5], [12.87972577, 11.51367799, 9.774151464, 7.78710497], 20, 20),
    ({"line_search_fn": "strong_wolfe", "lr": 0.0001, "max_iter": 10, "max_eval": 40}, [-1.2, 1.0, 0.5],
     [12.87972577, -55.71302554], 81, 18),
    ({"line_search_fn": "strong_wolfe", "lr": 300.0, "max_iter": 5, "max_eval": 60}, [2.0, -1.5, 0.3],
     [3439.919689, -54.92539953, -55.8083017], 50, 13),
]


@pytest.mark.parametrize("options, start, losses, evaluations, iterations", BUMPY)
def test_the_path_through_a_bumpy_valley_is_pytorchs(options, start, losses, evaluations, iterations):
    p = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = LBFGS([p], **options)

    def closure():
        optimizer.zero_grad()
        loss = (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum() + (p * 3).cos().sum() * 20
        loss.backward()
        return loss
    assert [optimizer.step(closure).item() for _ in losses] == pytest.approx(losses, rel=1e-6)
    assert (optimizer.state[p]["func_evals"], optimizer.state[p]["n_iter"]) == (evaluations, iterations)


def test_the_least_of_a_cubic_between_two_points():
    # f = t^3 - t has its least at 1 / sqrt(3).
    a, b = Point(0.0, 0.0, None, -1.0), Point(2.0, 6.0, None, 11.0)
    for pair in ((a, b), (b, a)):
        assert cubic_minimum(*pair) == pytest.approx(3 ** -0.5)
    assert cubic_minimum(a, b, (1.0, 3.0)) == 1.0 and cubic_minimum(a, b, (0.0, 0.25)) == 0.25
    falling = Point(1.0, -0.5, None, -1.0)
    assert cubic_minimum(a, falling) == 0.5  # no least: the middle
    assert cubic_minimum(a, falling, (2.0, 5.0)) == 3.5


def test_a_guess_near_an_edge_is_moved_at_the_second_time_or_outside():
    pair = [Point(3.0, 0.0, None, 0.0), Point(1.0, 0.0, None, 0.0)]
    assert safeguarded(1.5, pair, True) == (1.5, False)
    assert safeguarded(1.1, pair, False) == (1.1, True)
    assert safeguarded(1.1, pair, True) == (1.2, False) and safeguarded(2.9, pair, True) == (2.8, False)
    assert safeguarded(3.0, pair, False) == (2.8, False) and safeguarded(1.0, pair, False) == (1.2, False)


def test_strong_wolfe_finds_the_minimum_of_rosenbrocks_valley():
    p = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = LBFGS([p], max_iter=50, line_search_fn="strong_wolfe")
    first = optimizer.step(rosenbrock(optimizer, p))
    assert first.item() == pytest.approx(24.2)
    for _ in range(3):
        optimizer.step(rosenbrock(optimizer, p))
    assert p.tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
    state = optimizer.state[p]
    assert {"func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss", "al"} == set(state)


def test_a_flat_start_ends_the_step_at_once():
    p = torch.nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    optimizer = LBFGS([p])
    assert optimizer.step(rosenbrock(optimizer, p)).item() == 0.0
    assert optimizer.state[p] == {"func_evals": 1, "n_iter": 0}


def test_only_one_group_is_allowed(parameters):
    with pytest.raises(ValueError, match=r"^LBFGS doesn't support per-parameter options \(parameter groups\)$"):
        LBFGS([{"params": p} for p in parameters()])


def test_unknown_line_search_is_a_runtime_error():
    p = torch.nn.Parameter(torch.tensor([-1.2, 1.0]))
    optimizer = LBFGS([p], line_search_fn="armijo")
    with pytest.raises(RuntimeError, match="^only 'strong_wolfe' is supported$"):
        optimizer.step(rosenbrock(optimizer, p))
