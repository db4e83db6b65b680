"""Runs commands, each in a process of its own, and says what they took: time of the processor and memory.

The processes are forked from one that has imported all that they need, so that a case costs its own work alone. It
is apart from the tests: JAX, which they use, has threads, and is not to be forked.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

HANG_SECONDS = 300  # of a machine that others may keep busy; the time of the processor has a limit of its own
CPU_SECONDS = 30  # after which a case is ended


@dataclass(frozen=True)
class Taken:
    """How a command ended, and what it took.

    Attributes:
        code: Its exit code; negative for the signal that ended it.
        seconds: Of the processor.
        mib: Of memory at its peak.
        out: What it wrote on stdout.
        err: What it wrote on stderr.
    """

    code: int
    seconds: float
    mib: int
    out: str
    err: str


class Server:
    """Runs commands.

    Args:
        process: That runs `serve`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, arguments: Sequence[str], stdin: str = os.devnull) -> Taken:
        """Run `mstage` with some arguments."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([list(arguments), stdin]), file=self._process.stdin, flush=True)
        return Taken(**json.loads(self._process.stdout.readline()))


@contextmanager
def server() -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.readers.limited"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()


def serve() -> None:
    """Run what is asked for on stdin, until it ends."""
    import mstage.cli.app
    import mstage.readers.tables.table
    import mstage.store.reader
    import mstage.workflows.checkpoint_drift
    import mstage.workflows.logs  # noqa: F401

    for line in sys.stdin:
        arguments, stdin = json.loads(line)
        print(json.dumps(_run(arguments, stdin)), flush=True)


def _run(arguments: list[str], stdin: str) -> dict[str, Any]:
    outputs = [os.memfd_create(name) for name in ("out", "err")]
    child = os.fork()
    if child == 0:
        _become(arguments, stdin, outputs)
    _, status, usage = os.wait4(child, 0)
    texts = [_all_of(handle) for handle in outputs]
    seconds = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    return {"code": code, "seconds": seconds, "mib": usage.ru_maxrss >> 10, "out": texts[0], "err": texts[1]}


def _become(arguments: list[str], stdin: str, outputs: list[int]) -> None:
    from mstage.__main__ import main

    code = 99
    try:
        os.dup2(os.open(stdin, os.O_RDONLY), 0)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        for number, handle, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            setattr(sys, handle, os.fdopen(number, mode, closefd=False))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        signal.alarm(HANG_SECONDS)
        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _all_of(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(handle, "rb") as file:
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    serve()
