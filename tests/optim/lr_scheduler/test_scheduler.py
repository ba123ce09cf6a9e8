"""The base of all schedules: warnings, saving, rates in tensors, going on from an epoch."""
import gc
import warnings
import weakref

import pytest

import rushlight as torch
from rushlight.optim.lr_scheduler import LRScheduler, StepLR, _LRScheduler


def test_stepping_before_the_optimizer_is_a_warning(optimizer):
    scheduler = StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"^Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`\. In PyTorch 1\.1\.0 and later"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_an_overridden_step_is_a_warning(optimizer):
    scheduler = StepLR(optimizer, 1)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match=r"^Seems like `optimizer.step\(\)` has been overridden after learning rate scheduler initialization\."):
        scheduler.step()


def test_an_epoch_given_to_step_is_deprecated(optimizer):
    scheduler = StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match=r"^The epoch parameter in `scheduler.step\(\)` was not necessary"):
        scheduler.step(3)
    assert scheduler.get_last_lr() == [0.1] and scheduler.last_epoch == 3


def test_get_lr_outside_a_step_is_a_warning(optimizer):
    with pytest.warns(UserWarning, match=r"^To get the last learning rate computed by the scheduler, please use `get_last_lr\(\)`\.$"):
        StepLR(optimizer, 1).get_lr()


def test_what_is_no_optimizer_is_a_type_error():
    with pytest.raises(TypeError, match="^int is not an Optimizer$"):
        StepLR(3, 1)


def test_going_on_needs_the_initial_rate(optimizer):
    with pytest.raises(KeyError, match=r"param 'initial_lr' is not specified in param_groups\[0\] when resuming scheduler with last_epoch >= 0\."):
        StepLR(optimizer, 1, last_epoch=4)
    optimizer.param_groups[0]["initial_lr"] = 0.8
    assert StepLR(optimizer, 2, gamma=0.5, last_epoch=4).last_epoch == 5


def test_a_rate_in_a_tensor_is_changed_in_place(optimizer):
    rate = torch.tensor(0.5)
    optimizer.param_groups[0]["lr"] = rate
    scheduler = StepLR(optimizer, 1, gamma=0.5)
    first = scheduler.get_last_lr()[0]
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25
    assert first.item() == 0.5 and scheduler.get_last_lr()[0] is not rate and scheduler.base_lrs[0].item() == 0.5


def test_state_dict_is_all_but_the_optimizer(optimizer):
    assert StepLR(optimizer, 3).state_dict() == {
        "step_size": 3, "gamma": 0.1, "base_lrs": [0.8], "last_epoch": 0, "_step_count": 1, "_is_initial": False,
        "_get_lr_called_within_step": False, "_last_lr": [0.8]}


def test_a_users_schedule_defines_get_lr(optimizer):
    class Halving(_LRScheduler):
        def get_lr(self):
            return [base / 2 ** self.last_epoch for base in self.base_lrs]
    scheduler = Halving(optimizer)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.4 and isinstance(scheduler, LRScheduler)
    with pytest.raises(NotImplementedError):
        LRScheduler(optimizer)


def test_a_schedule_does_not_keep_its_optimizer_from_being_freed():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
    StepLR(optimizer, 1)
    gc.disable()
    try:
        reference = weakref.ref(optimizer)
        del optimizer
        assert reference() is None
    finally:
        gc.enable()
