import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd import gradcheck
from rushlight.nn import functional as F


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def from_seed(function):
    def call(*args):
        torch.manual_seed(1)
        return function(*args)
    return call


def test_soft_samples_are_shares_and_hard_ones_pick():
    logits = torch.randn(50, 4)
    soft = F.gumbel_softmax(logits, tau=0.5)
    assert np.allclose(soft._array.sum(1), 1)
    torch.manual_seed(0)
    logits = torch.randn(50, 4)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)._array
    assert (hard.argmax(1) == soft._array.argmax(1)).all()
    assert np.allclose(np.sort(hard, 1), [0, 0, 0, 1], atol=1e-6)


def test_samples_come_with_their_probabilities():
    probabilities = torch.tensor([0.1, 0.2, 0.7])
    hard = F.gumbel_softmax(probabilities.log().expand(20000, 3), hard=True)
    assert np.allclose(hard._array.mean(0), [0.1, 0.2, 0.7], atol=0.02)


def test_gradients_are_those_of_the_soft_sample():
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(from_seed(lambda x: F.gumbel_softmax(x, tau=0.7, dim=0)), (logits,))
    weights = torch.randn(3, 4, dtype=torch.float64)
    gradients = []
    for hard in (False, True):
        torch.manual_seed(1)
        gradients.append(torch.autograd.grad((F.gumbel_softmax(logits, hard=hard) * weights).sum(), logits)[0]._array)
    assert np.allclose(*gradients)


def test_integers_raise_and_eps_warns():
    with pytest.raises(RuntimeError, match="^Exponential distribution is a continuous probability distribution. dtype must be a floating point but "
                                           "you specified Long$"):
        F.gumbel_softmax(torch.ones(3, dtype=torch.int64))
    with pytest.warns(UserWarning, match="^`eps` parameter is deprecated and has no effect.$"):
        F.gumbel_softmax(torch.ones(3), eps=1e-3)
