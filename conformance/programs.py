"""Run the same Python under PyTorch and under `rushlight run`, and compare what it prints.

    python programs.py                          our own examples, whole; and documents, cell by cell, where a folder is given
    python programs.py --documents FOLDER       the code of every document (*.txt) in FOLDER, too (or set RUSHLIGHT_DOCUMENTS)
    python programs.py --script FILE [ARG ...]  one program of your own, its whole output

Numbers may differ in their last printed digits; all other text, error messages too, must be the same.
The last line is the figure.
"""
import argparse
import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.])", re.I)
OUTPUT = ("tensor(", "(tensor", "torch.", "'2.", "True", "False", "NeuralNetwork(", "[", "Parameter containing",
          "The ", "##")

#: what makes a program of ours short that by default runs for an hour
SHORT = {"char_lstm.py": [str(EXAMPLES.parent / "LICENSE"), *"--epochs 3 --hidden 32 --embedding 16 --batch 4 --lr 0.02 --top-k 20".split()]}

#: executed on both sides: each cell in one namespace, printing the value of every bare expression
CELLS = r'''
import ast, io, contextlib, json, random, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import torch
space = {"__name__": "__main__", "torch": torch, "np": np}
out = []
for number, cell in enumerate(json.load(open(sys.argv[1]))):
    torch.manual_seed(number); np.random.seed(number); random.seed(number)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            for node in ast.parse(cell).body:
                if isinstance(node, ast.Expr):
                    value = eval(compile(ast.Expression(node.value), "cell", "eval"), space)
                    if value is not None:
                        print(repr(value))
                else:
                    exec(compile(ast.Module([node], []), "cell", "exec"), space)
        except Exception as error:
            print(type(error).__name__ + ":", error)
    out.append(said.getvalue())
json.dump(out, open(sys.argv[2], "w"))
'''


def cells(path):
    """The code cells of a document: fenced blocks, or notebook cells marked `In [n]:`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    fenced = re.findall(r"^```(?:python|py)[^\n]*\n(.*?)^```", text, re.S | re.M)
    if fenced:
        return fenced
    found = []
    for cell in re.split(r"^In \[\d+\]:\n", text, flags=re.M)[1:]:
        code = taken = ""
        for paragraph in cell.split("\n\n"):
            if paragraph.lstrip().startswith(OUTPUT) and paragraph.strip() != "torch.__version__":
                break
            code += paragraph + "\n\n"
            try:
                ast.parse(code)
            except SyntaxError:
                continue
            taken = code
        found.append(taken)
    return found


def run(command, limit, folder=None):
    """(what the command printed, whether it succeeded); what it printed ends with its complaint if it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL, cwd=folder)
    except subprocess.TimeoutExpired:
        return f"ran past {limit} s", False
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr[-2000:], done.returncode == 0


def differ(mine, theirs, rtol=2e-3):
    """Where two outputs part, or None: the same text, with numbers alike to `rtol` or one unit of their last digit."""
    mine, theirs = (re.sub(r"0x[0-9a-f]+", "0x", t.replace("rushlight", "torch").replace("torch._C.", "torch."))
                    for t in (mine, theirs))
    if NUMBER.sub("#", mine).split() != NUMBER.sub("#", theirs).split():
        for a, b in zip([*mine.splitlines(), ""], [*theirs.splitlines(), ""]):
            if NUMBER.sub("#", a).split() != NUMBER.sub("#", b).split():
                return f"{a[:100]!r} for {b[:100]!r}"
        return "more or fewer lines"
    for a, b in zip(NUMBER.findall(mine), NUMBER.findall(theirs)):
        if a != b:
            digits = len(b.partition(".")[2].lower().partition("e")[0])
            if not abs(float(a) - float(b)) <= max(rtol * abs(float(b)), 1.01 * 10.0 ** -digits):
                return f"number {a} for {b}"
    return None


def document(path, runner):
    """{cell: 'pass' or where the two outputs part} of one document."""
    code = [cell.replace("torch.empty(", "torch.zeros(") for cell in cells(path)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "cells.json").write_text(json.dumps(code))
        (folder / "cells.py").write_text(CELLS)
        said = []
        for side, python in (("mine", runner), ("theirs", [sys.executable])) if code else ():
            log, _ = run([*python, str(folder / "cells.py"), str(folder / "cells.json"), str(folder / side)], 300)
            said.append(json.loads((folder / side).read_text()) if (folder / side).exists() else [log] * len(code))
    outcome = {}
    for number, (source, mine, theirs) in enumerate(zip(code, *said)):
        where = None if "__version__" in source and mine.strip() else differ(mine, theirs)
        outcome[f"{path.name} cell {number}"] = where or "pass"
    return outcome


def script(command, runner, rtol=2e-3, folder=None):
    """'pass', or where the outputs of one program under the two libraries part."""
    (mine, a), (theirs, b) = run([*runner, *command], 600, folder), run([sys.executable, *command], 600, folder)
    where = differ(mine, theirs, rtol)
    return where or ("pass" if a == b else "one succeeds and the other fails")


def examples(runner):
    """{program: 'pass' or where the two outputs part}. They print few digits, which must be equal up to the last one."""
    with tempfile.TemporaryDirectory() as folder:
        return {path.name: script([str(path), *SHORT.get(path.name, [])], runner, 0, folder) for path in sorted(EXAMPLES.glob("*.py"))}


def figure(outcome, title, unit, verbose):
    """Prints one figure; whether all passed."""
    passed = sum(why == "pass" for why in outcome.values())
    for name, why in outcome.items():
        if verbose and why != "pass":
            print(f"{name}: {why}")
    print(f"{title}: {passed} of {len(outcome)} {unit} print the same")
    return passed == len(outcome) > 0


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--script", nargs=argparse.REMAINDER)
    parse.add_argument("--documents", default=os.environ.get("RUSHLIGHT_DOCUMENTS"), help="folder of documents with code")
    parse.add_argument("--runner", default=f"{sys.executable} -m rushlight run")
    parse.add_argument("--json", help="write {program: 'pass' or the reason} here")
    parse.add_argument("-v", action="store_true")
    given = parse.parse_args()
    os.environ["PYTHONHASHSEED"] = "0"
    runner = given.runner.split()
    if given.script:
        why = script(given.script, runner)
        print("the same output" if why == "pass" else f"differs: {why}")
        return 0 if why == "pass" else 1
    outcome = examples(runner)
    ok = figure(outcome, "examples", "programs", given.v)
    if given.documents:
        read = {cell: why for path in sorted(pathlib.Path(given.documents).glob("*.txt"))
                for cell, why in document(path, runner).items()}
        ok &= figure(read, "documents", "cells", given.v)
        outcome |= read
    else:
        print("documents: none given (--documents FOLDER, or RUSHLIGHT_DOCUMENTS)")
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(outcome, indent=1))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
