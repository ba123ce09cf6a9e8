"""Arrays joined in machine code are NumPy's, along every dimension but the first."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends.llvm.engine import available
from rushlight.backends.parallel import pool
from rushlight.ops import join_native as native


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


@pytest.mark.parametrize("sizes", [(1,), (1, 2), (16, 0, 17), (70, 5, 128, 1)])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_values_are_numpys(sizes, dim):
    shapes = [[3, 2, 5, 4] for _ in sizes]
    for shape, size in zip(shapes, sizes):
        shape[dim] = size
    arrays = [np.random.default_rng(k).standard_normal(shape).astype(np.float32) for k, shape in enumerate(shapes)]
    arrays[0].reshape(-1)[0] = np.nan
    found, expected = native.joined(arrays, dim), np.concatenate(arrays, dim)
    assert found.shape == expected.shape and np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("other", [(255, 2, 128), (256, 3, 128), (256, 2)])
def test_sizes_that_differ_raise_pytorchs_error_before_anything_is_read(other):
    with pytest.raises(RuntimeError, match="must match except in dimension 2|same number of dimensions"):
        torch.cat([torch.randn(256, 2, 128), torch.randn(other)], dim=2)
    with pytest.raises(ValueError):
        native.joined([np.ones((256, 2, 128), np.float32), np.ones(other, np.float32)], 2)


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_arrays_go_to_the_kernel(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "joined", lambda arrays, dim, run=native.joined: calls.append(dim) or run(arrays, dim))
    a, b = torch.randn(256, 128), torch.randn(256, 3)
    joined = torch.cat([a, b], -1)
    assert calls == [1] and torch.equal(joined[:, :128], a) and torch.equal(joined[:, 128:], b)
    for given, dim in (([a, a.double()], 1), ([a, a], 0), ([b, b], 1), ([a, b.repeat(2, 1)[::2]], 1)):
        torch.cat(given, dim)
    assert calls == [1]
