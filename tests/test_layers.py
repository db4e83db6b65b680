"""Imports point down and never in a circle, each heavy dependency has one owner, and nothing grows too long."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mstage"
SOURCES = {path.relative_to(PACKAGE.parent).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}

BELOW = {
    "__main__": {"cli"},
    "cli": {"workflows", "render"},
    "workflows": {"simulate", "readers", "analysis", "store"},
    "render": {"analysis"},
    "simulate": {"spec", "history"},
    "readers": {"spec", "history"},
    "analysis": {"spec", "history"},
    "store": {"spec", "history"},
    "spec": {"errors", "outside", "training_set"},
    "history": {"errors"},
    "outside": set(),
    "training_set": {"errors"},
    "errors": {"nearness"},
    "nearness": set(),
}
OWNERS = {
    "jax": ("mstage/simulate/",), "jaxlib": ("mstage/simulate/",), "optax": ("mstage/simulate/",),
    "diffrax": ("mstage/simulate/dynamics/flow",), "ot": ("mstage/analysis/weights/drift",), "zarr": (),
    "matplotlib": ("mstage/render/figures", "mstage/analysis/display.py"),
    "rich": ("mstage/cli/", "mstage/render/"), "typer": ("mstage/cli/",),
    "ml_dtypes": ("mstage/readers/checkpoints/",), "pyarrow": ("mstage/readers/parquet",),
    "tensorboard": ("mstage/readers/logs/tensorboard",), "google_crc32c": ("mstage/store/chunks",),
}  # fmt: skip
SHOWS_ITSELF = "mstage/analysis/display.py"  # looks up what draws a result, when it is asked to show itself
SIMULATE_TAKES = {"mstage", "jax", "jaxlib", "jaxtyping", "numpy", "optax", "diffrax"}  # beside the standard library


def layer(module: str) -> str:
    return [*module.split("."), "__init__"][1]


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
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            yield from ((part.value, "") for part in node.args if isinstance(part, ast.Constant))


def violations(path: str, source: str) -> list[str]:
    here = layer(path.removesuffix(".py").replace("/", "."))
    found = []
    for module, name in imports(source):
        top = module.split(".")[0]
        if top == "mstage" and here != "__init__" and path != SHOWS_ITSELF and layer(module) not in reachable(here):
            found.append(f"{path} imports {module}: {here} is not above {layer(module)}")
        elif here == "render" and layer(module) == "analysis" and not name[:1].isupper():
            found.append(f"{path} imports {module}.{name}: report takes result types only")
        elif here == "simulate" and top not in SIMULATE_TAKES | sys.stdlib_module_names:
            found.append(f"{path} imports {module}: simulate is JAX and NumPy")
        elif top == "" or (top in OWNERS and not path.startswith(OWNERS[top])):
            found.append(f"{path} imports {module}: relative, or owned by {OWNERS.get(top)}")
    return found


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def folder_of(path: str) -> str:
    """The folder of a file; a file right in the package, where several layers lie, stands for itself."""
    folder = path.rpartition("/")[0]
    return folder if "/" in folder else path


def imported(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """The files that each file imports, those aside that hand out names of all layers."""
    paths = {module_of(path): path for path in sources}
    found = {}
    for path, source in sources.items():
        both = [(f"{module}.{name}", module) for module, name in imports(source)]
        found[path] = {next((paths[one] for one in names if one in paths), "") for names in both} - {"", path}
    front = {"mstage/__init__.py", SHOWS_ITSELF}
    return {path: targets - front for path, targets in found.items() if path not in front}


def between_folders(files: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """The folders that each folder imports from, but for those that it lies in and those that lie in it.

    What the modules of a folder share lies at its top, beside what puts them together; their files are in no circle.
    """
    found: dict[str, set[str]] = {}
    for path, targets in files.items():
        found.setdefault(folder_of(path), set()).update(map(folder_of, targets))
    return {
        folder: {other for other in targets if not f"{other}/".startswith(f"{folder}/")} - set(parents(folder))
        for folder, targets in found.items()
    }


def parents(folder: str) -> Iterable[str]:
    return (parent.as_posix() for parent in Path(folder).parents)


def in_circles(graph: Mapping[str, Iterable[str]]) -> set[str]:
    """What can be reached from itself."""

    def beyond(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            fresh = set(graph.get(waiting.pop(), ())) - seen
            seen |= fresh
            waiting += fresh
        return seen

    return {one for one in graph if one in beyond(one)}


def too_long(path: str, source: str) -> list[str]:
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    lengths = {f"{path}:{n.name}": n.end_lineno - n.lineno + 1 for n in functions}
    long = [f"{name} has {length} lines" for name, length in lengths.items() if length > 60]
    return long + ([f"{path} has {len(source.splitlines())} lines"] if len(source.splitlines()) > 300 else [])


@pytest.mark.parametrize("path", SOURCES)
def test_imports_point_down(path):
    assert violations(path, SOURCES[path]) == []


def test_no_file_imports_itself_through_others():
    assert in_circles(imported(SOURCES)) == set()


def test_no_folder_imports_itself_through_others():
    graph = between_folders(imported(SOURCES))
    assert graph["mstage/workflows"] >= {
        "mstage/simulate",
        "mstage/readers/logs",
        "mstage/analysis/stages",
        "mstage/store",
    }
    assert {one for one in in_circles(graph) if not one.endswith(".py")} == set()  # those the test above holds


def test_a_circle_is_found():
    sources = {
        "mstage/a/one.py": "from mstage.b.two import f", "mstage/a/four.py": "", "mstage/c/__init__.py": "",
        "mstage/b/two.py": "def f():\n    from mstage.c import three", "mstage/c/three.py": "import mstage.a.one",
    }  # fmt: skip
    files = imported(sources)
    assert in_circles(files) == {"mstage/a/one.py", "mstage/b/two.py", "mstage/c/three.py"}
    assert in_circles(between_folders(files)) == {"mstage/a", "mstage/b", "mstage/c"}
    sources["mstage/c/three.py"] = "from mstage.a.four import g"
    files = imported(sources)
    assert in_circles(files) == set()
    assert in_circles(between_folders(files)) == {"mstage/a", "mstage/b", "mstage/c"}


@pytest.mark.parametrize("path", SOURCES)
def test_modules_and_functions_are_short(path):
    assert too_long(path, SOURCES[path]) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mstage/store/reader.py", "from mstage.analysis.stages import Stages"),  # siblings
        ("mstage/analysis/stages.py", "def f():\n    import mstage.workflows.train"),
        ("mstage/spec/sweep.py", "if TYPE_CHECKING:\n    from mstage.history import Curve"),
        ("mstage/spec/text.py", "from mstage import history"),
        ("mstage/history.py", "from mstage.spec.text import parse_axis"),
        ("mstage/render/tables.py", "from mstage.workflows.report import report"),
        ("mstage/render/tables.py", "from mstage.analysis.groups import spread_columns"),
        ("mstage/render/tables.py", "import mstage.analysis.groups"),
        ("mstage/workflows/train.py", "from mstage.cli.console import Streams"),
        ("mstage/workflows/train.py", "from mstage import Sweep"),
        ("mstage/errors.py", "from mstage.spec import Sweep"),
        ("mstage/cli/train.py", "from . import console"),
        ("mstage/workflows/train.py", "import jax.numpy as jnp"),
        ("mstage/simulate/trainer.py", "from diffrax import Tsit5"),
        ("mstage/render/tables.py", "from matplotlib import pyplot"),
        ("mstage/analysis/rates.py", "def f():\n    from rich.text import Text"),
        ("mstage/simulate/problems.py", "import pandas as pd"),
        ("mstage/simulate/problems.py", "from mstage.readers.tables.table import read_table"),
        ("mstage/readers/tables/table.py", "from mstage.simulate.problems import load_problem"),
        ("mstage/training_set.py", "from mstage.spec import Table"),
        ("mstage/readers/logs/array_logs.py", "def f():\n    return import_module('pyarrow.parquet')"),
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
