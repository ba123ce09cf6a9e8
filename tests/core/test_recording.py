"""A recording of operations is told of what does not pass through `apply`, and sees everything else there."""
import contextlib
import copy
import io
import pickle
import threading

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.core import apply as hot, recording
from rushlight.nn import functional as F


class Listener:
    """Notes what a recording is told."""

    def __init__(self):
        self.thread = threading.get_ident()
        self.heard = []
        self.constants = []
        self.writes = []

    def reads(self, what):
        self.heard.append(what)

    def constant(self, tensor):
        self.constants.append(tensor)

    def wrote(self, target, source):
        self.writes.append((target, source))

    def copied(self, source, made):
        pass


@pytest.fixture
def listener():
    recording.recorder = Listener()
    yield recording.recorder
    recording.recorder = None


@contextlib.contextmanager
def watching():
    """The names of the operations that run, by a watcher that only notes them."""
    names = []

    def watch(op, args, attrs):
        names.append(op.name)
        return hot.apply(op, *args, _watched=False, **attrs)
    hot.watchers.append(watch)
    try:
        yield names
    finally:
        hot.watchers.remove(watch)


x = torch.tensor([3.0, 1.0, 2.0])
whole = torch.tensor([2, 0, 1])
one = torch.tensor(2)
square = torch.eye(3) * 2
memory = x.untyped_storage()

READS = {
    "item()": lambda: one.item(),
    "tolist()": lambda: x.tolist(),
    "numpy()": lambda: np.asarray(x),
    "bool()": lambda: bool(one),
    "float()": lambda: float(one),
    "int()": lambda: int(one),
    "complex()": lambda: complex(one),
    "a tensor as an index or a size": lambda: torch.zeros(one),
    "in": lambda: 3.0 in x,
    "printing": lambda: str(x),
    "format()": lambda: f"{one:d}",
    "equal()": lambda: torch.equal(x, x),
    "allclose()": lambda: torch.allclose(x, x),
    "deepcopy()": lambda: copy.deepcopy(x),
    "pickling": lambda: pickle.dumps(x),
    "to_dlpack()": lambda: np.from_dlpack(x),
    "data_ptr()": lambda: x.data_ptr(),
    "untyped_storage()": lambda: x.untyped_storage(),
    "the memory of a storage": lambda: memory[0],
    "save()": lambda: torch.save(x, io.BytesIO()),
    "increment_version()": lambda: torch.autograd.graph.increment_version(x.clone()),
    "from_numpy()": lambda: torch.from_numpy(np.ones(2)),
    "frombuffer()": lambda: torch.frombuffer(bytearray(8), dtype=torch.int64),
    "tensor() of an array": lambda: torch.tensor(np.ones(2)),
    "tensor() of arrays": lambda: torch.tensor([np.ones(2)]),
    "tensor() of tensors": lambda: torch.tensor([one, one]),
    "assigning to .data": lambda: setattr(x.clone(), "data", x),
    "a view made in place": lambda: x.clone().unsqueeze_(0),
    "resize_()": lambda: x.clone().resize_(2),
    "set_()": lambda: x.clone().set_(x),
    "apply_()": lambda: x.clone().apply_(abs),
    "map_()": lambda: x.clone().map_(x, max),
    "out= of another size": lambda: torch.add(x, x, out=torch.empty(0)),
    "nonzero()": lambda: x.nonzero(),
    "unique()": lambda: x.unique(),
    "unique_consecutive()": lambda: x.unique_consecutive(),
    "masked_select()": lambda: x.masked_select(x > 1),
    "indexing by a mask": lambda: x[x > 1],
    "bincount()": lambda: whole.bincount(),
    "histc()": lambda: x.histc(),
    "histogram()": lambda: x.histogram(3),
    "one_hot() without num_classes": lambda: F.one_hot(whole),
    "repeat_interleave()": lambda: x.repeat_interleave(whole),
    "tensor_split()": lambda: x.tensor_split(torch.tensor([1])),
    "quantile() of a tensor": lambda: x.quantile(torch.tensor([0.5])),
    "max_norm": lambda: F.embedding(whole, torch.ones(3, 2), max_norm=1.0),
    "the check in torch.linalg.solve()": lambda: torch.linalg.solve(square, x),
    "matrix_rank()": lambda: torch.linalg.matrix_rank(square),
    "the gradient of eigh()": lambda: torch.linalg.eigh(square.clone().requires_grad_())[0].sum().backward(),
    "ctc_loss()": lambda: F.ctc_loss(torch.zeros(3, 1, 2), torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1])),
    "manual_seed()": lambda: torch.Generator().manual_seed(1),
    "get_state()": lambda: torch.Generator().get_state(),
    "LBFGS.step()": lambda: torch.optim.LBFGS([nn.Parameter(x.clone())]).step(lambda: torch.tensor(1.0)),
    "a lazy module's first call": lambda: nn.LazyLinear(2)(x),
}


@pytest.mark.parametrize("what", READS)
def test_a_recording_is_told_of_a_look_at_values(what, listener):
    READS[what]()
    assert what in listener.heard


