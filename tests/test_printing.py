"""The text of a tensor. Every text here was printed by PyTorch 2.13.0."""

from __future__ import annotations

import time

import ml_dtypes
import numpy as np
import pytest

import rushlight
from rushlight import printing
from rushlight.core import dtypes

nan, inf = np.nan, np.inf
bfloat16 = ml_dtypes.bfloat16


def f32(values):
    return np.array(values, "float32")


class Node:
    def __init__(self, name):
        self._name = name

    def name(self):
        return self._name


class Tensor:
    """All that the printer may ask of a tensor."""

    __module__ = "rushlight"

    def __init__(self, array, *, requires_grad=False, grad_fn=None, device="cpu"):
        self._array, self.requires_grad, self.device = np.asarray(array), requires_grad, device
        self.dtype = dtypes.of_numpy(self._array.dtype)
        self._grad_fn = grad_fn

    @property
    def grad_fn(self):
        if isinstance(self._grad_fn, Exception):
            raise self._grad_fn
        return self._grad_fn and Node(self._grad_fn)


class MyTensor(Tensor):
    __module__ = "user"


class MyParameter(rushlight.nn.Parameter):
    pass


CASES = {
    "whole floats end in a point": (lambda: f32([1, 2, -3]), {}, """
tensor([ 1.,  2., -3.])"""),
    "fixed decimals": (lambda: f32([1.5, -2.25, 100]), {}, """
tensor([  1.5000,  -2.2500, 100.0000])"""),
    "rounding to the precision": (lambda: f32([0.00015, 0.123456, 9.99995]), {}, """
tensor([1.5000e-04, 1.2346e-01, 1.0000e+01])"""),
    "float 0-d": (lambda: f32(3.14159), {}, """
tensor(3.1416)"""),
    "whole float 0-d": (lambda: f32(2), {}, """
tensor(2.)"""),
    "small float 0-d": (lambda: f32(1e-7), {}, """
tensor(1.0000e-07)"""),
    "integer 0-d": (lambda: np.array(7), {}, """
tensor(7)"""),
    "bool 0-d": (lambda: np.array(True), {}, """
tensor(True)"""),
    "negative zero": (lambda: f32([-0.0, 0.0]), {}, """
tensor([-0., 0.])"""),
    "negative zero beside decimals": (lambda: f32([-0.0, 0.5]), {}, """
tensor([-0.0000, 0.5000])"""),
    "only nan and infinity": (lambda: f32([nan, inf, -inf]), {}, """
tensor([nan, inf, -inf])"""),
    "nan among whole floats": (lambda: f32([nan, 1, inf]), {}, """
tensor([nan, 1., inf])"""),
    "nan among decimals": (lambda: f32([nan, 1.5, -inf, 0]), {}, """
tensor([   nan, 1.5000,   -inf, 0.0000])"""),
    "ratio of exactly 1000 stays fixed": (lambda: np.array([0.5, 500.0]), {}, """
tensor([  0.5000, 500.0000], dtype=torch.float64)"""),
    "ratio above 1000 is scientific": (lambda: np.array([0.5, 500.5]), {}, """
tensor([5.0000e-01, 5.0050e+02], dtype=torch.float64)"""),
    "whole floats of a wide range are scientific": (lambda: f32([1, 2000]), {}, """
tensor([1.0000e+00, 2.0000e+03])"""),
    "1e8 stays whole": (lambda: np.array([1e8]), {}, """
tensor([100000000.], dtype=torch.float64)"""),
    "above 1e8 is scientific": (lambda: np.array([1e8 + 1]), {}, """
tensor([1.0000e+08], dtype=torch.float64)"""),
    "below 1e-4 is scientific": (lambda: np.array([0.00009]), {}, """
tensor([9.0000e-05], dtype=torch.float64)"""),
    "three-digit exponents widen the column": (lambda: np.array([1e-300, 1.0, -1e300]), {}, """
tensor([ 1.0000e-300,   1.0000e+00, -1.0000e+300], dtype=torch.float64)"""),
    "scientific with nan and zero": (lambda: f32([nan, 0, 1e-9, -0.0]), {}, """
tensor([       nan, 0.0000e+00, 1.0000e-09, -0.0000e+00])"""),
    "integers align": (lambda: np.array([[1, -20], [300, 4]]), {}, """
tensor([[  1, -20],
        [300,   4]])"""),
    "bools align": (lambda: np.array([[True, False], [False, True]]), {}, """
tensor([[ True, False],
        [False,  True]])"""),
    "int8": (lambda: np.array([-128, 127], 'int8'), {}, """
tensor([-128,  127], dtype=torch.int8)"""),
    "int32": (lambda: np.array([1, 2], 'int32'), {}, """
tensor([1, 2], dtype=torch.int32)"""),
    "uint8": (lambda: np.array([0, 255], 'uint8'), {}, """
tensor([  0, 255], dtype=torch.uint8)"""),
    "uint64": (lambda: np.array([2**64 - 1], 'uint64'), {}, """
tensor([18446744073709551615], dtype=torch.uint64)"""),
    "float64": (lambda: np.array([1.0, 2.5]), {}, """
tensor([1.0000, 2.5000], dtype=torch.float64)"""),
    "float16": (lambda: np.array([0.1, 65504], 'float16'), {}, """
tensor([9.9976e-02, 6.5504e+04], dtype=torch.float16)"""),
    "float16 whole": (lambda: np.array([1, 2048], 'float16'), {}, """
tensor([1.0000e+00, 2.0480e+03], dtype=torch.float16)"""),
    "bfloat16": (lambda: np.array([0.1, 3.14159], bfloat16), {}, """
tensor([0.1001, 3.1406], dtype=torch.bfloat16)"""),
    "bfloat16 large": (lambda: np.array([1e30, nan], bfloat16), {}, """
tensor([1.0003e+30,        nan], dtype=torch.bfloat16)"""),
    "complex64": (lambda: np.array([1 + 2j, -3.5 - 0.25j], 'complex64'), {}, """
tensor([ 1.0000+2.0000j, -3.5000-0.2500j])"""),
    "complex whole": (lambda: np.array([1 + 2j, 3 - 4j], 'complex64'), {}, """
tensor([1.+2.j, 3.-4.j])"""),
    "complex128": (lambda: np.array([1 + 1e-6j, nan - 1j]), {}, """
tensor([1.+1.0000e-06j, nan-1.0000e+00j], dtype=torch.complex128)"""),
    "complex 0-d": (lambda: np.array(0.5 - 2j, 'complex64'), {}, """
tensor(0.5000-2.j)"""),
    "complex signs, zero and nan": (lambda: np.array([complex(0, -0.0), complex(nan, nan), -inf], 'complex64'), {}, """
tensor([0.-0.j, nan+nanj, -inf+0.j])"""),
    "complex rows wrap": (lambda: (np.arange(12) * (1.5 - 0.5j)).astype('complex64'), {}, """
tensor([ 0.0000+0.0000j,  1.5000-0.5000j,  3.0000-1.0000j,  4.5000-1.5000j,
         6.0000-2.0000j,  7.5000-2.5000j,  9.0000-3.0000j, 10.5000-3.5000j,
        12.0000-4.0000j, 13.5000-4.5000j, 15.0000-5.0000j, 16.5000-5.5000j])"""),
    "empty": (lambda: f32([]), {}, """
tensor([])"""),
    "empty integer": (lambda: np.zeros(0, 'int64'), {}, """
tensor([], dtype=torch.int64)"""),
    "empty matrix": (lambda: np.zeros((0, 3), 'float32'), {}, """
tensor([], size=(0, 3))"""),
    "empty matrix of another dtype": (lambda: np.zeros((2, 0), 'int32'), {}, """
tensor([], size=(2, 0), dtype=torch.int32)"""),
    "empty bool": (lambda: np.zeros((1, 0), 'bool'), {}, """
tensor([], size=(1, 0), dtype=torch.bool)"""),
    "matrix": (lambda: f32([[1, 2], [3, 4.5]]), {}, """
tensor([[1.0000, 2.0000],
        [3.0000, 4.5000]])"""),
    "three axes": (lambda: np.arange(12).reshape(2, 3, 2), {}, """
tensor([[[ 0,  1],
         [ 2,  3],
         [ 4,  5]],

        [[ 6,  7],
         [ 8,  9],
         [10, 11]]])"""),
    "five axes": (lambda: np.arange(16).reshape(2, 1, 2, 2, 2), {}, """
tensor([[[[[ 0,  1],
           [ 2,  3]],

          [[ 4,  5],
           [ 6,  7]]]],



        [[[[ 8,  9],
           [10, 11]],

          [[12, 13],
           [14, 15]]]]])"""),
    "column": (lambda: np.arange(3).reshape(3, 1), {}, """
tensor([[0],
        [1],
        [2]])"""),
    "transposed": (lambda: np.arange(6).reshape(2, 3).T, {}, """
tensor([[0, 3],
        [1, 4],
        [2, 5]])"""),
    "every second": (lambda: np.arange(10)[::2], {}, """
tensor([0, 2, 4, 6, 8])"""),
    "rows wrap at the line width": (lambda: np.arange(40), {}, """
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
        36, 37, 38, 39])"""),
    "long floats wrap": (lambda: np.linspace(0, 1, 25, dtype='float32'), {}, """
tensor([0.0000, 0.0417, 0.0833, 0.1250, 0.1667, 0.2083, 0.2500, 0.2917, 0.3333,
        0.3750, 0.4167, 0.4583, 0.5000, 0.5417, 0.5833, 0.6250, 0.6667, 0.7083,
        0.7500, 0.7917, 0.8333, 0.8750, 0.9167, 0.9583, 1.0000])"""),
    "matrix rows wrap": (lambda: np.linspace(-1, 1, 40, dtype='float32').reshape(2, 20), {}, """
tensor([[-1.0000, -0.9487, -0.8974, -0.8462, -0.7949, -0.7436, -0.6923, -0.6410,
         -0.5897, -0.5385, -0.4872, -0.4359, -0.3846, -0.3333, -0.2821, -0.2308,
         -0.1795, -0.1282, -0.0769, -0.0256],
        [ 0.0256,  0.0769,  0.1282,  0.1795,  0.2308,  0.2821,  0.3333,  0.3846,
          0.4359,  0.4872,  0.5385,  0.5897,  0.6410,  0.6923,  0.7436,  0.7949,
          0.8462,  0.8974,  0.9487,  1.0000]])"""),
    "as many elements as the threshold are all shown": (lambda: np.arange(9), {"threshold": 9}, """
tensor([0, 1, 2, 3, 4, 5, 6, 7, 8])"""),
    "1001 elements are summarised": (lambda: np.arange(1001), {}, """
tensor([   0,    1,    2,  ...,  998,  999, 1000])"""),
    "summarised matrix": (lambda: np.arange(5000).reshape(50, 100), {}, """
tensor([[   0,    1,    2,  ...,   97,   98,   99],
        [ 100,  101,  102,  ...,  197,  198,  199],
        [ 200,  201,  202,  ...,  297,  298,  299],
        ...,
        [4700, 4701, 4702,  ..., 4797, 4798, 4799],
        [4800, 4801, 4802,  ..., 4897, 4898, 4899],
        [4900, 4901, 4902,  ..., 4997, 4998, 4999]])"""),
    "short axes of a summary are whole": (lambda: np.arange(4004).reshape(2, 1001, 2), {}, """
tensor([[[   0,    1],
         [   2,    3],
         [   4,    5],
         ...,
         [1996, 1997],
         [1998, 1999],
         [2000, 2001]],

        [[2002, 2003],
         [2004, 2005],
         [2006, 2007],
         ...,
         [3998, 3999],
         [4000, 4001],
         [4002, 4003]]])"""),
    "summarised three axes": (lambda: np.arange(125).reshape(5, 5, 5), {"threshold": 50, "edgeitems": 1}, """
tensor([[[  0,  ...,   4],
         ...,
         [ 20,  ...,  24]],

        ...,

        [[100,  ..., 104],
         ...,
         [120,  ..., 124]]])"""),
    "summary chooses its style from the edges": (lambda: np.where(np.arange(2000) == 1000, 1e20, 1.0), {}, """
tensor([1., 1., 1.,  ..., 1., 1., 1.], dtype=torch.float64)"""),
    "summary width comes from the edges": (lambda: np.where(np.arange(2000) == 1000, 123456, 7), {}, """
tensor([7, 7, 7,  ..., 7, 7, 7])"""),
    "summary axis of exactly two edges is whole": (lambda: np.arange(6 * 300).reshape(6, 300), {}, """
tensor([[   0,    1,    2,  ...,  297,  298,  299],
        [ 300,  301,  302,  ...,  597,  598,  599],
        [ 600,  601,  602,  ...,  897,  898,  899],
        [ 900,  901,  902,  ..., 1197, 1198, 1199],
        [1200, 1201, 1202,  ..., 1497, 1498, 1499],
        [1500, 1501, 1502,  ..., 1797, 1798, 1799]])"""),
    "summarised complex": (lambda: (np.arange(2000) * (1 + 0.5j)).astype('complex64'), {}, """
tensor([0.0000e+00+0.0000e+00j, 1.0000e+00+5.0000e-01j, 2.0000e+00+1.0000e+00j,
         ..., 1.9970e+03+9.9850e+02j, 1.9980e+03+9.9900e+02j,
        1.9990e+03+9.9950e+02j])"""),
    "precision 2": (lambda: f32([1.23456, 2]), {"precision": 2}, """
tensor([1.23, 2.00])"""),
    "precision 0": (lambda: f32([1.6, 2]), {"precision": 0}, """
tensor([2, 2])"""),
    "precision in scientific mode": (lambda: f32([1e-6, 2]), {"precision": 8}, """
tensor([9.99999997e-07, 2.00000000e+00])"""),
    "threshold": (lambda: np.arange(10), {"threshold": 5}, """
tensor([0, 1, 2,  ..., 7, 8, 9])"""),
    "threshold 0 on a 0-d tensor": (lambda: np.array(5), {"threshold": 0}, """
tensor(5)"""),
    "edgeitems": (lambda: np.arange(100).reshape(10, 10), {"threshold": 50, "edgeitems": 1}, """
tensor([[ 0,  ...,  9],
        ...,
        [90,  ..., 99]])"""),
    "edgeitems 0 shows the size instead": (lambda: f32([1, 2]), {"edgeitems": 0}, """
tensor([1., 2.], size=(2,))"""),
    "edgeitems 0 in a summary": (lambda: np.zeros((40, 40), 'float32'), {"edgeitems": 0}, """
tensor([...], size=(40, 40))"""),
    "linewidth": (lambda: np.arange(20), {"linewidth": 30}, """
tensor([ 0,  1,  2,  3,  4,
         5,  6,  7,  8,  9,
        10, 11, 12, 13, 14,
        15, 16, 17, 18, 19])"""),
    "linewidth of one": (lambda: np.arange(3), {"linewidth": 1}, """
tensor([0,
        1,
        2])"""),
    "profile short": (lambda: np.linspace(0, 1, 1500, dtype='float32'), {"profile": "short"}, """
tensor([0.00e+00, 6.67e-04,  ..., 9.99e-01, 1.00e+00])"""),
    "scientific always": (lambda: f32([1, 2.5]), {"sci_mode": True}, """
tensor([1.0000e+00, 2.5000e+00])"""),
    "scientific always for whole floats": (lambda: f32([1, 200]), {"sci_mode": True}, """
tensor([1.0000e+00, 2.0000e+02])"""),
    "scientific always leaves integers": (lambda: np.array([1, 200]), {"sci_mode": True}, """
tensor([  1, 200])"""),
    "scientific never": (lambda: np.array([1e-7, 1e9]), {"sci_mode": False}, """
tensor([         0.0000, 1000000000.0000], dtype=torch.float64)"""),
    "dtype moves to a new line": (lambda: np.linspace(0, 1, 9), {}, """
tensor([0.0000, 0.1250, 0.2500, 0.3750, 0.5000, 0.6250, 0.7500, 0.8750, 1.0000],
       dtype=torch.float64)"""),
    "dtype still fits": (lambda: np.arange(14).astype('int32'), {}, """
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13],
       dtype=torch.int32)"""),
    "a suffix that just fits": (lambda: np.array([1, 2], 'int32'), {"linewidth": 34}, """
tensor([1, 2], dtype=torch.int32)"""),
    "a suffix that just does not fit": (lambda: np.array([1, 2], 'int32'), {"linewidth": 33}, """
tensor([1, 2],
       dtype=torch.int32)"""),
    "a suffix fits by the last line alone": (lambda: np.arange(9).astype('int32').reshape(3, 3), {"linewidth": 37}, """
tensor([[0, 1, 2],
        [3, 4, 5],
        [6, 7, 8]],
       dtype=torch.int32)"""),
    "a suffix breaks by its last line": (lambda: np.arange(9).astype('int32').reshape(3, 3), {"linewidth": 36}, """
tensor([[0, 1, 2],
        [3, 4, 5],
        [6, 7, 8]],
       dtype=torch.int32)"""),
    "complex rows break by both widths": (lambda: np.full(12, 1 + 2j, 'complex64'), {"linewidth": 49}, """
tensor([1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j,
        1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j, 1.+2.j])"""),
    "dtype no longer fits": (lambda: np.arange(17).astype('int32') + 10, {}, """
tensor([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26],
       dtype=torch.int32)"""),
}


