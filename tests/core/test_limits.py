"""finfo and iinfo: the limits of the dtypes, as PyTorch 2.13 tells them."""

import math

import ml_dtypes
import numpy as np
import pytest

import rushlight as torch

FLOATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("name", FLOATS)
def test_limits_of_floats_are_those_of_the_array_library(name):
    ours, theirs = torch.finfo(getattr(torch, name)), ml_dtypes.finfo(FLOATS[name])
    assert (ours.max, ours.min, ours.eps, ours.tiny) == tuple(
        map(float, (theirs.max, theirs.min, theirs.eps, theirs.tiny))
    )
    assert ours.bits == theirs.bits and ours.dtype == name and ours.smallest_normal == ours.tiny
    assert math.isclose(ours.resolution, float(theirs.resolution), rel_tol=1e-2)  # bfloat16's own is 0.0100098


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"])
def test_limits_of_integers_are_those_of_the_array_library(name):
    ours, theirs = torch.iinfo(getattr(torch, name)), np.iinfo(name)
    assert (ours.min, ours.max, ours.bits, ours.dtype) == (theirs.min, theirs.max, theirs.bits, name)


def test_a_complex_dtype_has_the_limits_of_its_parts():
    assert torch.finfo(torch.complex64) == torch.finfo(torch.float32) != torch.finfo(torch.float64)
    assert torch.finfo(torch.complex128).dtype == "float64"


def test_finfo_of_nothing_is_the_default_dtypes():
    assert torch.finfo() == torch.finfo(type=torch.float32)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.finfo() == torch.finfo(torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)


def test_text_has_six_digits():
    assert repr(torch.finfo(torch.float16)) == (
        "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, "
        "tiny=6.10352e-05, dtype=float16)"
    )
    assert str(torch.iinfo(torch.int32)) == "iinfo(min=-2.14748e+09, max=2.14748e+09, dtype=int32)"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: torch.iinfo(torch.float32), "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"),
        (lambda: torch.iinfo(torch.bool), "torch.bool is not supported by torch.iinfo"),
        (lambda: torch.finfo(torch.int32), "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"),
        (lambda: torch.finfo(None), "finfo(): argument 'type' (position 1) must be torch.dtype, not NoneType"),
        (lambda: torch.iinfo("int8"), "iinfo(): argument 'type' (position 1) must be torch.dtype, not str"),
    ],
)  # fmt: skip
def test_a_dtype_of_the_other_kind_is_refused(ask, message):
    with pytest.raises(TypeError) as caught:
        ask()
    assert str(caught.value) == message
