"""Imports point down, each heavy dependency has one owner, and nothing grows too long."""

from __future__ import annotations

import ast
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
OWNERS = {
    "jax": ("mstage/simulate/",), "jaxlib": ("mstage/simulate/",), "optax": ("mstage/simulate/",),
    "diffrax": ("mstage/simulate/dynamics/flow",), "ot": ("mstage/analysis/drift",), "zarr": ("mstage/store/",),
    "matplotlib": ("mstage/render/figures",), "rich": ("mstage/cli/", "mstage/render/"), "typer": ("mstage/cli/",),
    "ml_dtypes": ("mstage/readers/",), "tensorboard": ("mstage/readers/tensorboard",),
}  # fmt: skip


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
    ],
)
def test_a_violation_is_found(path, source):
    assert len(violations(path, source)) == 1


def test_what_is_allowed_is_no_violation():
    assert violations("mstage/cli/new.py", "from mstage.workflows.train import train\nimport rich, numpy") == []
    assert violations("mstage/render/new.py", "from mstage.analysis.groups import Spread") == []


def test_what_is_too_long_is_found():
    assert too_long("a.py", "def f():\n" + "    pass\n" * 60) == ["a.py:f has 61 lines"]
    assert too_long("a.py", "x = 1\n" * 301) == ["a.py has 301 lines"]
