"""Hooks on what is saved, anomaly mode, and the look of the graph."""
import warnings

import pytest

import rushlight as torch
from rushlight.autograd.graph import get_gradient_edge, register_multi_grad_hook, saved_tensors_hooks


def test_saved_tensors_pass_through_the_hooks():
    log = []
    x = torch.tensor([3.0], requires_grad=True)
    with saved_tensors_hooks(lambda t: log.append("pack") or t.detach().numpy().copy(), lambda a: log.append("unpack") or torch.from_numpy(a)):
        y = x * x
    assert "pack" in log and "unpack" not in log
    y.sum().backward()
    assert x.grad.item() == 6.0 and "unpack" in log


def test_anomaly_mode_names_the_forward_call_and_stops_at_nan():
    x = torch.zeros(1, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        y = x * 0 / (x * 0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(RuntimeError, match="^Function 'DivBackward0' returned nan values in its"):
                y.sum().backward()
    assert any("Error detected in DivBackward0" in str(w.message) and "test_anomaly_mode" in str(w.message) for w in caught)
    assert not torch.autograd.anomaly_mode.is_anomaly_enabled()


def test_nodes_lead_to_the_leaves():
    x = torch.ones(1, requires_grad=True)
    node = (x * 2).grad_fn
    assert node.name() == "MulBackward0" and node.next_functions[0][0].variable is x and node.next_functions[1] == (None, 0)
    assert get_gradient_edge(x * 2).output_nr == 0


def test_hook_on_several_tensors_runs_once_all_are_known():
    a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    seen = []
    handle = register_multi_grad_hook((a, b), lambda grads: seen.append([g.item() for g in grads]))
    (a * 2 + b * 3).sum().backward()
    assert seen == [[2.0, 3.0]]
    handle.remove()
    (a * 2 + b * 3).sum().backward()
    assert len(seen) == 1
