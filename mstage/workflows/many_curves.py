"""Find the stages of many curves on all cores.

Each curve stands for itself, so the curves are dealt out to as many processes as there are cores, this one among them.
The others are Python interpreters of their own that get their share through standard input: a fork would copy the
threads of JAX, and what the multiprocessing module spawns would run the user's script again. Few curves are not worth
the second that such a process needs to begin.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mstage.analysis.stages import RunStages, StageMethod, stages_of_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.history import Curve

FEWEST_EACH = 100  # curves for a process to be begun for them
WORKER = "from mstage.workflows.many_curves import work; work()"


def stages_of_curves(curves: Sequence[Curve], method: StageMethod) -> list[RunStages]:
    """The stages of each curve, in their order.

    Args:
        curves: The curves.
        method: Settings of the segmentation.
    """
    processes = max(1, min(processors(), len(curves) // FEWEST_EACH)) if sys.executable else 1
    if processes == 1:
        return [stages_of_curve(curve, method) for curve in curves]
    shares = [curves[first::processes] for first in range(processes)]
    with ThreadPoolExecutor(processes - 1) as pool:
        others = [pool.submit(_in_a_process, share, method) for share in shares[1:]]
        answers = [[stages_of_curve(curve, method) for curve in shares[0]]]
        answers += [other.result() for other in others]
    return [answers[index % processes][index // processes] for index in range(len(curves))]


def processors() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_a_process(curves: Sequence[Curve], method: StageMethod) -> list[RunStages]:
    """Have a share of the curves done by a process of its own."""
    task = pickle.dumps((curves, method), pickle.HIGHEST_PROTOCOL)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=task, stdout=subprocess.PIPE, check=True, env=environment
    )
    answer: list[RunStages] = pickle.loads(done.stdout)  # by our own process
    return answer


def work() -> None:
    """Do the share of the curves that stands on standard input, and write their stages to standard output."""
    curves, method = pickle.load(sys.stdin.buffer)  # from our own process
    answer = [stages_of_curve(curve, method) for curve in curves]
    sys.stdout.buffer.write(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
