"""Find the stages of many curves on all cores.

The curves are independent, so they are distributed over one process a core, this one included.
The others are Python interpreters of their own that get their share through standard input: a fork would copy the
threads of JAX, and what the multiprocessing module spawns would run the user's script again. Few curves are not worth
the second that such a process needs to begin. The processes only save time: what one of them does not answer, because
it was killed or could not begin, is done in this one.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from mstage.analysis.stages.detection import find_stages, stages_of_curve
from mstage.analysis.stages.results import RunStages, StageMethod
from mstage.simulate.blocks import processors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mstage.history import Curve

MIN_CURVES_EACH = 100  # curves for a process to be begun for them

# Signals end a worker without a word. Its answers have a descriptor of their own, which no print can reach. It finds
# modules where this process does and nowhere else: a scipy.py beside somebody's log is none.
WORKER = """
import os, pickle, signal, sys
for number in (signal.SIGINT, signal.SIGPIPE):
    signal.signal(number, signal.SIG_DFL)
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
sys.path[:] = pickle.load(sys.stdin.buffer)
from mstage.workflows.many_curves import work
work(sys.stdin.buffer, answers)
"""


def stages_of_curves(curves: Sequence[Curve], method: StageMethod) -> list[RunStages]:
    """The stages of each curve, in their order.

    Args:
        curves: The curves.
        method: Settings of the segmentation.
    """
    processes = max(1, min(processors(), len(curves) // MIN_CURVES_EACH)) if sys.executable else 1
    if processes == 1:
        return [stages_of_curve(curve, method) for curve in curves]
    shares = [curves[first::processes] for first in range(processes)]
    with ThreadPoolExecutor(processes - 1) as pool, ExitStack() as workers:  # which end before the pool waits for them
        others = [pool.submit(_answers, workers.enter_context(_worker()), share, method) for share in shares[1:]]
        answers = [[stages_of_curve(curve, method) for curve in shares[0]]]
        for share, other in zip(shares[1:], others, strict=True):
            answers.append(other.result() or [stages_of_curve(curve, method) for curve in share])
    return [answers[index % processes][index // processes] for index in range(len(curves))]


@contextmanager
def _worker() -> Iterator[subprocess.Popen[bytes] | None]:
    """A process that waits for its share of the curves and ends after it; None if the system starts no more processes.

    It has a session of its own, so that Ctrl-C in a terminal reaches this process alone.
    """
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", WORKER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError:
        yield None
        return
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _task(curves: Sequence[Curve], method: StageMethod) -> bytes:
    """What a worker reads: where modules are found, and its share."""
    path = [place for place in sys.path if isinstance(place, str)]
    return pickle.dumps(path) + pickle.dumps((curves, method), pickle.HIGHEST_PROTOCOL)


def _answers(process: subprocess.Popen[bytes] | None, share: Sequence[Curve], method: StageMethod) -> list[RunStages]:
    """What a worker makes of its share; nothing if it fails."""
    if process is None:
        return []
    found = BytesIO(process.communicate(_task(share, method))[0])
    if process.returncode:
        return []
    try:
        return [RunStages(curve, *pickle.load(found)) for curve in share]  # by our own process
    except Exception:  # what is no pickle, as what a broken installation prints at the start, can fail in any way
        return []


def work(tasks: BinaryIO, answers: BinaryIO) -> None:
    """Do a share of the curves.

    Args:
        tasks: Where the share stands.
        answers: Where the stages of each curve go as soon as they are found: whoever writes finds out that nobody is
            left to read.
    """
    curves, method = pickle.load(tasks)  # from our own process
    for curve in curves:
        pickle.dump(find_stages(curve, method), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()
