"""Backward."""
import gc
import weakref

import pytest

import rushlight as torch


def test_backward_passes_through_a_hundred_thousand_operations():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + x
    y.sum().backward()
    assert x.grad.item() == 100_001


def test_gradient_of_a_value_used_twice_is_the_sum():
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    (y * y + y).sum().backward()
    assert x.grad.item() == 4 * 2.0 ** 3 + 2 * 2.0


def test_backward_adds_to_the_gradient_that_is_there():
    x = torch.tensor([3.0], requires_grad=True)
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert x.grad.item() == 12.0


def test_gradients_of_two_leaves_never_share_memory():
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    (a + b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [1.0, 1.0, 1.0]


def test_given_gradient_is_not_taken_over_by_the_leaf():
    x, g = torch.ones(2, requires_grad=True), torch.ones(2)
    (x + 0).backward(g)
    x.grad.zero_()
    assert g.tolist() == [1.0, 1.0]


def test_broadcasting_is_undone():
    a, b = torch.ones(3, 1, requires_grad=True), torch.ones(1, 4, requires_grad=True)
    (a * b).sum().backward()
    assert a.grad.tolist() == [[4.0]] * 3 and b.grad.tolist() == [[3.0] * 4]


def test_gradient_has_the_dtype_of_its_tensor():
    a = torch.ones(2, requires_grad=True)
    (a * torch.ones(2, dtype=torch.float64)).sum().backward()
    assert a.grad.dtype is torch.float32


def test_second_backward_needs_a_retained_graph():
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="^Trying to backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_backward_frees_what_it_needs_no_more():
    x = torch.ones(2, requires_grad=True)
    middle = x * 2
    y = (middle * middle).sum()
    kept = weakref.ref(middle)
    del middle
    assert kept() is not None  # saved for backward
    y.backward()
    assert kept() is None


def test_graph_of_a_loop_holds_no_cycles():
    gc.disable()
    try:
        x = torch.ones(2, requires_grad=True)
        y = x.exp() * x
        alive = weakref.ref(y)
        del y
        assert alive() is None
    finally:
        gc.enable()


def test_second_derivative():
    x = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    first, = torch.autograd.grad((x * x * x).sum(), x, create_graph=True)
    second, = torch.autograd.grad(first.sum(), x)
    assert first.item() == 27.0 and second.item() == 18.0


def test_grad_leaves_other_leaves_alone():
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    g, = torch.autograd.grad((a * b).sum(), a)
    assert g.item() == 1.0 and a.grad is None and b.grad is None


def test_grad_of_a_value_in_the_middle():
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    g, = torch.autograd.grad((y * 3).sum(), y)
    assert g.item() == 3.0


def test_backward_to_given_inputs_only():
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    (a * b).sum().backward(inputs=[a])
    assert a.grad.item() == 1.0 and b.grad is None


def test_unused_input_is_an_error_or_none_or_zeros():
    x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="^The differentiated Tensor at index 0 appears to not have been used in the graph"):
        torch.autograd.grad(x.sum(), y)
    assert torch.autograd.grad(x.sum(), y, allow_unused=True) == (None,)
    assert torch.autograd.grad(x.sum(), y, materialize_grads=True)[0].tolist() == [0.0]


@pytest.mark.parametrize(("make", "message"), [
    (lambda x: torch.ones(2).sum().backward(), "element 0 of tensors does not require grad and does not have a grad_fn"),
    (lambda x: (x * 2).backward(), "grad can be implicitly created only for scalar outputs"),
    (lambda x: x.sum().backward(torch.ones(3)), r"Mismatch in shape: grad_output\[0\] has a shape of torch.Size\(\[3\]\)"),
    (lambda x: torch.autograd.grad(x.sum(), torch.ones(2)), "One of the differentiated Tensors does not require grad"),
])
def test_misuse_of_backward_raises_pytorchs_error_and_leaves_no_gradient(make, message):
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="^" + message):
        make(x)
    assert x.grad is None


def test_tensor_hook_replaces_the_gradient_and_can_be_removed():
    x = torch.ones(2, requires_grad=True)
    handle = x.register_hook(lambda g: g * 10)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_retained_gradient_of_a_computed_tensor():
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 6.0]


@pytest.mark.parametrize("result, error, message", [
    (lambda inputs: inputs[:1], RuntimeError, r"hook '<lambda>' has returned an incorrect number of values \(got 1, but expected 2\)"),
    (lambda inputs: list(inputs), TypeError, "expected tuple, but hook returned 'list'"),
    (lambda inputs: (inputs[0], 3), TypeError, "expected Variable, but hook returned 'int'"),
    (lambda inputs: (inputs[0][:2], inputs[1]), RuntimeError, "hook '<lambda>' has changed the size of value"),
])
def test_what_a_node_hook_returns_must_fit(result, error, message):
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    y = a * b
    y.grad_fn.register_hook(lambda inputs, outputs: result(inputs))
    with pytest.raises(error, match=message):
        y.sum().backward()


