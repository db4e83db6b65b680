"""Texts of columns as programs and people write them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.readers.logs.delimited import dialect_of
from mstage.readers.logs.log import Log
from mstage.readers.logs.selection import ChosenSeries, Selection, choose
from mstage.readers.logs.sniff import read_log

ROWS = [(10 * k, round(1 / k, 6)) for k in range(1, 41)]


def written(folder: Path, head: str, row: Callable[[int, float], str]) -> Log:
    (folder / "log").write_text(head + "".join(row(step, loss) + "\n" for step, loss in ROWS))
    return read_log(str(folder / "log"))


def curve_of(log: Log) -> ChosenSeries:
    return choose([log], Selection())[0].chosen[0]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("step,loss\n", lambda s, x: f"{s},{x}"),
        ("\ufeffstep,loss\n", lambda s, x: f"{s},{x}"),
        ('"step","loss"\n', lambda s, x: f'"{s}","{x}"'),
        ("step;loss\n", lambda s, x: f"{s};{str(x).replace('.', ',')}"),
        ("step|loss\n", lambda s, x: f"{s}|{x}"),
        ("step\tloss\n", lambda s, x: f"{s}\t{x}"),
        ("# step loss\n", lambda s, x: f"{s} {x}"),
        ("step      loss\n", lambda s, x: f"{s:<8}  {x:.6f}"),
        ("     step,      loss,   val/loss\n", lambda s, x: f"{s:>10},{x:>10},{x:>10}"),  # Ultralytics
        ("step,loss,\n", lambda s, x: f"{s},{x},"),
        ("step,loss,note\n", lambda s, x: f'{s},{x},"a, b"'),
        ("step,loss\n", lambda s, x: f"{s},\"tensor({x}, device='cuda:0')\""),
        ("step,loss\n", lambda s, x: f"{s},[{x}]"),
        ("step,loss,time\n", lambda s, x: f"{s},{x},0:00:{s % 60:02d}"),
        ("\n\nstep,loss\n", lambda s, x: f"{s},{x}"),
        ("step,loss\r\n", lambda s, x: f"{s},{x}\r"),
    ],
)
def test_dialects(head: str, row: Callable[[int, float], str], tmp_path: Path) -> None:
    curve = curve_of(written(tmp_path, head, row))
    assert (curve.series.name, curve.clock.name) == ("loss", "step")
    np.testing.assert_array_equal(curve.series.column.values, [loss for _, loss in ROWS])
    np.testing.assert_array_equal(curve.clock.values, [step for step, _ in ROWS])
    assert curve.log.remarks == ()


def test_lines_that_do_not_fit_are_left_out_and_counted(tmp_path: Path) -> None:
    """A run that was killed within a line, went on in the same file and wrote the names again."""
    lines = ["step,loss", *(f"{s},{x}" for s, x in ROWS), "410,0.0", "step,loss", "420,0.1,0.1,9", "430,0.2"]
    (tmp_path / "log").write_text("\n".join(lines))
    log = read_log(str(tmp_path / "log"))
    assert curve_of(log).series.points == 42
    assert log.remarks == ("2 lines left out",)


def test_cells_without_a_number_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("step,loss\n" + "".join(f"{s},{x}\n" for s, x in ROWS) + "410,0.0x7\n420,none\n")
    log = read_log(str(tmp_path / "log"))
    assert curve_of(log).series.points == 40
    assert log.remarks == ("1 cell without a number",)


def test_two_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    log = written(tmp_path, "step,loss,loss\n", lambda s, x: f"{s},{x},{2 * x}")
    assert log.names == ["loss", "loss (2)"]


@pytest.mark.parametrize(
    "text",
    [
        "iter 0: loss 10.9766, time 22640.22ms, mfu -100.00%\n" * 5,
        "Some words, and others, of a sentence\nthat go on, and on, and end\n",
        "one line\n",
        "",
        "{'loss': 1.2, 'epoch': 0.1}\n{'loss': 1.1, 'epoch': 0.2}\n",
        "step:1/10 loss:1.0\nstep:2/10 loss:1.1\n",
    ],
)
def test_what_is_no_table(text: str) -> None:
    assert dialect_of(text) is None


@pytest.mark.parametrize("text", ["6" * 200_000 + "x", "1," * 100_000, '"' * 100_000, " " * 200_000, "loss " * 50_000])
def test_a_line_without_an_end_is_no_trap(text: str, tmp_path: Path) -> None:
    """Each was, or could have been, minutes of backtracking in a regular expression."""
    begun = time.process_time()
    for lines in (text, f"step,loss\n1,2\n2,{text}\n" + "3,4\n" * 40, f"iter 1: loss 1.0, time {text}ms\n" * 9):
        (tmp_path / "log").write_text(lines)
        with contextlib.suppress(InputError):
            read_log(str(tmp_path / "log"))
    assert time.process_time() - begun < 10


def test_large_tables_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mstage.readers.logs.source_bytes.LINES_AT_ONCE", 50)
    monkeypatch.setattr("mstage.readers.logs.source_bytes.pieces.__defaults__", (50,))
    curve = curve_of(written(tmp_path, "step,loss\n", lambda s, x: f"{s},{x}"))
    np.testing.assert_array_equal(curve.clock.values, [step for step, _ in ROWS])
