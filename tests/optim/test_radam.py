"""RAdam: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import RAdam

GOLDEN = [
    ({}, [0.500801343281, -0.987549276404, 1.47947818088, 0.242479178283, -0.742988178931]),
    ({"lr": 0.1, "weight_decay": 0.1},
     [0.545078100582, -0.0547236755819, -0.342542526538, -0.358502857065, -0.205996212932]),
    ({"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.5, 0.9)},
     [0.588770099889, -0.0947164649916, -0.329163467766, -0.371825437937, -0.205945133035]),
    ({"lr": 0.1, "maximize": True}, [0.40841412019, -2.68699241779, 3.82379885271, 1.13766453694, -1.68434274149]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("RAdam", **options) == pytest.approx(expected, rel=1e-8)


def test_first_steps_are_plain_momentum(parameters):
    p, _ = params = parameters()
    before, g = p.tolist(), p.grad.tolist()
    RAdam(params, lr=0.1).step()
    assert p.tolist()[0] == pytest.approx([b - 0.1 * d for b, d in zip(before[0], g[0], strict=True)])