def test_a_hook_behind_a_leafs_gradient_sees_it_where_it_was_added():
    p, seen = torch.ones(3, requires_grad=True), []
    leaf = p.expand_as(p).grad_fn.next_functions[0][0]
    handle = leaf.register_hook(lambda inputs, outputs: seen.append((inputs, outputs[0].tolist(), p.grad.tolist())))
    (p * 2).sum().backward()
    (p * 3).sum().backward()
    handle.remove()
    (p * 2).sum().backward()
    assert seen == [((), [2, 2, 2], [2, 2, 2]), ((), [3, 3, 3], [5, 5, 5])]


def test_node_hooks_see_gradients_on_both_sides():
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    seen = []
    y.grad_fn.register_prehook(lambda grads: seen.append(("in", grads[0].tolist())))
    y.grad_fn.register_hook(lambda grads, arrived: seen.append(("out", grads[0].tolist(), arrived[0].tolist())))
    y.sum().backward()
    assert seen == [("in", [1.0, 1.0]), ("out", [3.0, 3.0], [1.0, 1.0])]


def test_post_accumulate_hook_runs_once_with_the_leaf():
    x = torch.ones(2, requires_grad=True)
    seen = []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5.0, 5.0]]


@pytest.mark.parametrize(("value", "error", "message"), [
    (3, TypeError, "expected Variable, but hook returned 'int'"),
    (torch.ones(2), RuntimeError, "Tensor post accumulate grad hooks should return None."),
])
def test_post_accumulate_hook_may_return_nothing(value, error, message):
    x = torch.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda leaf: value)
    with pytest.raises(error) as raised:
        x.sum().backward()
    assert str(raised.value) == message


def test_no_grad_holds_for_its_thread_alone():
    import threading
    result = []
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        thread = threading.Thread(target=lambda: result.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (x * 2).requires_grad
    assert result == [True]


def test_no_grad_decorates_functions_and_generators():
    x = torch.ones(1, requires_grad=True)

    @torch.no_grad()
    def function():
        return x * 2

    @torch.no_grad()
    def generator():
        yield x * 2
        yield x * 3
    assert not function().requires_grad
    steps = generator()
    assert not next(steps).requires_grad
    assert (x * 2).requires_grad  # the consumer's mode is its own between steps
    assert not next(steps).requires_grad


def test_error_inside_backward_leaves_the_mode_as_it_was():
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("mine")
    x = torch.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="mine"):
        Fails.apply(x).sum().backward()
    assert torch.is_grad_enabled() and x.grad is None


@pytest.mark.parametrize("write", [lambda y: y.mul_(3), lambda y: y[:1].mul_(3)])
def test_retained_gradient_is_that_of_the_value_after_a_write(write):
    y = torch.ones(2, requires_grad=True) * 1
    y.retain_grad()
    write(y)
    y.sum().backward()
    assert y.grad.tolist() == [1, 1]


def test_retained_gradient_of_a_view_is_that_of_the_value_after_a_write_to_its_base():
    y = torch.ones(2, requires_grad=True) * 1
    v = y[:1]
    v.retain_grad()
    y.mul_(3)
    v.sum().backward()
    assert v.grad.tolist() == [1]


def test_input_named_twice_gets_its_gradient_once_and_in_place():
    x = torch.ones(2, requires_grad=True)
    x.grad = known = torch.ones(2)
    (x * 2).sum().backward(inputs=[x, x])
    assert x.grad is known and known.tolist() == [3, 3]


def test_leaf_that_requires_a_gradient_no_more_gets_none():
    x = torch.ones(2, requires_grad=True)
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


@pytest.mark.parametrize(("result", "error", "message"), [
    (3, TypeError, "expected Variable, but hook returned 'int'"),
    (torch.ones(3), RuntimeError, "hook '<lambda>' has changed the size of value"),
    (torch.ones(2).double(), RuntimeError, "hook '<lambda>' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)"),
])
def test_hook_that_returns_what_is_no_such_gradient_is_refused(result, error, message):
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: result)
    with pytest.raises(error) as caught:
        (x * 2).sum().backward()
    assert str(caught.value) == message and x.grad is None


def test_backward_that_creates_a_graph_warns_once_of_the_cycle(python):
    program = """
import rushlight as torch
x = torch.ones(2, requires_grad=True)
for _ in range(2):
    (x * x).sum().backward(create_graph=True)
    torch.autograd.backward((x * x).sum(), create_graph=True)
torch.autograd.grad((x * x).sum(), x, create_graph=True)"""
    warned = python("-c", program).stderr
    assert warned.count("UserWarning: Using backward() with create_graph=True will create a reference cycle") == 1
    assert warned.startswith("<string>:5: ")
