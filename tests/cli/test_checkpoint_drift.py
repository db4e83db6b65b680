"""`mstage drift` on checkpoints: what is printed, what is said beside it, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from scipy.stats import wasserstein_distance

import mstage as package
from tests.cli.run import assert_refused, mstage

STEPS = (0, 50, 1000)


def weights(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(step)
    drawn = {"layers.2.weight": (8, 4), "layers.10.weight": (4, 8), "layers.10.bias": (4,), "scale": ()}
    return {name: np.asarray(random.standard_normal(shape), np.float32) for name, shape in drawn.items()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the checkpoints of a run in three formats."""
    monkeypatch.chdir(tmp_path)
    for step in STEPS:
        for name in ("run", "half", "archives"):
            Path(name).mkdir(exist_ok=True)
        save_file(weights(step) | {"ids": np.arange(3)}, f"run/step_{step}.safetensors")
        half = {name: one.astype(ml_dtypes.bfloat16) for name, one in weights(step).items()}
        save_file(half, f"half/step_{step}.safetensors")
        np.savez(f"archives/step_{step}.npz", **half)
    return tmp_path


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = mstage(capsys, "drift", "run", "--layer", "*.weight")
    assert outcome.code == 0
    assert outcome.err == "3 checkpoints, steps 0 to 1000; 2 layers.\nLeft out: `ids` (I64: whole numbers).\n"
    lines = outcome.out.splitlines()
    assert lines[0].strip() == "Wasserstein distances W1 of weights and rows"
    assert [line.split()[0] for line in lines if line.startswith("layers")] == ["layers.2.weight", "layers.10.weight"]
    assert [line.split()[0] for line in lines if line.startswith(" ") and "1000" in line] == ["1000", "1000"]
    assert "Wasserstein distances W2" in mstage(capsys, "drift", "run", "--order", "2").out


