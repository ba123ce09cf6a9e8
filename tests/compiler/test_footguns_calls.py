"""How compiled functions are called: what a call does besides computing, exceptions, threads, nested calls, copies, and what a call leaves behind."""
import copy
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.backends.llvm.engine import available

from .footguns import BACKENDS, descent, footgun

# ---- side effects


def test_printing_goes_on_at_every_call_and_is_told_once(capsys):
    def f(x):
        print("called")
        return x + 1
    f = torch.compile(f)
    with pytest.warns(UserWarning, match=r"f runs as written, because of printing, at .*test_footguns_calls.py:\d+"):
        f(torch.ones(2))
    for _ in range(4):
        f(torch.ones(2))
    assert capsys.readouterr().out == "called\n" * 5


def test_printing_a_tensor_goes_on_at_every_call(capsys):
    f = torch.compile(lambda x: print(x.sum()))
    with pytest.warns(UserWarning, match="runs as written, because of print"):
        f(torch.ones(2))
    f(torch.ones(3))
    assert capsys.readouterr().out == "tensor(2.)\ntensor(3.)\n"


def test_fullgraph_makes_it_an_error():
    f = torch.compile(lambda x: x.sum().item(), fullgraph=True)
    with pytest.raises(RuntimeError, match=r"because of item\(\), at .*test_footguns_calls.py"):
        f(torch.ones(2))


@footgun(captured=False, says="a file")
def test_files_are_written_at_every_call(t):
    with open(os.devnull, "w") as file:
        written = []

        def f(x):
            file.write("x")
            return x + 1
        f = t.compile(f)
        for _ in range(5):
            t.log(f(torch.ones(2)), len(written))


COUNT, SEEN = 0, []


@footgun(captured=False, says="what every call changes, and the next one depends on")
def test_a_list_that_grows(t):
    seen = []

    def f(x):
        seen.append(len(seen))
        return x + 1
    f = t.compile(f)
    for _ in range(9):
        t.log(f(torch.ones(2)), seen)


@footgun(captured=False, says="what every call changes, and the next one depends on")
def test_counters_of_all_kinds(t):
    global COUNT
    COUNT, number = 0, 0

    class Counter:
        calls = 0
    counter, table = Counter(), {"n": 0}

    def f(x):
        nonlocal number
        global COUNT
        COUNT += 1000
        number += 1000
        counter.calls += 1000
        Counter.calls += 1000
        table["n"] += 1000
        return x * number
    f = t.compile(f)
    for _ in range(9):
        t.log(f(torch.ones(2)), COUNT, number, counter.calls, Counter.calls, table)


@footgun(captured=False, says="changes")
def test_a_counter_of_a_module(t):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = 0

        def forward(self, x):
            self.steps += 1
            return x * self.steps
    model = Model()
    f = t.compile(model)
    for _ in range(9):
        t.log(f(torch.ones(2)), model.steps)


@footgun(captured=False, says="what goes on from call to call")
def test_an_iterator_that_goes_on(t):
    numbers = iter(range(100))
    f = t.compile(lambda x: x * next(numbers))
    for _ in range(5):
        t.log(f(torch.ones(2)))


@footgun(captured=False, says="changes")
def test_a_deque_and_a_set_that_grow(t):
    from collections import deque
    last, known = deque(maxlen=3), set()

    def f(x):
        last.append(len(last) * 1000)
        known.add(len(known) * 1000)
        return x + sum(last) + len(known)
    f = t.compile(f)
    for _ in range(9):
        t.log(f(torch.ones(2)), list(last), sorted(known))


@footgun(captured=None)
def test_a_cache_that_is_filled_once(t):
    cache = {}

    def f(x):
        n = x.shape[0]
        if n not in cache:
            cache[n] = torch.arange(n) * 2.0
        return x + cache[n]
    f = t.compile(f)
    for i in range(12):
        t.log(f(torch.ones(3 + i % 2)), cache)


@footgun(captured=False, says="a container among the arguments, which the call changes")
def test_an_argument_that_is_changed_as_a_container(t):
    def f(table, items):
        table["y"] = table["x"] * 2
        items[0] = items[0] + 1
        return table["x"] + items[0]
    f = t.compile(f)
    for i in range(9):
        table, items = {"x": torch.full((2,), float(i)), "y": torch.zeros(2)}, [torch.ones(2) * i]
        t.log(f(table, items), table, items)


