"""User-defined Functions."""
import pytest

import rushlight as torch
from rushlight.autograd import Function


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None


class Pair(Function):
    @staticmethod
    def forward(x, y):
        return x * y, x + y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y + h, g * x + h


def test_gradient_is_the_users():
    x = torch.ones(2, requires_grad=True)
    y = Scale.apply(x, 3.0)
    assert repr(y) == "tensor([3., 3.], grad_fn=<ScaleBackward>)"
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_setup_context_and_zeros_for_the_unused_result():
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([5.0], requires_grad=True)
    product, _ = Pair.apply(x, y)
    product.sum().backward()
    assert x.grad.item() == 5.0 and y.grad.item() == 2.0


def test_nothing_is_recorded_inside_forward_or_without_grad():
    class Looks(Function):
        @staticmethod
        def forward(ctx, x):
            assert not torch.is_grad_enabled()
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        assert not Looks.apply(x).requires_grad
    assert Looks.apply(x).requires_grad


def test_backward_of_backward_is_recorded():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return g * 3 * x * x
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Cube.apply, (x,)) and torch.autograd.gradgradcheck(Cube.apply, (x,))


def test_once_differentiable_refuses_a_second_derivative():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2
    x = torch.ones(1, requires_grad=True)
    g, = torch.autograd.grad(Once.apply(x), x, torch.ones(1, requires_grad=True), create_graph=True)
    with pytest.raises(RuntimeError, match="^trying to differentiate twice a function that was marked with @once_differentiable"):
        g.sum().backward()


def test_saved_result_makes_no_cycle_and_keeps_its_history():
    import gc
    import weakref

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            out = x.exp()
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]
    x = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(Exp.apply, (x,))
    gc.disable()
    try:
        y = Exp.apply(x)
        alive = weakref.ref(y)
        del y
        assert alive() is None
    finally:
        gc.enable()


def test_dirty_input_takes_the_functions_history():
    class AddOne(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7
    x = torch.ones(1, requires_grad=True)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y and y.item() == 3.0
    y.sum().backward()
    assert x.grad.item() == 14.0


@pytest.mark.parametrize(("returned", "message"), [
    (lambda g: (g, g, g), r"function BadBackward returned an incorrect number of gradients \(expected 1, got 3\)"),
    (lambda g: g[:1].expand(2, 2), r"Function BadBackward returned an invalid gradient at index 0 - got \[2, 2\] but expected shape"),
])
def test_wrong_gradients_are_named(returned, message):
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return returned(g)
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="^" + message):
        Bad.apply(x).sum().backward()
    assert x.grad is None


def test_instances_are_refused():
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Scale()


def test_non_differentiable_result():
    class Sorted(Function):
        @staticmethod
        def forward(ctx, x):
            mask = x > 0
            other = x * 2
            ctx.mark_non_differentiable(other)
            return mask, other, x * 3

        @staticmethod
        def backward(ctx, a, b, g):
            return g * 3
    x = torch.ones(2, requires_grad=True)
    mask, other, y = Sorted.apply(x)
    assert not mask.requires_grad and not other.requires_grad and y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


class Parts(torch.autograd.Function):
    """What `body` makes of the argument."""

    @staticmethod
    def forward(ctx, x, body):
        return body(x)

    @staticmethod
    def backward(ctx, *grads):
        return sum(grads), None


MANY = "This view is the output of a function that returns multiple views. Such functions do not allow the output views"
CUSTOM = r"This view was created inside a custom Function \(or because an input was returned as-is\) and the autograd logic"


@pytest.mark.parametrize(("body", "reason"), [
    (lambda x: x, CUSTOM), (lambda x: x.view(2), CUSTOM), (lambda x: (x * 2).view(2), CUSTOM),
    (lambda x: (x, x * 2), MANY), (lambda x: (x.view(2), x * 2), MANY),
])
def test_result_that_is_a_view_may_not_be_written(body, reason):
    def first(x):
        out = Parts.apply(x, body)
        return out[0] if isinstance(out, tuple) else out
    x = torch.ones(2, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="^Output 0 of Parts is a view and is being modified inplace. " + reason):
        first(x).add_(1)
    out = first(x)
    assert out._is_view() and out.detach().add_(1).tolist() == out.tolist()
    if out._base is x:
        x.add_(1)
        with pytest.raises(RuntimeError, match="^Output 0 of Parts is a view and its base or another view of its base has been modified inplace. "):
            out.grad_fn


def test_result_beside_a_view_may_be_written():
    x = torch.ones(2, requires_grad=True)
    _, other = Parts.apply(x * 1, lambda x: (x.view(2), x * 2))
    other.mul_(3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("name", "shape dtype function edges saved out cell outputs attrs sequence parent hooks ctx".split())
def test_attributes_of_the_context_are_the_user_s_whatever_their_names(name):
    class Sum(Function):
        @staticmethod
        def forward(ctx, x):
            setattr(ctx, name, x.shape)
            ctx.save_for_backward(x)
            return x.sum()

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return g.expand(getattr(ctx, name)) * x

    x = torch.full((3,), 2.0, requires_grad=True)
    Sum.apply(x * 1).backward()
    assert x.grad.tolist() == [2.0] * 3


def test_what_a_call_saved_goes_with_its_graph():
    import weakref
    kept = []

    class Holder:
        pass

    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.holder = Holder()
            kept.append(weakref.ref(ctx.holder))
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    y = Keep.apply(torch.ones(1, requires_grad=True))
    assert y.grad_fn.holder is kept[0]()
    with pytest.raises(AttributeError, match="^'KeepBackward' object has no attribute 'other'$"):
        y.grad_fn.other
    del y
    assert kept[0]() is None
