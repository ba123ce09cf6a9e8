"""Adaptive pooling where ties and nan decide."""
import math

import pytest

import rushlight as torch
from rushlight.nn import functional as F

NAN = math.nan


@pytest.mark.parametrize("numbers, size, places", [
    ([NAN, 1.0, NAN, 2.0, NAN, NAN, 3.0, 4.0], 2, [2, 5]),
    ([1.0, NAN, NAN, 2.0, 3.0, NAN, 4.0, NAN, 1.0], 4, [2, 2, 5, 7]),  # windows of unequal lengths, which overlap
    ([1.0, 2.0, 2.0, 1.0, 5.0, 5.0, 5.0, 5.0], 2, [1, 4]),
])
def test_adaptive_maximum_is_the_last_nan_or_the_first_of_equals(numbers, size, places):
    x = torch.tensor([numbers], requires_grad=True)
    out, indices = F.adaptive_max_pool1d(x, size, return_indices=True)
    assert indices.tolist() == [places]
    out.sum().backward()
    assert x.grad[0].tolist() == [places.count(i) for i in range(len(numbers))]


def test_fractional_maximum_is_the_last_nan():
    x = torch.tensor([NAN, 1.0, NAN, 2.0, NAN, NAN, 3.0, 4.0, 1.0, 2.0, NAN, NAN, 1.0, 2.0, 3.0, NAN]).reshape(1, 1, 4, 4)
    out, indices = F.fractional_max_pool2d(x, 2, output_size=2, return_indices=True, _random_samples=torch.tensor([[[0.3, 0.7]]]))
    assert indices.flatten().tolist() == [5, 2, 9, 15] and out[0, 0, 1, 0].item() == 2
