"""What a sweep will take, before it is trained: memory, disk and time."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mstage.errors import UsageError
from mstage.simulate.problems import load_problem
from mstage.simulate.sweep import MAX_SEGMENT_RECORDS
from mstage.simulate.trainers import trainer_of
from mstage.store.layout import chunk_records, stored_bytes

if TYPE_CHECKING:
    from mstage.spec import Sweep

PROBE_SECONDS = 0.5
TYPICAL_FLOW_STEPS = 65  # of a run at the tolerance 1e-3, hardly more for a longer one; measured


@dataclass(frozen=True)
class WidthEstimate:
    """What the runs of one width will take.

    Attributes:
        width: Hidden neurons.
        runs: Networks.
        steps: Updates of the longest run.
        run_steps: Updates, summed over the runs.
        memory_bytes: Peak memory of the process.
        disk_bytes: Size in the store.
        seconds: Time, compilation included.
    """

    width: int
    runs: int
    steps: int
    run_steps: int
    memory_bytes: int
    disk_bytes: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take: the memory of its hungriest width, the disk and the time of all together."""

    widths: tuple[WidthEstimate, ...]

    @property
    def runs(self) -> int:
        """Networks."""
        return sum(width.runs for width in self.widths)

    @property
    def run_steps(self) -> int:
        """Updates, summed over the networks."""
        return sum(width.run_steps for width in self.widths)

    @property
    def memory_bytes(self) -> int:
        """Peak memory of the process."""
        return max(width.memory_bytes for width in self.widths)

    @property
    def disk_bytes(self) -> int:
        """Size of the store."""
        return sum(width.disk_bytes for width in self.widths)

    @property
    def seconds(self) -> float:
        """Time, compilation included."""
        return sum(width.seconds for width in self.widths)

    def to_dict(self) -> dict[str, Any]:
        """The widths one by one, and all of them together."""
        names = ("runs", "run_steps", "memory_bytes", "disk_bytes", "seconds")
        return {
            "widths": [asdict(width) for width in self.widths],
            "total": {name: getattr(self, name) for name in names},
        }

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each width."""
        return pd.DataFrame([asdict(width) for width in self.widths])


def estimate(sweep: Sweep) -> Estimate:
    """Estimate what a sweep takes, from its compiled programs and from some steps of each, which are thrown away.

    Nothing is written. The time is that of runs that go to their horizon: ones that diverge or reach `stop_at` end
    sooner.

    Raises:
        UsageError: The sweep cannot be trained.
        InputError: Its table cannot be read.
    """
    dataset = load_problem(sweep.problem)
    dim = dataset.input.shape[1]
    check_memory(sweep, dim)
    widths = []
    for width in sweep.width:
        begun = time.monotonic()
        trainer = trainer_of(sweep, dataset, width)
        position = trainer.start()
        compilation = time.monotonic() - begun
        runs = trainer.run_count
        lasts = _run_lengths(sweep)
        run_steps = sum(lasts) * runs // len(lasts)
        steps, spent, most = 0, 0.0, 4
        while spent < PROBE_SECONDS and position.record < trainer.record_steps.size:
            begun, start = time.monotonic(), position.work
            end = min(position.record + MAX_SEGMENT_RECORDS, trainer.record_steps.size)
            position, _ = trainer.advance(position, end, most)
            spent, steps, most = spent + time.monotonic() - begun, steps + position.work - start, 2 * most
        on_host = runs * sweep.itemsize * (2 * width * (dim + 1) + 2 * chunk_records(sweep))
        widths.append(
            WidthEstimate(
                width=width,
                runs=runs,
                steps=max(lasts),
                run_steps=run_steps,
                memory_bytes=_process_bytes() + trainer.memory_bytes() + on_host,
                disk_bytes=stored_bytes(sweep, width, dim),
                seconds=compilation + run_steps / runs * spent / max(steps, 1),
            )
        )
    return Estimate(tuple(widths))


def _run_lengths(sweep: Sweep) -> tuple[int, ...]:
    """Steps of a run of each learning rate; of a flow, about how many its integrator will take."""
    if sweep.tolerance is None:
        return sweep.last_steps
    return (round(TYPICAL_FLOW_STEPS * (1e-3 / sweep.tolerance) ** (1 / 3)),)


def check_memory(sweep: Sweep, dim: int) -> None:
    """Refuse a sweep whose weights alone, held twice while they move, are more than this machine has memory.

    Raises:
        UsageError: It is one.
    """
    runs = sweep.run_count // len(sweep.width)
    needed = 2 * runs * max(sweep.width) * (dim + 1) * sweep.itemsize
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise UsageError(
            f"width {max(sweep.width)}: the weights of {runs:,} runs at once take {needed / 2**30:,.0f} GiB of memory "
            f"or more, and this machine has {there / 2**30:,.0f} GiB; train fewer runs at once or a smaller width"
        )


def _process_bytes() -> int:
    """Memory that this process has taken at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
