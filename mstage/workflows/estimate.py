"""What a sweep will take, before it is trained: memory, disk and time."""

from __future__ import annotations

import os
import re
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

import pandas as pd

from mstage.errors import UsageError
from mstage.simulate.trainer import MAX_SEGMENT_RECORDS
from mstage.simulate.trainers import trainer_of
from mstage.store.layout import Layout
from mstage.store.shards import run_lengths
from mstage.workflows.problems import training_set_of
from mstage.workflows.write_behind import MAX_WAITING_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.simulate.trainer import Trainer
    from mstage.spec import Sweep
    from mstage.store.shards import Shard
    from mstage.training_set import TrainingSet

PROBE_SECONDS = 0.5
PROCESS_BYTES = 680 * 2**20  # of the interpreter, JAX, its compiler and diffrax; measured
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class ProgramEstimate:
    """What the runs that share a compilation will take.

    Attributes:
        program: Their values on the static axes, by name, as `width`.
        runs: Networks.
        steps: Updates of the longest run.
        run_steps: Updates, summed over the runs.
        memory_bytes: Peak memory of the process.
        disk_bytes: Size in the store.
        seconds: Time, compilation included.
    """

    program: Mapping[str, float]
    runs: int
    steps: int
    run_steps: int
    memory_bytes: int
    disk_bytes: int
    seconds: float

    def to_row(self) -> dict[str, float]:
        """Plain values, those of the program first."""
        return {**self.program, **{name: value for name, value in asdict(self).items() if name != "program"}}


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take: the memory of its hungriest program, the disk and the time of all together."""

    programs: tuple[ProgramEstimate, ...]

    @property
    def runs(self) -> int:
        """Networks."""
        return sum(one.runs for one in self.programs)

    @property
    def run_steps(self) -> int:
        """Updates, summed over the networks."""
        return sum(one.run_steps for one in self.programs)

    @property
    def memory_bytes(self) -> int:
        """Peak memory of the process."""
        return max(one.memory_bytes for one in self.programs)

    @property
    def disk_bytes(self) -> int:
        """Size of the store."""
        return sum(one.disk_bytes for one in self.programs)

    @property
    def seconds(self) -> float:
        """Time, compilation included."""
        return sum(one.seconds for one in self.programs)

    def to_dict(self) -> dict[str, Any]:
        """The programs one by one, and all of them together."""
        names = ("runs", "run_steps", "memory_bytes", "disk_bytes", "seconds")
        return {
            "programs": [one.to_row() for one in self.programs],
            "total": {name: getattr(self, name) for name in names},
        }

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each program."""
        return pd.DataFrame([one.to_row() for one in self.programs])


def estimate(sweep: Sweep) -> Estimate:
    """Estimate what a sweep takes, from its compiled programs and from some steps of each, which are thrown away.

    Nothing is written. The time is that of runs that go to their horizon: ones that diverge or reach `stop_at` end
    sooner.

    Raises:
        UsageError: The sweep cannot be trained.
        InputError: Its table cannot be read.
    """
    dataset = training_set_of(sweep.problem)
    layout = Layout.of(sweep, *dataset.input.shape)
    check_memory(layout, dataset)
    lasts = run_lengths(sweep)
    programs = []
    for shard in _first_shards(layout):
        begun = time.monotonic()
        trainer = _trainer(sweep, dataset, shard)
        position = trainer.start()
        compilation = time.monotonic() - begun
        runs = len(sweep.runs_of_a_program)
        run_steps = sum(lasts) * runs // len(lasts)
        steps, spent, most = 0, 0.0, 4
        while spent < PROBE_SECONDS and position.record < trainer.record_steps.size:
            begun, start = time.monotonic(), position.work
            end = min(position.record + MAX_SEGMENT_RECORDS, trainer.record_steps.size)
            position, _ = trainer.advance(position, end, most)
            spent, steps, most = spent + time.monotonic() - begun, steps + position.work - start, 2 * most
        programs.append(
            ProgramEstimate(
                program={axis: shard.values[axis][0] for axis in sweep.static_axes},
                runs=runs,
                steps=max(lasts),
                run_steps=run_steps,
                memory_bytes=memory_bytes(layout, shard, trainer),
                disk_bytes=layout.stored_bytes(shard),
                seconds=compilation + run_steps / shard.run_count * spent / max(steps, 1),
            )
        )
    return Estimate(tuple(programs))


def _first_shards(layout: Layout) -> list[Shard]:
    """The first shard of each program, which is a largest one."""
    return list(layout.shards[:: len(layout.shards) // len(layout.sweep.programs)])


def _trainer(sweep: Sweep, dataset: TrainingSet, shard: Shard) -> Trainer:
    return trainer_of(sweep, dataset, shard.program(sweep), shard.runs_of(sweep))


def check_memory(layout: Layout, dataset: TrainingSet) -> None:
    """Refuse a sweep that takes more memory than there is. Nothing of it is allocated.

    Raises:
        UsageError: It does, or it cannot be trained at all.
    """
    shard = max(_first_shards(layout), key=layout.snapshot_bytes)
    runs = shard.run_count
    needed = memory_bytes(layout, shard, _trainer(layout.sweep, dataset, shard))
    there = available_bytes()
    if needed > there:
        raise UsageError(
            f"{layout.program_name(shard)}: {runs:,} {'runs at once take' if runs > 1 else 'run takes'} "
            f"{needed / 2**30:,.1f} GiB of memory, and {there / 2**30:,.1f} GiB are free; train fewer runs in a sweep, "
            f"a smaller width, in float32"
        )


def check_disk(layout: Layout, path: Path) -> None:
    """Refuse a sweep whose store is more than the disk has room for.

    Raises:
        UsageError: It is.
    """
    sweep = layout.sweep
    there = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    needed, free = sum(map(layout.weight_bytes, sweep.shapes)), disk_usage(there).free
    if needed > free:
        raise UsageError(
            f"{path}: the weights take {needed / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free there; keep "
            f"fewer than {sweep.recording.snapshots:,} --snapshots, or choose another --output"
        )


def memory_bytes(layout: Layout, shard: Shard, trainer: Trainer) -> int:
    """Memory that the process takes at most while it trains a shard.

    Besides the trainer: a snapshot in the making, one in the store's writer, its copies for writing and for the commit,
    the snapshots that wait, the chunk of each array that is being filled, and some more of losses.
    """
    growing = layout.growing(shard)
    snapshot = layout.snapshot_bytes(shard) * bool(layout.sizes["snapshot"])
    chunks = sum(array.chunk_bytes for array in growing.values())
    waiting = min(MAX_WAITING_BYTES, 4 * snapshot)
    return PROCESS_BYTES + trainer.memory_bytes() + 4 * snapshot + waiting + 4 * chunks


def available_bytes() -> int:
    """Memory that this process can take: what is free, within what a container or a shell allows it."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file, pattern in ((Path("/proc/meminfo"), r"MemAvailable:\s+(\d+) kB"), (CGROUP_LIMIT, r"(\d+)\s*")):
        try:
            found = re.search(pattern, file.read_text(encoding="ascii"))
        except OSError:  # there is none, as on macOS
            continue
        limits += [int(found[1]) * (1024 if file.name == "meminfo" else 1)] if found else []
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    return min(limits + ([allowed] if allowed != resource.RLIM_INFINITY else []))
