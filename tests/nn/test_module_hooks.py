"""Hooks of modules, around forward and in backward; expectations are PyTorch 2.13's."""
import warnings

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import module as modules


class Scale(nn.Module):
    def __init__(self, k=1.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([k, 2.0]))

    def forward(self, x, y=0.0):
        return self.w * x + y


def boom(*_):
    raise ValueError("boom")


X = torch.tensor([1.0, 2.0])


def backward_log(module, inputs=1, requires_grad=True):
    """What a full backward hook sees when the output, weighted by 1 and 10, is summed; and the gradients of the inputs."""
    xs = [torch.tensor([1.0, 2.0]).requires_grad_(requires_grad) for _ in range(inputs)]
    out = module(*xs)
    out = out[0] if isinstance(out, tuple) else out
    (out * torch.tensor([1.0, 10.0])).sum().backward()
    return [None if x.grad is None else x.grad.tolist() for x in xs]


def as_lists(grads):
    return [None if g is None else g.tolist() for g in grads]


def test_pre_hooks_change_arguments_and_run_in_order():
    order, module = [], Scale()
    module.register_forward_pre_hook(lambda m, args: order.append("first"))
    module.register_forward_pre_hook(lambda m, args: order.append("prepended"), prepend=True)
    module.register_forward_pre_hook(lambda m, args: args[0] * 10)
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"y": 5.0}), with_kwargs=True)
    assert module(X, y=3.0).tolist() == [15, 45]
    assert order == ["prepended", "first"]


def test_forward_hooks_change_the_output_and_may_take_kwargs():
    module, seen = Scale(), []
    module.register_forward_hook(lambda m, args, out: seen.append(out.tolist()))
    module.register_forward_hook(lambda m, args, kwargs, out: out * kwargs["y"], with_kwargs=True, prepend=True)
    assert module(X, y=2.0).tolist() == [6, 12]
    assert seen == [[6, 12]]


def test_removing_a_handle_forgets_all_about_the_hook():
    module = Scale()
    handles = [module.register_forward_pre_hook(boom, with_kwargs=True), module.register_forward_hook(boom, with_kwargs=True, always_call=True)]
    for handle in handles:
        handle.remove()
        handle.remove()
    with module.register_forward_hook(lambda m, args, out: out + 100):
        assert module(X).tolist() == [101, 104]
    assert module(X).tolist() == [1, 4]
    assert not (module._forward_pre_hooks_with_kwargs or module._forward_hooks_with_kwargs or module._forward_hooks_always_called)


@pytest.mark.parametrize("result", [3, (1, 2, 3)])
def test_a_pre_hook_with_kwargs_returns_both_or_nothing(result):
    module = Scale()
    module.register_forward_pre_hook(lambda m, args, kwargs: result, with_kwargs=True)
    with pytest.raises(RuntimeError) as caught:
        module(X)
    assert str(caught.value).split("\n")[0] == f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."


def test_always_called_hooks_run_after_a_failure_and_their_own_failures_are_warnings():
    module, seen = Scale(), []
    module.register_forward_pre_hook(boom)
    module.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="^boom$"):
        module(X)
    assert seen == [None]
    module.register_forward_hook(boom, always_call=True)
    with pytest.warns(UserWarning, match="^module forward hook with ``always_call=True`` raised an exception that was silenced as another error "
                      "was raised in forward: boom$"), pytest.raises(ValueError):
        module(X)


def test_global_hooks_see_every_module():
    seen = []
    handles = [modules.register_module_forward_pre_hook(lambda m, args: seen.append(type(m).__name__)),
               modules.register_module_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)]
    nn.Sequential(Scale())(X)
    for handle in handles:
        handle.remove()
    assert seen == ["Sequential", "Scale", {}, {}]
    Scale()(X)
    assert len(seen) == 4 and "global hooks" not in modules.special_calls


def test_a_failing_always_called_global_hook_is_a_warning():
    module = Scale()
    module.register_forward_pre_hook(boom)
    with modules.register_module_forward_hook(boom, always_call=True):
        with pytest.warns(UserWarning, match="^global module forward hook"), pytest.raises(ValueError):
            module(X)


def test_registration_hooks_see_and_replace_what_is_registered():
    seen = []

    def note(module, name, value):
        seen.append((name, type(value).__name__))

    handles = [modules.register_module_parameter_registration_hook(note), modules.register_module_buffer_registration_hook(note),
               modules.register_module_module_registration_hook(note),
               modules.register_module_module_registration_hook(lambda m, name, child: nn.Tanh() if name == "d" else None)]
    try:
        net = nn.Module()
        net.a = nn.Parameter(X)
        net.register_buffer("b", X)
        net.c = nn.ReLU()
        net.d = nn.ReLU()
        net.register_parameter("e", None)
    finally:
        for handle in handles:
            handle.remove()
    assert seen == [("a", "Parameter"), ("b", "Tensor"), ("c", "ReLU"), ("d", "ReLU")]
    assert isinstance(net.d, nn.Tanh)


def test_a_full_backward_hook_sees_the_gradients_at_inputs_and_outputs():
    module, seen = Scale(), []
    module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((as_lists(grad_input), as_lists(grad_output))))
    assert backward_log(module) == [[1, 20]]
    assert backward_log(module, 2) == [[1, 20], [1, 10]]
    assert seen == [([[1, 20]], [[1, 10]]), ([[1, 20], [1, 10]], [[1, 10]])]


