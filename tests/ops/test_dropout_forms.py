import pytest

import rushlight as torch
from rushlight.nn import functional as F


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def first_line(call):
    with pytest.raises(Exception) as raised:
        call()
    return type(raised.value), str(raised.value).splitlines()[0]


FUNCTIONS = [F.dropout, F.alpha_dropout, F.feature_alpha_dropout, F.dropout1d, F.dropout2d, F.dropout3d]


@pytest.mark.parametrize("p", [-0.1, 1.5])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_probability_out_of_range_raises(function, p):
    assert first_line(lambda: function(torch.ones(2, 3), p)) == (ValueError, f"dropout probability has to be between 0 and 1, but got {p}")


@pytest.mark.parametrize(("function", "shape"), [
    (F.dropout, (3, 4)), (F.alpha_dropout, (3, 4)), (F.feature_alpha_dropout, (3, 4)), (F.dropout1d, (3, 4)), (F.dropout1d, (2, 3, 4)),
    (F.dropout2d, (2, 3, 4, 5)), (F.dropout3d, (3, 2, 2, 2)), (F.dropout3d, (2, 3, 2, 2, 2))])
def test_inplace_writes_over_the_input_with_the_same_numbers(function, shape):
    x = torch.ones(shape)
    expected = function(x, 0.5, True)
    torch.manual_seed(0)
    assert function(x, 0.5, True, True) is x
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize(("function", "shape"), [(F.dropout1d, (50, 4)), (F.dropout3d, (50, 2, 2, 2))])
def test_without_a_batch_the_first_dimension_is_the_channels(function, shape):
    flat = function(torch.ones(shape), 0.5)._array.reshape(50, -1)
    assert (flat == flat[:, :1]).all()
    assert 0 < (flat == 0).mean() < 1


@pytest.mark.parametrize(("function", "shape", "start"), [
    (F.dropout2d, (3, 4), "dropout2d: Received a 2-D input to dropout2d, which is deprecated and will result in an error in a future release."),
    (F.dropout2d, (3, 4, 2), "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired"),
    (F.dropout3d, (3, 4, 2), "dropout3d: Received a 3-D input to dropout3d, which is deprecated and will result in an error in a future release.")])
def test_other_numbers_of_dimensions_warn(function, shape, start):
    with pytest.warns(UserWarning) as caught:
        function(torch.ones(shape), 0.5)
    assert str(caught[0].message).startswith(start)


def test_dropout1d_takes_two_or_three_dimensions():
    assert first_line(lambda: F.dropout1d(torch.ones(3))) == (
        RuntimeError, "dropout1d: Expected 2D or 3D input, but received a 1D input. Note that dropout1d exists to provide channel-wise dropout on "
                      "inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")


def test_defaults_train_or_do_not():
    x = torch.ones(100, 2)
    assert F.alpha_dropout(x) is x
    assert F.feature_alpha_dropout(x) is x
    assert F.dropout(x) is not x
    assert F.rrelu(-x).tolist() == (x * -(1 / 8 + 1 / 3) / 2).tolist()


def test_rrelu_in_place():
    x = -torch.ones(4)
    assert F.rrelu(x, 0.5, 0.5, inplace=True) is x
    assert x.tolist() == [-0.5] * 4