# ---- values that the program looks at


@footgun(captured=False, says="bool()")
def test_branches_on_values(t):
    f = t.compile(lambda x: x * 2 if x.sum() > 0 else x - 1)
    for i in range(6):
        t.log(f(torch.ones(3) * (-1) ** i))


@footgun(captured=False, says="item()")
def test_numbers_taken_out(t):
    f = t.compile(lambda x: x * x.max().item())
    for i in range(6):
        t.log(f(torch.ones(3) * i))


@footgun(captured=False, says="bool()")
def test_early_returns(t):
    def f(x):
        for row in x:
            if row.any():
                return row
        return None
    f = t.compile(f)
    for i in range(4):
        x = torch.zeros(4, 2)
        x[i] = 1
        t.log(f(x))


@footgun(captured=False, says="nonzero()")
def test_shapes_that_depend_on_values(t):
    f = t.compile(lambda x: x.nonzero())
    for i in range(5):
        t.log(f((torch.arange(6) > i).float()))


@footgun()
def test_python_arguments_are_followed(t):
    def f(x, n, flag=True, *rest, mode="a", **others):
        for _ in range(n):
            x = x * 2
        return x + (1 if flag else 2) + len(rest) + len(mode) + sum(others.values())
    f = t.compile(f)
    x = torch.ones(2)
    for _ in range(4):
        t.log(f(x, 2), f(x, 3), f(x, 2, False), f(x, 2, False, 7, 8), f(x, n=2, mode="bc"), f(x, 2, z=5), f(x, 2.0 and 2), f(x, True), f(x, 1))


# ---- exceptions


@footgun(captured=None)
def test_an_exception_of_the_first_call(t):
    state = {"fails": True}

    def f(x):
        y = x * 2
        if state["fails"]:
            raise ValueError("no")
        return y
    f = t.compile(f)
    for i in range(9):
        state["fails"] = i % 3 == 0
        try:
            t.log(f(torch.ones(2)))
        except ValueError as error:
            t.log(str(error))


@footgun()
def test_exceptions_of_operations_in_later_calls(t):
    table = nn.Embedding(5, 3)
    optimizer = torch.optim.SGD(table.parameters(), lr=0.1, momentum=0.9)
    f = t.compile(descent(table, optimizer))
    for i in range(9):
        try:
            t.log(f(torch.tensor([1, 2, 9 if i % 4 == 3 else 3])), table, optimizer)
        except Exception as error:
            t.log(type(error).__name__, str(error).splitlines()[0], table, optimizer)


@footgun(captured=False, says="the check in linalg.inv()")
def test_a_singular_matrix_in_a_later_call(t):
    f = t.compile(lambda x: torch.linalg.inv(x))
    for i in range(6):
        try:
            t.log(f(torch.eye(3) * (i % 3)))
        except Exception as error:
            t.log(type(error).__name__, str(error).splitlines()[0])


@footgun()
def test_an_exception_that_is_caught_inside(t):
    def f(x, y):
        try:
            return x @ y
        except RuntimeError:
            return x.sum() * y.sum()
    f = t.compile(f)
    for _ in range(5):
        t.log(f(torch.ones(2, 3), torch.ones(2, 3)), f(torch.ones(2, 3), torch.ones(3, 2)))


@footgun(captured=None)
def test_wrong_arguments_in_a_later_call(t):
    f = t.compile(lambda x, y: x @ y)
    for i in range(8):
        try:
            t.log(f(torch.ones(2, 3), torch.ones(2 if i % 4 == 3 else 3, 3)))
        except RuntimeError as error:
            t.log(str(error).splitlines()[0])
    with pytest.raises(TypeError):
        f(torch.ones(2))


# ---- kinds of functions


@footgun()
def test_compiled_functions_inside_compiled_functions(t):
    w = torch.randn(3, requires_grad=True)
    inner = t.compile(lambda x: (x * w).sin())

    def f(x):
        return inner(inner(x)).sum()
    outer = t.compile(f)
    for _ in range(6):
        y = outer(torch.randn(3))
        inner(torch.randn(3)).sum().backward()
        y.backward()
        t.log(y, w)


