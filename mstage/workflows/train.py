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
from mstage.simulate.trainers import trainer_of
from mstage.spec import Flow
from mstage.store.reader import open_sweep, stored_problem, stored_sweep
from mstage.store.writer import SweepWriter
from mstage.training_set import TrainingSet
from mstage.workflows.estimate import check_disk, check_memory
from mstage.workflows.problems import training_set_of
from mstage.workflows.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.trainer import Position, Trainer
    from mstage.spec import Sweep

CALL_SECONDS = 0.3  # length of one call of the compiled program: how long Ctrl-C and the progress bar wait
COMMIT_SECONDS = 2.0  # how much a kill costs at most; a commit itself takes some milliseconds


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        width: The width in training.
        runs_done: Runs that have ended, of `runs`.
        runs: Runs of the sweep.
        share: Estimated share of the work done, 0 to 1, what a resumed sweep had done included.
        run_steps: Updates done by this call, summed over the runs.
    """

    width: int
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
        progress: Called before the first step of a width and between chunks. It may raise to end training; the store
            can then be resumed.
        commit_seconds: Time between two commits.

    Returns:
        The sweep, as `open_sweep` reads it.

    Raises:
        UsageError: The sweep cannot be trained, or does not fit what lies at `path`.
        InputError: A table or the store cannot be read or written.

    Example:
        >>> tree = train(Sweep(TwoLayer(width=50), until=20.0))
        >>> tree["width_50"].loss.sizes["step"]
        201
    """
    if path is None:
        with TemporaryDirectory() as folder:
            return train(sweep, Path(folder) / "sweep", progress=progress, commit_seconds=commit_seconds).load()
    path = Path(path)
    if resume and overwrite:
        raise UsageError("both --resume and --overwrite are given; go on with the sweep or replace it")
    if resume:
        if stored_sweep(path).to_dict() != sweep.to_dict():
            raise UsageError(f"{path}: holds another sweep than this one. Give --resume --output {path} alone.")
        dataset = _dataset(stored_problem(path))
    else:
        dataset = training_set_of(sweep.problem)
    check_memory(sweep, dataset)  # and whatever else cannot be trained is refused before anything is written
    if not resume:
        check_disk(sweep, dataset.input.shape[1], path)
    if before_writing is not None:
        before_writing()
    writer = SweepWriter.resume(path) if resume else SweepWriter.create(path, sweep, _problem(dataset), overwrite)
    with writer:
        _train_widths(writer, dataset, _Account(sweep, writer, progress), commit_seconds)
    return open_sweep(path)


def _train_widths(writer: SweepWriter, dataset: TrainingSet, account: _Account, commit_seconds: float) -> None:
    """Train what is not yet trained, width by width."""
    try:
        for width in map(int, writer.sweep.axes["width"]):
            if not writer.is_complete(width):
                with WriteBehind() as behind:
                    trainer = trainer_of(writer.sweep, dataset, {"width": width})
                    _train_width(writer, behind, trainer, width, account, commit_seconds)
    except MemoryError:  # there is no going on with a sweep that does not fit
        writer.discard()
        raise


def _train_width(
    writer: SweepWriter, behind: WriteBehind, trainer: Trainer, width: int, account: _Account, commit_seconds: float
) -> None:
    """Train one width from its committed extent to its end."""
    committed, total = writer.committed(width), trainer.record_steps.size
    account.begin(width)
    position = _restored(writer, trainer, width, committed) if committed else trainer.start()
    account.start_from(width, trainer.ends(position))
    owed = deque(range(writer.snapshots_before(committed), len(writer.snapshot_records)))
    pace, last_commit = _Pace(), time.monotonic()
    while position.record < total:
        first, parts = position.record, []
        end = min(first + writer.chunk_records, total)
        # A call can end anywhere, also between two records; a chunk ends at the step of the record that comes next.
        while position.record < end or (end < total and position.step < trainer.record_steps[end]):
            if owed and position.step == trainer.record_steps[writer.snapshot_records[owed[0]]]:
                behind.do(writer.write_snapshot, width, owed.popleft(), trainer.weights(position))
            start, stop = position.work, min(end, writer.snapshot_records[owed[0]]) if owed else end
            position, losses = trainer.advance(position, stop, pace.steps)
            pace.measured(position.work - start)
            parts.append(losses)
            account.report(width, position.step, trainer.ends(position))
        behind.do(writer.write_losses, width, first, np.concatenate(parts, axis=1))
        if position.record == total or time.monotonic() - last_commit >= commit_seconds:
            behind.finish()
            writer.commit(width, position.record, trainer.ends(position), trainer.leaves(position))
            last_commit = time.monotonic()
    account.finished(width, trainer.ends(position))


