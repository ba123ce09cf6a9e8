"""Elementwise math: facts with numbers, the dtypes of results, PyTorch's errors and node names."""
import math

import numpy as np
import pytest

import rushlight as torch

INF, NAN = math.inf, math.nan


def test_integers_give_the_default_float():
    for name in ("exp", "sin", "sqrt", "sigmoid", "erf", "lgamma", "reciprocal", "deg2rad", "i0", "sinc"):
        assert getattr(torch.tensor([1, 2]), name)().dtype is torch.float32
    for name in ("abs", "sign", "floor", "square", "round", "trunc"):
        assert getattr(torch.tensor([1, 2]), name)().dtype is torch.int64


def test_halves_round_to_even():
    assert torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]).round().tolist() == [-2.0, -2.0, 0.0, 0.0, 2.0, 2.0]
    assert torch.tensor([1234.567]).round(decimals=-2).item() == 1200.0
    assert torch.tensor([1.2345]).round(decimals=2).item() == pytest.approx(1.23)


def test_remainders_and_quotients_of_negative_numbers():
    x = torch.tensor([7, -7])
    assert (x % 3).tolist() == [1, 2] and x.fmod(3).tolist() == [1, -1]
    assert (x // 3).tolist() == [2, -3] and torch.div(x, 3, rounding_mode="trunc").tolist() == [2, -2]


def test_integer_powers():
    assert (torch.tensor([2, -1, 1, 3]) ** torch.tensor([-1, -3, -2, 2])).tolist() == [0, -1, 1, 9]
    with pytest.raises(RuntimeError, match="^Integers to negative integer powers are not allowed."):
        torch.tensor([2]) ** -1


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 2.0, 3, -1, -2, -0.5, 1.7, 0])
def test_special_powers_are_powers(exponent):
    x = torch.tensor([0.3, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    out = x ** exponent
    np.testing.assert_allclose(out.detach().numpy(), np.power([0.3, 2.0, 5.0], exponent), rtol=1e-14)
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), exponent * np.power([0.3, 2.0, 5.0], exponent - 1.0), rtol=1e-13)


def test_gradient_of_zero_to_a_power_is_no_nan():
    x, y = torch.zeros(2, requires_grad=True), torch.tensor([0.0, 2.0], requires_grad=True)
    (x ** y).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0] and y.grad.tolist() == [0.0, 0.0]


def test_clamp_takes_numbers_and_tensors_and_keeps_nan():
    x = torch.tensor([-1.0, 0.5, 2.0, NAN])
    assert x.clamp(0, 1).tolist()[:3] == [0.0, 0.5, 1.0] and math.isnan(x.clamp(0, 1)[3].item())
    assert torch.tensor([1, 5]).clamp(max=2.5).tolist() == [1.0, 2.5]
    assert x.clamp(3, 1).tolist()[:3] == [1.0, 1.0, 1.0]
    assert x.clamp(torch.tensor(0.0), torch.tensor([1.0, 0.2, 3.0, 1.0])).tolist()[:3] == [0.0, pytest.approx(0.2), 2.0]
    with pytest.raises(RuntimeError, match="^torch.clamp: At least one of 'min' or 'max' must not be None"):
        x.clamp()


def test_where_promotes_its_values_and_wants_a_bool():
    assert torch.where(torch.tensor([True, False]), 1, 2.5).tolist() == [1.0, 2.5]
    assert torch.tensor([1.0, 2.0]).where(torch.tensor([True, False]), 0).tolist() == [1.0, 0.0]
    with pytest.raises(RuntimeError, match="^where expected condition to be a boolean tensor, but got a tensor with dtype Float"):
        torch.where(torch.ones(2), 1, 2)


def test_gradient_passes_where_alone_even_beside_infinities():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    torch.where(x > 0, x.sqrt(), x).sum().backward()
    assert math.isnan(x.grad[0].item()) or x.grad[1].item() == 0.25


def test_maximum_shares_ties_and_fmax_prefers_numbers():
    x, y = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 3.0], requires_grad=True)
    torch.maximum(x, y).sum().backward()
    assert x.grad.tolist() == [0.5, 0.0] and y.grad.tolist() == [0.5, 1.0]
    assert torch.fmax(torch.tensor([NAN, 1.0]), torch.tensor([2.0, NAN])).tolist() == [2.0, 1.0]


def test_limits_are_values_not_errors():
    assert torch.tensor([0.0]).log().item() == -INF and torch.tensor([0.0]).reciprocal().item() == INF
    assert torch.logaddexp(torch.tensor([-INF]), torch.tensor([-INF])).item() == -INF
    assert torch.xlogy(torch.tensor([0.0]), torch.tensor([0.0])).item() == 0.0
    assert torch.tensor([-1000.0, 1000.0]).sigmoid().tolist() == [0.0, 1.0]
    assert torch.tensor([NAN, INF, -INF]).nan_to_num().tolist() == [0.0, 3.4028234663852886e38, -3.4028234663852886e38]
    assert torch.tensor([NAN]).sign().item() == 0.0


def test_a_number_is_shifted_by_a_tensor():
    assert (1 << torch.arange(4)).tolist() == [1, 2, 4, 8] and (-256 >> torch.arange(3)).tolist() == [-256, -128, -64]
    assert (300 << torch.arange(4, dtype=torch.uint8)).tolist() == [44, 88, 176, 96]
    with pytest.raises(NotImplementedError, match="\"lshift_cpu\" not implemented for 'Float'"):
        1.5 << torch.arange(4)


def test_shifts_beyond_the_width_give_nothing_or_the_sign():
    x = torch.tensor([5, -5], dtype=torch.int8)
    assert (x << 9).tolist() == [0, 0] and (x >> 9).tolist() == [0, -1]