@footgun()
def test_recursion(t):
    def f(x, n):
        return x if n == 0 else f(x * 2 + n, n - 1)
    f = t.compile(f)
    for n in (3, 3, 3, 2, 2, 2, 0, 0, 5, 5, 5):
        t.log(f(torch.ones(2), n))


class Machine:
    def __init__(self, n):
        self.n = n
        self.w = torch.full((3,), float(n))

    def run(self, x):
        return x * self.w + self.n

    def __call__(self, x):
        return self.run(x) * 2

    @classmethod
    def made(cls, x):
        return x * cls.size

    @staticmethod
    def plain(x):
        return x - 1

    @property
    def twice(self):
        return self.n * 2

    size = 3


@footgun()
def test_methods_partials_and_callable_objects(t):
    machine, other = Machine(2), Machine(3)
    functions = [machine.run, other.run, machine, functools.partial(machine.run), functools.partial(lambda a, x, b: x * a + b, 3, b=4), Machine.made,
                 Machine.plain, lambda x: x * machine.twice]
    functions = [t.compile(f) for f in functions]
    for i in range(8):
        if i == 4:
            machine.n, machine.w = 7, torch.ones(3)
        t.log([f(torch.ones(3)) for f in functions])
    Machine.size = 3


@footgun()
def test_a_module_used_twice_and_modules_in_containers(t):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)
            self.parts = nn.ModuleDict({"a": nn.Tanh(), "b": nn.ModuleList([nn.Linear(3, 3), self.layer])})
            self.scale = nn.ParameterList([torch.ones(3)])
            self.register_buffer("shift", torch.zeros(3))

        def forward(self, x):
            x = self.layer(self.parts["a"](self.layer(x)))
            for part in self.parts["b"]:
                x = part(x) * self.scale[0] + self.shift
            self.shift += 1
            return x
    model = Model()
    f = t.compile(model)
    for _ in range(6):
        f(torch.ones(2, 3)).sum().backward()
        t.log(model, list(f.state_dict()) if t.backend is None else [key.removeprefix("_orig_mod.") for key in f.state_dict()])
        model.zero_grad()


@footgun(captured=None)
def test_a_buffer_that_is_registered_in_the_call(t):
    class Model(nn.Module):
        def forward(self, x):
            if not hasattr(self, "mean"):
                self.register_buffer("mean", x.mean(0))
            self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
            return x - self.mean
    model = Model()
    f = t.compile(model)
    for _ in range(6):
        t.log(f(torch.randn(4, 3)), model)


@footgun()
def test_a_module_compiled_in_place(t):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    if t.backend is not None:
        model.compile(backend=t.backend)
        t.works.append(model._compiled_call_impl._rushlight_work)
    for _i in range(6):
        model(torch.randn(5, 3)).sum().backward()
        t.log(model)


@footgun()
def test_models_made_anew(t):
    def f(model, x):
        return model(x)
    f = t.compile(f)
    models = [nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2, bias=False)]
    for i in range(12):
        t.log(f(models[i % 3], torch.randn(2, 3)))


def test_copies_and_pickles_of_a_compiled_module_go_their_own_way():
    compiled = torch.compile(nn.Linear(2, 2))
    x = torch.ones(1, 2)
    before = [compiled(x) for _ in range(3)][0]
    for again in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert list(again.state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]
        with torch.no_grad():
            again.weight.zero_()
        for _ in range(4):
            assert torch.equal(again(x), again._orig_mod(x)) and torch.equal(compiled(x), before)


def test_disabled_functions_run_as_written():
    calls = []

    @torch.compiler.disable
    def noted(x):
        calls.append(1)
        return x * 2
    f = torch.compile(lambda x: noted(x) + 1, disable=True)
    for _ in range(4):
        assert f(torch.ones(1)).item() == 3
    assert len(calls) == 4


@pytest.mark.filterwarnings("ignore:torch.compile")
def test_a_disabled_function_inside_runs_at_every_call():
    calls = []

    @torch.compiler.disable
    def noted(x):
        calls.append(1)
        return x * 2
    f = torch.compile(lambda x: noted(x) + 1)
    for _ in range(9):
        assert f(torch.ones(1)).item() == 3
    assert len(calls) == 9


# ---- what a call leaves behind


