import copy
import os
import pickle

import numpy as np
import pytest

from rushlight.core.generator import FEW, STATE, Generator

from ..golden import arrays, same_bits


def seeded(seed):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [0, 1, 42, 123, 2**31 - 1, 2**32, 2**40 + 77, 2**63, 2**64 - 1, -1, -5, -2**63])
def test_seed_starts_pytorchs_stream(seed):
    name = {2**31 - 1: "2**31-1", 2**32: "2**32", 2**40 + 77: "2**40+77", 2**63: "2**63", 2**64 - 1: "2**64-1", -2**63: "-2**63"}.get(seed, seed)
    generator = seeded(seed)
    assert generator.initial_seed() == int(arrays()[f"initial_seed[{name}]"])
    assert same_bits((generator.draw(8, 24) * 2.0**-24).astype(np.float32), f"seed[{name}]")


def test_new_generator_has_pytorchs_first_seed():
    assert Generator().initial_seed() == int(arrays()["default_generator_seed"])


def test_words_are_pytorchs():
    assert same_bits((seeded(123).draw(1300, 32) % np.uint32(2**28 - 1)).astype(np.int64), "raw32")
    assert same_bits(seeded(123).draw(650, 64).view(np.int64), "raw64")


@pytest.mark.parametrize("bits", [1, 7, 24, 31, 32, 33, 53, 63, 64])
def test_many_numbers_are_the_same_as_a_few_at_a_time(bits):
    many = seeded(5).draw(3 * FEW, bits)
    generator = seeded(5)
    few = np.concatenate([generator.draw(FEW - 1, bits), generator.draw(FEW - 1, bits), generator.draw(FEW - 1, bits), generator.draw(3, bits)])
    assert (many.astype(np.uint64) == few.astype(np.uint64)).all()


@pytest.mark.parametrize("seed", range(8))
def test_draws_of_all_kinds_follow_each_other(seed):
    """Words read ahead, draws that go past them, states saved and restored: the stream is NumPy's, and so is its position."""
    import random
    choose, generator, reference = random.Random(seed), seeded(seed), np.random.MT19937(0)
    np.random.RandomState(reference).seed(seed)
    for _ in range(200):
        count = choose.choice([0, 1, 2, 16, 300, 623, 624, 625, 1300, 3000])
        kind = choose.choice(["words", "singles", "few", "pairs", "uniforms", "state", "beside"])
        if kind == "state":
            generator.load_state_bytes(generator.state_bytes())
        elif kind == "beside":  # as kernels do that draw by themselves
            found = generator.moved_by(lambda memory: generator._raw(count), count)  # noqa: B023
            assert (found == reference.random_raw(count)).all()
        elif kind == "uniforms":
            numbers, count = generator.uniforms(), count % 300
            found = [next(numbers) for _ in range(count)]
            numbers.close()
            words = reference.random_raw(2 * count).astype(object)
            assert found == ((words[::2] % 2**21 * 2**32 + words[1::2]) * 2.0**-53).tolist()
        elif kind == "pairs":
            words = reference.random_raw(2 * count)
            assert (generator.draw(count, 64) == (words[::2] << np.uint64(32) | words[1::2])).all()
        else:
            found = {"words": generator.words, "singles": generator.singles, "few": lambda count: generator.draw(count, 32)}[kind](count)
            words = reference.random_raw(count)
            assert (found == (words % 2**24 * 2.0**-24 if kind == "singles" else words)).all()
        state = np.frombuffer(generator.state_bytes(), STATE)[0]
        assert state["left"] == 625 - reference.state["state"]["pos"] and (state["words"] == reference.state["state"]["key"]).all()


def test_what_is_drawn_is_the_callers_own():
    generator, other = seeded(3), seeded(3)
    generator.singles(2), other.singles(2)
    generator.singles(4)[:] = 0
    generator.draw(4, 24)[:] = 0
    other.draw(8, 24)
    assert (generator.singles(600) == other.singles(600)).all()


def test_threads_never_draw_the_same_words():
    import sys
    import threading
    generator, found, before = seeded(9), [], sys.getswitchinterval()

    def draw():
        mine = [generator.singles(3) for _ in range(400)]
        found.extend(mine)
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(np.concatenate(found).tolist()) == sorted(seeded(9).singles(4800).tolist())


@pytest.mark.parametrize(("key", "count"), [
    ("state_seed123", 0), ("state_after_rand1", 1), ("state_after_rand624", 624), ("state_after_rand625", 625)])
def test_state_bytes_are_pytorchs(key, count):
    generator = seeded(123)
    generator.draw(count, 24)
    assert same_bits(generator.state_bytes(), key)


def test_state_bytes_carry_the_cached_normal():
    generator = Generator()
    generator.load_state_bytes(arrays()["state_after_randn3"])
    assert generator.cached_normal is not None
    assert same_bits(generator.state_bytes(), "state_after_randn3")
    generator.manual_seed(0)
    assert generator.cached_normal is None


def test_loaded_state_continues_the_stream():
    generator, other = seeded(7), Generator()
    generator.draw(1000, 32)
    other.load_state_bytes(generator.state_bytes())
    assert (generator.draw(2000, 53) == other.draw(2000, 53)).all()


