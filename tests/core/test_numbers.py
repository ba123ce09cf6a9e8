"""Python numbers that meet tensors."""
import pytest

import rushlight as torch


@pytest.mark.parametrize("call", [
    lambda x, n: x + n, lambda x, n: n * x, lambda x, n: x == n, lambda x, n: n - x, lambda x, n: x ** n, lambda x, n: x.add_(n),
    lambda x, n: x.clamp(max=n), lambda x, n: x.fill_(n), lambda x, n: torch.full((2,), n), lambda x, n: torch.where(x > 0, n, 1),
    lambda x, n: x.masked_fill(x > 0, n), lambda x, n: x.long() + n,
])
def test_integers_of_more_than_64_bits_are_refused(call):
    for number, message in ((2**64, "int too big to convert"), (-2**63 - 1, "can't convert negative int to unsigned")):
        x = torch.ones(2)
        with pytest.raises(OverflowError) as raised:
            call(x, number)
        assert str(raised.value) == message and x.tolist() == [1.0, 1.0]


def test_integers_of_64_bits_are_taken():
    assert (torch.ones(2) + 2**63).tolist() == [2.0**63] * 2
    assert (torch.ones(1, dtype=torch.int64) + (2**64 - 1)).tolist() == [0]
    assert (torch.ones(1) - 2**63).tolist() == [-2.0**63]


@pytest.mark.parametrize("number", [2**63, -2**70])
def test_assigned_integers_are_of_64_bits_with_a_sign(number):
    with pytest.raises(ValueError, match="^Overflow when unpacking long long$"):
        torch.ones(2)[0] = number


@pytest.mark.parametrize(("dtype", "bound", "name"), [(torch.uint8, 300, "uint8_t"), (torch.int8, 1000, "int8_t"), (torch.float16, 1e6, "c10::Half"),
                                                      (torch.float32, 1e300, "float")])
def test_bound_that_the_dtype_does_not_hold_is_refused(dtype, bound, name):
    with pytest.raises(RuntimeError, match=f"^value cannot be converted to type {name} without overflow$"):
        torch.ones(2, dtype=dtype).clamp(max=bound)
    assert torch.ones(1).clamp(max=float("inf")).tolist() == [1.0]


def test_doubles_become_float16_by_way_of_float32():
    # This number lies just above the middle of two halves; float32 has that middle, which goes to the even half below.
    middle = 3.1806640625 + 1e-12
    double, zeros = torch.tensor([middle], dtype=torch.float64), torch.zeros(2, dtype=torch.float16)
    copied = torch.zeros(1, dtype=torch.float16)
    copied.copy_(double)
    for half in (copied, torch.tensor(middle, dtype=torch.float16), double.half(), torch.full((1,), middle, dtype=torch.float16), zeros + middle,
                 torch.tensor(double.numpy(), dtype=torch.float16), zeros + double[0]):
        assert set(half.reshape(-1).tolist()) == {3.1796875}
