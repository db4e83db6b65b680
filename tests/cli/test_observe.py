"""`mstage observe`: a table for people, every run and snapshot for programs, one line for what goes wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.run import assert_refused, mstage


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    from mstage.__main__ import main

    path = str(tmp_path_factory.mktemp("observe") / "sweep")
    assert main(["train", "--width", "6", "--seeds", "2", "--until", "9", "--snapshots", "12", "-o", path]) == 0
    return path


def test_each_format(capsys: pytest.CaptureFixture[str], store: str) -> None:
    table = mstage(capsys, "observe", store, "gradient-norm,norm")
    assert (table.code, table.err) == (0, "")
    lines = table.out.splitlines()
    assert lines[0].strip() == "Observables (medians over seeds)"
    assert "over seeds" in lines[2]
    assert lines[-2:] == [
        "gradient-norm: |g|, g the gradient of the loss over all weights [loss / weight]",
        "norm: norm |W| of each block of weights [weight]",
    ]
    assert sum(" to " in line for line in lines) == 9  # of the twelve snapshots
    text = mstage(capsys, "observe", store, "gradient-norm", "norm", "--format", "csv").out
    rows = pd.read_csv(io.StringIO(text))
    assert len(rows) == 2 * 12
    assert rows[["gradient-norm", "norm.input_weight", "norm.output_weight"]].notna().all(axis=None)
    found = json.loads(mstage(capsys, "observe", store, "gradient-norm", "norm", "--format", "json").out)
    assert found["snapshots"][5]["gradient-norm"] == pytest.approx(rows["gradient-norm"][5], rel=1e-12)
    assert found["observables"]["norm.input_weight"] == "norm |W| of input_weight [weight]"


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    from mstage.simulate.observables.catalogue import OBSERVABLES

    listed = mstage(capsys, "observe", "--list").out.splitlines()
    assert [line.split()[0] for line in listed[2:]] == list(OBSERVABLES)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "name a sweep and observables"),
        (("STORE",), 2, "no observable is named; known: gradient-norm, "),
        (("STORE", "sharpnes"), 2, "unknown observable `sharpnes`; known: .* Did you mean `sharpness`?"),
        (("nowhere", "norm"), 3, "nowhere: there is nothing there"),
        ((".", "norm"), 3, "is not a sweep that `mstage train` has written"),
        (("STORE", "norm", "--list"), 2, "--list names all observables"),
        (("STORE", "norm", "--format", "xml"), 2, "unknown format `xml`"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...], code: int, message: str, store: str,
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = (store if one == "STORE" else one for one in arguments)
    assert_refused(mstage(capsys, "observe", *given), code, message)


def test_runs_that_diverged_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wild = ("--alpha", "0", "--width", "30", "--activation", "relu", "--learning-rate", "0.001,3", "--steps", "100")
    assert mstage(capsys, "train", *wild, "--snapshots", "5", "-o", tmp_path / "wild").code == 4
    told = mstage(capsys, "observe", tmp_path / "wild", "train-loss")
    assert (told.code, told.err) == (4, "1 of 2 runs diverged; they have numbers up to then.\n")
    assert "0.001" in told.out
