"""Schedules that go up and down: PyTorch 2.13's rates and momenta."""
import copy

import pytest

import rushlight as torch
from rushlight.optim.lr_scheduler import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR

RATES = [
    (lambda o: CyclicLR(o, 0.1, 0.5, step_size_up=2, step_size_down=3),
     [0.1, 0.3, 0.5, 0.3666666667, 0.2333333333, 0.1, 0.3, 0.5, 0.3666666667, 0.2333333333, 0.1]),
    (lambda o: CyclicLR(o, 0.1, 0.5, 2, mode="triangular2"), [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2, 0.1, 0.15]),
    (lambda o: CyclicLR(o, 0.1, 0.5, 2, mode="exp_range", gamma=0.5),
     [0.1, 0.2, 0.2, 0.125, 0.1, 0.10625, 0.10625, 0.1015625]),
    (lambda o: CyclicLR(o, 0.1, 0.5, 2, scale_fn=lambda x: 1 / x), [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2, 0.1]),
    (lambda o: CosineAnnealingWarmRestarts(o, 3), [0.8, 0.6, 0.2, 0.8, 0.6, 0.2, 0.8, 0.6]),
    (lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.1),
     [0.8, 0.45, 0.8, 0.6974873734, 0.45, 0.2025126266, 0.8, 0.7733578364, 0.6974873734, 0.5839392013]),
    (lambda o: OneCycleLR(o, 1.0, total_steps=6), [0.04, 0.9944154355, 0.8117456539, 0.4626371027, 0.1334775302, 4e-06]),
    (lambda o: OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=5, anneal_strategy="linear", three_phase=True),
     [0.04, 0.52, 1.0, 0.52, 0.04, 0.0320008, 0.0240016, 0.0160024, 0.0080032, 4e-06]),
    (lambda o: OneCycleLR(o, 1.0, 6, pct_start=0.5, div_factor=4.0, final_div_factor=2.0),
     [0.25, 0.625, 1.0, 0.78125, 0.34375, 0.125]),
]
MOMENTA = [
    (lambda o: CyclicLR(o, 0.1, 0.5, step_size_up=2, step_size_down=3), [0.9, 0.85, 0.8, 0.8333333333, 0.8666666667, 0.9, 0.85]),
    (lambda o: CyclicLR(o, 0.1, 0.5, 2, mode="triangular2"), [0.9, 0.85, 0.8, 0.85, 0.9, 0.875, 0.85, 0.875, 0.9, 0.8875]),
    (lambda o: CyclicLR(o, 0.1, 0.5, 2, cycle_momentum=False), [0.9, 0.9, 0.9]),
    (lambda o: OneCycleLR(o, 1.0, total_steps=6), [0.95, 0.8505584587, 0.8688255099, 0.9037365047, 0.9366525936, 0.95]),
    (lambda o: OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=5, anneal_strategy="linear", three_phase=True),
     [0.95, 0.9, 0.85, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95]),
]


@pytest.mark.parametrize("make, expected", RATES)
def test_rates_are_pytorchs(optimizer, course, make, expected):
    assert course(optimizer, make(optimizer), len(expected) - 1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("make, expected", MOMENTA)
def test_momenta_move_against_the_rates(optimizer, course, make, expected):
    assert course(optimizer, make(optimizer), len(expected) - 1, "momentum") == pytest.approx(expected, rel=1e-9)


def test_of_adam_it_is_beta1_that_moves():
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    scheduler = OneCycleLR(optimizer, 1.0, total_steps=6, anneal_strategy="linear", pct_start=0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.9, 0.999))


@pytest.mark.parametrize("make, expected", RATES)
def test_a_loaded_schedule_goes_on(optimizer, course, make, expected):
    scheduler = make(optimizer)
    course(optimizer, scheduler, 2)
    saved = copy.deepcopy(scheduler.state_dict())
    optimizer.param_groups[0]["initial_lr"] = expected[0]
    other = make(optimizer)
    other.load_state_dict(saved)
    assert course(optimizer, other, len(expected) - 3)[1:] == pytest.approx(expected[3:], rel=1e-9)


def test_restarts_take_fractions_of_an_epoch(optimizer):
    scheduler = CosineAnnealingWarmRestarts(optimizer, 2, T_mult=2)
    for epoch, rate in ((0.5, 0.6828427125), (1, 0.4), (2.0, 0.8), (4, 0.4), (5, 0.1171572875), (6, 0.8), (0, 0.8)):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([rate])
    with pytest.raises(ValueError, match="^Expected non-negative epoch, but got -1$"):
        scheduler.step(-1)


def test_one_cycle_ends(optimizer, course):
    scheduler = OneCycleLR(optimizer, 1.0, total_steps=2)
    course(optimizer, scheduler, 2)
    with pytest.raises(ValueError, match="^Tried to step 3 times. The specified number of total steps is 2$"):
        scheduler.step()


def test_without_momentum_there_is_nothing_to_cycle():
    optimizer = torch.optim.Adagrad([torch.nn.Parameter(torch.ones(1))])
    for make in (lambda: CyclicLR(optimizer, 0.1, 0.5), lambda: OneCycleLR(optimizer, 1.0, 6)):
        with pytest.raises(ValueError, match="^optimizer must support momentum or beta1 with `cycle_momentum` option enabled$"):
            make()


@pytest.mark.parametrize("make, message", [
    (lambda o: CyclicLR(o, [0.1, 0.2], 0.5),
     "base_lr must have the same length as optimizer.param_groups. base_lr has 2 values, param_groups has 1."),
    (lambda o: CyclicLR(o, 0.1, 0.5, mode="square"), "mode is invalid and scale_fn is None"),
    (lambda o: CosineAnnealingWarmRestarts(o, 0), "Expected positive integer T_0, but got 0"),
    (lambda o: CosineAnnealingWarmRestarts(o, 1, 0.5), "Expected integer T_mult >= 1, but got 0.5"),
    (lambda o: CosineAnnealingWarmRestarts(o, 1, 1, "a"), "Expected float or int eta_min, but got a of type <class 'str'>"),
    (lambda o: OneCycleLR(o, 1.0), "You must define either total_steps OR (epochs AND steps_per_epoch)"),
    (lambda o: OneCycleLR(o, 1.0, total_steps=0), "Expected positive integer total_steps, but got 0"),
    (lambda o: OneCycleLR(o, 1.0, epochs=1, steps_per_epoch=1.5), "Expected positive integer steps_per_epoch, but got 1.5"),
    (lambda o: OneCycleLR(o, 1.0, 6, pct_start=2.0), "Expected float between 0 and 1 pct_start, but got 2.0"),
    (lambda o: OneCycleLR(o, 1.0, 6, anneal_strategy="x"), "anneal_strategy must be one of 'cos' or 'linear', instead got x"),
])
def test_bad_options_are_value_errors(optimizer, make, message):
    with pytest.raises(ValueError) as error:
        make(optimizer)
    assert str(error.value) == message