@pytest.fixture(autouse=True)
def _default_state():
    yield
    printing.set_printoptions(profile="default")
    dtypes.set_default_dtype(dtypes.float32)


@pytest.mark.parametrize("name", CASES)
def test_values_print_as_in_pytorch(name):
    make_array, options, text = CASES[name]
    with printing.printoptions(**options):
        assert "\n" + printing.tensor_text(Tensor(make_array())) == text


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"requires_grad": True}, "tensor([1., 2.], requires_grad=True)"),
        ({"requires_grad": True, "grad_fn": "AddmmBackward0"}, "tensor([1., 2.], grad_fn=<AddmmBackward0>)"),
        ({"grad_fn": "torch::autograd::CopySlices"}, "tensor([1., 2.], grad_fn=<CopySlices>)"),
        ({"grad_fn": "MyReLUBackward"}, "tensor([1., 2.], grad_fn=<MyReLUBackward>)"),
        ({"grad_fn": RuntimeError("rebase")}, "tensor([1., 2.], grad_fn=<Invalid>)"),
        ({"device": "cuda:0"}, "tensor([1., 2.], device='cuda:0')"),
        ({"device": "cuda:1", "grad_fn": "MulBackward0"}, "tensor([1., 2.], device='cuda:1', grad_fn=<MulBackward0>)"),
    ],
)
def test_state_follows_the_values(state, text):
    assert printing.tensor_text(Tensor(f32([1, 2]), **state)) == text


