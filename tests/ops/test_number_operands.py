"""A number beside a tensor has PyTorch's precision: in float16 and bfloat16 a factor or a divisor is not rounded to the half first."""
import math

import pytest

import rushlight as torch

inf = math.inf
X = [0.3, -3.3, 1.0, 300.0, -0.0, 65504.0]
#: an expression, and what PyTorch gives of X in float16 and in bfloat16
RESULTS = [
    ("x * 0.1",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6552.0],
     [0.030029296875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("0.1 * x",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6552.0],
     [0.030029296875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("x / 0.3",
     [1.0, -11.0, 3.333984375, 1000.0, -0.0, inf],
     [1.0, -11.0, 3.328125, 1000.0, -0.0, 218112.0]),
    ("0.1 / x",
     [0.333251953125, -0.030303955078125, 0.0999755859375, 0.0003333091735839844, -inf, 1.5497207641601562e-06],
     [0.33203125, -0.0302734375, 0.10009765625, 0.000331878662109375, -inf, 1.5273690223693848e-06]),
    ("x // 0.3",
     [1.0, -12.0, 3.0, 999.0, -0.0, inf],
     [1.0, -11.0, 3.0, 1000.0, -0.0, 218112.0]),
    ("torch.div(x, 0.3, rounding_mode='trunc')",
     [1.0, -11.0, 3.0, 999.0, -0.0, inf],
     [1.0, -10.0, 3.0, 1000.0, -0.0, 218112.0]),
    ("x.clone().mul_(0.1)",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6552.0],
     [0.030029296875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("x.clone().div_(0.3)",
     [1.0, -11.0, 3.333984375, 1000.0, -0.0, inf],
     [1.0, -11.0, 3.328125, 1000.0, -0.0, 218112.0]),
    ("x * torch.tensor(0.1)",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6552.0],
     [0.030029296875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("torch.tensor(0.1) * x",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6548.0],
     [0.0301513671875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("x / torch.tensor(0.3)",
     [1.0, -11.0, 3.333984375, 1000.0, -0.0, inf],
     [1.0, -11.0, 3.328125, 1000.0, -0.0, 218112.0]),
    ("torch.tensor(0.3) / x",
     [1.0, -0.09088134765625, 0.300048828125, 0.0010004043579101562, -inf, 4.589557647705078e-06],
     [1.0, -0.09130859375, 0.30078125, 0.00099945068359375, -inf, 4.589557647705078e-06]),
    ("x * torch.tensor([0.1], dtype=torch.float64).sum()",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6552.0],
     [0.030029296875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("x * 65520",
     [19664.0, -inf, inf, inf, -0.0, inf],
     [19712.0, -216064.0, 65536.0, 19660800.0, -0.0, 4294967296.0]),
    ("x / 70000",
     [4.291534423828125e-06, -4.7147274017333984e-05, 1.430511474609375e-05, 0.004283905029296875, -0.0, 0.935546875],
     [4.291534423828125e-06, -4.7206878662109375e-05, 1.430511474609375e-05, 0.0042724609375, -0.0, 0.9375]),
    ("x * torch.tensor(65521)",
     [19664.0, -inf, inf, inf, -0.0, inf],
     [19712.0, -216064.0, 65536.0, 19660800.0, -0.0, 4294967296.0]),
    ("torch.mul(0.1, x)",
     [0.029998779296875, -0.330078125, 0.0999755859375, 30.0, -0.0, 6548.0],
     [0.0301513671875, -0.330078125, 0.10009765625, 30.0, -0.0, 6560.0]),
    ("x + 0.1",
     [0.39990234375, -3.201171875, 1.099609375, 300.0, 0.0999755859375, 65504.0],
     [0.400390625, -3.203125, 1.1015625, 300.0, 0.10009765625, 65536.0]),
    ("x % 0.3",
     [0.0, 0.2998046875, 0.099853515625, 0.251220703125, -0.0, 0.040283203125],
     [0.0, 0.01171875, 0.09765625, 0.12109375, -0.0, 0.27734375]),
]
#: an expression, and x's gradient by PyTorch where [1, 0.7, -0.3, 0.11, 3, 5] arrives
GRADIENTS = [
    ("x * 0.1",
     [0.0999755859375, 0.07000732421875, -0.029998779296875, 0.0110015869140625, 0.300048828125, 0.5],
     [0.10009765625, 0.06982421875, -0.030029296875, 0.010986328125, 0.30078125, 0.5]),
    ("x / 0.3",
     [3.333984375, 2.333984375, -1.0, 0.36669921875, 10.0, 16.671875],
     [3.328125, 2.328125, -1.0, 0.3671875, 10.0, 16.625]),
    ("0.1 / x",
     [-1.1103515625, -0.006427764892578125, 0.029998779296875, -1.1920928955078125e-07, -inf, -0.0],
     [-1.109375, -0.00640869140625, 0.030029296875, -1.2200325727462769e-07, -inf, -1.1641532182693481e-10]),
]
HALVES = pytest.mark.parametrize("place, dtype", [(1, torch.float16), (2, torch.bfloat16)], ids=["float16", "bfloat16"])


def spelled(numbers):
    """Their text, which tells -0.0 from 0.0 and nan from nothing."""
    return [repr(number) for number in numbers]


def function_of(expression):
    return eval(f"lambda x: {expression}", {"torch": torch})


@HALVES
@pytest.mark.parametrize("case", RESULTS, ids=[case[0] for case in RESULTS])
def test_a_number_beside_a_half_tensor_has_pytorchs_precision(case, place, dtype):
    x = torch.tensor(X, dtype=dtype)
    out = function_of(case[0])(x)
    assert out.dtype is dtype
    assert spelled(out.tolist()) == spelled(case[place])


@HALVES
@pytest.mark.parametrize("case", RESULTS[:4], ids=[case[0] for case in RESULTS[:4]])
def test_long_tensors_and_those_with_gaps_have_the_same_bits(case, place, dtype):
    x = torch.tensor(X, dtype=dtype)
    long = function_of(case[0])(x.repeat(30000))
    apart = function_of(case[0])(x.repeat_interleave(2)[::2])
    assert spelled(long.reshape(-1, 6)[29999].tolist()) == spelled(apart.tolist()) == spelled(case[place])


@HALVES
@pytest.mark.parametrize("case", GRADIENTS, ids=[case[0] for case in GRADIENTS])
def test_gradients_by_a_number_have_pytorchs_precision(case, place, dtype):
    x = torch.tensor(X, dtype=dtype, requires_grad=True)
    function_of(case[0])(x).backward(torch.tensor([1.0, 0.7, -0.3, 0.11, 3.0, 5.0], dtype=dtype))
    assert spelled(x.grad.tolist()) == spelled(case[place])


@HALVES
@pytest.mark.parametrize("case", RESULTS, ids=[case[0] for case in RESULTS])
def test_compiled_functions_give_numbers_the_same_precision(case, place, dtype):
    x = torch.tensor(X, dtype=dtype)
    compiled = torch.compile(function_of(case[0]))
    for _ in range(3):
        assert spelled(compiled(x).tolist()) == spelled(case[place])


def test_remainders_of_zero_have_the_sign_of_the_dividend():
    x = torch.tensor([1.0, -1.0, -0.0, 4.0, -4.0, 7.0])
    assert spelled((x % -1).tolist()) == spelled([0.0, -0.0, -0.0, 0.0, -0.0, 0.0])
    assert spelled((x % 2).tolist()) == spelled([1.0, 1.0, -0.0, 0.0, -0.0, 1.0])
    assert spelled(torch.fmod(x, -2).tolist()) == spelled([1.0, -1.0, -0.0, 0.0, -0.0, 1.0])
    assert repr((torch.tensor(1.0) % -1).item()) == "0.0"


def test_complex_numbers_have_no_order_and_no_rounded_quotients():
    x, y = torch.tensor([1j]), torch.tensor([1.0])
    for name in ("lt", "le", "gt", "ge"):
        for arguments in ((x, 1), (y, 1j), (x, x), (y, x)):
            with pytest.raises(NotImplementedError, match=f"^\"{name}_cpu\" not implemented for 'ComplexFloat'$"):
                getattr(torch, name)(*arguments)
    with pytest.raises(NotImplementedError, match="^\"lt_cpu\" not implemented for 'ComplexDouble'$"):
        x.to(torch.complex128).lt(1)
    cases = {"div_floor": [lambda: x // 1, lambda: 1 // x, lambda: torch.div(x, 1, rounding_mode="floor")], "fmod": [lambda: torch.fmod(x, 1)],
             "div_trunc": [lambda: torch.div(x, x, rounding_mode="trunc")], "remainder": [lambda: x % 1, lambda: 1 % x, lambda: y % 1j]}
    for name, calls in cases.items():
        for call in calls:
            with pytest.raises(NotImplementedError, match=f"^\"{name}_cpu\" not implemented for 'ComplexFloat'$"):
                call()


def test_truth_values_have_no_rounded_quotients():
    x = torch.tensor([True])
    for name, call in {"div_floor": lambda: x // True, "remainder": lambda: x % x, "fmod": lambda: torch.fmod(x, True)}.items():
        with pytest.raises(NotImplementedError, match=f"^\"{name}_cpu\" not implemented for 'Bool'$"):
            call()
