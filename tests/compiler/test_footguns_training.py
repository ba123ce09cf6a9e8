"""Whole training steps, compiled: the same parameters, gradients, optimizer state and random numbers as written, whatever changes on the way."""
import copy
import warnings

import rushlight as torch
from rushlight import nn, optim
from rushlight.nn import functional as F

from .footguns import descent, footgun

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1), "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "dampening": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01), "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.01), "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.01, lr_decay=0.1), "adadelta": lambda p: optim.Adadelta(p), "adamax": lambda p: optim.Adamax(p),
    "nadam": lambda p: optim.NAdam(p), "radam": lambda p: optim.RAdam(p), "asgd": lambda p: optim.ASGD(p), "rprop": lambda p: optim.Rprop(p),
}


def network():
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))


def training(t, make=OPTIMIZERS["adam"], model=None, compiled=True):
    """A model, its optimizer, and a step of both that logs all there is."""
    model = network() if model is None else model
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    f = t.compile(step) if compiled else step

    def run(count=5):
        for _ in range(count):
            t.log(f(torch.randn(4, 3), torch.randn(4, 2)), model, optimizer)
    return model, optimizer, run


for name, make in OPTIMIZERS.items():
    def body(t, make=make):
        training(t, make)[2](8)
    body.__name__ = f"test_steps_of_{name}"
    globals()[body.__name__] = footgun()(body)


@footgun()
def test_numbers_of_an_optimizer_that_change(t):
    _, optimizer, run = training(t, OPTIMIZERS["momentum"])
    for change in ({"lr": 0.05}, {"momentum": 0.5}, {"weight_decay": 0.1}, {"nesterov": False}, {"dampening": 0.2}, {"maximize": True},
                   {"weight_decay": 0}, {"momentum": 0.0}, {"lr": 0}):
        run()
        optimizer.param_groups[0].update(change)
    run()


@footgun()
def test_numbers_of_adam_that_change(t):
    _, optimizer, run = training(t, lambda p: optim.AdamW(p, lr=0.01, amsgrad=True))
    for change in ({"lr": 0.05}, {"betas": (0.5, 0.9)}, {"weight_decay": 0.1}, {"eps": 1e-3}, {"weight_decay": 0}, {"amsgrad": False},
                   {"maximize": True}):
        run()
        optimizer.param_groups[0].update(change)
    run()


@footgun()
def test_a_learning_rate_that_is_a_tensor(t):
    rate = torch.tensor(0.1)
    _, optimizer, run = training(t, lambda p: optim.Adam(p, lr=rate))
    run()
    rate.fill_(0.02)
    run()


@footgun()
def test_a_parameter_group_that_is_added(t):
    model, extra = network(), nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    step = t.compile(descent(lambda x: extra(model(x)), optimizer))
    for i in range(12):
        if i == 6:
            optimizer.add_param_group({"params": extra.parameters(), "lr": 0.01})
        step(torch.randn(4, 3))
        t.log(model, extra, optimizer)


@footgun()
def test_states_that_are_loaded(t):
    model, optimizer, run = training(t)
    run(3)
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    run(4)
    optimizer.load_state_dict(state)
    run(4)
    model.load_state_dict(weights)
    run(4)
    model.load_state_dict(weights, assign=True)
    run(4)


@footgun()
def test_gradients_that_are_filled_with_zeros(t):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)

    def step(x):
        optimizer.zero_grad(set_to_none=False)
        model(x).square().mean().backward()
        optimizer.step()
    step = t.compile(step)
    for _ in range(6):
        step(torch.randn(4, 3))
        t.log(model, optimizer)


@footgun()
def test_gradients_that_are_added_up(t):
    model, optimizer, _ = training(t, compiled=False)

    def step(parts):
        for part in parts:
            (model(part).square().mean() / len(parts)).backward()
        optimizer.step()
        optimizer.zero_grad()
    step = t.compile(step)
    for _ in range(6):
        step(list(torch.randn(3, 4, 3)))
        t.log(model, optimizer)


@footgun()
def test_gradients_that_are_added_up_over_calls(t):
    model, optimizer, _ = training(t, compiled=False)

    def part(x):
        loss = model(x).square().mean()
        loss.backward()
        return loss
    part = t.compile(part)
    for i in range(12):
        t.log(part(torch.randn(4, 3)), model)
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=i % 2 == 0)
            t.log(model, optimizer)


