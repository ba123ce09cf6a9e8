"""Averages of weights: means, exponential averages, buffers, and the schedule SWALR."""
import pytest

import rushlight as torch
from rushlight.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn, get_swa_multi_avg_fn


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        return x * self.weight


def averaged(values, **options):
    model = Model()
    average = AveragedModel(model, **options)
    for v in values:
        model.weight.data.fill_(v)
        model.count.fill_(v)
        average.update_parameters(model)
    return average


@pytest.mark.parametrize("options, expected", [
    ({}, 3.0), ({"multi_avg_fn": get_swa_multi_avg_fn()}, 3.0), ({"avg_fn": get_ema_avg_fn(0.5)}, 3.5),
    ({"multi_avg_fn": get_ema_multi_avg_fn(0.5)}, 3.5), ({"avg_fn": lambda mean, weight, n: mean * 0 + n}, 2.0)])
def test_weights_are_averaged(options, expected):
    average = averaged([1.0, 3.0, 5.0], **options)
    assert average.module.weight.tolist() == [expected] * 2 and average.n_averaged.item() == 3


def test_buffers_are_copied_or_averaged():
    assert averaged([1.0, 3.0]).module.count.item() == 3.0
    assert averaged([1.0, 3.0], use_buffers=True).module.count.item() == 2.0


def test_the_averaged_model_computes_with_the_average():
    average = averaged([1.0, 3.0])
    assert average(torch.ones(2)).tolist() == [2.0, 2.0]
    assert list(average.state_dict()) == ["n_averaged", "module.weight", "module.count"]


def test_one_way_to_average_at_a_time():
    with pytest.raises(AssertionError, match="^Only one of avg_fn and multi_avg_fn should be provided$"):
        AveragedModel(Model(), avg_fn=get_ema_avg_fn(), multi_avg_fn=get_ema_multi_avg_fn())
    with pytest.raises(ValueError, match="^Invalid decay value 2 provided. Please provide a value in "):
        get_ema_avg_fn(2)


@pytest.mark.parametrize("options, expected", [
    ({"anneal_epochs": 4, "anneal_strategy": "linear"}, [0.8, 0.7, 0.6, 0.5, 0.4, 0.4]),
    ({"anneal_epochs": 2}, [0.8, 0.6, 0.4, 0.4]), ({"anneal_epochs": 0}, [0.4, 0.4])])
def test_the_rate_goes_to_swa_lr_and_stays(options, expected):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    scheduler = SWALR(optimizer, 0.4, **options)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in expected[1:]:
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("options, message", [
    ({"anneal_strategy": "x"}, "anneal_strategy must be one of 'cos' or 'linear', instead got x"),
    ({"anneal_epochs": -1}, "anneal_epochs must be equal or greater than 0, got -1")])
def test_bad_options_are_value_errors(options, message):
    with pytest.raises(ValueError) as error:
        SWALR(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8), 0.4, **options)
    assert str(error.value) == message
