"""A sweep that was interrupted before its last width: what has weights is measured, the rest is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

import mstage
from mstage.workflows.figures import collect_figures


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half") / "sweep"

    def stop(progress: mstage.Progress) -> None:
        if progress.program == "width 60":
            raise KeyboardInterrupt

    sweep = mstage.Sweep(mstage.TwoLayer(width=(30, 60)), until=100.0)
    with pytest.raises(KeyboardInterrupt):
        mstage.train(sweep, path, progress=stop)
    return path


def test_drift_of_the_widths_that_are_there(half: Path) -> None:
    found = mstage.measure_drift(half)
    assert found.distances["width"].values.tolist() == [30]
    assert [one.escape.runs for one in found.warnings if one.run["width"] == 60] in ([], [0])


def test_a_report_says_what_is_missing_of_the_others(half: Path) -> None:
    widths = {30: [], 60: []}
    for one in mstage.report(half).comparisons:
        widths[one.run["width"]].append(one)
        assert one.measured.members == 1
    assert len(widths[30]) == 11
    turn = {one.prediction.name: one.measured for one in widths[60]}.get("minimum of the V")
    assert turn is None or turn.absent[0].why in ("no weights were kept", "fewer than three snapshots of its weights")


@pytest.mark.slow
def test_figures_of_the_widths_that_are_there(half: Path) -> None:
    data = collect_figures(half)
    assert {panel.representative.run["width"] for panel in data.distances} == {30}
    assert data.amplitudes is not None
    assert data.amplitudes.run["width"] == 30
