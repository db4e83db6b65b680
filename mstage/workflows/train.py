"""Train a sweep and keep it: the loop between the compiled trainer and the store."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mstage.errors import InputError, UsageError, shown
from mstage.history import RunStatus
from mstage.simulate.trainer import MAX_SEGMENT_RECORDS
from mstage.simulate.trainers import trainer_of
from mstage.spec import Flow
from mstage.store.disk import Scratch
from mstage.store.layout import Layout
from mstage.store.reader import StoredSweep, open_sweep
from mstage.store.writer import ShardWriter, SweepWriter
from mstage.workflows.estimate import check_disk, check_memory
from mstage.workflows.problems import training_set_of
from mstage.workflows.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mstage.simulate.trainer import Position, Trainer
    from mstage.spec import Sweep
    from mstage.store.shards import Shard
    from mstage.training_set import TrainingSet

CALL_SECONDS = 0.3  # length of one call of the compiled program: how long Ctrl-C and the progress bar wait
COMMIT_SECONDS = 1.0  # how much a kill costs at most; a commit itself takes some ten milliseconds, in the background


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        program: What is in training, as `width 400`.
        runs_done: Runs that have ended, of `runs`.
        runs: Runs of the sweep.
        share: Estimated share of the work done, 0 to 1, what a resumed sweep had done included.
        run_steps: Updates done by this call, summed over the runs.
    """

    program: str
    runs_done: int
    runs: int
    share: float
    run_steps: int


