"""Does `mstage detect-stages` end well, whatever it is given: in a result, or in one clear line and exit code 3?"""

from __future__ import annotations

import contextlib
import io
import random
import re
import resource
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mstage.__main__ import main
from tests.fuzz.mutations import mutated
from tests.readers.writers import WRITERS, staircase

HANG_SECONDS = 60
MOST_KIB = 2**20  # of resident memory: 1 GiB
RESULTS = (0, 4)


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        kind: Which log was mutated.
        seed: Of the mutation.
        code: The exit code.
        seconds: How long it took.
        complaint: What is wrong with that; empty if nothing is.
    """

    kind: str
    seed: int
    code: int
    seconds: float
    complaint: str


def logs() -> dict[str, bytes]:
    """A valid log of each kind."""
    losses = [float(loss) for loss in staircase(60)]
    return {kind: row[0](losses) for kind, row in WRITERS.items()}


def case(valid: dict[str, bytes], seed: int) -> tuple[str, bytes]:
    """The mutation of a seed, and the kind of log that it was made of."""
    random_ = random.Random(seed)
    kind = sorted(valid)[seed % len(valid)]
    return kind, mutated(random_, valid[kind], list(valid.values()))


def endings(seeds: Sequence[int], folder: Path) -> Iterator[Ending]:
    """Run the command on the mutations of some seeds, in this process."""
    valid = logs()
    path = folder / "mutated"
    before = signal.signal(signal.SIGALRM, _hang)
    try:
        for seed in seeds:
            kind, data = case(valid, seed)
            path.write_bytes(data)
            yield _ending(kind, seed, path)
    finally:
        signal.signal(signal.SIGALRM, before)


def _ending(kind: str, seed: int, path: Path) -> Ending:
    out, err = io.StringIO(), io.StringIO()
    memory, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    signal.alarm(HANG_SECONDS)  # ends what hangs
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["detect-stages", str(path)])
    signal.alarm(0)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peak > max(memory, MOST_KIB):  # the peak of what ran before in this process is not this command's
        return Ending(kind, seed, code, seconds, f"took {peak >> 10} MiB")
    return Ending(kind, seed, code, seconds, complaint(code, out.getvalue(), err.getvalue()))


class HangError(BaseException):
    """A command does not end."""


def _hang(number: int, frame: object) -> None:  # noqa: ARG001 - how Python calls a handler
    raise HangError


def complaint(code: int, out: str, err: str) -> str:
    """What is wrong with the end of a command; empty if nothing is."""
    if code in RESULTS:
        return "" if "stage" in out else f"exit code {code} without a result"
    last = err.splitlines()[-1] if err else ""
    if code != 3 or "this is a bug" in err or "Traceback" in err:
        return f"exit code {code}: {last}"
    if not re.fullmatch(r"mstage: [^\n]{20,}\n", "".join(f"{line}\n" for line in err.splitlines()[-1:])):
        return f"no clear line: {err!r}"
    return ""
