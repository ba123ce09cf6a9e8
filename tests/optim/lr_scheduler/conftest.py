"""What the tests of all schedules share."""
import pytest

import rushlight as torch


@pytest.fixture
def optimizer():
    """SGD with momentum 0.9 and learning rate 0.8 on one parameter."""
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8, momentum=0.9)


@pytest.fixture
def two_groups():
    """SGD on two groups, with learning rates 0.8 and 0.4."""
    a, b = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    return torch.optim.SGD([{"params": a}, {"params": b, "lr": 0.4}], lr=0.8, momentum=0.9)


@pytest.fixture
def course():
    """The values of an option of the first group, at first and after each step of optimizer and scheduler."""
    def run(optimizer, scheduler, steps, option="lr"):
        values = [optimizer.param_groups[0][option]]
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            values.append(optimizer.param_groups[0][option])
        assert scheduler.get_last_lr()[0] == optimizer.param_groups[0]["lr"]
        return values
    return run
