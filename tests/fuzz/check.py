"""Does a command end well, whatever it is given: in a sound result, or in one clear line and exit code 2 or 3?"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import resource
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mstage.__main__ import main
from mstage.render.formats import json_text
from tests.fuzz.cases import Case, made_case

HANG_SECONDS = 60
MOST_KIB = 2**20  # of resident memory: 1 GiB
RESULTS = (0, 4, 5)
REFUSALS = (2, 3)
KINDS = ("plateau", "descent", "rise")


@dataclass(frozen=True)
class Result:
    """How a case ended.

    Attributes:
        kind: What was tried, in words.
        seed: That it was made from.
        code: The exit code.
        seconds: Of the processor.
        complaint: What is wrong with that; empty if nothing is.
    """

    kind: str
    seed: int
    code: int
    seconds: float
    complaint: str


def results(seeds: Sequence[int], folder: Path) -> Iterator[Result]:
    """Run the cases of some seeds, in this process."""
    before = signal.signal(signal.SIGALRM, _hang)
    try:
        for seed in seeds:
            here = folder / "case"
            here.mkdir()
            yield _result(made_case(seed, here))
            shutil.rmtree(here)
    finally:
        signal.signal(signal.SIGALRM, before)


def results_of_share(seeds: range) -> list[Result]:
    """What a process has to do; where its `__main__` is another one, it finds this."""
    with tempfile.TemporaryDirectory() as folder:
        return list(results(seeds, Path(folder)))


def _result(case: Case) -> Result:
    out, err = io.StringIO(), io.StringIO()
    memory, resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, _resident_kib()
    begun = time.process_time()
    signal.alarm(HANG_SECONDS)  # ends what hangs
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("error")
        code = _called(case) if case.call else main(list(case.arguments))
    signal.alarm(0)
    seconds = time.process_time() - begun  # a machine that others keep busy is no slow command
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peak > memory and peak - resident > MOST_KIB:  # what ran before in this process is not this command's
        return Result(case.kind, case.seed, code, seconds, f"took {peak - resident >> 10} MiB")
    return Result(case.kind, case.seed, code, seconds, complaint(code, out.getvalue(), err.getvalue()))


def _resident_kib() -> int:
    """Memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize() >> 10


def _called(case: Case) -> int:
    """Call a function as the command line would."""
    from mstage.cli.failures import tell

    try:
        print(json_text("array", case.call().to_dict()))  # type: ignore[misc]
    except Exception as error:  # a bug too becomes a line and an exit code, as in `main`
        return tell(error)
    return 0


class HangError(BaseException):
    """A command does not end."""


def _hang(number: int, frame: object) -> None:  # noqa: ARG001 - how Python calls a handler
    raise HangError


def complaint(code: int, out: str, err: str) -> str:
    """What is wrong with the end of a case; empty if nothing is."""
    last = err.splitlines()[-1] if err else ""
    if "this is a bug" in err or "Traceback" in err or code not in (*RESULTS, *REFUSALS):
        return f"exit code {code}: {last}"
    if code in REFUSALS:
        clear = re.fullmatch(r"mstage: [^\n]{20,}", last)
        return "" if clear else f"no clear line: {err!r}"
    if not out:
        return f"exit code {code} without a result"
    if out.lstrip().startswith("{"):
        return _flaw_of_json(out)
    return ""


def _flaw_of_json(text: str) -> str:
    """What is wrong with a result as JSON."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        return f"no JSON: {error}"
    runs = found.get("runs", []) if isinstance(found, dict) else []
    return next(filter(None, (_flaw_of_run(run) for run in runs if "stages" in run)), "")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _flaw_of_run(run: dict[str, Any]) -> str:
    """What is wrong with the stages of a run."""
    end = -math.inf
    for stage in run["stages"]:
        numbers = [stage[name] for name in ("start", "end", "end_low", "end_high", "loss_start", "loss_end", "level")]
        if any(number is None for number in numbers):
            return f"a number of the {stage['name']} is not finite: {stage}"
        if end > -math.inf and stage["start"] != end:
            return f"the {stage['name']} does not begin where the stage before it ends: {stage}"
        if not stage["start"] <= stage["end"] or not stage["end_low"] <= stage["end"] <= stage["end_high"]:
            return f"the ends of the {stage['name']} are out of order: {stage}"
        if not 0 <= stage["probability"] <= 1 or stage["kind"] not in KINDS:
            return f"the {stage['name']} is none: {stage}"
        rate = [stage[name] for name in ("rate_low", "rate", "rate_high")]
        if (None in rate and set(rate) != {None}) or (None not in rate and sorted(rate) != rate):
            return f"the rate of the {stage['name']}: {stage}"
        end = stage["end"]
    return ""