def test_suffixes_that_do_not_fit_begin_a_line_below_the_values():
    tensor = Tensor(np.linspace(0, 1, 8), requires_grad=True)
    assert printing.tensor_text(tensor) == (
        "tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000],\n"
        "       dtype=torch.float64, requires_grad=True)"
    )


@pytest.mark.parametrize(("linewidth", "between"), [(46, ", "), (45, ",\n       ")])
def test_a_second_suffix_counts_what_stands_before_it_on_its_line(linewidth, between):
    with printing.printoptions(linewidth=linewidth):
        text = printing.tensor_text(Tensor(np.array([0.5, 1.5, 2.5]), requires_grad=True))
    assert text == f"tensor([0.5000, 1.5000, 2.5000],\n       dtype=torch.float64{between}requires_grad=True)"


@pytest.mark.parametrize(("linewidth", "between"), [(65, ", "), (64, ",\n       ")])
def test_a_third_suffix_counts_both_before_it(linewidth, between):
    with printing.printoptions(linewidth=linewidth):
        text = printing.tensor_text(Tensor(np.zeros((0, 3)), requires_grad=True))
    assert text == f"tensor([], size=(0, 3), dtype=torch.float64{between}requires_grad=True)"


def test_the_middle_is_left_out_above_1000_elements_unless_the_profile_is_full():
    assert "..." not in printing.tensor_text(Tensor(np.arange(1000)))
    assert "..." in printing.tensor_text(Tensor(np.arange(1001)))
    with printing.printoptions(profile="full"):
        assert printing.tensor_text(Tensor(np.arange(1001))).count(",") == 1000


