"""A number beside a tensor has PyTorch's precision: in float16 and bfloat16 a factor or a divisor is not rounded to the half first."""
import math

import pytest

import rushlight as torch

inf, nan = math.inf, math.nan
X = [0.3, -3.3, 1.0, 300.0, -0.0, 65504.0]
#: an expression, and what PyTorch gives of X in float16 and in bfloat16, where the tensor is long enough for whole vectors
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
    ("x ** 3",
     [0.027008056640625, -35.96875, 1.0, inf, -0.0, inf],
     [0.0272216796875, -35.75, 1.0, 27000832.0, -0.0, 281474976710656.0]),
    ("x ** -2",
     [11.109375, 0.091796875, 1.0, 1.1086463928222656e-05, inf, 0.0],
     [11.0625, 0.091796875, 1.0, 1.1086463928222656e-05, inf, 2.3283064365386963e-10]),
    ("(x.abs() + 1) ** -0.5",
     [0.876953125, 0.482177734375, 0.70703125, 0.057647705078125, 1.0, 0.00390625],
     [0.87890625, 0.482421875, 0.70703125, 0.0576171875, 1.0, 0.00390625]),
    ("x ** 0.5",
     [0.5478515625, nan, 1.0, 17.328125, 0.0, 255.875],
     [0.546875, nan, 1.0, 17.375, -0.0, 256.0]),
    ("x ** torch.tensor(3)",
     [0.027008056640625, -35.96875, 1.0, inf, -0.0, inf],
     [0.0272216796875, -35.75, 1.0, 27000832.0, -0.0, 281474976710656.0]),
    ("0.3 ** x",
     [0.69677734375, 53.15625, 0.300048828125, 0.0, 1.0, 0.0],
     [0.6953125, 52.5, 0.30078125, 0.0, 1.0, 0.0]),
    ("x // (x * 0 + 0.0125)",
     [24.0, -265.0, 80.0, 24000.0, -0.0, inf],
     [24.0, -264.0, 79.0, 23936.0, -0.0, 5242880.0]),
    ("torch.div(x, torch.tensor(0.3, dtype=x.dtype), rounding_mode='trunc')",
     [1.0, -11.0, 3.0, 999.0, -0.0, inf],
     [1.0, -10.0, 3.0, 996.0, -0.0, 218112.0]),
    ("torch.special.xlog1py(x, 0.3)",
     [0.0787353515625, -0.8662109375, 0.262451171875, 78.75, 0.0, 17184.0],
     [0.0791015625, -0.87109375, 0.263671875, 79.0, 0.0, 17280.0]),
    ("torch.logit(x, 0.1)",
     [-0.84765625, -2.197265625, 2.197265625, 2.197265625, -2.197265625, 2.197265625],
     [-0.84375, -2.1875, 2.1875, 2.1875, -2.1875, 2.1875]),
    ("torch.ldexp(x, torch.tensor(0.1))",
     [0.321533203125, -3.537109375, 1.0712890625, 321.5, -0.0, inf],
     [0.322265625, -3.53125, 1.0703125, 322.0, -0.0, 70144.0]),
    ("torch.ldexp(x, x.sign() + 0.3)",
     [0.73876953125, -2.033203125, 2.462890625, 739.0, -0.0, inf],
     [0.73828125, -2.03125, 2.453125, 736.0, -0.0, 160768.0]),
    ("torch.nn.functional.hardshrink(x, 0.3)",
     [0.0, -3.30078125, 1.0, 300.0, 0.0, 65504.0],
     [0.0, -3.296875, 1.0, 300.0, 0.0, 65536.0]),
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
@pytest.mark.parametrize("name, numbers, expected", [("threshold", (0.3, 0.1), [0.0, 1.0]), ("hardtanh", (-1e-8, 1e-8), [1.0, 0.0]),
                                                     ("softshrink", (0.3,), [0.0, 0.0]), ("hardshrink", (0.3,), [0.0, 0.0])])
def test_gradients_compare_with_numbers_as_pytorch_does(name, numbers, expected, place, dtype):
    # 0.3 is a little larger in both halves than it is itself: the shrinking functions alone round it first.
    x = torch.tensor([0.0, 0.3], dtype=dtype, requires_grad=True)
    getattr(torch.nn.functional, name)(x, *numbers).sum().backward()
    assert x.grad.tolist() == expected


