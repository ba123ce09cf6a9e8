"""The base class: groups, saving, hooks, closures, errors."""
import copy
import pickle

import pytest

import rushlight as torch
from rushlight.optim import SGD, Adam, AdamW, Optimizer
from rushlight.optim.optimizer import (
    _use_grad_for_differentiable,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)


class Plain(Optimizer):
    """A user's method with a step of its own."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.sub_(p.grad * group["lr"])
        return "done"


# ---- groups

def test_groups_have_their_own_options_and_the_defaults(parameters):
    a, b = parameters()
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.1, momentum=0.9)
    assert [(g["lr"], g["momentum"], g["params"]) for g in optimizer.param_groups] == [(0.5, 0.9, [a]), (0.1, 0.9, [b])]


def test_repr_lists_the_groups():
    p = torch.nn.Parameter(torch.ones(1))
    assert repr(SGD([{"params": p}, {"params": torch.nn.Parameter(torch.ones(1)), "lr": 1}], lr=0.1)) == """SGD (
Parameter Group 0
    dampening: 0
    differentiable: False
    foreach: None
    fused: None
    lr: 0.1
    maximize: False
    momentum: 0
    nesterov: False
    weight_decay: 0

Parameter Group 1
    dampening: 0
    differentiable: False
    foreach: None
    fused: None
    lr: 1
    maximize: False
    momentum: 0
    nesterov: False
    weight_decay: 0
)"""


def test_named_parameters_keep_their_names(parameters):
    a, b = parameters()
    optimizer = SGD([("a", a), ("b", b)])
    assert optimizer.param_groups[0]["params"] == [a, b]
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["param_names"] == ["a", "b"]
    other = SGD([("c", a), ("d", b)])
    other.load_state_dict(saved)
    assert other.param_groups[0]["param_names"] == ["a", "b"]


def leaf():
    return torch.nn.Parameter(torch.ones(2))


P = leaf()


@pytest.mark.parametrize("params, kind, message", [
    ([], ValueError, "optimizer got an empty parameter list"),
    ([1], TypeError, "optimizer can only optimize Tensors, but one of the params is int"),
    ([P * 2], ValueError, "can't optimize a non-leaf Tensor"),
    ([{"params": {P}}], TypeError, "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will "
                                   "change between runs. Please use a list instead."),
    ([{"params": [P]}, {"params": [P]}], ValueError, "some parameters appear in more than one parameter group"),
    ([("a", P), leaf()], ValueError, "all optimizer params should be with/without names. Some param names are missing"),
    ([{"params": [("a", P)]}, {"params": [leaf()]}], ValueError,
     "all optimizer param groups should be with/without names. cannot add param group without names to the optimizer"),
    ([{"params": [P]}, 3], TypeError, "param_group must be a dict, but got <class 'int'>"),
])
def test_what_cannot_be_optimized_is_an_error(params, kind, message):
    with pytest.raises(kind) as error:
        SGD(params, lr=0.1)
    assert str(error.value) == message


def test_one_tensor_is_no_list_of_parameters():
    message = "^params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor$"
    with pytest.raises(TypeError, match=message):
        SGD(leaf())


def test_a_refused_group_leaves_the_optimizer_as_it_was(parameters):
    a, b = parameters()
    optimizer = SGD([a])
    with pytest.raises(ValueError):
        optimizer.add_param_group({"params": [b, a]})
    assert len(optimizer.param_groups) == 1


def test_a_parameter_listed_twice_is_a_warning():
    with pytest.warns(UserWarning, match="^optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; see"):
        SGD([P, P])


def test_a_required_option_must_be_given(parameters):
    class Method(Optimizer):
        pass
    assert repr(required) == "<required parameter>"
    Method([{"params": parameters(), "rate": 1}], {"rate": required})
    with pytest.raises(ValueError, match="^parameter group didn't specify a value of required optimization parameter rate$"):
        Method(parameters(), {"rate": required})


# ---- a step

def test_parameters_without_a_gradient_stay(parameters):
    a, b = params = parameters()
    a.grad = None
    before = a.tolist()
    Adam(params).step()
    assert a.tolist() == before and b.item() != -0.75


def test_closure_runs_with_gradients_recorded_and_its_loss_is_returned():
    p = leaf()
    optimizer = SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss
    with torch.no_grad():
        assert optimizer.step(closure).item() == 2.0
    assert p.tolist() == pytest.approx([0.8, 0.8])


def test_a_step_is_noticed_by_a_backward_that_needs_the_old_values():
    p = leaf()
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="^one of the variables needed for gradient computation has been modified by an inplace operation"):
        loss.backward()


def test_a_changed_learning_rate_holds_at_once():
    p = leaf()
    p.grad = torch.ones(2)
    optimizer = SGD([p], lr=1.0)
    for lr in (1.0, 0.25, torch.tensor(0.5)):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert p.tolist() == [-0.75, -0.75]


def test_zero_grad_forgets_or_clears(parameters):
    a, b = params = parameters()
    optimizer = SGD(params)
    gradient = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is gradient and a.grad.abs().sum().item() == 0.0 and b.grad.item() == 0.0
    optimizer.zero_grad()
    assert a.grad is None and b.grad is None


def test_a_method_without_a_rule_is_not_implemented(parameters):
    with pytest.raises(NotImplementedError):
        Optimizer(parameters(), {}).step()


def test_a_users_step_works_with_hooks(parameters):
    optimizer = Plain(parameters())
    seen = []
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append((o, args, kwargs)))
    assert optimizer.step() == "done"
    assert seen == [(optimizer, (optimizer,), {})]


def test_differentiable_decorator_sets_the_mode_and_puts_it_back():
    class Method(Optimizer):
        @_use_grad_for_differentiable
        def step(self):
            return torch.is_grad_enabled()
    assert Method([P], {"differentiable": False}).step() is False
    assert Method([P], {"differentiable": True}).step() is True
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "ASGD", "Rprop", "Adafactor"])
def test_every_method_with_a_step_counts_it(parameters, name):
    p, _ = params = parameters()
    optimizer = getattr(torch.optim, name)(params)
    optimizer.step()
    optimizer.step()
    assert repr(optimizer.state[p]["step"]) == "tensor(2.)"


# ---- hooks

def test_hooks_run_in_order_around_the_step(parameters):
    optimizer = SGD(parameters())
    log = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre")),
        optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post")),
        register_optimizer_step_pre_hook(lambda o, args, kwargs: log.append("global pre")),
        register_optimizer_step_post_hook(lambda o, args, kwargs: log.append("global post")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert log == ["global pre", "pre", "post", "global post"]


def test_pre_hook_may_change_the_arguments(parameters):
    optimizer = SGD(parameters())
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((args[0], lambda: 42), kwargs))
    assert optimizer.step() == 42


def test_pre_hook_that_returns_something_else_is_an_error(parameters):
    optimizer = SGD(parameters())
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3\.$"):
        optimizer.step()
    optimizer._optimizer_step_pre_hooks.clear()
    optimizer.step()


def test_a_step_that_calls_its_base_runs_the_hooks_once(parameters):
    class Louder(SGD):
        def step(self, closure=None):
            return super().step(closure)
    optimizer = Louder(parameters())
    log = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append(1))
    optimizer.step()
    assert log == [1]


def test_state_dict_hooks(parameters):
    optimizer = SGD(parameters())
    log = []
    optimizer.register_state_dict_pre_hook(lambda o: log.append("pre"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_state_dict_post_hook(lambda o, state: log.append(list(state)), prepend=True)
    optimizer.register_load_state_dict_pre_hook(lambda o, state: log.append("load"))
    optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups", "more"]
    optimizer.load_state_dict(saved)
    assert log == ["pre", ["state", "param_groups"], "load", "loaded"]


# ---- saving

def test_state_dict_numbers_parameters_in_order(parameters):
    a, b = parameters()
    optimizer = Adam([{"params": [a]}, {"params": [b], "lr": 0.5}])
    optimizer.step()
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"] and list(saved["state"]) == [0, 1]
    assert [g["params"] for g in saved["param_groups"]] == [[0], [1]] and list(saved["param_groups"][0])[-1] == "params"
    assert saved["state"][1]["exp_avg"] is optimizer.state[b]["exp_avg"]


def test_a_loaded_optimizer_goes_on_as_the_saved_one(parameters):
    (a, _), (b, _) = one, two = parameters(), parameters()
    first = AdamW(one, lr=0.1)
    first.step()
    for p, q in zip(one, two, strict=True):
        q.data = p.data.clone()
    second = AdamW(two)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    first.step()
    second.step()
    assert a.tolist() == b.tolist() and second.param_groups[0]["lr"] == 0.1


def test_loaded_state_takes_the_dtype_of_its_parameter_but_step_keeps_its_own(parameters):
    params = parameters()
    optimizer = Adam(params)
    optimizer.step()
    doubles = [torch.nn.Parameter(p.detach().double()) for p in params]
    other = Adam(doubles)
    other.load_state_dict(optimizer.state_dict())
    state = other.state[doubles[0]]
    assert state["exp_avg"].dtype is torch.float64 and state["step"].dtype is torch.float32


def test_state_of_older_versions_gets_what_it_lacks(parameters):
    params = parameters()
    optimizer = Adam(params)
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    for state in saved["state"].values():
        state["step"] = 7
    del saved["param_groups"][0]["amsgrad"], saved["param_groups"][0]["maximize"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["amsgrad"] is False and repr(optimizer.state[params[0]]["step"]) == "tensor(7.)"


def test_state_of_other_groups_is_refused(parameters):
    a, b = parameters()
    with pytest.raises(ValueError, match="^loaded state dict has a different number of parameter groups$"):
        SGD([a, b]).load_state_dict(SGD([{"params": a}, {"params": b}]).state_dict())
    with pytest.raises(ValueError, match="^loaded state dict contains a parameter group that doesn't match the size of optimizer's group$"):
        SGD([a, b]).load_state_dict(SGD([a]).state_dict())


def test_a_deep_copy_has_parameters_and_state_of_its_own(parameters):
    params = parameters()
    optimizer = Adam(params)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    before = params[0].tolist()
    q = twin.param_groups[0]["params"][0]
    q.grad = torch.ones_like(q)  # a copied parameter has no gradient
    twin.step()
    assert q is not params[0] and params[0].tolist() == before
    assert twin.state[q]["step"].item() == 2.0 and optimizer.state[params[0]]["step"].item() == 1.0


def test_pickled_optimizers_and_schedules_come_back(parameters):
    optimizer = Adam(parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    schedule.step()
    other = pickle.loads(pickle.dumps(optimizer))
    assert type(other) is Adam and repr(other) == repr(optimizer)
    assert str(other.state_dict()) == str(optimizer.state_dict())
    schedule = pickle.loads(pickle.dumps(schedule))
    assert schedule.last_epoch == 1 and schedule.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_ten_thousand_parameters():
    params = [torch.nn.Parameter(torch.ones(1)) for _ in range(10_000)]
    for p in params:
        p.grad = p.detach()
    SGD(params, lr=0.5).step()
    assert {p.item() for p in params} == {0.5}
