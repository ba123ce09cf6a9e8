"""Results of kernels lie in buffers that other values have left; what a launch names in another way than by an address stays where it is."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight import nn, optim
from rushlight.backends.llvm.engine import available
from rushlight.compiler.placing import moved, moved_into
from rushlight.core import memory

if not available():
    pytest.skip("RUSHLIGHT_JIT=0 switches machine code off", allow_module_level=True)


def launch(*words, keep=()):
    return 1, 2, 3, np.array(words, np.int64).tobytes() + b"half", keep


def words_of(made):
    return np.frombuffer(made[3][:-4], np.int64).tolist()


def test_words_that_name_memory_name_the_buffer_at_the_same_place():
    out, block = np.empty(8, np.float32), np.zeros(64, np.uint8)
    start = memory.address(out)
    [made], found = moved([launch(7, start, start + 8, start + 32)], [out], lambda owner: block[:owner.nbytes + 32])
    assert words_of(made) == [7, memory.address(block), memory.address(block) + 8, start + 32]  # the last one lies behind it
    assert made[3][-4:] == b"half"
    assert memory.address(moved_into(found[id(out)], out[3:])) == memory.address(block) + 12


def test_memory_that_is_named_by_its_array_or_not_at_all_stays():
    out, other = np.empty(8, np.float32), np.empty(8, np.float32)
    view = out[2:]
    launches = [launch(memory.address(out), id(view), keep=((view,), {"other": other}))]
    made, found = moved(launches, [out, other], lambda owner: pytest.fail("nothing moves"))
    assert words_of(made[0]) == words_of(launches[0]) and not found


def training(width=96):
    """A compiled step of a small network whose layers are all kernels, and what it leaves."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(512, width)

    def step():
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()
    return step, model


def plan_of(compiled):
    return next(made.plan for made in compiled._rushlight_work.recordings if made.function is not None)


def test_results_of_kernels_lie_in_buffers_that_serve_one_after_the_other():
    step, _ = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    buffers = plan_of(compiled).buffers
    assert not [storage for storage in buffers.kept if storage.size > 4096]
    assert buffers.bytes < 0.7 * buffers.without_reuse


def test_no_replay_reads_what_an_earlier_one_left_in_a_buffer():
    step, model = training()
    for _ in range(7):
        loss = step()
    wanted = [loss.numpy(), *[p.detach().numpy() for p in model.parameters()]]
    step, model = training()
    compiled = torch.compile(step)
    for _ in range(3):
        compiled()
    for _ in range(4):
        loss = compiled()
        for block in plan_of(compiled).buffers.blocks.values():
            block[:] = 255  # floats that are no numbers
    for a, b in zip([loss.numpy(), *[p.detach().numpy() for p in model.parameters()]], wanted):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_loop_writes_over_what_nobody_reads_any_more():
    weight = torch.randn(128, 256)

    def f(x):
        y = torch.softmax(x, 1)
        z = y * y + weight          # over y
        return torch.softmax(z, 1).tanh() * torch.softmax(z + z[:1], 1)
    compiled = torch.compile(f)
    x = torch.randn(128, 256)
    for _ in range(4):
        found = compiled(x)
    np.testing.assert_allclose(found.numpy(), f(x).numpy(), rtol=1e-5, atol=1e-7)
    plan = plan_of(compiled)
    values = [equation.outputs[0] for equation in plan.graph.equations]
    assert plan.array(values[1]).ctypes.data == plan.array(values[0]).ctypes.data
    assert len({plan.array(value).ctypes.data for value in values[1:3]}) == 2  # z is read again


def test_a_kernel_writes_over_what_its_operation_says_if_nobody_reads_that_any_more():
    step, _ = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    plan = plan_of(compiled)
    lasts = {storage: number for number, storages in plan.buffers.done.items() for storage in storages}
    for number, equation in enumerate(plan.graph.equations):
        for result, argument in getattr(equation.op, "over", ()):
            given, made = equation.inputs[argument], equation.outputs[result]
            is_over = plan.array(made).ctypes.data == plan.array(given).ctypes.data
            assert is_over == (lasts[given.storage] == number)
    assert {"gelu_with_slope", "native_layer_norm_backward"} <= {equation.op.name for equation in plan.graph.equations}
