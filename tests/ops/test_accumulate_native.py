"""Sums of rows by index in machine code have the bits of sums taken one after the other."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.backends.llvm.engine import available
from rushlight.backends.parallel import pool
from rushlight.ops import accumulate, accumulate_native as native


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


@pytest.mark.parametrize("width", [1, 13, 64, 70, 300])
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_rows_are_added_in_order(width, kind):
    random = np.random.default_rng(width)
    index, g = random.integers(0, 9, 200).astype(kind), random.standard_normal((200, width)).astype(np.float32)
    out = random.standard_normal((9, width)).astype(np.float32)
    expected = out.copy()
    for row, part in zip(index, g):
        expected[row] += part
    native.add_rows(out, index, g)
    assert out.view(np.int32).tolist() == expected.view(np.int32).tolist()


@pytest.mark.parametrize("wrong", [-1, 9])
def test_an_index_out_of_bounds_raises_and_nothing_is_written(wrong):
    out = np.zeros((9, 70), np.float32)
    with pytest.raises(IndexError, match="out of bounds for 9 rows"):
        native.add_rows(out, np.array([1, wrong]), np.ones((2, 70), np.float32))
    assert not out.any()


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_an_embeddings_large_gradient_goes_to_the_kernel_and_is_the_same(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "add_rows", lambda *given, run=native.add_rows: calls.append(given[2].shape) or run(*given))
    torch.manual_seed(0)
    index, g = torch.randint(0, 65, (40, 64)), torch.randn(40, 64, 32)

    def gradient():
        weight = torch.zeros(65, 32, requires_grad=True)
        F.embedding(index, weight).backward(g)
        return weight.grad
    ours = gradient()
    assert calls == [(2560, 32)]
    monkeypatch.setattr(accumulate, "is_native", lambda *given: False)
    assert torch.equal(gradient(), ours) and len(calls) == 1
