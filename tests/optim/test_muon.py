"""Muon: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import Muon

GOLDEN = [
    ({}, [0.496138456178, -0.988505172058, 1.49117193918, 0.249441047003]),
    ({"lr": 0.1, "nesterov": False, "momentum": 0.5},
     [0.212169800242, -0.0246455994194, 0.659257880763, 0.134090932091]),
    ({"lr": 0.1, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
     [0.41326893387, -0.712074957536, 1.2867631113, 0.232066832903]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Muon", **options) == pytest.approx(expected, rel=1e-8)


def test_other_than_matrices_are_refused():
    with pytest.raises(ValueError, match=r"^Muon only supports 2D parameters whereas we found a parameter with size: torch.Size\(\[3\]\)$"):
        Muon([torch.nn.Parameter(torch.ones(3))])


def test_all_singular_values_of_the_step_are_near_one():
    p = torch.nn.Parameter(torch.zeros(5, 3))
    p.grad = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], [7.0, 8.5, 9.0], [0.5, -1.0, 2.0], [3.0, 0.0, -1.0]])
    Muon([p], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False, adjust_lr_fn="match_rms_adamw").step()
    import numpy as np
    values = np.linalg.svd(p.detach().numpy() / (0.2 * 5 ** 0.5), compute_uv=False)
    assert 0.5 < values.min() and values.max() < 1.5


def test_unknown_adjustment_is_a_value_error():
    with pytest.raises(ValueError, match="^Adjust learning rate function x is not supported$"):
        Muon([torch.nn.Parameter(torch.ones(2, 2))], adjust_lr_fn="x")
