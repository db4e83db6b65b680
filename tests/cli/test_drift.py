"""`mstage drift`: distances and the early warning, from a sweep that escapes and from one that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mstage as package
from mstage.analysis.weights.drift import POT_BACKENDS
from tests.cli.run import assert_refused, mstage

DRIFT = """
import sys
from mstage.__main__ import main
print(main(sys.argv[1:]), *sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("drift") / "sweep"
    package.train(
        package.Sweep(package.TwoLayer(alpha=(1.0,), width=(100, 200)), seed=tuple(range(8)), until=260.0), path
    )
    return str(path)


@pytest.mark.slow
def test_the_warning_comes_before_the_escape(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(mstage(capsys, "drift", store, "--format", "json").out)
    assert (found["clock"], found["order"]) == ("time", 1)
    for one in found["warnings"]:
        assert (one["escape"]["runs"], one["escape"]["of"], one["lead"]["runs"]) == (8, 8, 8)
        warning, escape, lead = (one[name]["spread"] for name in ("warning", "escape", "lead"))
        assert 0 < warning["median"] < escape["median"]
        low, high = one["lead_interval"]
        assert 0 < lead["least"] < low < lead["median"] < high < lead["greatest"]
    assert len(found["snapshots"]) == 2 * 8 * 60


@pytest.mark.slow
def test_table_and_csv(store: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = mstage(capsys, "drift", store)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Wasserstein distances W1" in outcome.out
    assert "Early warning" in outcome.out
    assert "90 % interval" in outcome.out
    assert "Minimum of the V" in outcome.out
    assert "as many draws from chi^2 itself are expected at" in outcome.out
    second = mstage(capsys, "drift", store, "--order", "2", "--joint", "--format", "csv")
    assert second.err == "Joint distribution: exact.\n"
    (tmp_path / "drift.csv").write_text(second.out)
    table = pd.read_csv(tmp_path / "drift.csv")
    assert {"alpha", "width", "seed", "snapshot_time", "output_input", "joint"} <= set(table.columns)
    assert (table.joint[table.snapshot == 0] < 1e-6).all()


@pytest.mark.slow
@pytest.mark.parametrize("joint", [[], ["--joint"]])
def test_no_array_library_is_imported(joint: list[str], store: str, tmp_path: Path) -> None:
    """POT imports every one that is installed: here some that would not survive it."""
    for name in ("torch", "tensorflow"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(99)")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POT_BACKEND")} | {
        "PYTHONPATH": str(tmp_path)
    }
    command = [sys.executable, "-c", DRIFT, "drift", store, "--format", "csv", *joint]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "0"
    assert not {"torch", "tensorflow", "jax"} & set(modules)
    assert ("ot" in modules) == bool(joint)


def test_the_names_of_pot() -> None:
    """A backend that POT calls otherwise, or a new one, would be imported again."""
    import ot.backend

    keys = {value for name, value in vars(ot.backend).items() if name.startswith("DISABLE_") and name.endswith("_KEY")}
    assert keys == {f"POT_BACKEND_DISABLE_{name}" for name in POT_BACKENDS}


@pytest.mark.slow
def test_no_clock_no_warning(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "adam"
    adam = package.Optimizer("adam")
    package.train(
        package.Sweep(
            package.TwoLayer(width=(20,)), dynamics=package.Descent(optimizer=adam, learning_rate=(0.001,)), steps=50
        ),
        path,
    )
    outcome = mstage(capsys, "drift", str(path))
    assert outcome.code == 0
    assert "step" in outcome.out
    assert "Early warning: none, because the clock is step" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [(["nowhere"], 3, "there is nothing there"), (["x", "--order", "3"], 2, "--order 3")]
)
def test_refusals(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "drift", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err


def test_zarr_of_others_is_no_sweep(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("[1, 2]")
    outcome = mstage(capsys, "drift", str(tmp_path), "--layer", "*")
    assert_refused(outcome, 3, "neither safetensors nor npz|holds no|no checkpoint")


@pytest.mark.slow
def test_a_sweep_without_snapshots_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bare"
    package.train(
        package.Sweep(package.TwoLayer(width=(20,)), steps=30, recording=package.Recording(snapshots=0)), path
    )
    outcome = mstage(capsys, "drift", str(path))
    assert outcome.code == 3
    assert "no snapshot" in outcome.err
