"""The contexts that turn recording on and off, and the tensors of inference mode."""
import copy

import pytest

import rushlight as torch

WRITE = ("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace "
         "update.See https://github.com/pytorch/rfcs/pull/17 for more details.")
SAVE = "^Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. "


def inference_tensor(*values):
    with torch.inference_mode():
        return torch.tensor(values or (1.0, 2.0, 3.0))


@pytest.mark.parametrize("make", [
    lambda x: torch.ones(2), lambda x: torch.rand(2), lambda x: x + 1, lambda x: x > 0, lambda x: x.sum(), lambda x: x.clone(), lambda x: x.double(),
    lambda x: x.max(0)[0], lambda x: torch.nn.functional.linear(x, x), lambda x: torch.eye(2), lambda x: torch.zeros_like(x),
])
def test_what_is_made_in_inference_mode_is_an_inference_tensor(make):
    x = torch.ones(3)
    with torch.inference_mode():
        assert make(x).is_inference() and torch.is_inference(make(make(x)) if make(x).dim() else make(x))
    assert not make(x).is_inference() and not make(inference_tensor()).is_inference()


def test_views_are_what_their_base_is():
    x, i = torch.ones(3, requires_grad=True), inference_tensor()
    with torch.inference_mode():
        assert not x.view(3).is_inference() and not x.detach().is_inference() and x.view(3).requires_grad
        assert i[1:].is_inference()
    assert all([view.is_inference() for view in (i[1:], i.view(3), i.detach(), i.data, i.to("cpu"), i.contiguous(), i.split(1)[0])])
    assert not copy.deepcopy(i).is_inference()


@pytest.mark.parametrize("write", [
    lambda x: x.add_(1), lambda x: x.zero_(), lambda x: x.copy_(torch.ones(3)), lambda x: x.__setitem__(0, 1.0), lambda x: x.uniform_(),
    lambda x: torch.add(torch.ones(3), 1, out=x), lambda x: x.view(3).mul_(2), lambda x: x[1:].fill_(0), lambda x: torch.no_grad()(x.add_)(1),
    lambda x: x.add_(torch.ones(3, requires_grad=True)),
])
def test_inference_tensors_are_written_in_inference_mode_alone(write):
    x = inference_tensor()
    with pytest.raises(RuntimeError) as raised:
        write(x)
    assert str(raised.value) == WRITE
    with torch.inference_mode():
        write(x)
        write(torch.ones(3))


@pytest.mark.parametrize("use", [
    lambda x, i: x * i, lambda x, i: i * x, lambda x, i: torch.nn.functional.linear(i, x.view(1, 3)), lambda x, i: torch.where(i > 0, x, i) * i,
    lambda x, i: Saves.apply(x, i),
])
def test_inference_tensors_cannot_be_saved_for_backward(use):
    x, i = torch.ones(3, requires_grad=True), inference_tensor()
    with pytest.raises(RuntimeError, match=SAVE):
        use(x, i)
    assert use(x, i.clone()).requires_grad and not (x + i).is_inference()
    with torch.no_grad():
        use(x, i)


class Saves(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, i):
        ctx.save_for_backward(i)
        return x * i


def test_inference_tensors_cannot_require_a_gradient_outside():
    i = inference_tensor()
    for call in (i.requires_grad_, lambda: torch.nn.Parameter(i)):
        with pytest.raises(RuntimeError, match="^Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.$"):
            call()
    with torch.inference_mode():
        made = torch.ones(2, requires_grad=True)
        assert made.is_inference() and made.requires_grad and not (made * 2).requires_grad


def test_inference_tensors_have_no_version():
    with pytest.raises(RuntimeError, match="^Inference tensors do not track version counter.$"):
        inference_tensor()._version


def test_layer_made_in_inference_mode_is_trained_outside():
    with torch.inference_mode():
        layer = torch.nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.is_inference() and layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_data_brings_its_kind_along():
    x, i = torch.ones(3), inference_tensor()
    x.data = i
    assert x.is_inference()
    x.data = torch.ones(3)
    assert not x.is_inference() and x.add_(1).tolist() == [2.0] * 3


def test_view_made_in_inference_mode_is_not_written_outside():
    base = torch.ones(3, requires_grad=True) * 1
    with torch.inference_mode():
        view = base.view(3)
    with pytest.raises(RuntimeError, match="^A view was created in inference mode and is being modified inplace in normal mode. Given that this"):
        view.add_(1)
    base.add_(1)
    with pytest.raises(RuntimeError, match="^A view was created in inference mode and its base or another view of its base has been modified inplace "
                                           "in normal mode. Given that this"):
        view.grad_fn


def test_switches_inside_inference_mode_are_remembered_but_record_nothing():
    x = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        states = [torch.is_grad_enabled()]
        with torch.enable_grad():
            states.append(torch.is_grad_enabled())
            assert not (x * 2).requires_grad and (x * 2).is_inference()
        with torch.set_grad_enabled(True), torch.no_grad():
            states.append(torch.is_grad_enabled())
        with torch.inference_mode(False):
            states.append(torch.is_grad_enabled())
            assert (x * 2).requires_grad and not (x * 2).is_inference()
        states.append(torch.is_inference_mode_enabled())
    assert states == [False, True, False, True, True]
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_gradients_that_backward_makes_in_inference_mode_are_inference_tensors():
    x = torch.ones(2, requires_grad=True)
    loss = (x * 2).sum()
    with torch.inference_mode():
        loss.backward()
        result = Saves.apply(x, torch.ones(2))
    assert x.grad.is_inference() and x.grad.tolist() == [2.0, 2.0] and result.is_inference()


def test_backward_in_inference_mode_gives_the_same_gradients():
    def gradient(inference):
        torch.manual_seed(0)
        x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
        functional = torch.nn.functional
        loss = (functional.layer_norm(x, (6,)) * functional.group_norm(x, 3)).sin().sum() + functional.rms_norm(x, (6,)).pow(3).sum() \
            + functional.scaled_dot_product_attention(x, x * 2, x * 3).sum() + functional.gelu(x).prod() \
            + functional.grid_sample(x[None], x[None, :, :, :2].detach(), align_corners=False).pow(2).sum()
        with torch.inference_mode(inference):
            loss.backward()
        return x.grad.clone()
    assert torch.equal(gradient(True), gradient(False))
