"""The loss of small tables has the same bits before and after machine code is loaded."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends.llvm.engine import available, engine
from rushlight.ops import cross_entropy as rules

F = torch.nn.functional
pytestmark = pytest.mark.skipif(not available(), reason="kernels are switched off")


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    engine()
    monkeypatch.setattr(rules, "is_worthwhile", lambda: True)
    if not rules.small_agrees():
        pytest.skip("NumPy takes the C library's exponential on this processor")


def table(rows, classes, scale=3.0):
    random = np.random.default_rng(rows * 1000 + classes)
    return (random.standard_normal((rows, classes)) * scale).astype(np.float32), random.integers(0, classes, rows)


def both(x, target, monkeypatch, **how):
    """The bytes of the loss, of all that it leaves, and of the gradient, without and with machine code; and whether a kernel took the loss."""
    attributes = {"reduction": "mean", "ignore_index": -100, "smoothing": 0.0, **how}
    seen, results = [], []
    loss_of = rules.small().loss_of
    monkeypatch.setattr(rules.small(), "loss_of", lambda *given: seen.append(loss_of(*given)) or seen[-1])
    for is_loaded in (False, True):
        monkeypatch.setattr(rules, "is_worthwhile", lambda is_loaded=is_loaded: is_loaded)
        out = rules._cross_entropy(x, target, None, **attributes)
        gradient = rules._cross_entropy_backward(np.asarray(np.float32(0.7)), x, target, None, *out[1:], **attributes)
        results.append([np.asarray(each).tobytes() for each in (*out, gradient)])
    return *results, bool(seen) and seen[-1] is not None


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("rows", [1, 7, 8, 64, 129, 300, 1024])
@pytest.mark.parametrize("classes", [1, 2, 7, 8, 10, 16, 31, 100, 300])
def test_all_sizes_have_numpys_bits(rows, classes, reduction, monkeypatch):
    before, after, taken = both(*table(rows, classes), monkeypatch, reduction=reduction)
    assert taken == (rows * classes < rules.MANY)
    assert before == after


@pytest.mark.parametrize("shape", [(1025, 3), (8193, 2), (12345, 2), (16000, 2)])
def test_many_rows_are_numpys(shape, monkeypatch):
    before, after, taken = both(*table(*shape), monkeypatch)
    assert before == after and not taken


@pytest.mark.parametrize("number", [30.5, -31.0, np.inf, np.nan])
def test_numbers_that_need_a_shift_go_to_numpy(number, monkeypatch):
    x, target = table(20, 10)
    x[13, 4] = number
    before, after, taken = both(x, target, monkeypatch)
    assert before == after and not taken


@pytest.mark.parametrize("ignored", [5, -100])
def test_ignored_rows_go_to_numpy(ignored, monkeypatch):
    x, target = table(20, 10)
    target[3] = ignored
    before, after, taken = both(x, target, monkeypatch, ignore_index=ignored)
    assert before == after and not taken


def test_a_class_to_ignore_that_no_row_has_has_the_same_bits(monkeypatch):
    for rows in range(2, 60):
        x, target = table(rows, 5)
        before, after, taken = both(x, target % 4, monkeypatch, ignore_index=4)
        assert before == after and not taken


@pytest.mark.parametrize("change", [
    lambda x, target: (x[:, ::2], target % 5), lambda x, target: (x[:, :5].T.copy().T, target % 5), lambda x, target: (x[::2], target[::2]),
    lambda x, target: (x.astype(np.float64), target), lambda x, target: (x, target.astype(np.uint8)), lambda x, target: (x[:0], target[:0])])
def test_other_arrays_go_to_numpy(change, monkeypatch):
    before, after, taken = both(*change(*table(64, 10)), monkeypatch)
    assert before == after and not taken


@pytest.mark.parametrize("how", [{"reduction": "none"}, {"smoothing": 0.1}])
def test_other_losses_go_to_numpy(how, monkeypatch):
    before, after, taken = both(*table(20, 10), monkeypatch, **how)
    assert before == after and not taken


def test_two_losses_of_one_recording_keep_their_own_factors():
    w = torch.randn(4, 3, requires_grad=True)

    def loss(x, t, u):
        return F.cross_entropy(x @ w, t) + F.cross_entropy(x @ w, u)
    f, x, u = torch.compile(loss), torch.randn(5, 4), torch.tensor([1] * 5)
    for t in ([0, 1, 2, 0, 1], [0, 1, 2, 0, 1], [-100, 1, 2, 0, 1]):
        found, expected = (torch.autograd.grad(function(x, torch.tensor(t), u), w)[0] for function in (f, loss))
        assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("given, error, message", [
    (-100.0, TypeError, r"\(\): argument 'ignore_index' \(position 5\) must be int, not float"),
    (True, TypeError, r"\(\): argument 'ignore_index' \(position 5\) must be int, not bool"),
    (torch.tensor(1.5), TypeError, r"\(\): argument 'ignore_index' \(position 5\) must be int, not Tensor"),
    (2 ** 63, ValueError, "Overflow when unpacking long long")])
@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_the_class_to_ignore_is_an_int(loss, given, error, message):
    with pytest.raises(error, match=message):
        loss(torch.zeros(3, 4), torch.tensor([0, 1, 2]), ignore_index=given)
    assert loss(torch.zeros(3, 4), torch.tensor([0, 1, 2]), ignore_index=torch.tensor(1)) == loss(
        torch.zeros(3, 4), torch.tensor([0, 1, 2]), ignore_index=1)


def test_a_wrong_class_is_an_error():
    x, target = table(20, 10)
    target[3] = 10
    with pytest.raises(IndexError, match="Target 10 is out of bounds."):
        rules._cross_entropy(x, target, None, reduction="mean", ignore_index=-100, smoothing=0.0)


@pytest.mark.parametrize("backend", ["numpy", "interpreter", "llvm"])
def test_a_recorded_loss_may_ignore_rows_later(backend):
    w = torch.randn(20, 10, requires_grad=True)

    def step(target):
        w.grad = None
        F.cross_entropy(w, target).backward()
        return w.grad.clone()
    f, target = torch.compile(step, backend=backend), torch.randint(0, 10, (20,))
    for _ in range(3):
        assert torch.allclose(f(target), step(target), atol=1e-6)
    target = target.clone()
    target[3] = -100
    found = f(target)
    assert torch.allclose(found, step(target), atol=1e-6) and not found[3].any()


@pytest.mark.parametrize("unpack", [lambda v: torch.stack([v, v], -1)[..., 0], lambda v: v.int() if v.dtype == torch.int64 else v, lambda v: v * 1])
def test_hooks_on_what_is_saved_may_lay_it_out_anew(unpack):
    x, target = map(torch.tensor, table(20, 10))
    expected, = torch.autograd.grad(F.cross_entropy(x.requires_grad_(), target), x)
    with torch.autograd.graph.saved_tensors_hooks(lambda v: v, unpack):
        loss = F.cross_entropy(x, target)
    assert torch.allclose(torch.autograd.grad(loss, x)[0], expected, atol=1e-7)


def test_a_place_beyond_the_table_writes_nowhere():
    x, target = table(20, 10)
    hit = rules.share(20, x.dtype)
    _, e, sums, index = rules.small().loss_of(x, target, hit, -100)
    index[:] = 10 ** 12
    assert np.allclose(rules.small().gradient(np.ones((), np.float32), e, sums, index, hit).sum(1), 1 / 20)


def test_the_second_gradient_is_there():
    x, target = table(9, 4)
    x = torch.tensor(x, requires_grad=True)
    gradient, = torch.autograd.grad(F.cross_entropy(x, torch.tensor(target)), x, create_graph=True)
    gradient.square().sum().backward()
    p = np.exp(x.detach().numpy().astype(float))
    p /= p.sum(1, keepdims=True)
    g = (p - np.eye(4)[target]) / 9
    expected = 2 / 9 * p * (g - (g * p).sum(1, keepdims=True))
    assert np.allclose(x.grad.numpy(), expected, atol=1e-6)
