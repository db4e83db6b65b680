"""The message and the exit code of a command that fails."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from mstage.errors import ExitCode, MstageError, printable, shown

TRACEBACK_VARIABLE = "MSTAGE_TRACEBACK"


def tell(error: BaseException) -> int:
    """Say on stderr in one line what went wrong, and return the exit code.

    With `MSTAGE_TRACEBACK=1` in the environment the traceback comes before the line.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else ExitCode.BUG
    if isinstance(error, BrokenPipeError):  # as with `| head`: the reader has all it wanted
        _silence_stdout()
        return ExitCode.DONE
    if os.environ.get(TRACEBACK_VARIABLE, "0") not in ("", "0") and not isinstance(error, KeyboardInterrupt):
        lines = "".join(traceback.format_exception(error)).splitlines()
        print("\n".join(map(printable, lines)), file=sys.stderr)
    text, code = _worded(error)
    say(text)
    if isinstance(error, OSError):
        _silence_stdout()  # if it was stdout that could not be written, the interpreter would try again at its end
    return code


def say(text: str) -> None:
    """One line on stderr, which may be closed."""
    if sys.stderr is None:
        return
    try:
        print("mstage:", printable(text), file=sys.stderr, flush=True)
    except OSError:
        return  # nobody is left to be told


def _worded(error: BaseException) -> tuple[str, ExitCode]:
    match error:
        case MstageError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return str(error) or "interrupted", ExitCode.INTERRUPTED
        case OSError():
            where = error.filename or "the output"  # what fails without a name is one of the streams
            return f"{where}: cannot be read or written ({shown(error.strerror or error, 200)})", ExitCode.INPUT
    if isinstance(error, MemoryError):
        return f"out of memory{f' ({shown(error, 200)})' if str(error) else ''}", ExitCode.INPUT
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return (
        f"this is a bug: {type(error).__name__}{place}: {shown(error, 500)}. "
        f"Run again with {TRACEBACK_VARIABLE}=1 to see the traceback.",
        ExitCode.BUG,
    )


def _silence_stdout() -> None:
    """Let the interpreter's last flush of stdout go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return  # stdout is closed or no file: there is nothing to flush
