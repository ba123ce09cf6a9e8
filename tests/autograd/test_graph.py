"""Hooks on what is saved, anomaly mode, and the look of the graph."""
import math
import threading
import warnings

import pytest

import rushlight as torch
from rushlight.autograd import graph
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


def test_hook_that_packs_a_result_sees_its_history_and_backward_gets_it_back():
    seen = []
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: (seen.append((t.requires_grad, t.is_leaf, type(t.grad_fn).__name__)), t)[1], lambda t: t):
        y = x.exp()
    assert seen == [(True, False, "ExpBackward0")] and y.grad_fn._saved_result.grad_fn is y.grad_fn
    g, = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == pytest.approx([math.e] * 2)


def test_only_the_innermost_hooks_pack_and_nothing_is_recorded_while_they_do():
    seen = []
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: (seen.append(("outer", torch.is_grad_enabled())), t)[1], lambda t: t):
        with graph.saved_tensors_hooks(lambda t: (seen.append(("inner", torch.is_grad_enabled())), t)[1], lambda t: t):
            x.exp()
        x.exp()
    assert seen == [("inner", False), ("outer", False)]


def in_another_thread(function):
    """The result of a function that another thread calls."""
    told = []
    thread = threading.Thread(target=lambda: told.append(function()))
    thread.start()
    thread.join()
    return told[0]


def test_hooks_are_those_of_one_thread():
    seen, x = [], torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: (seen.append(threading.get_ident()), t)[1], lambda t: t):
        in_another_thread(x.exp)
        x.exp()
    assert seen == [threading.get_ident()]


def test_hooks_are_disabled_in_one_thread():
    def entered(context):
        with context:
            return True
    hooks, no_hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t), graph.disable_saved_tensors_hooks("not here")
    with hooks:
        assert in_another_thread(lambda: entered(no_hooks))
    with no_hooks:
        assert in_another_thread(lambda: entered(hooks))


def test_while_a_hook_packs_others_see_what_another_thread_does():
    nodes, x = [], torch.ones(2, requires_grad=True)
    hooks = graph.saved_tensors_hooks(lambda t: (nodes.append(in_another_thread(x.exp)._node), t)[1], lambda t: t)
    with hooks, torch.autograd.set_detect_anomaly(True):
        x.exp()
    assert [node.traceback is not None for node in nodes] == [True]


def test_hook_that_writes_into_what_it_packs_is_an_error():
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t), pytest.raises(RuntimeError, match="^A saved tensor pack hook is modifying its"):
        x.exp()


def test_hook_that_unpacks_no_tensor_is_an_error():
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: 3, lambda t: t):
        y = x.exp()
    with pytest.raises(TypeError, match="^Output of saved tensor unpack_hook expected to be a Tensor but got result of type int$"):
        y.sum().backward()


def test_what_a_function_saves_passes_through_the_hooks():
    class Weighted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x * 1
            ctx.save_for_backward(out, x, None)
            return out

        @staticmethod
        def backward(ctx, g):
            out, x, nothing = ctx.saved_tensors
            assert nothing is None
            return g * out * x

    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t.tolist(), lambda packed: torch.tensor(packed) * 3):
        y = Weighted.apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]


def test_hooks_that_are_disabled_say_why():
    hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="^not here$"), hooks:
        pass
    with hooks, pytest.raises(RuntimeError, match="^not here$"), graph.disable_saved_tensors_hooks("not here"):
        pass
    with hooks:
        pass


def test_graph_of_packed_tensors_goes_when_nobody_holds_it():
    import weakref
    x = torch.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
        y = x.exp()
    kept = weakref.ref(y._array)
    del y
    assert kept() is None
