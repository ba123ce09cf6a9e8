"""state_dict and load_state_dict; expectations are PyTorch 2.13's, but that a failed load changes nothing."""
from collections import OrderedDict

import pytest

import rushlight as torch
from rushlight import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2, 3)
        self.register_buffer("b", torch.zeros(2))


class Extra(nn.Module):
    def __init__(self):
        super().__init__()
        self.v = 1

    def get_extra_state(self):
        return {"v": self.v}

    def set_extra_state(self, state):
        self.v = state["v"]


def good():
    return {"b": torch.ones(2), "l.weight": torch.ones(3, 2), "l.bias": torch.ones(3)}


def values(net):
    return {name: tensor.tolist() for name, tensor in net.state_dict().items()}


def test_a_state_dict_is_ordered_and_knows_versions():
    state = nn.Sequential(Net(), nn.BatchNorm1d(2)).state_dict(prefix="x.")
    assert type(state) is OrderedDict
    assert list(state) == ["x.0.b", "x.0.l.weight", "x.0.l.bias", "x.1.weight", "x.1.bias", "x.1.running_mean", "x.1.running_var",
                           "x.1.num_batches_tracked"]
    assert state._metadata == {"x": {"version": 1}, "x.0": {"version": 1}, "x.0.l": {"version": 1}, "x.1": {"version": 2}}


def test_the_tensors_share_memory_without_history():
    net = Net()
    state = net.state_dict()
    assert not state["l.weight"].requires_grad and type(state["l.weight"]) is torch.Tensor
    state["b"].fill_(5)
    assert net.b.tolist() == [5, 5]
    assert net.state_dict(keep_vars=True)["l.weight"] is net.l.weight


def test_positional_arguments_are_deprecated_but_work():
    with pytest.warns(FutureWarning, match="^Positional args are being deprecated, use kwargs instead."):
        state = Net().state_dict({}, "x.")
    assert type(state) is dict and list(state) == ["x.b", "x.l.weight", "x.l.bias"]


def test_loading_copies_into_the_same_tensors():
    net = Net()
    weight = net.l.weight
    result = net.load_state_dict(good())
    assert repr(result) == str(result) == "<All keys matched successfully>"
    assert net.l.weight is weight and weight.tolist() == [[1, 1]] * 3 and weight.requires_grad


def test_a_loose_load_says_what_did_not_match():
    result = Net().load_state_dict({"l.weight": torch.ones(3, 2), "zz": 3}, strict=False)
    assert result == (["b", "l.bias"], ["zz"])
    assert repr(result) == "_IncompatibleKeys(missing_keys=['b', 'l.bias'], unexpected_keys=['zz'])"


@pytest.mark.parametrize("change, error, message", [
    (lambda s: s.clear(), RuntimeError,
     'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "b", "l.weight", "l.bias". '),
    (lambda s: s.update({"l.bias": torch.zeros(4), "foo": 3, "l.x": 3, "l.y.z": 3}), RuntimeError,
     'Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: "foo", "l.x", "l.y.z". \n\t'
     "size mismatch for l.bias: copying a param with shape torch.Size([4]) from checkpoint, the shape in current model is torch.Size([3])."),
    (lambda s: s.update({"c": s.pop("b")}), RuntimeError,
     'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "b". \n\tUnexpected key(s) in state_dict: "c". '),
    (lambda s: s.update({"l.weight": 3}), RuntimeError,
     'Error(s) in loading state_dict for Net:\n\tWhile copying the parameter named "l.weight", expected torch.Tensor or Tensor-like object from '
     "checkpoint but received <class 'int'>"),
    (lambda s: s.update({"_extra_state": 3}), RuntimeError,
     'Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: "_extra_state". '),
])
def test_a_bad_state_dict_is_an_error_and_changes_nothing(change, error, message):
    net, state = Net(), good()
    before = values(net)
    change(state)
    with pytest.raises(error) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == message
    assert values(net) == before


