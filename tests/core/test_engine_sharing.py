"""One gradient may be the gradient of several tensors: it must not be added to in place for one of them."""
import rushlight as torch


def test_a_gradient_that_two_arguments_share_is_not_added_into():
    x = torch.tensor([1.0, 2.0]).requires_grad_()
    y = torch.tensor([1.0, 2.0]).requires_grad_()
    a, b = x * 1.0, y * 1.0
    product, total = a * b, a + b  # the sum is the later one: its one gradient reaches a and b first
    ((total * torch.tensor([1.0, 1.0])).sum() + (product * torch.tensor([1.0, 10.0])).sum()).backward()
    assert x.grad.tolist() == [2.0, 21.0]
    assert y.grad.tolist() == [2.0, 21.0]


def test_a_tensor_that_is_used_many_times_gets_the_sum():
    x = torch.tensor([1.0, 2.0]).requires_grad_()
    a = x * 1.0
    (a + a + a * a + (a + 1.0) * a).sum().backward()
    assert x.grad.tolist() == [7.0, 11.0]
