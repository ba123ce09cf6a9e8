"""Results of a compiled step that are several of one operation."""
import pytest

import rushlight as torch


def goes_back_again(result):
    """Whether a result can go backward once more."""
    try:
        (result * result).sum().backward()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("several", [lambda y: torch.max(y, dim=0), lambda y: torch.split(y, 2), torch.var_mean, torch.unbind])
@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
def test_each_keeps_its_history_which_the_step_has_gone_back_through(several, backend):
    def step(x):
        out = several(x * 2)
        sum([part.sum() for part in out if part.requires_grad]).backward()
        return out

    def seen(call):
        x = torch.linspace(-1, 1, 12).reshape(4, 3).requires_grad_()
        out = call(x)
        named = [(part.tolist(), part.requires_grad, part.grad_fn and part.grad_fn.name()) for part in out]
        return named, x.grad.tolist(), type(out), goes_back_again(out[0])
    expected = seen(step)
    compiled = torch.compile(step, backend=backend)
    assert [seen(compiled) for _ in range(3)] == [expected] * 3
    assert compiled._rushlight_work.recordings[0].function


def test_what_an_operation_keeps_of_a_single_number_is_recorded():
    x, target = torch.tensor(0.5, requires_grad=True), torch.tensor(0)

    def f(x):
        loss = torch.nn.functional.multilabel_margin_loss(x, target)
        loss.backward()
        x.grad, grad = None, x.grad
        return grad
    compiled = torch.compile(f)
    for _ in range(3):
        assert torch.equal(compiled(x), f(x))