def test_closeness():
    a = torch.tensor([1.0, INF, NAN])
    assert torch.isclose(a, a).tolist() == [True, True, False]
    assert torch.allclose(a, a, equal_nan=True) is True
    assert torch.equal(torch.tensor([1.0]), torch.tensor([1.0, 2.0])) is False
    with pytest.raises(RuntimeError, match="^Float did not match Double"):
        torch.isclose(torch.ones(1), torch.ones(1).double())


def test_parts_of_complex_numbers_are_views():
    z = torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    z.real[0] = 9.0
    torch.view_as_real(z)[1, 1] = 7.0
    assert z.tolist() == [9 + 3j, 2 + 7j]
    assert torch.view_as_complex(torch.tensor([[1.0, 2.0]])).item() == 1 + 2j
    assert torch.polar(torch.tensor([2.0]), torch.tensor([math.pi / 2])).imag.item() == pytest.approx(2.0)


def test_gradient_of_a_modulus_points_along_the_number():
    z = torch.tensor([3 + 4j, 0j], requires_grad=True)
    z.abs().sum().backward()
    assert z.grad.tolist() == [pytest.approx(0.6 + 0.8j), 0j]


@pytest.mark.parametrize("call, error, message", [
    (lambda x: torch.exp(3.0), TypeError, r"exp\(\): argument 'input' \(position 1\) must be Tensor, not float"),
    (lambda x: torch.maximum(x, 2.0), TypeError, r"maximum\(\): argument 'other' \(position 2\) must be Tensor, not float"),
    (lambda x: torch.eq(2, x), TypeError, r"eq\(\) received an invalid combination of arguments - got \(int, Tensor\), but expected one of:"),
    (lambda x: x + torch.ones(3), RuntimeError, r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-singleton dimension 0"),
    (lambda x: x & 1, NotImplementedError, "\"bitwise_and_cpu\" not implemented for 'Float'"),
    (lambda x: -torch.tensor([True]), RuntimeError, "Negation, the `-` operator, on a bool tensor is not supported."),
    (lambda x: torch.imag(x), RuntimeError, "imag is not implemented for tensors with non-complex dtypes."),
    (lambda x: torch.complex(x, x.double()), RuntimeError, "Expected object of scalar type Float but got scalar type Double for second argu"),
    (lambda x: torch.lerp(x, x.double(), 0.5), RuntimeError, "expected dtype float for `end` but got dtype double"),
    (lambda x: torch.polygamma(-1, x), RuntimeError, r"polygamma\(n, x\) does not support negative n."),
    (lambda x: torch.igamma(x.requires_grad_(), x).sum().backward(), NotImplementedError,
     "the derivative for 'igamma: input' is not implemented."),
    (lambda x: (x.requires_grad_() // 2).sum().backward(), RuntimeError, "derivative for aten::floor_divide is not implemented"),
])
def test_errors_are_pytorchs(call, error, message):
    with pytest.raises(error, match="^" + message):
        call(torch.tensor([1.0, 2.0]))


@pytest.mark.parametrize("call, name", [
    (lambda x: x ** 2, "PowBackward0"), (lambda x: x ** x, "PowBackward1"), (lambda x: 2 ** x, "PowBackward2"), (lambda x: 1 - x, "RsubBackward1"),
    (lambda x: 1 / x, "MulBackward0"), (lambda x: x.clamp(0, 1), "ClampBackward1"), (lambda x: x.log1p(), "Log1PBackward0"),
    (lambda x: x.sum(), "SumBackward0"), (lambda x: x.sum(0), "SumBackward1"), (lambda x: x.max(), "MaxBackward1"),
    (lambda x: x.max(0)[0], "MaxBackward0"), (lambda x: x.norm(), "LinalgVectorNormBackward0"), (lambda x: x.fmod(x), "FmodBackward1"),
    (lambda x: torch.lerp(x, x, x), "LerpBackward1"), (lambda x: x.log_softmax(0), "LogSoftmaxBackward0"),
])
def test_node_names_are_pytorchs(call, name):
    assert call(torch.tensor([0.5, 0.25], requires_grad=True)).grad_fn.name() == name


def test_in_place_forms_write_and_return_their_tensor():
    x = torch.tensor([1.0, 4.0])
    alias = x
    assert x.sqrt_() is x and torch.exp_(x) is x and alias.tolist() == pytest.approx([math.e, math.e ** 2])
    assert x.clamp_(max=3.0).lerp_(torch.zeros(2), 0.5).tolist() == pytest.approx([math.e / 2, 1.5])
    with pytest.raises(RuntimeError, match="^result type Float can't be cast to the desired output type Long"):
        torch.tensor([1, 2]).exp_()


@pytest.mark.parametrize("size", [10, 300_000])
def test_kernels_in_pieces_are_those_on_the_whole(size):
    a, b, c = np.random.default_rng(0).uniform(0.1, 0.9, (3, size)).astype(np.float32)
    x, y, z = (torch.from_numpy(v) for v in (a, b, c))
    np.testing.assert_allclose(torch.lerp(x, y, 0.7).numpy(), a + np.float32(0.7) * (b - a), rtol=1e-6)
    np.testing.assert_allclose(torch.lerp(x, y, z).numpy(), a + c * (b - a), rtol=1e-6)
    np.testing.assert_allclose(torch.addcmul(x, y, z, value=2).numpy(), a + 2 * b * c, rtol=1e-6)
    np.testing.assert_allclose(torch.addcdiv(x, y, z, value=-1).numpy(), a - b / c, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(x.clamp(0.3, 0.6).numpy(), a.clip(np.float32(0.3), np.float32(0.6)))
    np.testing.assert_allclose(x.erf().numpy()[:100], [math.erf(v) for v in a[:100]], rtol=1e-6)