def test_the_default_dtype_is_not_named():
    dtypes.set_default_dtype(dtypes.float64)
    assert printing.tensor_text(Tensor(np.array([1.5]))) == "tensor([1.5000])"
    assert printing.tensor_text(Tensor(f32([1.5]))) == "tensor([1.5000], dtype=torch.float32)"
    assert printing.tensor_text(Tensor(np.array([1j]))) == "tensor([0.+1.j])"
    assert printing.tensor_text(Tensor(np.array([1j], "complex64"))) == "tensor([0.+1.j], dtype=torch.complex64)"


def test_an_empty_integer_tensor_names_its_dtype_because_no_value_shows_it():
    assert printing.tensor_text(Tensor(np.zeros(0, "int64"))) == "tensor([], dtype=torch.int64)"


def test_a_parameter_says_so_on_a_line_of_its_own():
    parameter = rushlight.nn.Parameter(rushlight.ones(1))
    assert repr(parameter) == str(parameter) == "Parameter containing:\ntensor([1.], requires_grad=True)"


def test_a_subclass_prints_its_own_name_and_indents_by_it():
    assert printing.tensor_text(MyTensor(f32([[1], [2]]))) == "MyTensor([[1.],\n          [2.]])"


def test_a_users_class_named_tensor_is_no_plain_tensor():
    theirs = type("Tensor", (Tensor,), {"__module__": "user"})
    with pytest.raises(TypeError):
        printing.format_tensor(theirs(f32(1)), ".2f")


