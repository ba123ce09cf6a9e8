"""ReduceLROnPlateau: when the rate falls, and how far."""
import pytest

import rushlight as torch
from rushlight.optim.lr_scheduler import ReduceLROnPlateau


def rates(optimizer, scheduler, figures):
    values = []
    for figure in figures:
        scheduler.step(figure)
        values.append(optimizer.param_groups[0]["lr"])
    return values


def test_the_rate_falls_when_patience_is_over(optimizer):
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    assert rates(optimizer, scheduler, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]) == [0.8, 0.8, 0.4, 0.4, 0.4, 0.2]
    assert scheduler.get_last_lr() == [0.2] and scheduler.best == 0.5


@pytest.mark.parametrize("mode, threshold_mode, better, worse", [
    ("min", "rel", 0.89, 0.91), ("min", "abs", 0.89, 0.91), ("max", "rel", 1.11, 1.09), ("max", "abs", 1.11, 1.09)])
def test_an_improvement_passes_the_threshold(optimizer, mode, threshold_mode, better, worse):
    scheduler = ReduceLROnPlateau(optimizer, mode, threshold=0.1, threshold_mode=threshold_mode)
    for figure in (1.0, worse):
        scheduler.step(figure)
    assert scheduler.num_bad_epochs == 1
    scheduler.step(torch.tensor(better))
    assert scheduler.num_bad_epochs == 0 and scheduler.best == pytest.approx(better)


def test_after_a_fall_the_cooldown_does_not_count(optimizer):
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=0, cooldown=2)
    assert rates(optimizer, scheduler, [1.0] * 5) == [0.8, 0.4, 0.4, 0.4, 0.2] and scheduler.in_cooldown


def test_no_rate_falls_below_its_own_minimum(two_groups):
    scheduler = ReduceLROnPlateau(two_groups, factor=0.1, patience=0, min_lr=[0.5, 0.1])
    scheduler.step(1.0)
    scheduler.step(1.0)
    assert [g["lr"] for g in two_groups.param_groups] == [0.5, 0.1]


def test_a_fall_smaller_than_eps_is_left_out(optimizer):
    assert rates(optimizer, ReduceLROnPlateau(optimizer, factor=0.5, patience=0, eps=0.5), [1.0, 1.0]) == [0.8, 0.8]


def test_a_group_added_later_needs_a_minimum_of_its_own(optimizer):
    new = {"params": torch.nn.Parameter(torch.ones(1))}
    one, many = ReduceLROnPlateau(optimizer, patience=0), ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.add_param_group(new)
    for scheduler in (one, many):
        scheduler.step(1.0)
    one.step(1.0)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.08)
    with pytest.raises(RuntimeError, match=r"^The number of param groups in the `optimizer` \(2\) differs from when `ReduceLROnPlateau` was"):
        many.step(1.0)


def test_a_loaded_schedule_goes_on(optimizer):
    scheduler = ReduceLROnPlateau(optimizer, "max", factor=0.5, patience=1)
    scheduler.step(1.0)
    scheduler.step(1.0)
    other = ReduceLROnPlateau(optimizer)
    other.load_state_dict(scheduler.state_dict())
    other.step(0.5)
    assert optimizer.param_groups[0]["lr"] == 0.4 and other.mode == "max"


@pytest.mark.parametrize("options, message", [
    ({"factor": 1.0}, "Factor should be < 1.0."), ({"mode": "up"}, "mode up is unknown!"),
    ({"threshold_mode": "x"}, "threshold mode x is unknown!"), ({"min_lr": [1, 2]}, "expected 1 min_lrs, got 2")])
def test_bad_options_are_value_errors(optimizer, options, message):
    with pytest.raises(ValueError) as error:
        ReduceLROnPlateau(optimizer, **options)
    assert str(error.value) == message
