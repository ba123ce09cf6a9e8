"""Schedules made of schedules: PyTorch 2.13's rates."""
import copy

import pytest

import rushlight as torch
from rushlight.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

# CosineAnnealingLR begins at its epoch 0 by the closed form, a part of it that is given an epoch outright.
pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
GOLDEN = [
    (lambda o: SequentialLR(o, [ConstantLR(o, 0.5, 2), ExponentialLR(o, 0.5)], [3]), [0.4, 0.4, 0.8, 0.8, 0.4, 0.2, 0.1]),
    (lambda o: SequentialLR(o, [LinearLR(o, 0.5, 1.0, 2), StepLR(o, 2), CosineAnnealingLR(o, 4)], [2, 5]),
     [0.4, 0.6, 0.8, 0.8, 0.08, 0.8, 0.6828427125, 0.4, 0.1171572875, 0.0]),
    (lambda o: ChainedScheduler([ConstantLR(o, 0.5, 2), ExponentialLR(o, 0.5)]), [0.4, 0.2, 0.2, 0.1, 0.05, 0.025]),
]


@pytest.mark.parametrize("make, expected", GOLDEN)
def test_rates_are_pytorchs(optimizer, course, make, expected):
    assert course(optimizer, make(optimizer), len(expected) - 1) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("make, expected", GOLDEN)
def test_a_loaded_schedule_goes_on(optimizer, course, make, expected):
    scheduler = make(optimizer)
    course(optimizer, scheduler, 3)
    saved = copy.deepcopy(scheduler.state_dict())
    other = make(optimizer)
    other.load_state_dict(saved)
    optimizer.param_groups[0]["lr"] = expected[3]
    assert course(optimizer, other, len(expected) - 4) == pytest.approx(expected[3:], abs=1e-10)
    assert "_schedulers" in saved and "optimizer" not in saved


def other_optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])


@pytest.mark.parametrize("make, kind, message", [
    (lambda o: SequentialLR(o, [], []), ValueError, "SequentialLR expects at least one scheduler, but got no scheduler."),
    (lambda o: ChainedScheduler([]), ValueError, "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler."),
    (lambda o: SequentialLR(o, [StepLR(o, 1), 3], [1]), TypeError, "SequentialLR at index 1 should have `optimizer` as its attribute."),
    (lambda o: ChainedScheduler([StepLR(o, 1), ReduceLROnPlateau(o)]), ValueError,
     "ChainedScheduler does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be specified when calling `step`, but "
     "got one at index 1 in the given schedulers sequence."),
    (lambda o: SequentialLR(o, [StepLR(o, 1)], [1]), ValueError,
     "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got number of "
     "schedulers 1 and the number of milestones to be equal to 1"),
])
def test_parts_that_do_not_fit_are_errors(optimizer, make, kind, message):
    with pytest.raises(kind) as error:
        make(optimizer)
    assert str(error.value) == message


def test_parts_of_another_optimizer_are_refused(optimizer):
    with pytest.raises(ValueError, match="^SequentialLR expects all schedulers to belong to the same optimizer, but got scheduler StepLR at index 1"):
        SequentialLR(optimizer, [StepLR(optimizer, 1), StepLR(other_optimizer(), 1)], [1])