@pytest.mark.parametrize("duplicate", [Generator.clone_state, copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_continue_the_stream_on_their_own(duplicate):
    generator = seeded(7)
    generator.draw(5, 32)
    other = duplicate(generator)
    assert other is not generator
    assert (other.draw(5, 32) == generator.draw(5, 32)).all()
    assert other.initial_seed() == 7


@pytest.mark.parametrize("taken", [1, 255, 256, 257, 700])
def test_uniforms_put_back_what_was_not_taken(taken):
    generator, other = seeded(3), seeded(3)
    uniforms = generator.uniforms()
    numbers = [next(uniforms) for _ in range(taken)]
    uniforms.close()
    assert numbers == (other.draw(taken, 53) * 2.0**-53).tolist()
    assert (generator.state_bytes() == other.state_bytes()).all()


def test_uniforms_that_nobody_takes_draw_nothing():
    generator = seeded(3)
    generator.uniforms().close()
    assert (generator.state_bytes() == seeded(3).state_bytes()).all()


def test_seed_gives_another_stream_each_time():
    generator = Generator()
    first, second = generator.seed(), generator.seed()
    assert first != second
    assert generator.initial_seed() == second


@pytest.mark.parametrize(("seed", "error", "message"), [
    (1.5, RuntimeError, "manual_seed expected a long, but got float"),
    ("1", RuntimeError, "manual_seed expected a long, but got str"),
    (None, RuntimeError, "manual_seed expected a long, but got NoneType"),
    (True, RuntimeError, "manual_seed expected a long, but got bool"),
    (np.float64(1), RuntimeError, "manual_seed expected a long, but got numpy.float64"),
    (np.int64(1), TypeError, "an integer is required"),
    (2**64, ValueError, "Overflow when unpacking long long"),
    (-2**63 - 1, ValueError, "Overflow when unpacking long long")])
def test_a_wrong_seed_raises_and_leaves_the_stream(seed, error, message):
    generator = seeded(9)
    with pytest.raises(error) as raised:
        generator.manual_seed(seed)
    assert str(raised.value).splitlines()[0] == message
    assert generator.initial_seed() == 9


@pytest.mark.parametrize(("field", "value"), [("seeded", 0), ("left", 0), ("left", 625), ("left", -1), ("next", 625)])
def test_a_state_that_is_none_raises_and_leaves_the_stream(field, value):
    state = np.frombuffer(seeded(1).state_bytes().tobytes(), STATE).copy()
    state[field] = value
    generator = seeded(9)
    with pytest.raises(RuntimeError, match="^Invalid mt19937 state$"):
        generator.load_state_bytes(state.view(np.uint8))
    assert (generator.state_bytes() == seeded(9).state_bytes()).all()


def test_a_state_of_another_size_raises():
    with pytest.raises(RuntimeError, match="^Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 10$"):
        Generator().load_state_bytes(np.zeros(10, np.uint8))


@pytest.mark.parametrize(("device", "message"), [
    ("cuda", "Cannot get CUDA generator without ATen_cuda library."),
    ("meta", "META device type not an accelerator."),
    (None, "Cannot access accelerator device when none is available.")])
def test_a_generator_for_a_missing_device_raises(device, message):
    with pytest.raises(RuntimeError) as raised:
        Generator(device)
    assert str(raised.value).startswith(message)


def test_a_cpu_generator_has_no_offset():
    for call in (lambda: Generator().get_offset(), lambda: Generator().set_offset(1)):
        with pytest.raises(RuntimeError, match="^CPU Generator does not use offset$"):
            call()


def test_nothing_is_built_before_the_first_number(python):
    code = ("import sys\nfrom rushlight.core import generator\ngenerator.Generator().manual_seed(1)\n"
            "print('numpy.random' in sys.modules)\ngenerator.default_generator.draw(1, 32)\nprint('numpy.random' in sys.modules)")
    assert python("-c", code).stdout.split() == ["False", "True"]


def test_the_default_stream_differs_between_processes(python):
    code = "from rushlight.core.generator import default_generator as g\nprint(g.initial_seed(), g.draw(1, 32)[0], g.initial_seed())"
    first, second = (python("-c", code).stdout.split() for _ in range(2))
    assert first[0] == first[2]
    assert first != second


def test_generator_prints_as_pytorch_s():
    assert repr(Generator()).startswith("<torch._C.Generator object at 0x")


def test_setting_the_state_returns_the_generator():
    generator = seeded(3)
    assert generator.set_state(generator.get_state()) is generator


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_process_forked_while_a_thread_draws_can_draw(python):
    code = ("import os, signal, threading, time\nimport rushlight as torch\nstop = []\n"
            "def draw():\n    while not stop:\n        torch.randn(1_000_000)\n"
            "thread = threading.Thread(target=draw)\nthread.start()\ntime.sleep(0.2)\n"
            "for _ in range(3):\n    child = os.fork()\n    if not child:\n        signal.alarm(5)\n        torch.manual_seed(1)\n"
            "        os._exit(torch.rand(1).item() == 0.7576315999031067)\n    print(os.waitpid(child, 0)[1])\n"
            "stop.append(True)\nthread.join()")
    assert python("-c", code).stdout.split() == ["256", "256", "256"]
