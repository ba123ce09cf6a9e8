"""LBFGS: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import LBFGS

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