def test_a_recording_hears_nothing_of_a_training_step(listener):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(8, 3))
    images, classes = torch.randn(2, 1, 6, 6), torch.tensor([0, 2])
    loss = F.cross_entropy(model(images), classes, label_smoothing=0.1)
    loss.backward()
    F.interpolate(images, scale_factor=2.0, mode="bilinear"), F.grid_sample(images, torch.rand(2, 3, 3, 2) * 2 - 1, align_corners=False)
    nn.LSTM(3, 2, batch_first=True)(torch.ones(1, 2, 3)), nn.MultiheadAttention(4, 2)(*[torch.ones(2, 1, 4)] * 3)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    model.zero_grad()
    embedded = F.embedding(classes, torch.ones(3, 2, requires_grad=True))
    embedded[0, 1:], embedded[:, torch.tensor([0, 1])], F.one_hot(classes, 3), torch.bernoulli(torch.full((2,), 0.5)), embedded.quantile(0.5)
    assert listener.heard == []


MADE = {
    "filled": lambda: (torch.zeros(3), torch.ones(2, 2), torch.full((2,), 7), torch.zeros_like(x), torch.ones_like(x), torch.full_like(x, 2),
                       x.new_zeros(2), x.new_ones(2), x.new_full((2,), 1), torch.scalar_tensor(1)),
    "empty": lambda: (torch.empty(3), torch.empty_like(x), x.new_empty(2), torch.empty_permuted((2, 3), (1, 0)), torch.Tensor(2)),
    "empty_strided": lambda: (torch.empty_strided((2, 2), (1, 2)), x.new_empty_strided((2,), (1,))),
    "arange": lambda: (torch.arange(3), torch.arange(0, 3, 0.5)),
    "linspace": lambda: (torch.linspace(0, 1, 3),),
    "logspace": lambda: (torch.logspace(0, 1, 3),),
    "eye": lambda: (torch.eye(2),),
    "tril_indices": lambda: (torch.tril_indices(2, 2),),
    "triu_indices": lambda: (torch.triu_indices(2, 2),),
    "clone": lambda: (torch.tensor(1.0), torch.tensor([1, 2]), torch.Tensor([1, 2]), torch.as_tensor([1.0]), torch.fft.fftfreq(3)),
    "cos": lambda: (torch.hann_window(4), torch.hamming_window(4, False, dtype=torch.float16)),
    "rand": lambda: (torch.rand(2),),
}


@pytest.mark.parametrize("name", MADE)
def test_who_watches_sees_where_tensors_come_from(name):
    before = MADE[name]()
    with watching() as operations:
        after = MADE[name]()
    assert operations.count(name) == len(before)
    for a, b in zip(before, after):
        assert (a.shape, a.dtype, a.stride()) == (b.shape, b.dtype, b.stride())
        assert name in ("empty", "empty_strided", "rand") or torch.equal(a, b)


def test_data_stay_as_they_are_when_their_tensor_is_written(listener):
    with watching():
        torch.tensor([1.0, 2.0]).zero_()
    assert listener.constants[0].tolist() == [1, 2]


def test_a_tensor_made_of_a_tensor_is_computed_from_it():
    with watching() as operations, pytest.warns(UserWarning, match="copy construct"):
        made = x.new_tensor(whole)
    assert operations == ["to_copy"] and made.tolist() == [2, 0, 1]


WRITES = {
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(5),
    "copy_": lambda t: t.copy_(torch.tensor([7, 8, 9])),
    "copy_ of a number": lambda t: t.copy_(4),
    "uniform_": lambda t: t.uniform_(generator=torch.Generator().manual_seed(3)),
    "out=": lambda t: torch.add(t, 1, out=t),
    "setitem": lambda t: t.__setitem__(slice(1, None), 6),
    "setitem by indices": lambda t: t.__setitem__(torch.tensor([0, 2]), 6.0),
    "masked_fill_": lambda t: t.masked_fill_(t > 1, 0),
    "fill_diagonal_": lambda t: t.fill_diagonal_(0),
    "add_": lambda t: t.add_(1),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_recording_is_told_of_a_write(name, listener):
    target, expected = x.repeat(3, 1), x.repeat(3, 1)
    WRITES[name](expected)
    listener.writes.clear()
    with watching():
        WRITES[name](target)
    assert len(listener.writes) == 1 and target._version == expected._version == 1
    assert torch.equal(target, expected)


def test_a_write_without_gradients_leaves_no_history():
    source, target = torch.ones(3, requires_grad=True) * 2, torch.zeros(3)
    with watching(), torch.no_grad():
        target.copy_(source)
        torch.positive(source, out=target)
    assert target.grad_fn is None and target.tolist() == [2, 2, 2]


SHAPED = {
    "interpolate": lambda t: F.interpolate(t, scale_factor=2.0, mode="bicubic"),
    "avg_pool2d": lambda t: F.avg_pool2d(t, 3, 2, 1, count_include_pad=False),
    "adaptive_max_pool2d": lambda t: F.adaptive_max_pool2d(t, (3, 2)),
    "linalg_pinv": lambda t: torch.linalg.pinv(t, atol=torch.tensor(0.1)),
}


@pytest.mark.parametrize("name", SHAPED)
def test_attributes_hold_no_arrays(name):
    """A recording would not know where they come from."""
    def held(value):
        if isinstance(value, tuple):
            return [array for part in value for array in held(part)]
        return [value] if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) else []

    def watch(op, args, attrs):
        assert not held(tuple(attrs.values())) or name not in op.name
        seen.append(op.name)
        return hot.apply(op, *args, _watched=False, **attrs)
    seen = []
    hot.watchers.append(watch)
    try:
        SHAPED[name](torch.ones(1, 1, 5, 4, requires_grad=True)).sum().backward()
    finally:
        hot.watchers.remove(watch)
    assert name in seen
