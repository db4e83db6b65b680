"""What is imported for a page of help: a regression here is a slow `mstage --help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "jax", "jaxlib", "optax", "pandas", "xarray", "ot", "matplotlib", "zarr", "numpy", "scipy", "rich", "pyarrow",
    "tensorboard",
}  # fmt: skip
TYPER_NEEDS = {"pydantic", "pydantic_core", "typing_inspection", "typing_extensions", "annotated_types"}
CODE = """
import sys
import typer
before = set(sys.modules)
from mstage.__main__ import main
code = main(sys.argv[1:])
print(code, *sorted(set(sys.modules) - before), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], [], ["--version"], ["train", "--help"], ["detect-stages", "--help"], ["report", "--help"],
        ["drift", "--help"], ["observe", "--help"],
        ["train", "--widht", "3"], ["train", "--width", "many", "--steps", "3"], ["trian"], ["train", "none.toml"],
    ],
)  # fmt: skip
def test_help_and_complaints_import_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    modules = done.stderr.splitlines()[-1].split()[1:]
    packages = [name.partition(".")[0] for name in modules]
    assert not HEAVY & set(packages)
    assert len([name for name in packages if name not in {*TYPER_NEEDS, "mstage"}]) < 90, modules


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    done = subprocess.run([sys.executable, "-m", "mstage", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mstage {version('mstage')}\n"
    assert done.stderr == ""


@pytest.mark.slow
def test_a_log_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """scipy.stats, Zarr and JAX each take longer to import than a log takes to be read."""
    log = tmp_path / "metrics.csv"
    log.write_text("step,loss\n" + "".join(f"{k},{1 / (1 + k / 50)}\n" for k in range(300)))
    command = [sys.executable, "-c", CODE, "detect-stages", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "0"
    assert "scipy.special" in modules
    assert not {"scipy.stats", "zarr", "jax", "matplotlib", "ot"} & set(modules)
