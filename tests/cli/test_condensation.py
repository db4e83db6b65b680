"""`mstage condensation`: a table for people, every run and snapshot for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run import mstage


def test_each_format(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = str(tmp_path / "sweep")
    axes = ("--width", "20", "--alpha", "1,1.5")
    assert mstage(capsys, "train", *axes, "--until", "9", "-o", store).code == 0
    table = mstage(capsys, "condensation", store)
    assert (table.code, table.err) == (0, "")
    assert "rank from step 0" in table.out
    rows = json.loads(mstage(capsys, "condensation", store, "--format", "json").out)["snapshots"]
    text = mstage(capsys, "condensation", store, "--format", "csv").out
    assert len(rows) == text.count("\n") - 1 > 2 * 20
    assert {"alpha", "width", "seed", "snapshot_time", "weighted_cosine_fit", "orientations"} <= rows[0].keys()
    nowhere = mstage(capsys, "condensation", str(tmp_path / "nowhere"))
    assert (nowhere.code, nowhere.out) == (3, "")
