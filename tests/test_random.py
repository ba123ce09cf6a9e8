import pytest

import rushlight as torch


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_manual_seed_returns_the_default_generator():
    assert torch.manual_seed(5) is torch.default_generator
    assert torch.initial_seed() == 5


@pytest.mark.parametrize(("seed", "initial"), [(True, 1), (3.7, 3), ("7", 7), (-1, 2**64 - 1)])
def test_manual_seed_makes_an_int_of_what_it_gets(seed, initial):
    assert torch.manual_seed(seed).initial_seed() == initial


@pytest.mark.parametrize(("seed", "error", "message"), [
    (2**64, ValueError, "Overflow when unpacking long long"), ("a", ValueError, "invalid literal for int() with base 10: 'a'"),
    (None, TypeError, "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'")])
def test_what_is_no_seed_raises(seed, error, message):
    with pytest.raises(error) as raised:
        torch.manual_seed(seed)
    assert str(raised.value).splitlines()[0] == message


def test_seed_is_another_one_each_time():
    assert torch.seed() != torch.seed()


def test_a_state_can_be_gone_back_to():
    torch.randn(3)
    state = torch.get_rng_state()
    first = torch.randn(3).tolist()
    torch.set_rng_state(state)
    assert torch.randn(3).tolist() == first
    assert state.dtype is torch.uint8
    assert state.shape == (5056,)


@pytest.mark.parametrize(("state", "error", "message"), [
    (5, TypeError, "expected a torch.ByteTensor, but got int"),
    (torch.zeros(5056), TypeError, "RNG state must be a torch.ByteTensor"),
    (torch.zeros(2 * 5056, dtype=torch.uint8)[::2], RuntimeError, "RNG state must be contiguous"),
    (torch.zeros(3, dtype=torch.uint8), RuntimeError,
     "Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 3")])
def test_what_is_no_state_raises(state, error, message):
    with pytest.raises(error) as raised:
        torch.set_rng_state(state)
    assert str(raised.value).splitlines()[0] == message


def test_fork_rng_draws_as_if_nothing_had_been_drawn_inside():
    torch.randn(1)  # leaves a cached normal
    with torch.random.fork_rng():
        inside = torch.randn(3).tolist()
    assert torch.randn(3).tolist() == inside


def test_fork_rng_goes_back_after_an_exception_too():
    with pytest.raises(ZeroDivisionError), torch.random.fork_rng():
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.rand(1).item() == torch.rand(1, generator=torch.Generator().manual_seed(0)).item()


def test_fork_rng_can_be_turned_off():
    with torch.random.fork_rng(enabled=False):
        inside = torch.rand(3).tolist()
    assert torch.rand(3).tolist() != inside


def test_fork_rng_of_missing_devices_raises():
    with pytest.raises(AssertionError, match="^Torch not compiled with CUDA enabled"), torch.random.fork_rng(devices=[0]):
        pass


def test_no_thread_has_a_generator_of_its_own():
    assert torch.random.thread_safe_generator() is None


def test_a_replayed_operation_draws_anew():
    # What a captured step relies on: the generator is an attribute, and forward draws from it.
    from rushlight.core import apply as core_apply
    seen = []

    def watch(op, args, attrs):
        seen.append((op, attrs))
        core_apply.watchers.pop()
        return core_apply.apply(op, *args, **attrs)

    core_apply.watchers.append(watch)
    first = torch.rand(3)
    op, attrs = seen[0]
    again = op.forward(**attrs)
    assert attrs["generator"] is torch.default_generator
    assert again.tolist() != first.tolist()
    torch.manual_seed(0)
    assert [torch.rand(3).tolist(), torch.rand(3).tolist()] == [first.tolist(), again.tolist()]