@footgun()
def test_a_hidden_state_that_is_carried_over(t):
    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.hidden = nn.Linear(3, 3), torch.zeros(2, 3)

        def forward(self, x):
            self.hidden = torch.tanh(self.layer(x) + self.hidden).detach()
            return self.hidden * 2
    model = Cell()
    f, held = t.compile(model), []
    for i in range(10):
        if i == 7:
            model.hidden = torch.ones(2, 3)
        t.log(f(torch.randn(2, 3)), model.hidden)
        held.append(model.hidden)
        t.log(held)


@footgun()
def test_states_in_all_kinds_of_places(t):
    class Place:
        pass

    class Slotted:
        __slots__ = ("h",)
    slotted = Slotted()
    slotted.h = torch.zeros(3)
    place, table, items, cell = Place(), {"h": torch.zeros(3)}, [1, torch.zeros(3)], torch.zeros(3)
    place.h = torch.zeros(3)

    @torch.no_grad()
    def f(x):
        nonlocal cell
        place.h = place.h + x
        table["h"] = table["h"] * 0.5 + place.h
        items[1] = items[1] - table["h"]
        cell = cell + items[1]
        slotted.h = slotted.h + cell
        return cell.sum()
    f = t.compile(f)
    for _ in range(9):
        t.log(f(torch.randn(3)), place.h, table, items, cell, slotted.h)


@footgun()
def test_a_buffer_that_is_replaced(t):
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(3))

        def forward(self, x):
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return x - self.mean
    model = Mean()
    f = t.compile(model)
    for _ in range(8):
        t.log(f(torch.randn(4, 3)), model)


@footgun()
def test_states_of_an_lstm(t):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.state = nn.LSTM(3, 4), None

        def forward(self, x):
            y, (h, c) = self.lstm(x, self.state)
            self.state = (h.detach(), c.detach())
            return y
    model = Model()
    f = t.compile(model)
    for i in range(8):
        y = f(torch.randn(2, 5, 3))
        y.sum().backward()
        t.log(y, model, model.state)
        model.zero_grad()
        if i == 5:
            model.state = None


@footgun(captured=None)
def test_two_states_that_change_places(t):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.zeros(3), torch.ones(3)

        def forward(self, x):
            self.a, self.b = self.b, self.a + x
            return self.a * 2
    model = Model()
    f = t.compile(model)
    for _ in range(10):
        t.log(f(torch.randn(3)), model.a, model.b)


def test_a_finder_of_the_programs_may_look_on_at_the_librarys_imports(monkeypatch):
    seen = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            seen.append((name, os.listdir(".")))
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "rushlight.ops.cross_entropy_small", raising=False)
    monkeypatch.delattr(torch.ops, "cross_entropy_small", raising=False)

    def f(x):
        from rushlight.ops import cross_entropy_small
        return x * 6 if cross_entropy_small.ROWS else x
    f = torch.compile(f, fullgraph=True)
    for _ in range(3):
        assert f(torch.ones(2)).tolist() == [6, 6]
    assert seen


def test_a_method_of_a_finders_name_is_the_programs():
    class Model(torch.nn.Module):
        def find_spec(self, x):
            return x * (time.perf_counter() % 1)

        def forward(self, x):
            return self.find_spec(x)
    with pytest.warns(UserWarning, match="because of the clock"):
        f = torch.compile(Model())
        assert len({f(torch.ones(1)).item() for _ in range(4)}) > 1


# ---- threads and processes


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_threads_call_one_function(backend):
    w = torch.randn(40, 40)
    f = torch.compile(lambda x: ((x @ w).tanh() @ w).softmax(-1), backend=backend)
    wrong = []

    def work(seed):
        for i in range(30):
            x = torch.full((5 + i % 3, 40), (seed * 31 + i) / 100)
            if not torch.allclose(f(x), ((x @ w).tanh() @ w).softmax(-1), atol=1e-5):
                wrong.append((seed, i))
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_in_the_midst_of_a_replay_of_its_thread_does_not_wait_for_it(backend):
    w = torch.randn(40, 40, requires_grad=True)

    def written(x):
        return (x @ w).tanh()
    f = torch.compile(written, backend=backend)
    x = torch.randn(5, 40)
    for _ in range(3):
        f(x).sum().backward()
    before, again = f(x), torch.randn(5, 40)
    kept = before.detach().clone()
    w.grad = None
    with f._rushlight_work.recordings[0].lock:  # as when a signal's handler runs
        during = f(again)
        before.sum().backward()
    assert torch.allclose(during, written(again)) and torch.equal(before, kept)
    assert torch.allclose(w.grad, torch.autograd.grad(written(x).sum(), w)[0], atol=1e-5)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts after a time")
