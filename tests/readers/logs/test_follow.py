"""A log that is followed gives what it gives when it is read at once, however it grew."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.readers.logs.follow import FollowedFile, follow_log
from mstage.readers.logs.log import Log
from mstage.readers.logs.sniff import read_log
from tests.readers.writers import WRITERS, events_v1, staircase, zipped

LOSSES = [float(loss) for loss in staircase(40)]


def same(one: Log | None, other: Log) -> None:
    assert one is not None
    assert (one.format, one.names, one.runs) == (other.format, other.names, other.runs)
    for ours, theirs in zip(one.series, other.series, strict=True):
        np.testing.assert_array_equal(ours.column.values, theirs.column.values)
        for name in theirs.beside:
            np.testing.assert_array_equal(ours.clock(name), theirs.clock(name))


@pytest.mark.parametrize("size", [37, 400])
@pytest.mark.parametrize("kind", WRITERS)
def test_any_way_of_growing(kind: str, size: int, tmp_path: Path) -> None:
    """Pieces end within lines, numbers and records. A document is readable only when it is whole."""
    data = WRITERS[kind][0](LOSSES)
    path = tmp_path / "log"
    followed = FollowedFile(str(path))
    assert not followed.read_new()
    with path.open("wb") as file:
        for start in range(0, len(data), size):
            file.write(data[start : start + size])
            file.flush()
            if kind in ("hugging face", "npz", "parquet"):
                continue
            followed.read_new()
    followed.read_new()
    same(followed.log(), read_log(str(path)))
    assert not followed.read_new()


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("step,loss\n" + "".join(f"{k},0.5\n" for k in range(2000)))
    followed = FollowedFile(str(path))
    followed.read_new()
    with path.open("r+b") as file:  # what was read is not looked at again
        file.seek(3000)
        file.write(b"?" * 100)
        file.seek(0, os.SEEK_END)
        file.write(b"2000,0.25\n2001,0.")
    assert followed.read_new()
    log = followed.log()
    assert log is not None
    assert log.series[0].points == 2001
    assert log.series[0].column.values[-1] == 0.25
    with path.open("ab") as file:
        file.write(b"125\n")
    assert followed.read_new()
    log = followed.log()
    assert log is not None
    assert log.series[0].column.values[-1] == 0.125


def test_a_file_that_is_cut_or_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"step {k} loss 0.5\n" for k in range(50)))
    followed = FollowedFile(str(path))
    followed.read_new()
    path.write_text("".join(f"step {k} loss 0.25\n" for k in range(9)))
    assert followed.read_new()
    same(followed.log(), read_log(str(path)))
    (tmp_path / "new").write_text("".join(f"step {k} loss 0.125\n" for k in range(90)))
    (tmp_path / "new").replace(path)
    assert followed.read_new()
    same(followed.log(), read_log(str(path)))


def test_a_table_that_gets_a_column_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n" + "".join(f"{k},0.5\n" for k in range(20)))
    followed = FollowedFile(str(path))
    followed.read_new()
    path.write_text("step,loss,val_loss\n" + "".join(f"{k},0.5,\n" for k in range(20)) + "20,,0.6\n")
    assert followed.read_new()
    same(followed.log(), read_log(str(path)))


def test_a_document_is_read_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    path.write_bytes(WRITERS["hugging face"][0](LOSSES[:20]))
    followed = FollowedFile(str(path))
    assert followed.read_new()
    assert not followed.read_new()
    path.write_bytes(WRITERS["hugging face"][0](LOSSES)[:-100])  # in the middle of being written
    assert not followed.read_new()
    path.write_bytes(WRITERS["hugging face"][0](LOSSES))
    assert followed.read_new()
    same(followed.log(), read_log(str(path)))
    path.write_bytes(zipped(path.read_bytes()))
    assert followed.read_new()


def test_what_comes_first_may_be_something_else(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("Loading the data, please wait\nNumber of parameters: 10745088\n")
    followed = FollowedFile(str(path))
    followed.read_new()
    with path.open("a") as file:
        file.write("".join(f"iter {k}: loss 0.5, time 1.00ms, mfu 1.0%\n" for k in range(20)))
    followed.read_new()
    same(followed.log(), read_log(str(path)))


def test_a_folder_to_which_runs_are_added(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    followed = follow_log(str(folder))
    assert not followed.read_new()
    assert followed.log() is None
    events_v1(folder / "a", LOSSES[:10])
    assert followed.read_new()
    events_v1(folder / "b", LOSSES)
    assert followed.read_new()
    same(followed.log(), read_log(str(folder)))
    assert not followed.read_new()


def test_a_stream_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        followed = follow_log("-")
        assert not followed.read_new()
        os.write(write, b"step 1 loss 0.5\nstep 2 loss 0.4\nstep 3 lo")
        assert followed.read_new()
        os.write(write, b"ss 0.3")
        assert not followed.read_new()
        os.close(write)
        assert followed.read_new()
        assert followed.ended
    log = followed.log()
    assert log is not None
    np.testing.assert_array_equal(log.series[0].column.values, [0.5, 0.4, 0.3])


def test_a_stream_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="standard input: is closed; expected a training log"):
        follow_log("-").read_new()
    handle = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(closed=False, fileno=lambda: handle))
    with pytest.raises(InputError, match=r"standard input: cannot be read \(Is a directory\)"):
        follow_log("-").read_new()
    os.close(handle)


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(InputError, match="is binary"):
        FollowedFile(str(tmp_path / "log")).read_new()