def train(
    sweep: Sweep,
    path: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    before_writing: Callable[[], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    commit_seconds: float = COMMIT_SECONDS,
) -> xr.DataTree:
    """Train the runs of a sweep.

    Args:
        sweep: What to train.
        path: Store to write; None keeps the sweep in memory alone.
        resume: Go on with the sweep in the store, which has to be this one.
        overwrite: Replace a sweep that lies there.
        before_writing: Called when all has been checked and before anything is written.
        progress: Called before the first step of a shard and between calls of the compiled program. It may raise to end
            training; the store can then be resumed.
        commit_seconds: Time between two commits.

    Returns:
        The sweep, as `open_sweep` reads it.

    Raises:
        UsageError: The sweep cannot be trained, or does not fit what lies at `path`.
        InputError: A table or the store cannot be read or written.

    Example:
        >>> tree = train(Sweep(TwoLayer(width=50), until=20.0))
        >>> tree.loss.sizes["step"]
        201
    """
    if path is None:
        with TemporaryDirectory() as folder:
            dataset = training_set_of(sweep.problem)
            check_memory(Layout.of(sweep, *dataset.input.shape), dataset)
            writer = SweepWriter.create(Path(folder) / "sweep", sweep, _problem(dataset), disk=Scratch())
            return _trained(writer, dataset, progress, commit_seconds).load()
    path = Path(path)
    if resume and overwrite:
        raise UsageError("both --resume and --overwrite are given; go on with the sweep or replace it")
    if resume:
        store = StoredSweep(path)
        if store.sweep.to_dict() != sweep.to_dict():
            raise UsageError(f"{path}: holds another sweep than this one. Give --resume --output {path} alone.")
        dataset, layout = store.training_set(), store.layout
    else:
        dataset = training_set_of(sweep.problem)
        layout = Layout.of(sweep, *dataset.input.shape)
    check_memory(layout, dataset)  # and whatever else cannot be trained is refused before anything is written
    if not resume:
        check_disk(layout, path)
    if before_writing is not None:
        before_writing()
    writer = SweepWriter.resume(path) if resume else SweepWriter.create(path, sweep, _problem(dataset), overwrite)
    return _trained(writer, dataset, progress, commit_seconds)


def _trained(
    writer: SweepWriter, dataset: TrainingSet, progress: Callable[[Progress], None] | None, commit_seconds: float
) -> xr.DataTree:
    """Train what nobody has trained or is training, shard by shard, and read it.

    Raises:
        InputError: Others are training all that is left.
    """
    with writer:
        account = _Account(writer, progress)
        try:
            while (shard := writer.take()) is not None:
                with shard, WriteBehind() as behind:
                    _train_shard(writer, shard, behind, dataset, account, commit_seconds)
        except MemoryError:  # there is no going on with a sweep that does not fit
            writer.discard()
            raise
        if not account.has_begun and not writer.is_complete:
            raise InputError(
                f"{writer.path}: another process is training it, and all that is left is in its hands. Wait for it; if "
                f"it ends before all is done, go on with --resume."
            )
    return open_sweep(writer.path)


def _train_shard(
    writer: SweepWriter, shard: ShardWriter, behind: WriteBehind, dataset: TrainingSet, account: _Account,
    commit_seconds: float,
) -> None:  # fmt: skip
    """Train one shard from what is committed of it to its end."""
    sweep = writer.layout.sweep
    trainer = trainer_of(sweep, dataset, shard.shard.program(sweep), shard.shard.runs_of(sweep))
    committed, total = shard.committed.records, trainer.record_steps.size
    account.begin(shard.shard)
    position = _restored(writer, trainer, shard) if committed else trainer.start()
    account.start_from(trainer.ends(position))
    owed = deque(record for record in writer.layout.snapshot_records if record >= committed)
    pace, last_commit = _Pace(), time.monotonic()
    while position.record < total:
        if owed and position.step == trainer.record_steps[owed[0]]:
            weights = trainer.weights(position)
            behind.do(shard.add, {name: one[:, None] for name, one in weights.items()})
            owed.popleft()
        stop = min(position.record + MAX_SEGMENT_RECORDS, total, *list(owed)[:1])
        before = position.work, position.step, position.record
        position, losses = trainer.advance(position, stop, pace.steps)
        pace.measured(position.work - before[0])
        account.report(position.step, trainer.ends(position))
        behind.do(shard.add, {"loss": losses})
        # A call can end between two records, where nothing can be committed.
        at_record = position.record == total or position.step == trainer.record_steps[position.record]
        has_moved = (position.step, position.record) != before[1:]
        due = position.record == total or time.monotonic() - last_commit >= commit_seconds
        if at_record and has_moved and due:
            behind.finish()  # a disk that is slower than the trainer is not to fill the memory with states
            state = _kept(trainer.leaves(position)) if position.record < total else []
            behind.do(shard.commit, position.record, trainer.ends(position), state)
            last_commit = time.monotonic()
    behind.finish()
    account.finish(trainer.ends(position))


def _kept(leaves: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arrays that stay what they are when the next call takes the memory of those that are JAX's."""
    return [leaf if leaf.flags.owndata else leaf.copy() for leaf in leaves]


def _restored(writer: SweepWriter, trainer: Trainer, shard: ShardWriter) -> Position:
    try:
        position: Position = trainer.restore(shard.committed.records, shard.committed.state)
    except ValueError as error:
        raise InputError(
            f"{writer.path}: {shard.shard} cannot go on ({shown(error, 200)}). Train it anew with --overwrite."
        ) from None
    return position


class _Pace:
    """Chooses how many steps a call of the compiled program takes, so that it lasts about `CALL_SECONDS`."""

    def __init__(self) -> None:
        self.steps = 16
        self._last = time.monotonic()

    def measured(self, steps: int) -> None:
        now = time.monotonic()
        rate = max(steps, 1) / max(now - self._last, 1e-6)
        self.steps = int(min(max(rate * CALL_SECONDS, 1), 4 * self.steps))
        self._last = now


class _Account:
    """Counts what is done, for whoever watches."""

    def __init__(self, writer: SweepWriter, progress: Callable[[Progress], None] | None) -> None:
        self.has_begun = False
        self._layout, self._sweep = writer.layout, writer.layout.sweep
        self._progress = progress
        self._steps = self._sweep.loss_steps
        self._shares: dict[Shard, float] = {}
        self._runs_done = 0
        for shard in writer.layout.shards:
            records = writer.commit_of(shard).records
            self._shares[shard] = self._share_at(self._steps[min(records, len(self._steps) - 1)])
            self._runs_done += shard.run_count if records == len(self._steps) else 0
        self._costs = {shard: shard.run_count * writer.layout.step_cost(shard) for shard in self._shares}
        self._run_steps = 0

    def begin(self, shard: Shard) -> None:
        """Say that a shard is next."""
        self.has_begun, self._shard, self._program = True, shard, self._layout.program_name(shard)
        self._say(self._runs_done, self._run_steps)

    def start_from(self, ends: Mapping[str, np.ndarray]) -> None:
        """Take note of what its runs have behind them."""
        self._begun_at = self._taken(ends)

    def report(self, step: int, ends: Mapping[str, np.ndarray]) -> None:
        """Say that it is at a step."""
        self._shares[self._shard] = self._share_at(step)
        ended = int((ends["status"] != RunStatus.RUNNING).sum())
        self._say(self._runs_done + ended, self._run_steps + self._taken(ends) - self._begun_at)

    def finish(self, ends: Mapping[str, np.ndarray]) -> None:
        """Say that it is through."""
        self._runs_done += self._shard.run_count
        self._run_steps += self._taken(ends) - self._begun_at

    def _say(self, runs_done: int, run_steps: int) -> None:
        if self._progress is not None:
            share = sum(self._costs[shard] * done for shard, done in self._shares.items()) / sum(self._costs.values())
            self._progress(Progress(self._program, runs_done, self._sweep.run_count, share, run_steps))

    def _share_at(self, step: int) -> float:
        """The share of its work that a shard has behind it: a flow takes most of its steps early."""
        if isinstance(self._sweep.dynamics, Flow):
            return bisect_left(self._steps, step) / len(self._steps)
        return min(step / self._steps[-1], 1.0)

    @staticmethod
    def _taken(ends: Mapping[str, np.ndarray]) -> int:
        return int(ends.get("factorisations", ends["last_step"]).sum())


def _problem(dataset: TrainingSet) -> xr.Dataset:
    samples = {"input": (("sample", "dim"), dataset.input), "target": ("sample", dataset.target)}
    return xr.Dataset(samples, attrs=dataset.about)
