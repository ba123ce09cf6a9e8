"""Cross entropy of classes: which targets go the short way, and numbers on both sides of the shift by the maximum."""
import math

import numpy as np
import pytest

import rushlight as torch
from rushlight.ops.cross_entropy import SAFE, are_classes, are_safe

F = torch.nn.functional


@pytest.mark.parametrize("target, plain", [
    ([0, 2, 1], True), ([0, 3, 1], False), ([0, -1, 1], False), ([-100, 0, 0], False), ([], False),
])
def test_one_look_finds_ignored_and_impossible_targets(target, plain):
    assert are_classes(np.array(target, np.int64), 3) is plain


def test_targets_of_another_width_go_the_long_way():
    assert not are_classes(np.array([0, 1], np.uint8), 3)


@pytest.mark.parametrize("logits, safe", [
    ([[29.0, -29.0]], True), ([[SAFE, 0.0]], False), ([[0.0, -SAFE]], False), ([[0.0, math.nan]], False), ([[math.inf, 0.0]], False),
    ([[0.0, -math.inf]], False),
])
def test_logits_need_no_shift_where_all_are_moderate(logits, safe):
    assert bool(are_safe(np.array(logits, np.float32))) is safe


def test_no_logits_are_not_safe():
    assert not are_safe(np.zeros((0, 3), np.float32))


@pytest.mark.parametrize("target", [[0, 3], [0, -1]])
def test_a_target_that_is_no_class_raises(target):
    with pytest.raises(IndexError, match=f"Target {target[1]} is out of bounds"):
        F.cross_entropy(torch.zeros(2, 3), torch.tensor(target))


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_the_loss_of_even_logits_is_the_logarithm_of_their_number(shift):
    x = torch.full((4, 5), shift, dtype=torch.float64, requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([0, 1, 2, 3]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(5))
    assert np.allclose(x.grad.numpy(), (0.2 - np.eye(4, 5)) / 4)


def test_kept_factors_and_places_are_not_to_be_written():
    x, target = torch.randn(4, 5, requires_grad=True), torch.tensor([0, 1, 2, 3])
    first = F.cross_entropy(x, target)
    first.detach().mul_(0)
    assert F.cross_entropy(x, target).item() > 0
