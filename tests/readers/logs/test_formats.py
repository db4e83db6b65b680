"""Every format, written by its writer, is told by its content and gives the values, the series and the clock back."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from mstage.errors import InputError, UsageError
from mstage.readers.logs.clocks import clocks_of
from mstage.readers.logs.selection import ChosenSeries, Selection, choose
from mstage.readers.logs.sniff import read_log
from tests.readers.writers import WRITERS, staircase, zipped

LOSSES = [float(loss) for loss in staircase(100)]


def curves(path: Path, reader: str | None = None) -> tuple[ChosenSeries, ...]:
    return choose([read_log(str(path), reader)], Selection())[0].chosen


@pytest.mark.parametrize("packed", [False, True], ids=["", "gzip"])
@pytest.mark.parametrize("kind", WRITERS)
def test_values_series_and_clock(kind: str, packed: bool, tmp_path: Path) -> None:
    write, series, clock, first, distance = WRITERS[kind]
    data = write(LOSSES)
    path = tmp_path / "log.unknown"
    path.write_bytes(zipped(data) if packed else data)
    one = curves(path)[0]
    assert (one.series.name, one.clock.kind) == (series, clock)
    np.testing.assert_allclose(one.series.column.values, LOSSES, rtol=1e-7)
    np.testing.assert_allclose(one.clock.values, first + distance * np.arange(len(LOSSES)))
    assert one.log.remarks == ()


@pytest.mark.parametrize("kind", ["tensorboard v2", "lightning", "hugging face", "npz", "nanogpt"])
def test_standard_input(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = WRITERS[kind][0](LOSSES)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (choice,) = choose([read_log("-")], Selection())
    assert choice.log.source == "standard input"
    np.testing.assert_allclose(choice.chosen[0].series.column.values, LOSSES, rtol=1e-7)


def test_runs_of_a_chart(tmp_path: Path) -> None:
    (tmp_path / "chart").write_bytes(WRITERS["wandb chart"][0](LOSSES))
    found = curves(tmp_path / "chart")
    assert [(one.series.run, one.series.points) for one in found] == [("fair - sky", 100), ("deep-sun", 50)]
    np.testing.assert_allclose(found[1].series.column.values, 2 * np.array(LOSSES[:50]))


def test_several_gzips_behind_each_other_are_one(tmp_path: Path) -> None:
    data = WRITERS["csv"][0](LOSSES)
    (tmp_path / "log").write_bytes(zipped(data[:500]) + zipped(data[500:]))
    assert curves(tmp_path / "log")[0].series.points == 100


def test_gzip_of_a_killed_run(tmp_path: Path) -> None:
    data = zipped(WRITERS["json lines"][0](LOSSES))
    (tmp_path / "log").write_bytes(data[: len(data) // 2])
    log = read_log(str(tmp_path / "log"))
    assert 10 < log.series[0].points < 100
    assert log.remarks[0] == "its gzip is cut short: read as far as it goes"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\0" * 100, "is empty"),
        (bytes(range(256)) * 20, "is binary and of no format that is known"),
        (b"\x1f\x8b\x08\x00garbage", "nothing of it can be read"),
        (b":W&B\0\0\0", "binary log of a Weights & Biases run"),
        (b"\x80\x04\x95rest", "pickle, which is never unpickled"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PK\x03\x04nothing more", "is not NumPy, or damaged"),
        (b"PAR1nothing morePAR1", "damaged or cut short Parquet"),
        (b'{"log_history": [{"loss": 1, "step": 1}, {"loss', "ends too early in line 1|is no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1' + b"0" * 5000 + b', "b": [1]}', "holds no series|cannot be read"),
        (b'{"lr": 0.1, "layers": {"a": "b"}}', "without any series"),
        (b"A sentence, and another one.\nNo number, no loss.\n", "holds no series of numbers"),
        (b"Name,State,Runtime,train/loss\na,finished,10,0.1\nb,crashed,2,0.3\n", "is a table of runs from Weights"),
    ],
)
def test_what_is_no_log_is_refused_as_what_it_is(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(data)
    with pytest.raises(InputError, match=message) as error:
        read_log(str(tmp_path / "log.csv"))
    assert "\n" not in str(error.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is nothing there"):
        read_log(str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot be read"):
        read_log("a\0b")
    (tmp_path / "notes.md").write_text("text")
    with pytest.raises(InputError, match=r"folder without TensorBoard event files.*it has `notes.md`"):
        read_log(str(tmp_path))


def test_reader_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("step,loss\n1,0.5\n2,0.4\n")
    assert read_log(str(path), "csv").format == "a comma-separated table"
    with pytest.raises(UsageError, match=r"unknown reader `cvs`.*Did you mean `csv`\?"):
        read_log(str(path), "cvs")
    with pytest.raises(InputError):
        read_log(str(path), "numpy")
    with pytest.raises(InputError, match="is no JSON"):
        read_log(str(path), "json")
    with pytest.raises(UsageError, match="--pattern is for text logs"):
        read_log(str(path), "csv", "nanogpt")


def test_a_file_that_is_too_large_says_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mstage.readers.logs.source_bytes.MAX_BYTES", 2**20)
    for data in (b"1,2\n" * 2**19, zipped(b"1,2\n" * 2**19)):
        (tmp_path / "log").write_bytes(data)
        with pytest.raises(InputError, match=r"larger than 1 MiB.*awk"):
            read_log(str(tmp_path / "log"))


def test_every_kind_has_other_clocks_beside_the_chosen_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(WRITERS["hugging face"][0](LOSSES))
    kinds = [clock.kind for clock in clocks_of(curves(tmp_path / "log")[0].series)]
    assert kinds == ["step", "epoch", "record"]
