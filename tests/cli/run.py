"""Running `mstage` in a test: within this process, which is fast, or as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mstage.__main__ import main

MSTAGE = [sys.executable, "-m", "mstage"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed; durations are replaced by `T`, which no test can foretell."""

    code: int
    out: str
    err: str


def mstage(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    """Run a command in this process."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return Outcome(code, printed.out, re.sub(r"trained in [\d.]+ (s|min \d+ s)", "trained in T", printed.err))


def assert_refused(outcome: Outcome, code: int, message: str) -> None:
    """One line on stderr that matches, and nothing on stdout."""
    assert (outcome.code, outcome.out) == (code, "")
    assert re.fullmatch(r"mstage: [^\n]+\n", outcome.err)
    assert "this is a bug" not in outcome.err
    assert re.search(message, outcome.err)


def start(folder: Path, *arguments: str, program: Sequence[str] = MSTAGE, **options: object) -> subprocess.Popen[str]:
    """Start a command as a process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([*program, *arguments], cwd=folder, text=True, env=environment(), **pipes)  # type: ignore[call-overload]


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `mstage` is the one under test."""
    line = f'mstage() {{ {" ".join(MSTAGE)} "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, env=environment(), check=False
    )


def environment() -> dict[str, str]:
    """The environment without what would change how a terminal is treated."""
    return {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS")}


def wait_until(condition: object, process: subprocess.Popen[str], seconds: float = 120) -> None:
    """Wait until a function says so; fail if the process ends before."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def files_of(folder: Path) -> list[str]:
    """All that lies in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