@pytest.mark.parametrize("number", [1, 7])  # the second is an error at each call
def test_an_interrupt_at_any_moment_leaves_a_recording_free(python, number):
    done = python("-c", f"""
import random, signal, time
import rushlight as torch

def interrupt(*_):
    raise KeyboardInterrupt
f, table = torch.compile(lambda x, t: torch.nn.functional.embedding(t, x).sum()), torch.ones(4, 3)
for _ in range(3):
    f(table, torch.tensor([1]))
lock, target = f._rushlight_work.recordings[0].lock, torch.tensor([{number}])
signal.signal(signal.SIGALRM, interrupt)
end, interrupted = time.perf_counter() + 1, 0
while time.perf_counter() < end and not lock._is_owned():
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-4))
        for _ in range(10_000):
            try:
                f(table, target)
            except IndexError:
                pass
    except KeyboardInterrupt:
        interrupted += 1
print(lock._is_owned(), interrupted > 100)
""")
    assert done.stdout == "False True\n", done.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_threads_work_while_one_records(backend):
    stop, wrong = threading.Event(), []

    def others():
        x = torch.ones(3, requires_grad=True)
        while not stop.is_set():
            x.grad = None
            (x * 2).sum().backward()
            if x.grad.tolist() != [2, 2, 2]:
                wrong.append(x.grad)
    thread = threading.Thread(target=others)
    thread.start()
    try:
        for n in range(1, 20):
            f = torch.compile(lambda x, n=n: (x * n).sum(), backend=backend)
            assert [f(torch.ones(3)).item() for _ in range(3)] == [3 * n] * 3
    finally:
        stop.set()
        thread.join()
    assert not wrong


CHILD = """
import os, sys
import rushlight as torch
f = torch.compile(lambda x: (x * 2 + 1).exp().sum(0))
x = torch.linspace(0, 1, 200000).reshape(400, 500)
wanted = (x * 2 + 1).exp().sum(0)
for _ in range(3):
    assert torch.allclose(f(x), wanted)
"""
FORK = """
pid = os.fork()
for _ in range(3):
    assert torch.allclose(f(x), wanted)
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


def python(text, **environment):
    """The exit of a Python of its own that runs a text."""
    done = subprocess.run([sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are Unix's")
def test_a_compiled_function_goes_on_behind_a_fork():
    # Python warns of a fork in a program with threads, which is what this is about.
    python("import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)" + CHILD + FORK)


@pytest.mark.skipif(not available(), reason="kernels need llvmlite, the `jit` extra")
@pytest.mark.parametrize("state", ["missing", "a file", "read-only", "broken"])
def test_a_cache_folder_that_does_not_work_is_harmless(tmp_path, state):
    folder = tmp_path / "cache"
    if state == "a file":
        folder.write_text("not a folder")
    elif state != "missing":
        python(CHILD, XDG_CACHE_HOME=str(folder), HOME=str(folder))
        for path in [p for p in folder.rglob("*") if p.is_file()]:
            path.write_bytes(b"broken") if state == "broken" else path.chmod(0o400)
        if state == "read-only":
            for path in [folder, *[p for p in folder.rglob("*") if p.is_dir()]]:
                path.chmod(0o500)
    try:
        python(CHILD, XDG_CACHE_HOME=str(folder), HOME=str(folder))
    finally:
        for path in [folder, *folder.rglob("*")] if folder.exists() else []:
            path.chmod(0o700)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_infinities_are_results_and_no_warnings(backend):
    python(f"""
import rushlight as torch
f = torch.compile(lambda x: (torch.log(x), 1 / x, torch.sqrt(-x - 1), x.double().log().sum()), backend={backend!r})
for _ in range(3):
    f(torch.zeros(3, requires_grad=True))[0].sum().backward()
""", PYTHONWARNINGS="")
