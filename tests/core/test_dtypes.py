"""Mixing dtypes as PyTorch mixes them."""
import pickle

import pytest

import rushlight as torch
from rushlight.core import dtypes


@pytest.mark.parametrize(("a", "b", "expected"), [
    ("uint8", "int8", "int16"), ("int64", "float16", "float16"), ("float16", "bfloat16", "float32"), ("bool", "uint8", "uint8"),
    ("complex64", "float64", "complex128"), ("int32", "complex64", "complex64"), ("uint16", "float32", "float32"),
])
def test_promotion_follows_categories_before_widths(a, b, expected):
    one, two = getattr(torch, a), getattr(torch, b)
    assert torch.promote_types(one, two) is getattr(torch, expected)
    assert torch.promote_types(two, one) is getattr(torch, expected)


def test_wide_unsigned_integers_do_not_mix():
    with pytest.raises(RuntimeError, match=r"^Promotion for uint16, uint32, uint64 types is not supported, attempted to promote UInt16 and Int"):
        torch.promote_types(torch.uint16, torch.int32)


def test_number_changes_the_dtype_only_by_category():
    assert (torch.ones(2, dtype=torch.int8) + 1000).dtype is torch.int8
    assert (torch.ones(2, dtype=torch.int64) + 1.5).dtype is torch.float32
    assert (torch.ones(2, dtype=torch.bool) + 1).dtype is torch.int64
    assert (torch.ones(2, dtype=torch.float16) * 2.5).dtype is torch.float16
    assert (torch.ones(2) * 1j).dtype is torch.complex64


def test_zero_dimensional_tensor_yields_to_tensors_with_dimensions():
    wide = torch.tensor(2.0, dtype=torch.float64)
    assert (torch.ones(2) * wide).dtype is torch.float32
    assert (torch.ones(2, dtype=torch.int32) * wide).dtype is torch.float64
    assert (wide * torch.tensor(1.0)).dtype is torch.float64


def test_number_wraps_to_the_width_of_an_integer_dtype():
    assert (torch.ones(1, dtype=torch.uint8) + 300).item() == (1 + 300) % 256


def test_default_dtype_is_that_of_python_floats():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.0]).dtype is torch.float64
        assert (torch.ones(1, dtype=torch.int64) / 2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with pytest.raises(TypeError, match="^only floating-point types are supported as the default type"):
        torch.set_default_dtype(torch.int64)
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize("d", dtypes.ALL, ids=str)
def test_dtype_prints_as_pytorchs_and_survives_pickling(d):
    assert str(d) == "torch." + d.name
    assert pickle.loads(pickle.dumps(d)) is d
    assert d.itemsize == d.numpy.itemsize


def test_aliases_are_the_same_objects():
    assert torch.float is torch.float32 and torch.half is torch.float16 and torch.long is torch.int64 and torch.cdouble is torch.complex128


@pytest.mark.parametrize(("d", "name"), [(torch.int64, "long int"), (torch.int16, "short int"), (torch.uint16, "short unsigned int"),
                                         (torch.bool, "bool"), (torch.complex128, "c10::complex<double>")])
def test_errors_call_dtypes_by_the_type_in_cpp(d, name):
    wrong = torch.ones(2, 2).to(d)
    with pytest.raises(RuntimeError, match=f"m1 and m2 to have the same dtype, but got: float != {name}$"):
        torch.mm(torch.ones(2, 2), wrong)
    with pytest.raises(RuntimeError, match=f"expected dtype float for `end` but got dtype {name}$"):
        torch.lerp(torch.ones(2), wrong[0], 0.5)
    with pytest.raises(RuntimeError, match=f"got query.dtype: float key.dtype: {name} and value.dtype: float instead"):
        torch.nn.functional.scaled_dot_product_attention(torch.ones(2, 2), wrong, torch.ones(2, 2))
    with pytest.raises(RuntimeError, match=f"Expected out tensor to have dtype {name}, but got float instead"):
        torch.triu(wrong, out=torch.ones(2, 2))


def test_fraction_that_weighs_integers_is_cut():
    ones = torch.ones(2, dtype=torch.int64)
    assert torch.addcmul(ones, ones, ones, value=0.5).tolist() == [1, 1]
    assert torch.addcmul(ones, ones, ones, value=2.5).tolist() == [3, 3]