def test_a_subclass_of_parameter_is_wrapped_in_its_kind():
    text = "Parameter containing:\nParameter(MyParameter([1., 1.], requires_grad=True))"
    assert str(MyParameter(rushlight.ones(2))) == text


def test_a_buffer_prints_as_a_tensor():
    assert str(rushlight.nn.Buffer(rushlight.ones(2))) == "tensor([1., 1.])"


def test_the_librarys_tensors_print_their_history():
    x = rushlight.tensor([1.0, -2.0], requires_grad=True)
    assert str(x) == "tensor([ 1., -2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([ 2., -4.], grad_fn=<MulBackward0>)"
    assert f"{x.sum()} {x.sum().item():.2f} {x.sum():.1f}" == "-1.0 -1.00 -1.0"
    assert str(x.detach()) == "tensor([ 1., -2.])"


def test_a_users_function_is_named_after_its_class():
    class MyReLU(rushlight.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    x = rushlight.tensor([2.0], requires_grad=True)
    assert str(MyReLU.apply(x)) == "tensor([2.], grad_fn=<MyReLUBackward>)"


def test_given_contents_replace_the_values():
    tensor = Tensor(f32([1, 2]), grad_fn="MulBackward0")
    assert printing.tensor_text(tensor, tensor_contents="hello") == "tensor(hello, grad_fn=<MulBackward0>)"


def test_a_scalar_formats_as_its_number():
    assert printing.format_tensor(Tensor(f32(3.14159)), ".2f") == "3.14"
    assert printing.format_tensor(Tensor(np.array(7)), "04d") == "0007"
    assert printing.format_tensor(Tensor(np.array(0.5, bfloat16)), "") == "0.5"
    assert printing.format_tensor(Tensor(f32(0.1)), "") == "0.10000000149011612"
    assert printing.format_tensor(Tensor(np.array(1 + 2j)), "") == "(1+2j)"


def test_a_format_that_does_not_suit_the_number_is_pythons_error():
    with pytest.raises(ValueError, match="^Unknown format code 'd' for object of type 'float'$"):
        printing.format_tensor(Tensor(f32(1.5)), "d")


@pytest.mark.parametrize(("cls", "values"), [(Tensor, [1, 2]), (rushlight.nn.Parameter, 1), (MyTensor, 1)])
def test_only_a_plain_scalar_takes_a_format(cls, values):
    tensor = cls(rushlight.tensor(1.0)) if cls is rushlight.nn.Parameter else cls(f32(values))
    message = f"^unsupported format string passed to {type(tensor).__name__}.__format__$"
    with pytest.raises(TypeError, match=message):
        printing.format_tensor(tensor, ".2f")


def test_options_keep_what_is_not_given_except_the_scientific_mode():
    printing.set_printoptions(precision=6, sci_mode=True)
    printing.set_printoptions(linewidth=100)
    expected = {"precision": 6, "threshold": 1000, "edgeitems": 3, "linewidth": 100, "sci_mode": None}
    assert printing.get_printoptions() == expected


def test_a_profile_is_applied_before_the_options_beside_it():
    printing.set_printoptions(profile="short", precision=3)
    expected = {"precision": 3, "threshold": 1000, "edgeitems": 2, "linewidth": 80, "sci_mode": None}
    assert printing.get_printoptions() == expected
    printing.set_printoptions(profile="unheard of")
    assert printing.get_printoptions() == expected


def test_options_return_after_the_context_even_when_it_raises():
    before = printing.get_printoptions()
    with pytest.raises(KeyError), printing.printoptions(precision=1, sci_mode=True):
        assert printing.tensor_text(Tensor(f32([1.25]))) == "tensor([1.2e+00])"
        raise KeyError
    assert printing.get_printoptions() == before


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match=r"^set_printoptions\(\) got an unexpected keyword argument 'digits'"):
        printing.set_printoptions(digits=3)


def test_a_summary_reads_only_what_it_shows():
    # A terabyte seen through zero strides: reading all of it would not end within this test.
    tensor = Tensor(np.broadcast_to(f32(1), (1000, 1000, 1000, 1000)))
    start = time.perf_counter()
    assert printing.tensor_text(tensor).startswith("tensor([[[[1., 1., 1.,  ..., 1., 1., 1.],")
    assert time.perf_counter() - start < 5
