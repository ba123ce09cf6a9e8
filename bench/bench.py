"""Time the same work under PyTorch, JAX and Rushlight, side by side in one run.

    python bench.py                                  every workload: torch, torch-compile, rushlight, rushlight-compile
    python bench.py --work linear,cnn --libs torch,rushlight
    python bench.py --libs torch,jax,rushlight-compile --rounds 5
    python bench.py --libs torch,rushlight-nojit,rushlight-compile-nojit

"-compile" compiles the step, "-nojit" runs Rushlight without machine code, as it is without the `jit` extra.
Each library runs in a process of its own; the processes take turns, round by round, so that a drift of the machine's
speed falls on all alike. A figure is the median over rounds of a round's median step, in microseconds; the ratio is
torch's time over the library's, larger is faster than torch.
"""
import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time


def worker(lib_name):
    started = time.perf_counter()
    if lib_name == "jax":
        import jax_workloads as source
        lib, whole = None, None
    else:
        import importlib

        import workloads as source
        lib = importlib.import_module(lib_name.split("-")[0])
        whole = None
        if "-compile" in lib_name:
            whole = "forward" if lib_name.startswith("torch") else "step"
        lib.manual_seed(0)
    print(json.dumps({"import": time.perf_counter() - started}), flush=True)
    steps = {}
    for line in sys.stdin:
        name, seconds = json.loads(line)
        try:
            warm = None
            if name not in steps:
                began = time.perf_counter()
                steps[name] = source.WORK[name](lib, whole)
                for _ in range(3):
                    steps[name]()
                warm = time.perf_counter() - began
            step, times, until = steps[name], [], time.perf_counter() + seconds
            while len(times) < 3 or time.perf_counter() < until:
                began = time.perf_counter()
                step()
                times.append(time.perf_counter() - began)
            print(json.dumps({"us": statistics.median(times) * 1e6, "warm": warm}), flush=True)
        except Exception as error:
            print(json.dumps({"error": f"{type(error).__name__}: {error}"[:200]}), flush=True)


def start(lib):
    """A library's worker process, and how long its import took in seconds; None if it is not to be had."""
    environment = {**os.environ, "RUSHLIGHT_JIT": "0"} if lib.endswith("-nojit") else None
    proc = subprocess.Popen([sys.executable, __file__, "--worker", lib], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, env=environment)
    hello = proc.stdout.readline()
    return proc, json.loads(hello)["import"] if hello else None


def ask(proc, name, seconds):
    """What a worker says of one round of one workload."""
    try:
        proc.stdin.write(json.dumps([name, seconds]) + "\n")
        proc.stdin.flush()
        return json.loads(proc.stdout.readline())
    except (BrokenPipeError, json.JSONDecodeError):
        return {"error": "the process ended"}


def measure(procs, name, given):
    """All libraries' rounds of one workload, in turns: {us, warm_s, errors}, each by library."""
    got = {lib: [] for lib in procs}
    for _ in range(given.rounds):
        for lib, proc in procs.items():
            if not got[lib] or "error" not in got[lib][-1]:
                got[lib].append(ask(proc, name, given.seconds))
    return {"us": {lib: statistics.median(g["us"] for g in rounds) for lib, rounds in got.items() if "error" not in rounds[-1]},
            "warm_s": {lib: rounds[0].get("warm") for lib, rounds in got.items()},
            "errors": {lib: rounds[-1]["error"] for lib, rounds in got.items() if "error" in rounds[-1]}}


def row(name, libs, figures):
    """One line of the table."""
    us, text = figures["us"], f"{name:15}"
    for lib in libs:
        ratio = us["torch"] / us[lib] if "torch" in us and lib in us else float("nan")
        text += f"{us[lib]:>25,.1f}{ratio:>7.2f}" if lib in us else f"{'failed':>25}{'-':>7}"
    return text + "   " + "  ".join(f"{lib} {warm:.2f}" for lib, warm in figures["warm_s"].items() if warm)


def options():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--work", default="")
    parse.add_argument("--libs", default="torch,torch-compile,rushlight,rushlight-compile")
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--seconds", type=float, default=0.6, help="per workload, library and round")
    parse.add_argument("--json", help="write the figures here")
    parse.add_argument("--worker")
    return parse.parse_args()


def main():
    given = options()
    if given.worker:
        return worker(given.worker)
    import workloads
    libs = given.libs.split(",")
    procs, result = {}, {"import_s": {}}
    for lib in libs:
        procs[lib], result["import_s"][lib] = start(lib)
    print("import, s: " + "  ".join(f"{lib} {t:.2f}" if t else f"{lib} -" for lib, t in result["import_s"].items()))
    print(f"{'workload':15}" + "".join(f"{lib:>25}{'x':>7}" for lib in libs) + "   first three steps, s")
    for name in given.work.split(",") if given.work else workloads.WORK:
        result[name] = measure(procs, name, given)
        print(row(name, libs, result[name]), flush=True)
        for lib, error in result[name]["errors"].items():
            print(f"    {lib}: {error}")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(result, file, indent=1)
    for proc in procs.values():
        with contextlib.suppress(BrokenPipeError):  # a worker that could not import its library is gone already
            proc.stdin.close()
        proc.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