@footgun()
def test_norms_of_gradients_that_are_clipped(t):
    model, optimizer, _ = training(t, compiled=False)

    def step(x):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        nn.utils.clip_grad_value_(model.parameters(), 0.3)
        optimizer.step()
        return norm
    step = t.compile(step)
    for i in range(6):
        t.log(step(torch.randn(4, 3) * i), model, optimizer)


@footgun()
def test_two_optimizers_and_two_steps_of_one(t):
    model, other = network(), network()
    first, second = optim.Adam(model.parameters(), lr=0.1), optim.SGD(other.parameters(), lr=0.1, momentum=0.5)

    def step(x):
        loss = (model(x) - other(x)).square().mean()
        first.zero_grad()
        second.zero_grad()
        loss.backward()
        first.step()
        second.step()
        first.step()
        return loss
    step = t.compile(step)
    for _ in range(7):
        t.log(step(torch.randn(4, 3)), model, other, first, second)


SCHEDULES = {
    "step": lambda o: optim.lr_scheduler.StepLR(o, 2, 0.5), "exponential": lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9),
    "lambda": lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "multiplicative": lambda o: optim.lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.9),
    "multistep": lambda o: optim.lr_scheduler.MultiStepLR(o, [3, 6]), "constant": lambda o: optim.lr_scheduler.ConstantLR(o, 0.5, 4),
    "linear": lambda o: optim.lr_scheduler.LinearLR(o), "polynomial": lambda o: optim.lr_scheduler.PolynomialLR(o),
    "cosine": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 6), "restarts": lambda o: optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "cyclic": lambda o: optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, 3), "one_cycle": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=40),
    "sequential": lambda o: optim.lr_scheduler.SequentialLR(
        o, [optim.lr_scheduler.ConstantLR(o, 0.1, 2), optim.lr_scheduler.ExponentialLR(o, 0.9)], [3]),
    "chained": lambda o: optim.lr_scheduler.ChainedScheduler([optim.lr_scheduler.ConstantLR(o, 0.1, 2), optim.lr_scheduler.ExponentialLR(o, 0.9)]),
}


def scheduled(t, make, inside):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = make(optimizer)

    step = t.compile(descent(model, optimizer, lambda: schedule.step()) if inside else descent(model, optimizer))
    for _ in range(9):
        step(torch.randn(4, 3))
        if not inside:
            schedule.step()
        t.log(model, optimizer, schedule.get_last_lr(), {k: v for k, v in schedule.state_dict().items() if isinstance(v, (int, float, list))})


for name, make in SCHEDULES.items():
    for inside in (False, True):
        def body(t, make=make, inside=inside):
            scheduled(t, make, inside)
        body.__name__ = f"test_a_{name}_schedule_{'inside' if inside else 'outside'}"
        globals()[body.__name__] = footgun()(body)


@footgun(captured=None)
def test_a_schedule_that_looks_at_the_loss(t):
    model, optimizer, _ = training(t, compiled=False)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    step = t.compile(descent(model, optimizer))
    for _ in range(9):
        schedule.step(step(torch.randn(4, 3)))
        t.log(model, optimizer)


@footgun(captured=False, says="changes")
def test_a_learning_rate_that_is_read_and_returned(t):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    def step(x):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        schedule.step()
        return optimizer.param_groups[0]["lr"], schedule.get_last_lr()
    step = t.compile(step)
    for _ in range(9):
        t.log(step(torch.randn(4, 3)), model)


@footgun(captured=False, says="what every call changes, and the next one depends on")
def test_a_learning_rate_that_the_step_sets(t):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, n):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (n + 1)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    step = t.compile(step)
    for i in range(9):
        step(torch.randn(4, 3), i % 3)
        t.log(model, optimizer)


@footgun(captured=None, says="hooks")
def test_hooks_of_optimizers_that_come_later(t):
    _, optimizer, run = training(t)
    run()
    optimizer.register_step_post_hook(lambda optimizer, args, kwargs: optimizer.param_groups[0].update(lr=0.001))
    run()


