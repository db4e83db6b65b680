"""`mstage report`: the tables, the figures beside them, and what is said of those that there are none of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.run import assert_refused, mstage


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mstage.__main__ import main

    path = tmp_path_factory.mktemp("report") / "sweep"
    assert main(["train", "--width", "20,30", "--seeds", "2", "--until", "40", "-o", str(path)]) == 0
    return path


@pytest.mark.slow
def test_markdown_has_the_rows_of_the_tables(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("report", "detect-stages", "drift", "condensation", "predict"):
        table = mstage(capsys, command, store).out.split("One run: loss")[0]
        marked = mstage(capsys, command, store, "--format", "markdown").out
        words, cells = (
            sorted(re.findall(r"[\w.^*%+-]*\w[\w.^*%+-]*", text)) for text in (table, marked.replace("**", ""))
        )
        assert cells == words
        assert marked.count("| --- ") + marked.count("| ---:") > 4


@pytest.mark.slow
def test_figures_beside_any_format(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plain = mstage(capsys, "report", store, "--format", "json")
    drawn = mstage(capsys, "report", store, "--format", "json", "--figures", tmp_path / "f", "--figure-format", "svg")
    assert drawn.out == plain.out
    assert json.loads(drawn.out)["scaling"]
    names = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert "loss_curves.svg" in names
    assert {Path(name).suffix for name in names} == {".svg"}
    assert drawn.err.startswith(f"Figures in {tmp_path / 'f'}: loss_curves.svg, ")
    table = mstage(capsys, "report", store, "--figures", tmp_path / "f")
    assert "Scaling with the width m" in table.out
    assert (tmp_path / "f" / "loss_curves.png").exists()


@pytest.mark.slow
def test_a_figure_that_there_is_none_of_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = tmp_path / "one"
    assert mstage(capsys, "train", "--width", "20", "--snapshots", "0", "--until", "9", "-o", store).code == 0
    err = mstage(capsys, "report", store, "--figures", tmp_path / "f").err
    assert "No scaling_fits: the sweep has a single width" in err
    assert "No cosine_maps: the sweep kept no weights; train with --snapshots 60." in err


def test_refusals_come_before_any_output(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert_refused(mstage(capsys, "report", store, "--figure-format", "png"), 2, "needs a folder .* --figures DIR")
    refused = mstage(capsys, "report", store, "--figures", tmp_path / "f", "--figure-format", "jpg")
    assert_refused(refused, 2, "--figure-format jpg: expected one or several of png, pdf, svg")
    (tmp_path / "file").touch()
    blocked = mstage(capsys, "report", store, "--figures", tmp_path / "file")
    assert_refused(blocked, 3, "file: is a file; give a folder for the figures")