def _restored(writer: SweepWriter, trainer: Trainer, width: int, record: int) -> Position:
    try:
        position: Position = trainer.restore(record, writer.checkpoint(width))
    except ValueError as error:
        raise InputError(
            f"{writer.path}: width {width} cannot go on ({shown(error, 200)}). Train it anew with --overwrite."
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

    def __init__(self, sweep: Sweep, writer: SweepWriter, progress: Callable[[Progress], None] | None) -> None:
        self._sweep = sweep
        self._progress = progress
        self._runs_each = sweep.run_count // len(sweep.axes["width"])
        self._steps = sweep.loss_steps
        widths = [int(width) for width in sweep.axes["width"]]
        self._cost = {width: width + 64 for width in widths}  # of a step: the arrays, and what every step costs
        last = len(self._steps) - 1
        self._share = {width: self._share_at(self._steps[min(writer.committed(width), last)]) for width in widths}
        self._begun = dict.fromkeys(widths, 0)
        self._runs_done = self._runs_each * sum(writer.is_complete(width) for width in widths)
        self._run_steps = 0

    def begin(self, width: int) -> None:
        """Say that a width is next."""
        self._say(width, self._runs_done, self._run_steps)

    def start_from(self, width: int, ends: dict[str, np.ndarray]) -> None:
        """Take note of what runs have behind them."""
        self._begun[width] = self._taken(ends)

    def report(self, width: int, step: int, ends: dict[str, np.ndarray]) -> None:
        """Say that a width is at a step."""
        self._share[width] = self._share_at(step)
        ended = int((ends["status"] != RunStatus.RUNNING).sum())
        self._say(width, self._runs_done + ended, self._run_steps + self._updates(width, ends))

    def finished(self, width: int, ends: dict[str, np.ndarray]) -> None:
        """Say that a width is through."""
        self._runs_done += self._runs_each
        self._run_steps += self._updates(width, ends)

    def _say(self, width: int, runs_done: int, run_steps: int) -> None:
        if self._progress is not None:
            share = sum(self._cost[w] * done for w, done in self._share.items()) / sum(self._cost.values())
            self._progress(Progress(width, runs_done, self._sweep.run_count, share, run_steps))

    def _share_at(self, step: int) -> float:
        """The share of its work that a width has behind it: a flow takes most of its steps early."""
        if isinstance(self._sweep.dynamics, Flow):
            return bisect_left(self._steps, step) / len(self._steps)
        return min(step / self._steps[-1], 1.0)

    def _updates(self, width: int, ends: dict[str, np.ndarray]) -> int:
        return self._taken(ends) - self._begun[width]

    @staticmethod
    def _taken(ends: dict[str, np.ndarray]) -> int:
        return int(ends.get("factorisations", ends["last_step"]).sum())


def _problem(dataset: TrainingSet) -> xr.Dataset:
    return xr.Dataset(
        {"input": (("sample", "dim"), dataset.input), "target": ("sample", dataset.target)},
        attrs={
            "name": dataset.name,
            "input_names": list(dataset.input_names),
            "target_name": dataset.target_name,
        }
        | ({"preparation": dataset.preparation} if dataset.preparation else {}),
    )


def _dataset(problem: xr.Dataset) -> TrainingSet:
    return TrainingSet(
        name=problem.attrs["name"],
        input=problem["input"].values,
        target=problem["target"].values,
        input_names=tuple(problem.attrs["input_names"]),
        target_name=problem.attrs["target_name"],
        preparation=problem.attrs.get("preparation", ""),
    )
