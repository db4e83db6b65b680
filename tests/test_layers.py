"""Imports point down, each heavy dependency has one owner, and nothing grows too long."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mstage"
SOURCES = {path.relative_to(PACKAGE.parent).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}

BELOW = {
    "__main__": {"cli"},
    "cli": {"workflows", "render"},
    "workflows": {"simulate", "readers", "analysis", "store"},
    "render": {"analysis"},
    "simulate": {"spec", "history", "npz"},
    "readers": {"spec", "history", "npz"},
    "analysis": {"spec", "history"},
    "store": {"spec", "history"},
    "spec": {"errors", "outside"},
    "history": {"errors"},
    "outside": set(),
    "npz": set(),
    "errors": {"nearness"},
    "nearness": set(),
}
BESIDE_SPEC = {"recording", "sweepfile", "spec_checks"}  # one layer in several modules
OWNERS = {
    "jax": ("mstage/simulate/",), "jaxlib": ("mstage/simulate/",), "optax": ("mstage/simulate/",),
    "diffrax": ("mstage/simulate/flow",), "ot": ("mstage/analysis/weights/drift",), "zarr": ("mstage/store/",),
    "matplotlib": ("mstage/render/figures", "mstage/analysis/display.py"),
    "rich": ("mstage/cli/", "mstage/render/"), "typer": ("mstage/cli/",),
    "ml_dtypes": ("mstage/readers/",), "tensorboard": ("mstage/readers/tensorboard",),
}  # fmt: skip


def layer(module: str) -> str:
    name = [*module.split("."), "__init__"][1]
    return "spec" if name in BESIDE_SPEC else name


def reachable(name: str) -> set[str]:
    return {name}.union(*(reachable(below) for below in BELOW[name]))


def imports(source: str):
    """Module and name of every import, also of those in functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (
                (f"mstage.{alias.name}", "") if module == "mstage" else (module, alias.name) for alias in node.names
            )


def violations(path: str, source: str) -> list[str]:
    here = layer(path.removesuffix(".py").replace("/", "."))
    found = []
    for module, name in imports(source):
        top = module.split(".")[0]
        if top == "mstage" and here != "__init__" and layer(module) not in reachable(here):
            found.append(f"{path} imports {module}: {here} is not above {layer(module)}")
        elif here == "render" and layer(module) == "analysis" and not name[:1].isupper():
            found.append(f"{path} imports {module}.{name}: report takes result types only")
        elif top == "" or (top in OWNERS and not path.startswith(OWNERS[top])):
            found.append(f"{path} imports {module}: relative, or owned by {OWNERS.get(top)}")
    return found


def targets(path: str) -> set[str]:
    """The files of the package that a file imports."""
    names = {f"{module}.{name}" for module, name in imports(SOURCES[path])} | {m for m, _ in imports(SOURCES[path])}
    return {file for name in names if (file := name.replace(".", "/") + ".py") in SOURCES} - {path}


def folder(path: str) -> str:
    """The folder of a file; in one that has folders beside its files, each file stands for itself."""
    parent = path.rpartition("/")[0]
    return (
        path if any(other.startswith(f"{parent}/") and "/" in other[len(parent) + 1 :] for other in SOURCES) else parent
    )


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The nodes of a circle, the first one again at the end; none if there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_are_no_circles_between_files_or_folders():
    files = {path: targets(path) for path in SOURCES if path != "mstage/spec_checks.py"}  # a part of spec
    folders: dict[str, set[str]] = {folder(path): set() for path in SOURCES}
    for path, found in files.items():
        folders[folder(path)] |= {folder(one) for one in found} - {folder(path)}
    assert circle(files) == []
    assert circle(folders) == []


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def too_long(path: str, source: str) -> list[str]:
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f"{path}:{n.name}": n.end_lineno - n.lineno + 1 for n in functions}
    long = [f"{name} has {length} lines" for name, length in lengths.items() if length > 60]
    return long + ([f"{path} has {len(source.splitlines())} lines"] if len(source.splitlines()) > 300 else [])


@pytest.mark.parametrize("path", SOURCES)
def test_imports_point_down(path):
    assert violations(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", SOURCES)
def test_modules_and_functions_are_short(path):
    assert too_long(path, SOURCES[path]) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mstage/store/reader.py", "from mstage.analysis.stages.results import Stages"),  # siblings
        ("mstage/analysis/stages/detection.py", "def f():\n    import mstage.workflows.train"),
        ("mstage/spec.py", "if TYPE_CHECKING:\n    from mstage.history import Curve"),
        ("mstage/sweepfile.py", "from mstage import history"),
        ("mstage/history.py", "from mstage.sweepfile import SWEEP_KEYS"),
        ("mstage/render/stage_tables.py", "from mstage.workflows.report import report"),
        ("mstage/render/stage_tables.py", "from mstage.analysis.stages.groups import spread_columns"),
        ("mstage/render/stage_tables.py", "import mstage.analysis.stages.groups"),
        ("mstage/workflows/train.py", "from mstage.cli.console import Streams"),
        ("mstage/workflows/train.py", "from mstage import Sweep"),
        ("mstage/errors.py", "from mstage.spec import Sweep"),
        ("mstage/cli/train.py", "from . import console"),
        ("mstage/workflows/train.py", "import jax.numpy as jnp"),
        ("mstage/simulate/sweep.py", "from diffrax import Tsit5"),
        ("mstage/render/stage_tables.py", "from matplotlib import pyplot"),
        ("mstage/analysis/stages/rates.py", "def f():\n    from rich.text import Text"),
    ],
)
def test_a_violation_is_found(path, source):
    assert len(violations(path, source)) == 1


def test_what_is_allowed_is_no_violation():
    assert violations("mstage/cli/new.py", "from mstage.workflows.train import train\nimport rich, numpy") == []
    assert violations("mstage/render/new.py", "from mstage.analysis.stages.groups import StageGroup") == []


def test_what_is_too_long_is_found():
    assert too_long("a.py", "def f():\n" + "    pass\n" * 60) == ["a.py:f has 61 lines"]
    assert too_long("a.py", "x = 1\n" * 301) == ["a.py has 301 lines"]
