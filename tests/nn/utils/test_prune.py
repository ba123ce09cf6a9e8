"""Pruning: masks, their combination, and their removal; messages of PyTorch 2.13."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn.utils import prune


def layer():
    made = nn.Linear(2, 2)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([[0.5, 1.0], [2.0, -3.0]]))
    return made


@pytest.mark.parametrize("call, kept", [
    (lambda m: prune.l1_unstructured(m, "weight", amount=2), [[0, 0], [1, 1]]),
    (lambda m: prune.l1_unstructured(m, "weight", amount=0.75), [[0, 0], [0, 1]]),
    (lambda m: prune.l1_unstructured(m, "weight", 1, importance_scores=torch.tensor([[9.0, 1.0], [9.0, 9.0]])), [[1, 0], [1, 1]]),
    (lambda m: prune.ln_structured(m, "weight", amount=1, n=2, dim=0), [[0, 0], [1, 1]]),
    (lambda m: prune.ln_structured(m, "weight", amount=1, n=1, dim=-1), [[0, 1], [0, 1]]),
    (lambda m: prune.identity(m, "weight"), [[1, 1], [1, 1]]),
    (lambda m: prune.custom_from_mask(m, "weight", torch.tensor([[1, 0], [0, 1]])), [[1, 0], [0, 1]]),
])
def test_what_is_pruned(call, kept):
    made = layer()
    assert call(made) is made and made.weight_mask.tolist() == kept
    assert made.weight.tolist() == (layer().weight * torch.tensor(kept)).tolist()
    assert list(made.state_dict()) == ["bias", "weight_orig", "weight_mask"]


@pytest.mark.parametrize("call, pruned", [
    (lambda m: prune.random_unstructured(m, "weight", amount=0.5), 2), (lambda m: prune.random_structured(m, "weight", amount=1, dim=1), 2),
])
def test_what_is_pruned_at_random(call, pruned):
    assert (call(layer()).weight_mask == 0).sum().item() == pruned


def test_the_hook_prunes_again_before_every_call_and_gradients_are_masked():
    made = prune.l1_unstructured(layer(), "weight", amount=2)
    made(torch.ones(1, 2)).sum().backward()
    assert made.weight_orig.grad.tolist() == [[0, 0], [1, 1]]
    with torch.no_grad():
        made.weight_orig.fill_(7)
    made(torch.ones(1, 2))
    assert made.weight.tolist() == [[0, 0], [7, 7]]


def test_pruning_again_prunes_what_is_left():
    made = prune.l1_unstructured(layer(), "weight", amount=1)
    prune.l1_unstructured(made, "weight", amount=1)
    assert made.weight_mask.tolist() == [[0, 0], [1, 1]]
    prune.ln_structured(made, "weight", amount=1, n=2, dim=1)
    assert made.weight_mask.tolist() == [[0, 0], [0, 1]]
    hook, = made._forward_pre_hooks.values()
    assert isinstance(hook, prune.PruningContainer) and len(hook) == 3 and isinstance(hook[2], prune.LnStructured)


def test_removing_makes_it_an_ordinary_parameter():
    made = prune.l1_unstructured(layer(), "weight", amount=2)
    original = made.weight_orig
    assert prune.is_pruned(nn.Sequential(made))
    prune.remove(made, "weight")
    assert not prune.is_pruned(made) and made.weight is original and made.weight.tolist() == [[0, 0], [2, -3]]
    assert list(made.state_dict()) == ["bias", "weight"]


def test_several_parameters_are_pruned_together():
    one, two = layer(), layer()
    with torch.no_grad():
        two.weight.mul_(0.1)
    prune.global_unstructured([(one, "weight"), (two, "weight")], prune.L1Unstructured, amount=4)
    assert one.weight_mask.tolist() == [[1, 1], [1, 1]] and two.weight_mask.tolist() == [[0, 0], [0, 0]]


def test_a_method_prunes_a_tensor_without_a_module():
    assert prune.L1Unstructured(1).prune(torch.tensor([1.0, -3.0, 2.0])).tolist() == [0, -3, 2]


@pytest.mark.parametrize("call, error, message", [
    (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError,
     "amount=-1 should either be a float in the range [0, 1] or a non-negative integer"),
    (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError,
     "amount=1.5 should either be a float in the range [0, 1] or a non-negative integer"),
    (lambda m: prune.l1_unstructured(m, "weight", "a"), TypeError, "Invalid type for amount: a. Must be int or float."),
    (lambda m: prune.l1_unstructured(m, "weight", 10), ValueError, "amount=10 should be smaller than the number of parameters to prune=4"),
    (lambda m: prune.l1_unstructured(m, "weight", 1, importance_scores=torch.zeros(3)), AssertionError,
     "importance_scores should have the same shape as parameter weight of Linear(in_features=2, out_features=2, bias=True)"),
    (lambda m: prune.ln_structured(m, "weight", 1, n=2, dim=5), IndexError, "Invalid index 5 for tensor of size torch.Size([2, 2])"),
    (lambda m: prune.ln_structured(m, "bias", 1, n=2, dim=0), ValueError, "Structured pruning can only be applied to multidimensional tensors. Found "
     "tensor of shape torch.Size([2]) with 1 dims"),
    (lambda m: prune.remove(m, "weight"), ValueError, "Parameter 'weight' of module Linear(in_features=2, out_features=2, bias=True) has to be "
     "pruned before pruning can be removed"),
    (lambda m: prune.global_unstructured(3, prune.L1Unstructured, amount=1), TypeError, "global_unstructured(): parameters is not an Iterable"),
    (lambda m: prune.global_unstructured([], prune.L1Unstructured, importance_scores=3, amount=1), TypeError,
     "global_unstructured(): importance_scores must be of type dict"),
    (lambda m: prune.PruningContainer().add_pruning_method(3), TypeError, "<class 'int'> is not a BasePruningMethod subclass"),
])
def test_what_will_not_do_is_pytorchs_error_and_changes_nothing(call, error, message):
    made = layer()
    with pytest.raises(error) as caught:
        call(made)
    assert type(caught.value) is error and str(caught.value) == message
    assert list(made.state_dict()) == ["weight", "bias"] and not made._forward_pre_hooks