def test_gradients_with_numbers_round_where_pytorchs_do():
    x, y = torch.tensor([0.0, -3.3, 1.0], dtype=torch.float16, requires_grad=True), torch.tensor([0.7, 1.3, -0.3], dtype=torch.float16)
    torch.special.xlog1py(x, 0.3).sum().backward()
    assert x.grad.tolist() == [0.262451171875] * 3
    x.grad = None
    torch.addcdiv(y, x, y, value=0.3).sum().backward()
    assert x.grad.tolist() == [0.428466796875, 0.2308349609375, -1.0]
    x.grad = None
    torch.special.xlog1py(x, -3.3).sum().backward()
    assert all(math.isnan(g) for g in x.grad.tolist()[1:])


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


def test_numbers_beyond_a_half_are_refused_where_pytorch_makes_halves_of_them():
    x, functional = torch.tensor(X, dtype=torch.float16), torch.nn.functional
    for call in (lambda: x ** 65520, lambda: x.pow_(-70000.0), lambda: functional.hardshrink(x, 65520), lambda: functional.hardtanh(x, -70000, 1),
                 lambda: torch.logit(x, 70000.0)):
        with pytest.raises(RuntimeError, match="^value cannot be converted to type c10::Half without overflow$"):
            call()
    with pytest.raises(RuntimeError, match="^value cannot be converted to type c10::BFloat16 without overflow$"):
        x.to(torch.bfloat16) ** 1e39
    with pytest.raises(RuntimeError, match=r"^lambda must be in range \[0, 65504\] for input dtype Half, but found 65520$"):
        functional.softshrink(x, 65520)
    assert (torch.tensor([2.0]) ** 1e39).item() == inf


def test_nextafter_of_equal_numbers_is_the_second_and_dtypes_are_promoted():
    for dtype in (torch.float16, torch.float32, torch.float64):
        zeros = torch.tensor([0.0, -0.0], dtype=dtype)
        assert spelled(torch.nextafter(zeros, zeros.flip(0)).tolist()) == ["-0.0", "0.0"]
    assert torch.nextafter(torch.tensor([1]), torch.tensor([2.0])).dtype is torch.float32
    with pytest.raises(NotImplementedError, match="^\"nextafter_cpu\" not implemented for 'Long'$"):
        torch.nextafter(torch.tensor([True]), torch.tensor([2]))


def test_truth_values_have_no_rounded_quotients():
    x = torch.tensor([True])
    for name, call in {"div_floor": lambda: x // True, "remainder": lambda: x % x, "fmod": lambda: torch.fmod(x, True)}.items():
        with pytest.raises(NotImplementedError, match=f"^\"{name}_cpu\" not implemented for 'Bool'$"):
            call()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int64])
@pytest.mark.parametrize("number", [256, 1000, -1, 2**40])
def test_quotients_of_integers_are_of_floats_before_anything_wraps(dtype, number):
    x = torch.tensor([0, 1, 5], dtype=dtype)
    for beside in (number, torch.tensor(number)):
        assert (x / beside).tolist() == (x.float() / beside).tolist()
        assert (beside / (x + 1)).tolist() == (beside / (x + 1).float()).tolist()
        assert torch.atan2(x, torch.tensor(number)).tolist() == torch.atan2(x.float(), torch.tensor(float(number))).tolist()


@pytest.mark.parametrize("difference", [
    lambda x: x - 1, lambda x: 1 - x, lambda x: x - 1.5, lambda x: torch.tensor([1, 2]) - True, lambda x: True - torch.tensor([1.0]),
    lambda x: torch.tensor([1, 2]) - x, lambda x: torch.sub(x, 1, alpha=2), lambda x: torch.rsub(x, 1),
])
def test_nothing_is_subtracted_from_truth_values_nor_they_from_anything(difference):
    with pytest.raises(RuntimeError, match="^Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask"):
        difference(torch.tensor([True, False]))


@pytest.mark.parametrize("difference", [lambda x: x - x, lambda x: x.sub_(True), lambda x: torch.rsub(x, x)])
def test_truth_values_are_not_subtracted_from_each_other(difference):
    with pytest.raises(RuntimeError, match="^Subtraction, the `-` operator, with two bool tensors is not supported"):
        difference(torch.tensor([True, False]))


def test_what_is_subtracted_by_rsub_is_a_tensor():
    with pytest.raises(TypeError, match=r"^rsub\(\) received an invalid combination of arguments - got \(int, Tensor\), but expected one of:"):
        torch.rsub(2, torch.tensor([1]))
