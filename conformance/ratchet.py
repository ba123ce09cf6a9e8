"""Run every conformance suite and compare with ratchet.json: a name that once passed may not fail again.

    python ratchet.py                     every suite, two at a time
    python ratchet.py --update            and add what passes for the first time to ratchet.json
    python ratchet.py --suite gradient,modules

The exit code is 1 if something was lost, which is run once more by itself before it counts.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
RATCHET = HERE / "ratchet.json"

#: suite -> its command; the longest first, so that two processes end at about the same time
SUITES = {
    "gradient": ["ops.py", "gradient"],
    "forward": ["ops.py", "forward"],
    "compiled": ["compiled.py", "forward", "step", "--samples", "2"],
    "forward float64": ["ops.py", "forward", "--dtype", "float64"],
    "forward complex64": ["ops.py", "forward", "--dtype", "complex64"],
    "forward bfloat16": ["ops.py", "forward", "--dtype", "bfloat16"],
    "forward int64": ["ops.py", "forward", "--dtype", "int64"],
    "forward bool": ["ops.py", "forward", "--dtype", "bool"],
    "compiled modules": ["compiled_modules.py", "--configurations", "3", "--backends", "llvm"],
    "modules": ["modules.py", "modules"],
    "programs": ["programs.py"],
    "inplace": ["ops.py", "inplace"],
    "errors": ["ops.py", "errors"],
    "optimizers": ["modules.py", "optimizers"],
}


def outcome_of(suite, only=()):
    """{name: 'pass' or the reason} of one suite, run in a process of its own; the process's complaint if it has no result."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "outcome.json"
        chosen = ["--only", ",".join(only)] if only and suite != "programs" else []
        # Two suites at a time share the machine: one thread each, or their matrix products fight for the cores.
        done = subprocess.run([sys.executable, *SUITES[suite], *chosen, "--json", str(file)], cwd=HERE, capture_output=True,
                              text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        if file.exists():
            return json.loads(file.read_text())
        raise SystemExit(f"{suite}: no result (exit code {done.returncode})\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def timed(suite):
    began = time.monotonic()
    outcome = outcome_of(suite)
    return suite, outcome, time.monotonic() - began


def passes(outcome):
    return {name for name, why in outcome.items() if why == "pass"}


def lost(suite, outcome, before):
    """{name: reason} of what passed before and fails now, twice: a machine under load can run one case past its time."""
    gone = {name for name in before if name in outcome} - passes(outcome)
    if gone:
        outcome.update(outcome_of(suite, sorted(gone)))
    return {name: outcome[name] for name in sorted(gone) if outcome[name] != "pass"}


def read():
    """{suite: names that passed} from the file, which has a row for each name."""
    rows = json.loads(RATCHET.read_text()) if RATCHET.exists() else {}
    return {suite: {name for name, suites in rows.items() if suite in suites} for suite in SUITES}


def write(passed):
    """The same, as a row for each name: a change of one operator is a change of one line."""
    rows = {name: [suite for suite in SUITES if name in passed[suite]] for name in sorted(set().union(*passed.values()))}
    lines = [f"{json.dumps(name)}: {json.dumps(suites)}" for name, suites in rows.items()]
    RATCHET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--suite", default="", help="comma-separated suites; all unless given")
    parse.add_argument("--update", action="store_true", help="add new passes to ratchet.json")
    parse.add_argument("--jobs", type=int, default=2, help="suites at a time")
    given = parse.parse_args()
    chosen = [suite.strip() for suite in given.suite.split(",") if suite] or list(SUITES)
    before, failures, new = read(), 0, 0
    passed = {suite: set(names) for suite, names in before.items()}
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for suite, outcome, seconds in pool.map(timed, chosen):
            gone = lost(suite, outcome, before[suite])
            now = passes(outcome)
            print(f"{suite}: {len(now)} of {len(outcome)} pass, {len(now - before[suite])} new, {len(gone)} lost "
                  f"({seconds:.0f} s)", flush=True)
            for name, why in gone.items():
                print(f"    {name} passed once: {why}")
            failures, new = failures + len(gone), new + len(now - before[suite])
            passed[suite] |= now
    if given.update:
        write(passed)
    elif new:
        print(f"{new} new: keep them with `python conformance/ratchet.py --update`")
    print(f"ratchet: {failures} lost")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