@footgun()
def test_a_gradient_that_is_held_stays_as_it_is(t):
    model, optimizer, _ = training(t, compiled=False)
    step, held = t.compile(descent(model, optimizer)), []
    for _ in range(6):
        step(torch.randn(4, 3))
        held += [p.grad for p in model.parameters()]
        t.log(held)


@footgun()
def test_weights_that_are_shared(t):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
            self.head.weight = self.embed.weight
            self.body = nn.Linear(4, 4)

        def forward(self, x):
            return self.head(self.body(torch.tanh(self.body(self.embed(x)))))
    model = Tied()
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    def step(x):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), x)
        loss.backward()
        optimizer.step()
        return loss
    step = t.compile(step)
    for _ in range(6):
        t.log(step(torch.randint(0, 7, (5,))), model, optimizer)


@footgun()
def test_batch_norm_counts_its_batches(t):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout2d(0.2), nn.Flatten(), nn.Linear(18, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = t.compile(descent(model, optimizer))
    for i in range(12):
        if i == 8:
            model.eval()
        t.log(step(torch.randn(4, 1, 5, 5)), model, optimizer)


@footgun()
def test_a_compiled_forward_in_a_loop_as_written(t):
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    f = t.compile(model)
    for i in range(8):
        optimizer.zero_grad()
        loss = f(torch.randn(5, 3)).square().mean() + (f(torch.randn(5, 3)).sum() if i > 4 else 0)
        loss.backward()
        optimizer.step()
        t.log(loss, model, optimizer)


@footgun()
def test_batches_of_another_size_in_turn(t):
    model, optimizer, _ = training(t, compiled=False)
    step = t.compile(descent(model, optimizer))
    for i in range(16):
        step(torch.randn(1 + i % 4, 3))
        t.log(model, optimizer)


@footgun(captured=None, says="runs as written")
def test_an_average_of_the_weights(t):
    model, optimizer, _ = training(t, compiled=False)
    average = optim.swa_utils.AveragedModel(model)
    step = t.compile(descent(model, optimizer, lambda: average.update_parameters(model)))
    for _ in range(6):
        step(torch.randn(4, 3))
        t.log(model, average)


@footgun()
def test_a_moving_average_written_by_hand(t):
    model, optimizer, _ = training(t, compiled=False)
    average = [p.detach().clone() for p in model.parameters()]

    def after():
        with torch.no_grad():
            for a, p in zip(average, model.parameters(), strict=True):
                a.mul_(0.9).add_(p, alpha=0.1)
    step = t.compile(descent(model, optimizer, after))
    for _ in range(6):
        step(torch.randn(4, 3))
        t.log(model, average)


@footgun(captured=False, says="LBFGS.step()")
def test_an_optimizer_that_calls_back(t):
    model = network()
    optimizer, x = optim.LBFGS(model.parameters(), max_iter=3), torch.randn(4, 3)

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss
    step = t.compile(lambda: optimizer.step(closure))
    for _ in range(5):
        t.log(step(), model)


@footgun()
def test_a_schedule_that_is_made_later(t):
    model, optimizer, run = training(t, OPTIMIZERS["sgd"])
    run()
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(5):
        run(1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a schedule that steps before its optimizer
            schedule.step()


@footgun(captured=None, says="hooks")
def test_hooks_of_all_optimizers_that_come_later(t):
    _, optimizer, run = training(t)
    run()
    handle = optim.optimizer.register_optimizer_step_post_hook(lambda optimizer, args, kwargs: optimizer.param_groups[0].update(lr=0.001))
    try:
        run()
    finally:
        handle.remove()


@footgun()
def test_a_state_that_is_emptied(t):
    _, optimizer, run = training(t)
    run()
    optimizer.state.clear()
    run()


@footgun()
def test_steps_written_by_hand(t):
    a, b = (torch.randn(3, requires_grad=True) for _ in range(2))

    def step(x):
        if a.grad is not None:
            a.grad.zero_()
            b.grad = None
        loss = ((a * x + b) ** 2).sum()
        loss.backward()
        a.data -= 0.1 * a.grad
        with torch.no_grad():
            b.sub_(b.grad, alpha=0.1)
        return loss.detach()
    step = t.compile(step)
    for _ in range(7):
        t.log(step(torch.randn(3)), a, b)