def test_what_is_no_dictionary_cannot_be_loaded():
    with pytest.raises(TypeError) as caught:
        Net().load_state_dict(3)
    assert str(caught.value) == "Expected state_dict to be dict-like, got <class 'int'>."


def test_a_failed_assignment_takes_the_tensors_back():
    net = Net()
    before = list(net.parameters())
    with pytest.raises(RuntimeError):
        net.load_state_dict({**good(), "l.bias": torch.ones(4)}, assign=True)
    assert all(a is b for a, b in zip(before, net.parameters()))


def test_assigning_takes_the_tensors_themselves_and_keeps_requires_grad():
    net, state = Net(), good()
    net.l.weight.requires_grad_(False)
    state["l.weight"] = nn.Parameter(state["l.weight"])
    net.load_state_dict(state, assign=True)
    assert net.l.weight is state["l.weight"] and not net.l.weight.requires_grad
    assert isinstance(net.l.bias, nn.Parameter) and net.l.bias.requires_grad
    state["l.bias"].fill_(7)
    assert net.l.bias.tolist() == [7, 7, 7]
    assert net.b is state["b"]


def test_a_vector_of_one_loads_into_a_scalar():
    net = nn.Module()
    net.s = nn.Parameter(torch.tensor(1.0))
    net.load_state_dict({"s": torch.tensor([5.0])})
    assert net.s.item() == 5


def test_extra_state_is_saved_and_loaded():
    net = nn.Sequential(Extra())
    assert net.state_dict() == {"0._extra_state": {"v": 1}}
    net.load_state_dict({"0._extra_state": {"v": 7}})
    assert net[0].v == 7
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state". $'):
        net.load_state_dict({})


def test_state_dict_hooks_see_and_change_the_dictionary():
    net, seen = nn.Sequential(Net()), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep_vars: seen.append((prefix, keep_vars)))
    net.register_state_dict_post_hook(lambda m, state, prefix, metadata: state.update(extra=metadata["version"]))
    assert net.state_dict(keep_vars=True)["extra"] == 1 and seen == [("", True)]
    net.register_state_dict_post_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="^state_dict post-hook must return None$"):
        net.state_dict()


def test_an_old_state_dict_hook_may_return_another_dictionary():
    net = Net()
    net._register_state_dict_hook(lambda m, state, prefix, metadata: {"z": 1})
    assert net.state_dict() == {"z": 1}

    def hook(*_):
        pass

    net.register_state_dict_post_hook(hook)
    with pytest.raises(RuntimeError, match="^Cannot register the same function as the state dict post hook that was previously registered via "
                       "register_state_dict_post_hook$"):
        net._register_state_dict_hook(hook)


def test_load_hooks_run_before_and_after():
    net, seen = nn.Sequential(Net()), []
    net[0].register_load_state_dict_pre_hook(lambda m, state, prefix, *_: state.update({prefix + "b": torch.ones(2) * 3}))
    net.register_load_state_dict_post_hook(lambda m, keys: seen.append(list(keys.missing_keys)))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    net.load_state_dict({})
    assert seen == [["0.l.weight", "0.l.bias"]] and net[0].b.tolist() == [3, 3]
    net.register_load_state_dict_post_hook(lambda m, keys: 3)
    with pytest.raises(AssertionError, match="^Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values"):
        net.load_state_dict({})


def test_a_batch_norm_of_version_1_has_no_count_of_batches():
    norm = nn.BatchNorm1d(2)
    state = dict(norm.state_dict())
    del state["num_batches_tracked"]
    assert repr(norm.load_state_dict(state)) == "<All keys matched successfully>"


def test_an_instance_norm_without_statistics_refuses_old_ones():
    with pytest.raises(RuntimeError, match='Unexpected running stats buffer\\(s\\) "running_mean" and "running_var" for InstanceNorm1d with '
                       "track_running_stats=False"):
        nn.InstanceNorm1d(3).load_state_dict({"running_mean": torch.zeros(3), "running_var": torch.zeros(3)})
