"""Schedules of one formula: PyTorch 2.13's rates, epoch by epoch."""
import copy

import pytest

from rushlight.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

GOLDEN = [
    (lambda o: StepLR(o, 3, gamma=0.5), [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1]),
    (lambda o: MultiStepLR(o, [2, 4, 4], gamma=0.5), [0.8, 0.8, 0.4, 0.4, 0.1, 0.1, 0.1]),
    (lambda o: ConstantLR(o, factor=0.5, total_iters=3), [0.4, 0.4, 0.4, 0.8, 0.8, 0.8]),
    (lambda o: LinearLR(o, start_factor=0.25, total_iters=4), [0.2, 0.35, 0.5, 0.65, 0.8, 0.8, 0.8]),
    (lambda o: LinearLR(o, 1.0, 0.5, 2), [0.8, 0.6, 0.4, 0.4, 0.4]),
    (lambda o: ExponentialLR(o, 0.5), [0.8, 0.4, 0.2, 0.1, 0.05]),
    (lambda o: PolynomialLR(o, 4, 2.0), [0.8, 0.45, 0.2, 0.05, 0.0, 0.0, 0.0]),
    (lambda o: CosineAnnealingLR(o, 4),
     [0.8, 0.6828427125, 0.4, 0.1171572875, 0.0, 0.1171572875, 0.4, 0.6828427125, 0.8, 0.6828427125]),
    (lambda o: CosineAnnealingLR(o, 3, eta_min=0.1), [0.8, 0.625, 0.275, 0.1, 0.275, 0.625, 0.8, 0.625]),
    (lambda o: LambdaLR(o, lambda e: 1 / (e + 1)), [0.8, 0.4, 0.2666666667, 0.2, 0.16]),
    (lambda o: MultiplicativeLR(o, lambda e: 1 - e / 10), [0.8, 0.72, 0.576, 0.4032, 0.24192]),
]
CLOSED = [row for row in GOLDEN if row[0].__code__.co_names[0] not in ("LambdaLR", "MultiplicativeLR")]


@pytest.mark.parametrize("make, expected", GOLDEN)
def test_rates_are_pytorchs(optimizer, course, make, expected):
    assert course(optimizer, make(optimizer), len(expected) - 1) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("make, expected", CLOSED)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.filterwarnings("ignore:Detected call:UserWarning")
def test_the_rate_of_any_epoch_is_found_directly(optimizer, make, expected):
    scheduler = make(optimizer)
    for epoch in (2, 0, len(expected) - 1, 1):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([expected[epoch]], abs=1e-10)


@pytest.mark.parametrize("make, expected", GOLDEN)
def test_a_loaded_schedule_goes_on(optimizer, two_groups, course, make, expected):
    scheduler = make(optimizer)
    course(optimizer, scheduler, 2)
    saved = copy.deepcopy(scheduler.state_dict())
    optimizer.param_groups[0]["lr"] = 7.0
    other = make(optimizer)
    optimizer.param_groups[0]["lr"] = saved["_last_lr"][0]
    other.load_state_dict(saved)
    assert course(optimizer, other, len(expected) - 3) == pytest.approx(expected[2:], abs=1e-10)


def test_each_group_may_have_its_function(two_groups):
    scheduler = LambdaLR(two_groups, [lambda e: 0.5, lambda e: 0.25])
    assert scheduler.get_last_lr() == [0.4, 0.1]


def test_attributes_of_callable_objects_are_saved_and_functions_are_not(two_groups):
    class Power:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base ** epoch
    saved = LambdaLR(two_groups, [Power(0.5), lambda e: 1]).state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}, None]
    power = Power(0.9)
    LambdaLR(two_groups, [power, lambda e: 1]).load_state_dict(saved)
    assert power.base == 0.5 and "lr_lambdas" in saved


@pytest.mark.parametrize("make, kind, message", [
    (lambda o: LambdaLR(o, [abs]), ValueError, "Expected 2 lr_lambdas, but got 1"),
    (lambda o: MultiplicativeLR(o, 0.5), TypeError, "lr_lambda should be a function, but got float"),
    (lambda o: ConstantLR(o, 1.5), ValueError, "Constant multiplicative factor expected to be between 0 and 1."),
    (lambda o: LinearLR(o, 0.0), ValueError, "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."),
    (lambda o: LinearLR(o, 0.5, 1.5), ValueError, "Ending multiplicative factor expected to be between 0 and 1."),
])
def test_bad_options_are_errors(two_groups, make, kind, message):
    with pytest.raises(kind) as error:
        make(two_groups)
    assert str(error.value) == message
