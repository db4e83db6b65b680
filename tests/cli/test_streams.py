"""The two streams, and what is said when a command fails."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from mstage.cli import failures
from mstage.cli.console import PIPED_COLUMNS, Streams
from mstage.errors import InputError, UsageError


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:  # noqa: ARG002
        raise BrokenPipeError(32, "Broken pipe")


def wide_table() -> Table:
    table = Table(*[f"column {number}" for number in range(30)])
    table.add_row(*["1"] * 30)
    return table


def test_table_in_a_pipe_is_as_wide_as_it_needs() -> None:
    stream = io.StringIO()
    Streams(stdout=stream).show(wide_table())
    assert all(f"column {number} " in stream.getvalue() for number in range(30))
    assert Streams(stdout=stream).columns == PIPED_COLUMNS


def test_reader_that_has_gone_is_told_as_such() -> None:
    """Rich would end the process with code 1 by itself."""
    with pytest.raises(BrokenPipeError):
        Streams(stdout=Broken()).show(wide_table())
    with pytest.raises(BrokenPipeError):
        Streams(stdout=Broken()).draw(Text("a curve\n"))


def test_talk_that_nobody_hears_does_no_harm() -> None:
    Streams(stderr=Broken()).say("done")


def test_talk_is_one_line() -> None:
    stream = io.StringIO()
    Streams(stderr=stream).say("one\n  line\r\x1b[2J\u202e of \udcff [red] é")
    assert stream.getvalue() == r"one\n  line\r\x1b[2J\u202e of \udcff [red] é" + "\n"


def failing() -> ZeroDivisionError:
    """An error with a traceback."""
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("w\x1b 0:\nhas to be at least 1"), 2, r"w\x1b 0:\nhas to be at least 1"),
        (InputError("x: is a file"), 3, "x: is a file"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("interrupted at 43 %"), 130, "interrupted at 43 %"),
        (OSError(28, "No space left", "x/y"), 3, "x/y: cannot be read or written (No space left)"),
        (OSError(28, "No space left"), 3, "the output: cannot be read or written (No space left)"),
        (MemoryError(), 3, "out of memory"),
        (MemoryError("Unable to allocate 4 GiB"), 3, "out of memory (Unable to allocate 4 GiB)"),
        (
            failing(),
            1,
            "this is a bug: ZeroDivisionError at test_streams.py:N: division by zero. "
            "Run again with MSTAGE_TRACEBACK=1 to see the traceback.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_failure_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_silence_stdout", lambda: None)  # it is the test's
    assert failures.tell(error) == code
    out, err = capsys.readouterr()
    assert (out, re.sub(r"\.py:\d+:", ".py:N:", err)) == ("", f"mstage: {line}\n")


def test_traceback_on_request(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSTAGE_TRACEBACK", "1")
    assert failures.tell(failing()) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("mstage: this is a bug: ZeroDivisionError")
