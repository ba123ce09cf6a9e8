"""In-place writes: versions, views and their history."""
import numpy as np
import pytest

import rushlight as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_gradient_passes_through_an_inplace_operation():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.mul_(torch.tensor([2.0, 5.0], dtype=torch.float64))
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 15.0]


def test_operation_that_overwrites_what_it_needs_keeps_a_copy():
    x, factor = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * 1
    y.mul_(factor)
    y.sum().backward()
    assert factor.grad.tolist() == [1.0, 2.0] and x.grad.tolist() == [3.0, 4.0]


def test_value_that_backward_needs_may_not_be_overwritten():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"^one of the variables needed for gradient computation has been modified by an inplace operation: "
                                           r"\[torch.DoubleTensor \[2\]\], which is output 0 of Add, is at version 1; expected version 0 instead"):
        z.sum().backward()


def test_result_that_backward_needs_may_not_be_overwritten():
    y = leaf(1.0).exp()
    z = y * 1
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (y + z).sum().backward()


def test_write_through_a_detached_tensor_is_noticed_and_through_data_is_not():
    x = leaf(2.0)
    y = x * 1
    z = y * y
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    y = x * 1
    z = y * y
    y.data.fill_(5.0)
    z.sum().backward()
    assert x.grad.item() == 10.0


def test_leaf_that_requires_grad_may_not_be_written_and_stays_as_it_was():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="^a leaf Variable that requires grad is being used in an in-place operation."):
        x.add_(1)
    with pytest.raises(RuntimeError, match="^a view of a leaf Variable that requires grad is being used in an in-place operation."):
        x.view(2, 1).zero_()
    assert x.tolist() == [1.0, 2.0]
    with torch.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 3.0] and x.is_leaf


def test_write_through_a_view_changes_the_history_of_its_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    y[1:].mul_(10)
    y.sum().backward()
    assert y.tolist() == [2.0, 40.0, 60.0] and x.grad.tolist() == [2.0, 20.0, 20.0]
    assert y.grad_fn.name() == "CopySlices"


def test_other_views_follow_when_their_base_is_written():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    view = y[0]
    y.mul_(4)
    view.backward()
    assert x.grad.tolist() == [4.0, 0.0, 0.0]


def test_constant_written_over_a_part_stops_its_gradient():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 2
    y[0] = 7.0
    y.sum().backward()
    assert y.tolist() == [7.0, 4.0, 6.0] and x.grad.tolist() == [0.0, 2.0, 2.0]


def test_gradient_reaches_what_was_written_into_a_plain_tensor():
    x = leaf(5.0)
    y = torch.zeros(3, dtype=torch.float64)
    y[1] = x[0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [10.0]


def test_view_made_without_grad_may_not_be_written_with_it():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        view = y[0]
    with pytest.raises(RuntimeError, match="^A view was created in no_grad mode and is being modified inplace with grad mode enabled"):
        view.mul_(2)


def test_one_of_many_views_may_not_be_written():
    y = leaf(1.0, 2.0) * 1
    first, _ = y.unbind(0)
    with pytest.raises(RuntimeError, match="^Output 0 of Unbind is a view and is being modified inplace"):
        first.mul_(2)


@pytest.mark.parametrize(("write", "message"), [
    (lambda x: x.add_(torch.ones(2, 2)), r"output with shape \[2\] doesn't match the broadcast shape \[2, 2\]"),
    (lambda x: x.long().add_(1.5), "result type Float can't be cast to the desired output type Long"),
    (lambda x: torch.ones(1).expand(3).add_(1), "unsupported operation: more than one element of the written-to tensor refers to a single memory"),
])
def test_write_that_does_not_fit_raises_and_changes_nothing(write, message):
    x = torch.ones(2)
    before = x._version
    with pytest.raises(RuntimeError, match="^" + message):
        write(x)
    assert x.tolist() == [1.0, 1.0] and x._version == before


def test_views_share_one_version():
    x = torch.zeros(4)
    view = x.view(2, 2)
    view.add_(1)
    x[0] = 5
    assert x._version == view._version == 2


def test_numpy_and_tensor_share_memory_both_ways():
    array = np.zeros(3, np.float32)
    tensor = torch.from_numpy(array)
    tensor.add_(1)
    array[0] = 7
    assert tensor.tolist() == [7.0, 1.0, 1.0] and np.shares_memory(tensor.numpy(), array)


def test_view_made_without_grad_requires_it_as_its_base_does_but_hands_it_on_to_nobody():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        view = x[:1]
    assert view.requires_grad and view.is_leaf and view.grad_fn is None
    (view * 3).sum().backward()
    assert x.grad is None and view.grad is None


@pytest.mark.parametrize(("make", "message"), [
    (lambda y: y.split(1)[1], "Output 1 of Split is a view and its base or another view of its base has been modified inplace. This view is the"),
    (lambda y: y.unbind()[0].view(1), "Output 0 of View is a view and its base or another view of its base has been modified inplace. This view"),
])
def test_one_of_many_views_may_not_be_used_after_its_base_was_written(make, message):
    y = leaf(1.0, 2.0) * 1
    view = make(y)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="^" + message):
        view * 2


