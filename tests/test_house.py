"""The rules of the house that a program can check: the direction of imports, the size of functions."""
import ast
import functools
import pathlib

import pytest

import rushlight

ROOT = pathlib.Path(__file__).parent.parent
LIBRARY = ROOT / "rushlight"

#: lower may not import higher; a file or folder of `rushlight/` stands in one layer. Files of a layer may import each other.
LAYERS = [
    ["version", "torch_alias", "extras"],  # know nothing of tensors
    ["backends"],
    ["core"],
    ["ops"],
    ["tensor"],
    ["autograd"],
    ["nn"],
    ["optim"],
    ["models"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

#: what imports against the direction, and why it must: "file: import" -> reason
EXCEPTIONS = {
    "rushlight.nn.module: rushlight": "Module.compile is torch.compile, which stands above nn because it captures optimizer steps too",
}


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def modules():
    return sorted(LIBRARY.rglob("*.py"))


def statements(tree):
    """Every node of a file, but for what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield node
            yield from statements(node)


def imported(tree, package):
    """Every module that a file names in an import, wherever the statement stands, by its absolute name."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def layer(name):
    """The layer of `rushlight.x.y`, or of the file that defines the public name `rushlight.x`; None outside the layers."""
    parts = name.split(".")
    if parts[0] != "rushlight":
        return None
    if len(parts) == 1:
        return len(LAYERS)  # the package itself stands above all that it offers
    home = rushlight._HOME.get(parts[1], parts[1])
    return LEVEL.get(home.split(".")[0])


def names(path):
    """(dotted name of a file's module, the package that its relative imports start from)."""
    parts = ["rushlight", *path.relative_to(LIBRARY).with_suffix("").parts]
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), parts[:-1]
    return ".".join(parts), parts[:-1]


def against_the_direction(path):
    name, package = names(path)
    level = LEVEL.get(name.split(".")[1]) if "." in name else None
    for target in imported(parsed(path), package) if level is not None else ():
        if (layer(target) or 0) > level:
            yield f"{name}: {target}"


def test_imports_point_one_way():
    found = {line for path in modules() for line in against_the_direction(path)}
    assert found == set(EXCEPTIONS)


def test_library_imports_no_tests_examples_or_benchmarks():
    outside = {"tests", "examples", "bench", "conformance", "torch"}
    found = {f"{path.name}: {target}" for path in modules() for target in imported(parsed(path), names(path)[1])
             if target.split(".")[0] in outside}
    assert not found


def test_numpy_before_2_3_can_run_the_library():
    """`out=...` is newer than the oldest NumPy that Python 3.10 and our own requirements allow."""
    found = {f"{path.name}:{node.lineno}" for path in modules() for node in ast.walk(parsed(path)) if isinstance(node, ast.keyword)
             and node.arg == "out" and any(isinstance(part, ast.Constant) and part.value is ... for part in ast.walk(node.value))}
    assert not found


def functions(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_function_is_over_60_lines():
    folders = ("rushlight", "tests", "conformance", "bench", "examples")
    long = {f"{path.relative_to(ROOT)} {name}": lines for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))
            for name, lines in functions(path) if lines > 60}
    assert not long


def test_apply_is_under_40_lines():
    sizes = dict(functions(LIBRARY / "core" / "apply.py"))
    assert sizes["apply"] < 40


@pytest.mark.parametrize("source, package, target", [
    ("from ..nn import Linear", ["rushlight", "ops"], "rushlight.nn.Linear"),
    ("from . import views", ["rushlight", "ops"], "rushlight.ops.views"),
    ("def f():\n    import rushlight.nn", ["rushlight", "core"], "rushlight.nn"),
])
def test_checker_sees_relative_and_local_imports(source, package, target):
    assert list(imported(ast.parse(source), package)) == [target]
