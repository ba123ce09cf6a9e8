"""New tensors: filled, shaped as others, counted, and their errors."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("make", [torch.zeros, torch.ones, torch.empty])
def test_size_as_numbers_as_a_tuple_and_by_name(make):
    assert make(2, 3).shape == make((2, 3)).shape == make([2, 3]).shape == make(size=(2, 3)).shape == make(torch.Size([2, 3])).shape == (2, 3)
    assert make(()).shape == () and make(np.int64(3)).shape == make(torch.tensor(3)).shape == (3,)


@pytest.mark.parametrize(("value", "dtype"), [(1, torch.int64), (True, torch.bool), (1.0, torch.float32), (1j, torch.complex64),
                                              (torch.tensor(1), torch.int64)])
def test_full_takes_the_dtype_of_its_number(value, dtype):
    assert torch.full((2,), value).dtype is dtype and torch.full((2,), value).tolist() == [value, value]


def test_dtype_may_be_one_of_pythons_types():
    assert [torch.zeros(1, dtype=d).dtype for d in (float, int, bool, complex)] == [torch.float64, torch.int64, torch.bool, torch.complex128]


@pytest.mark.parametrize("like", [torch.zeros_like, torch.empty_like, torch.ones_like, lambda t: torch.full_like(t, 2)])
def test_like_keeps_the_order_of_dimensions(like):
    assert like(y.permute(2, 0, 1)).stride() == (1, 12, 4) and like(x[:, ::2].t()).stride() == (1, 3)
    assert like(x.expand(2, 4, 5)).stride() == (20, 5, 1)


def test_new_tensors_take_dtype_from_the_old():
    old = torch.zeros(2, dtype=torch.float64)
    made = [old.new_zeros(2), old.new_ones(1), old.new_full((1,), 3), old.new_tensor([1]), old.new_empty(1), old.new_empty_strided((2,), (3,))]
    assert all(t.dtype is torch.float64 for t in made) and made[-1].stride() == (3,)


def test_out_is_filled_and_resized():
    out = torch.zeros(3)
    assert torch.ones(2, out=out) is out and out.tolist() == [1.0, 1.0] and torch.eye(2, out=out).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_eye_vander_and_triangles():
    assert torch.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert torch.vander(torch.tensor([1, 2, 3])).tolist() == np.vander([1, 2, 3]).tolist()
    assert torch.vander(torch.tensor([2.0, 3.0]), 3, increasing=True).tolist() == [[1, 2, 4], [1, 3, 9]]
    assert torch.tril_indices(3, 3, -1).tolist() == [[1, 2, 2], [0, 0, 1]] and torch.triu_indices(2, 2).tolist() == [[0, 0, 1], [0, 1, 1]]


def test_default_device_is_a_context():
    with torch.device("cpu"):
        assert torch.zeros(1).device == torch.device("cpu")
    with torch.device("cuda"), pytest.raises(AssertionError, match="^Torch not compiled with CUDA enabled"):
        torch.zeros(1)


@pytest.mark.parametrize(("call", "expected"), [
    (lambda: torch.arange(5), [0, 1, 2, 3, 4]), (lambda: torch.arange(1, 4), [1, 2, 3]), (lambda: torch.arange(5, 0, -2), [5, 3, 1]),
    (lambda: torch.arange(end=2), [0, 1]), (lambda: torch.arange(0, 1, 0.25), [0.0, 0.25, 0.5, 0.75]),
    (lambda: torch.linspace(0, 1, 5), [0, 0.25, 0.5, 0.75, 1]),
    (lambda: torch.linspace(3, 3, 1), [3.0]), (lambda: torch.linspace(0, 10, 5, dtype=torch.int64), [0, 2, 5, 7, 10]),
    (lambda: torch.logspace(0, 3, 4), [1.0, 10.0, 100.0, 1000.0]), (lambda: torch.logspace(0, 2, 3, base=2), [1.0, 2.0, 4.0]),
])
def test_counting(call, expected):
    assert call().tolist() == expected


def test_arange_takes_its_dtype_from_its_numbers():
    assert [torch.arange(*n).dtype for n in ((3,), (3.0,), (0, 3, 1.0), (True,))] == [torch.int64, torch.float32, torch.float32, torch.int64]
    assert torch.arange(0, 1, 0.1, dtype=torch.float64)[3].item() == 0.30000000000000004


@pytest.mark.parametrize(("number", "dtype", "kept"), [(-1, torch.uint8, 255), (2.9, torch.int64, 2), (5, torch.bool, True)])
def test_numbers_are_cut_to_the_dtype(number, dtype, kept):
    assert torch.full((1,), number, dtype=dtype).item() == kept


def test_integers_have_no_gradient():
    with pytest.raises(RuntimeError, match="^Only Tensors of floating point and complex dtype can require gradients"):
        torch.zeros(2, dtype=torch.int64, requires_grad=True)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.full(2,1), TypeError, "full(): argument 'size' (position 1) must be tuple of ints, not int"),
    (lambda: torch.full((2,),300,dtype=torch.uint8), RuntimeError, "value cannot be converted to type uint8_t without overflow"),
    (lambda: torch.full((2,),1e6,dtype=torch.float16), RuntimeError, "value cannot be converted to type c10::Half without overflow"),
    (lambda: torch.full((2,),1j,dtype=torch.float32), RuntimeError, "value cannot be converted to type float without overflow"),
    (lambda: torch.zeros(-1), RuntimeError, "zeros: Dimension size must be non-negative."),
    (lambda: torch.zeros(2.), TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not float"),
    (lambda: torch.zeros([2,[3]]), TypeError, "zeros(): argument 'size' failed to unpack the object at pos 2 with error \"type must be tuple of"),
    (lambda: torch.zeros(2,dtype='float32'), TypeError, "zeros(): argument 'dtype' must be torch.dtype, not str"),
    (lambda: torch.zeros(), TypeError, "zeros() missing 1 required positional arguments: \"size\""),
    (lambda: torch.empty(), TypeError, "empty() missing 1 required positional arguments: \"size\""),
    (lambda: torch.zeros(2,device='cuda'), AssertionError, "Torch not compiled with CUDA enabled"),
    (lambda: torch.zeros(2,device='foo'), RuntimeError, "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, mai"),
    (lambda: torch.eye(-1), RuntimeError, "n must be greater or equal to 0, got -1"),
    (lambda: torch.eye(2,-3), RuntimeError, "m must be greater or equal to 0, got -3"),
    (lambda: torch.eye(2.), TypeError, "eye(): argument 'n' (position 1) must be int, not float"),
    (lambda: torch.empty_like(3), TypeError, "empty_like(): argument 'input' (position 1) must be Tensor, not int"),
    (lambda: torch.zeros_like([1,2]), TypeError, "zeros_like(): argument 'input' (position 1) must be Tensor, not list"),
    (lambda: torch.zeros(3,names=('a',)), TypeError, "zeros() got an unexpected keyword argument 'names'"),
    (lambda: torch.ones(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: torch.empty(2,-1), RuntimeError, "Trying to create tensor with negative dimension -1: [2, -1]"),
    (lambda: torch.full((2,),'a'), TypeError, "full(): argument 'fill_value' (position 2) must be Number, not str"),
    (lambda: torch.empty_strided((2,3),(1,)), RuntimeError, "dimensionality of sizes (2) must match dimensionality of strides (1)"),
    (lambda: torch.empty_strided((2,3),(-1,1)), RuntimeError, "Storage size calculation overflowed with sizes=[2, 3] and strides=[-1, 1]"),
    (lambda: torch.vander(x), RuntimeError, "x must be a one-dimensional tensor."),
    (lambda: torch.vander(torch.tensor([1.,2]),N=-1), RuntimeError, "N must be non-negative."),
    (lambda: x.new_zeros(2.5), TypeError, "new_zeros(): argument 'size' (position 1) must be tuple of ints, not float"),
    (lambda: x.new_zeros(), TypeError, "new_zeros() missing 1 required positional arguments: \"size\""),
    (lambda: torch.arange(0,5,-1), RuntimeError, "upper bound and lower bound inconsistent with step sign"),
    (lambda: torch.arange(0,5,0), RuntimeError, "step must be nonzero"),
    (lambda: torch.arange(float('nan')), RuntimeError, "unsupported range: 0 -> nan"),
    (lambda: torch.arange(0,float('inf')), RuntimeError, "unsupported range: 0 -> inf"),
    (lambda: torch.arange(), TypeError, "arange() received an invalid combination of arguments - got (), but expected one of:"),
    (lambda: torch.arange('a'), TypeError, "arange(): argument 'end' (position 1) must be Number, not str"),
    (lambda: torch.linspace(0,1,-1), RuntimeError, "number of steps must be non-negative"),
    (lambda: torch.arange(3,dtype=torch.bool), NotImplementedError, "\"arange_cpu\" not implemented for 'Bool'"),
    (lambda: torch.arange(1j), RuntimeError, "value cannot be converted to type double without overflow"),
    (lambda: torch.linspace(torch.zeros(2),1,3), RuntimeError, "linspace only supports 0-dimensional start and end tensors, but got start with"),
    (lambda: torch.linspace(0,1,2.5), TypeError, "linspace() received an invalid combination of arguments - got (int, int, float), but expected"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