def test_view_made_without_grad_may_not_be_used_after_its_base_was_written():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        view = y[0]
    y.mul_(2)
    with pytest.raises(RuntimeError, match="^A view was created in no_grad mode and its base or another view of its base has been modified inplace"):
        view.grad_fn
    assert view.requires_grad


def test_history_of_a_view_whose_storage_was_written_is_derived_anew():
    y = leaf(1.0, 2.0, 3.0) * 1
    view, other = y[1:], y[:2]
    assert view.grad_fn.name() == "SliceBackward0"
    other.mul_(3)
    assert view.grad_fn.name() == other.grad_fn.name() == "AsStridedBackward0" and y.grad_fn.name() == "CopySlices"


def test_result_that_backward_reads_is_guarded_in_the_tensor_that_took_it():
    y = leaf(1.0, 2.0) * 1
    y.exp_()
    y.add_(1)
    with pytest.raises(RuntimeError, match="^one of the variables needed for gradient computation has been modified by an inplace operation"):
        y.sum().backward()


def test_operand_that_backward_reads_survives_the_write_that_read_it():
    plain, x = torch.full((2,), 3.0, dtype=torch.float64), leaf(1.0, 2.0)
    plain.mul_(x)
    plain.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_source_that_overlaps_its_target_is_refused():
    x = torch.arange(4.0)
    with pytest.raises(RuntimeError, match="^unsupported operation: some elements of the input tensor and the written-to tensor refer to a single"):
        x[1:].add_(x[:3])
    assert x[:2].add_(x[2:]).tolist() == [2.0, 4.0] and x.add_(x.view(4)).tolist() == [4.0, 8.0, 4.0, 6.0]


def test_gradient_of_a_write_through_views_of_views():
    x = leaf(*range(12))
    y = (x * 1).view(3, 4)
    y.t()[1:3].unfold(1, 2, 1)[:, 0].mul_(torch.tensor([10.0, 100.0]))
    y.backward(torch.ones(3, 4, dtype=torch.float64))
    assert x.grad.view(3, 4).tolist() == [[1.0, 10.0, 10.0, 1.0], [1.0, 100.0, 100.0, 1.0], [1.0] * 4]


def test_second_gradient_passes_through_a_write():
    x = leaf(2.0, 3.0)
    y = x * 1
    y[0] = x[1] ** 2
    (first,) = torch.autograd.grad((y ** 2).sum(), x, create_graph=True)  # y = (x1^2, x1): 4 x1^3 + 2 x1
    first.sum().backward()
    assert first.tolist() == [0.0, 114.0] and x.grad.tolist() == [0.0, 110.0]


def test_hooks_and_retained_gradients_of_a_view_whose_base_gained_history():
    base = torch.zeros(4)
    view = base[:2]
    base.add_(torch.ones(4, requires_grad=True))
    seen = []
    view.register_hook(lambda g: seen.append(g.tolist()))
    view.retain_grad()
    assert view.retains_grad
    (view * 2).sum().backward()
    assert seen == [[2.0, 2.0]] and view.grad.tolist() == [2.0, 2.0]
