"""Functions in several processes, and what becomes of errors in them."""
import os

import pytest

import rushlight as torch

PROGRAM = """
import os, signal, sys, time
import rushlight.multiprocessing as mp

def work(rank, fault):
    if rank == 1:
        return time.sleep(60)
    {"raise": lambda: 1 / 0, "exit": lambda: sys.exit(3), "kill": lambda: os.kill(os.getpid(), signal.SIGKILL)}[fault]()

def write(rank, folder, tensor):
    open(os.path.join(folder, str(rank)), "w").write(repr(tensor * rank))

if __name__ == "__main__":
    try:
        print(mp.spawn(*{arguments}))
    except mp.ProcessException as error:
        print(type(error), str(error), vars(error).get("exit_code"), getattr(error, "signal_name", None))
"""


def run(python, tmp_path, arguments):
    (tmp_path / "program.py").write_text(PROGRAM.replace("{arguments}", arguments).replace("import os,", "import rushlight as torch, os,"))
    done = python("program.py")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_spawn_runs_the_function_in_each_process(python, tmp_path):
    assert run(python, tmp_path, f"(write, ({str(tmp_path)!r}, torch.ones(1)), 2)") == "None\n"
    assert [(tmp_path / name).read_text() for name in "01"] == ["tensor([0.])", "tensor([1.])"]


@pytest.mark.parametrize(("fault", "expected"), [
    ("raise", "ZeroDivisionError: division by zero\n None None"), ("exit", "process 0 terminated with exit code 3 3 None"),
    ("kill", "process 0 terminated with signal SIGKILL -9 SIGKILL"),
])
def test_process_that_fails_ends_the_others_and_says_how(python, tmp_path, fault, expected):
    printed = run(python, tmp_path, f"(work, ({fault!r},), 2)")
    assert printed.rstrip().endswith(expected)
    if fault == "raise":
        assert "ProcessRaisedException" in printed and "-- Process 0 terminated with the following error:\nTraceback" in printed
    else:
        assert printed.startswith("<class 'torch.multiprocessing.spawn.ProcessExitedException'>")


def test_names_of_python_s_module_are_there():
    import multiprocessing
    assert torch.multiprocessing.Queue == multiprocessing.Queue
    assert torch.multiprocessing.get_sharing_strategy() in torch.multiprocessing.get_all_sharing_strategies()
    with pytest.raises(AssertionError, match="^invalid sharing strategy 'x', expected one of"):
        torch.multiprocessing.set_sharing_strategy("x")


HOGWILD = """
import torch, torch.multiprocessing as mp

def train(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()

if __name__ == "__main__":
    model = torch.nn.Linear(3, 1).share_memory()
    before = [p.clone() for p in model.parameters()]
    process = mp.get_context("fork").Process(target=train, args=(model,))
    process.start()
    process.join()
    print(process.exitcode, [(a - b).round().tolist() for a, b in zip(before, model.parameters())])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_trains_a_shared_model(rushlight, tmp_path):
    (tmp_path / "program.py").write_text(HOGWILD)
    done = rushlight("run", "program.py")
    assert done.stdout == "0 [[[1.0, 1.0, 1.0]], [1.0]]\n", done.stderr