@pytest.mark.parametrize("sources", [["run"], [f"run/step_{step}.safetensors" for step in (1000, 0, 50)]])
def test_csv_against_scipy(sources: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(io.StringIO(mstage(capsys, "drift", *sources, "--format", "csv").out))
    assert len(table) == len(STEPS) * 4
    for _, row in table.iterrows():
        now, first = (weights(step)[row.layer].ravel() for step in (row.step, 0))
        expected = wasserstein_distance(abs(now), abs(first))
        assert row.magnitude_from_first_w1 == pytest.approx(expected, rel=1e-6, abs=1e-12)
        assert np.isfinite(row.row_norm_from_first_w2) == row.layer.endswith("weight")


def test_json_of_half_precision(capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(mstage(capsys, "drift", name, "--format", "json").out) for name in ("half", "archives")]
    assert found[0]["layers"] == found[1]["layers"]
    assert found[0]["checkpoints"][1] == {"step": 50, "files": ["half/step_50.safetensors"]}
    full = json.loads(mstage(capsys, "drift", "run", "--format", "json").out)
    assert full["left_out"] == {"ids": "I64: whole numbers"}
    for one, other in zip(full["layers"], found[0]["layers"], strict=True):
        assert (one["layer"], one["step"]) == (other["layer"], other["step"])
        assert one["magnitude_from_first_w1"] == pytest.approx(other["magnitude_from_first_w1"], abs=0.01)
    assert full["layers"][0]["magnitude_from_previous_w1"] is None  # there is none


def test_given_steps(capsys: pytest.CaptureFixture[str]) -> None:
    for place, step in enumerate(STEPS):
        save_file(weights(step), f"{'cab'[place]}.safetensors")
    files = ["c.safetensors", "a.safetensors", "b.safetensors"]
    outcome = mstage(capsys, "drift", *files, "--steps", "0,50,1000", "--format", "csv")
    assert outcome.out == mstage(capsys, "drift", "run", "--format", "csv").out
    assert "step,weights" in mstage(capsys, "drift", *files, "--steps", "0:1:3", "--format", "csv").out


def test_what_is_not_as_expected_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = weights(2000) | {"layers.2.weight": np.ones((9, 4), np.float32), "head": np.ones(2, np.float32)}
    spoilt["layers.10.weight"][1, 1] = np.nan
    save_file(spoilt, "run/step_2000.safetensors")
    outcome = mstage(capsys, "drift", "run", "--format", "json")
    assert outcome.code == 0
    assert outcome.err.splitlines()[2:] == [
        "Not in every checkpoint: `head` (missing from 3 of 4 checkpoints).",
        "Of unequal size, compared by quantiles: `layers.2.weight` (32 to 36 weights).",
        "Infinite or not a number, and so without distances: `layers.10.weight` (1 of 32 weights at step 2000).",
    ]
    rows = {(row["layer"], row["step"]): row for row in json.loads(outcome.out)["layers"]}
    assert rows["layers.10.weight", 2000]["magnitude_from_first_w1"] is None
    assert rows["layers.2.weight", 2000]["row_norm_from_previous_w2"] > 0
    assert ("head", 50) not in rows
    assert "2000" in mstage(capsys, "drift", "run").out


def test_a_network_of_many_layers_in_a_table_that_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("deep").mkdir()
    for step in range(12):
        many = {f"layers.{k}.weight": np.full((2, 2), 1 + step * k, np.float32) for k in range(100)}
        save_file(many, f"deep/step_{step}.safetensors")
    lines = mstage(capsys, "drift", "deep").out.splitlines()
    assert "the 60 of 100 layers that moved farthest" in " ".join(" ".join(lines[:2]).split())
    shown = [line.split()[:2] for line in lines if line.startswith("layers")]
    assert shown == [[f"layers.{k}.weight", "11"] for k in range(40, 100)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--layer", "conv*"], 3, "no layer fits `conv\\*`; there are `layers.2.weight`, .*`scale`"),
        (["run", "--layer", "ids"], 3, r"no layer fits `ids` \(`ids` is I64: whole numbers\)"),
        (["run", "--steps", "1,2"], 2, "--steps gives 2 steps; there are 3 checkpoints"),
        (["run", "--steps", "one,2,3"], 2, "--steps `one`: expected a number"),
        (["run", "--joint"], 2, "--joint is for sweeps"),
        (["run", "--order", "3"], 2, "--order 3: expected 1 or 2"),
        (["run/step_0.safetensors"], 3, "is a single checkpoint"),
        (["run/*.npz"], 3, "there is nothing there"),
        (["."], 3, "holds several checkpoints"),
        (["integers"], 3, "the checkpoints hold no weights, as `ids`, which is int64: whole numbers"),
        (["sweep", "--layer", "x"], 2, "--layer is for checkpoints; sweep is a sweep"),
        (["sweep", "run"], 2, "sweep: is a sweep; give it alone"),
    ],
)
def test_refusals(arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("integers").mkdir()
    for step in (1, 2):
        np.savez(f"integers/step_{step}.npz", ids=np.arange(3))
    if "sweep" in arguments:
        Path("sweep").mkdir()
        Path("sweep/zarr.json").write_text(json.dumps({"attributes": {"mstage": "1"}}))
    assert_refused(mstage(capsys, "drift", *arguments), code, message)


def test_names_do_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd").mkdir()
    for step in STEPS:
        odd = {"\x1b[31mred": np.arange(step + 3.0), "\x1b[2Jcleared": np.arange(2), "\x1b[8m" + "x" * 300: np.ones(2)}
        np.savez(f"odd/step_{step}.npz", **odd)
    outcome = mstage(capsys, "drift", "odd")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert r"\x1b[31mred" in outcome.out
    assert "x" * 201 not in outcome.out
    assert r"Left out: `\x1b[2Jcleared`" in outcome.err


def test_from_python() -> None:
    reports: list[float] = []
    found = package.measure_checkpoint_drift("run", layers=["layers.*"], progress=reports.append)
    assert isinstance(found, package.CheckpointDrift)
    assert isinstance(found.layers, package.LayerDrift)
    assert found.layers.distances.sizes == {"order": 2, "layer": 3, "step": 3}
    assert reports[-1] == 1
    assert reports == sorted(reports)