def test_a_full_backward_hook_changes_the_gradients_at_the_inputs():
    module = Scale()
    module.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 100,))
    assert backward_log(module) == [[100, 2000]]
    assert module.w.grad.tolist() == [1, 20]


def test_a_backward_pre_hook_changes_the_gradients_at_the_outputs():
    module = Scale()
    module.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 100,))
    assert backward_log(module) == [[100, 2000]]
    assert module.w.grad.tolist() == [100, 2000]


def test_several_outputs_and_inputs_each_have_their_place():
    class Two(nn.Module):
        def forward(self, x, y):
            return x * y, x + y, 5

    module, seen = Two(), []
    module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((as_lists(grad_input), as_lists(grad_output))))
    assert backward_log(module, 2) == [[1, 20], [1, 20]]
    assert seen == [([[1, 20], [1, 20]], [[1, 10], None, None])]


def test_without_gradients_at_the_inputs_the_hook_runs_early_and_says_so():
    module, seen = Scale(), []
    module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, as_lists(grad_output))))
    with pytest.warns(UserWarning, match="^Full backward hook is firing when gradients are computed with respect to module outputs since no "
                      "inputs require gradients. See "):
        backward_log(module, requires_grad=False)
    assert seen == [((None,), [[1, 10]])]


@pytest.mark.parametrize("register, result, message", [
    ("register_full_backward_hook", (1, 2, 3), "Backward hook returned an invalid number of grad_input, got 3, but expected 1"),
    ("register_full_backward_pre_hook", (1, 2), "Backward pre hook returned an invalid number of grad_output, got 2, but expected 1"),
])
def test_a_wrong_number_of_gradients_is_an_error(register, result, message):
    module = Scale()
    getattr(module, register)(lambda *_: result)
    with pytest.raises(RuntimeError) as caught:
        backward_log(module)
    assert str(caught.value) == message


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_an_early_hook_may_not_change_gradients():
    module = Scale()
    module.register_full_backward_hook(lambda *_: (X,))
    with pytest.raises(RuntimeError) as caught:
        backward_log(module, requires_grad=False)
    assert str(caught.value) == ("Backward hook for Modules where no input requires gradient should always return None or None for all "
                                 "gradients.")


def test_outputs_that_are_no_tensors_are_warned_of():
    class AsList(nn.Module):
        def forward(self, x):
            return [x * 2]

    module = AsList()
    module.register_full_backward_hook(boom)
    with pytest.warns(UserWarning, match="^For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                      "<class 'list'>$"):
        module(torch.ones(2).requires_grad_())


def test_hooks_are_quiet_without_grad_mode():
    module = Scale()
    module.register_full_backward_hook(boom)
    with torch.no_grad():
        assert module(X).tolist() == [1, 4]


def test_global_backward_hooks_see_every_module():
    seen = []
    with modules.register_module_full_backward_hook(lambda m, grad_input, grad_output: seen.append(type(m).__name__)):
        backward_log(nn.Sequential(Scale(), Scale()))
    with modules.register_module_full_backward_pre_hook(lambda m, grad_output: seen.append("pre")):
        backward_log(Scale())
    assert seen == ["Scale", "Scale", "Sequential", "pre"]


MIXED = "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."


def test_hooks_of_the_old_kind_do_not_mix_with_full_ones():
    module = Scale()
    module.register_backward_hook(boom)
    with pytest.raises(RuntimeError) as caught:
        module.register_full_backward_hook(boom)
    assert str(caught.value) == MIXED
    module = Scale()
    module.register_full_backward_hook(boom)
    with pytest.raises(RuntimeError) as caught:
        module.register_backward_hook(boom)
    assert str(caught.value) == MIXED
    assert len(module._backward_hooks) == 1


@pytest.mark.parametrize("forward, inputs, message", [
    (lambda a: a * 2 + 1, 1, "a non-full backward hook when the forward contains multiple autograd Nodes is deprecated and will be removed in "
     "future versions. This hook will be missing some grad_input."),
    (lambda a: (a * 2, a * 3), 1, "a non-full backward hook when outputs are generated by different autograd Nodes is deprecated and will be "
     "removed in future versions. This hook will be missing some grad_output."),
    (lambda a: [a * 2], 1, "non-full backward hooks on a Module that does not return a single Tensor or a tuple of Tensors is deprecated and will "
     "be removed in future versions. This hook will be missing some of the grad_output."),
    (lambda a, b: a * b, 2, None),
])
def test_hooks_of_the_old_kind_say_what_they_miss(forward, inputs, message):
    class Plain(nn.Module):
        def forward(self, *args):
            return forward(*args)

    module, seen = Plain(), []
    module.register_backward_hook(lambda m, grad_input, grad_output: seen.append(as_lists(grad_output)))
    leaf = torch.ones(2).requires_grad_()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = module(*[leaf * (i + 1.0) for i in range(inputs)])
    rest = " Please use register_full_backward_hook to get the documented behavior."
    assert [str(w.message) for w in caught] == ([] if message is None else ["Using " + message + rest])
    (out if hasattr(out, "sum") else out[0]).sum().backward()
    assert seen == [[[1, 1]]]
