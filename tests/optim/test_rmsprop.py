"""RMSprop: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import RMSprop

GOLDEN = [
    ({}, [0.582437937778, -0.556788070978, 1.00653444593, -0.179240701758, -0.359415275945]),
    ({"lr": 0.1, "alpha": 0.5, "eps": 0.01},
     [0.539853858132, -0.116947629973, 0.45958118631, -0.450958388763, -0.191156067454]),
    ({"lr": 0.1, "momentum": 0.9}, [0.847093754586, 0.287495137394, 0.740056402231, -0.703438781651, 0.103221779466]),
    ({"lr": 0.1, "centered": True, "weight_decay": 0.1},
     [0.54523085469, 2.51237552963e-10, -0.803769791192, -0.43209633985, -0.182593165171]),
    ({"lr": 0.01, "centered": True, "momentum": 0.5, "maximize": True},
     [-0.893787254431, -2.10886516903, 2.5039827643, 1.33556651769, -1.92436097572]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("RMSprop", **options) == pytest.approx(expected, rel=1e-8)


def test_state_names_follow_the_options(parameters):
    for options, names in (({}, ["step", "square_avg"]),
                           ({"momentum": 0.9, "centered": True}, ["step", "square_avg", "momentum_buffer", "grad_avg"])):
        p, _ = params = parameters()
        optimizer = RMSprop(params, **options)
        optimizer.step()
        assert list(optimizer.state[p]) == names


def test_bad_alpha_is_a_value_error(parameters):
    with pytest.raises(ValueError, match="^Invalid alpha value: -0.5$"):
        RMSprop(parameters(), alpha=-0.5)
