"""Event files: both ways to write a scalar, runs and files, and what a crash leaves of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import CRC_TABLE, masked_crc32c
from tensorboardX import SummaryWriter

from mstage.errors import InputError
from mstage.readers.logs.event_records import masked_checksums
from mstage.readers.logs.log import Log
from mstage.readers.logs.sniff import read_log
from mstage.readers.logs.tensorboard import EventReader
from tests.readers.writers import event_bytes, events_v1, events_v2

LOSSES = [1.0, 0.5, float("nan"), 0.25, float("inf"), -1.0]


def series(log: Log, name: str = "train/loss", run: str = "") -> np.ndarray:
    (found,) = [one for one in log.series if (one.name, one.run) == (name, run)]
    return found.column.values


@pytest.mark.parametrize("write", [events_v1, events_v2])
def test_both_ways_agree_with_tensorboards_own_reader(write: object, tmp_path: Path) -> None:
    write(tmp_path, LOSSES)  # type: ignore[operator]
    theirs = EventAccumulator(str(tmp_path))
    theirs.Reload()
    log = read_log(str(tmp_path))
    (one,) = [one for one in log.series if one.name == "train/loss"]
    if write is events_v1:
        rows = theirs.Scalars("train/loss")
        np.testing.assert_array_equal(one.column.values, [row.value for row in rows])
        np.testing.assert_array_equal(one.clock("step"), [row.step for row in rows])
    np.testing.assert_array_equal(one.column.values, LOSSES)
    np.testing.assert_array_equal(one.clock("seconds"), np.arange(6.0))
    assert sorted(log.names) == (["lr", "train/loss"] if write is events_v1 else ["train/loss"])


def test_checksums_are_those_of_tensorboard() -> None:
    """Of pieces of any length, which is descending, that may overlap."""
    content = np.random.default_rng(0).integers(0, 256, 200, dtype=np.uint8)
    start, length = np.arange(0, 100, 5), np.array([100, 100, 37, 37, 37, 4, *[1] * 10, 0, 0, 0, 0])
    ours = masked_checksums(content, start, length, np.array(CRC_TABLE, np.uint32))
    pieces = [content[first : first + size].tobytes() for first, size in zip(start, length, strict=True)]
    assert ours.tolist() == [masked_crc32c(piece) for piece in pieces]


def test_runs_are_folders_and_files_of_a_run_follow_each_other(tmp_path: Path) -> None:
    for run, factor in (("a", 1), ("b/deep", 2)):
        events_v1(tmp_path / run, [factor, factor / 2])
        (first,) = (tmp_path / run).iterdir()
        first.rename(first.with_name("events.out.tfevents.1"))
        events_v1(tmp_path / run, [factor / 4])
    (tmp_path / "notes.txt").write_text("nothing")
    log = read_log(str(tmp_path))
    assert log.runs == ["a", "b/deep"]
    np.testing.assert_array_equal(series(log, run="b/deep"), [2, 1, 0.5])


def test_duplicate_steps_are_all_read(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path))
    for step in [1, 2, 3, 2, 3, 4]:
        writer.add_scalar("loss", step / 8, step)
    writer.close()
    (one,) = read_log(str(tmp_path)).series
    np.testing.assert_array_equal(one.clock("step"), [1, 2, 3, 2, 3, 4])


def test_a_cut_file_is_read_up_to_the_cut(tmp_path: Path) -> None:
    data = event_bytes(events_v2, [0.5] * 50)
    (tmp_path / "log").write_bytes(data[:-20])
    log = read_log(str(tmp_path / "log"))
    assert (series(log).size, log.remarks) == (49, ("ends within a record: read up to there",))


def test_a_flipped_bit_costs_its_record_and_is_told(tmp_path: Path) -> None:
    data = bytearray(event_bytes(events_v1, [0.5] * 50))
    place = data.rindex(b"train/loss")
    data[place + 1] ^= 4
    (tmp_path / "log").write_bytes(data)
    log = read_log(str(tmp_path / "log"))
    assert (series(log).size, log.remarks) == (49, ("1 record left out whose checksum is wrong",))


def test_a_flipped_length_ends_the_file(tmp_path: Path) -> None:
    data = bytearray(event_bytes(events_v2, [0.5] * 50))
    lengths = [0]
    while lengths[-1] < len(data):
        lengths.append(lengths[-1] + 16 + int.from_bytes(data[lengths[-1] : lengths[-1] + 8], "little"))
    data[lengths[20] + 2] ^= 1
    (tmp_path / "log").write_bytes(data)
    log = read_log(str(tmp_path / "log"))
    assert (series(log).size, log.remarks) == (19, ("a record is damaged: read up to there",))


def test_any_cut_of_the_feed_gives_the_same() -> None:
    data = event_bytes(events_v1, [float(k) for k in range(30)])
    whole = EventReader("log")
    assert whole.feed(data) == len(data)
    for size in (1, 7, 100, 1000):
        reader, rest = EventReader("log"), b""
        for start in range(0, len(data), size):
            rest += data[start : start + size]
            rest = rest[reader.feed(rest) :]
        assert rest == b""
        for ours, theirs in zip(reader.series(), whole.series(), strict=True):
            np.testing.assert_array_equal(ours.column.values, theirs.column.values)


def test_no_scalars(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path))
    writer.add_text("config", "nothing to plot")
    writer.close()
    with pytest.raises(InputError, match=r"holds no scalars; expected events with a loss"):
        read_log(str(tmp_path))


def test_without_the_extra_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events_v1(tmp_path, [0.5])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"needs the package tensorboard.*pip install 'mstage\[tensorboard\]'"):
        read_log(str(tmp_path))


def test_parquet_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"needs the package pyarrow.*pip install 'mstage\[parquet\]'"):
        read_log(str(tmp_path / "log"))
