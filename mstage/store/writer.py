"""A sweep on disk, written while it trains: created whole, committed piece by piece, resumed after a kill.

What is written becomes valid by one atomic replacement of `committed_records`, after the data it speaks of and the
checkpoint that training goes on from. A kill at any moment therefore leaves either the old extent or the new one.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile

import numpy as np
import zarr

from mstage.errors import InputError, UsageError, shown
from mstage.store.layout import (
    MISSING_MEANS_DAMAGE,
    STATE_FOLDER,
    chunk_records,
    group_name,
    write_skeleton,
)
from mstage.store.place import (
    check_place,
    disk_errors,
    lock_store,
    new_folder,
    remove_partial_files,
    remove_state,
    remove_store,
    replace_store,
)
from mstage.store.reader import read_attributes, sweep_from_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import xarray as xr

    from mstage.spec import Sweep


class SweepWriter:
    """A store open for writing, locked against every other process until it is closed.

    Attributes:
        path: The store.
        sweep: Its spec.
        chunk_records: Records of a chunk of losses. Losses are written by whole chunks, so no chunk that is committed
            is ever written again.
        snapshot_records: The record at whose step each snapshot is taken, before that record is.
    """

    def __init__(self, path: Path, sweep: Sweep, lock: int) -> None:
        """Use `create` or `resume`."""
        self.path = path
        self.sweep = sweep
        self.chunk_records = chunk_records(sweep)
        self.snapshot_records: list[int] = np.searchsorted(sweep.loss_steps, sweep.snapshot_steps).tolist()
        self._lock = lock
        self._root = zarr.open_group(path, mode="r+", use_consolidated=False)
        self._opened: dict[tuple[int, str], Any] = {}
        self._written = {width: _Extent.of(self, self.committed(width)) for width in map(int, sweep.axes["width"])}

    @classmethod
    def create(cls, path: str | Path, sweep: Sweep, problem: xr.Dataset, overwrite: bool = False) -> Self:
        """Make a new store, all of it or nothing.

        Args:
            path: Where; folders above it are made.
            sweep: What will be trained.
            problem: `input (sample, dim)` and `target (sample)`, with attributes that say where they come from.
            overwrite: Whether a sweep that lies there may be replaced.

        Raises:
            UsageError: Something lies there already.
            InputError: It cannot be written there, or another process is writing it.
        """
        path = Path(path)
        check_place(path, overwrite)
        with disk_errors(path, "Nothing was written there. Choose another --output."):
            path.parent.mkdir(parents=True, exist_ok=True)
            place = path.resolve()  # a link to a folder stays one
            new = new_folder(place)
            try:
                lock = lock_store(new)
                write_skeleton(new, sweep, problem)
                replace_store(place, new)
            except BaseException:
                remove_store(new)
                raise
        return cls(path, sweep, lock)

    @classmethod
    def resume(cls, path: str | Path) -> Self:
        """Open a store to go on where it stopped.

        Raises:
            InputError: It is no store, is damaged, or another process is writing it.
            UsageError: It was begun with versions that need not give the same bits.
        """
        path = Path(path)
        attributes = read_attributes(path)
        sweep = sweep_from_attributes(path, attributes)
        for package in sweep.dynamics.packages:
            begun = attributes.get("versions", {}).get(package)
            if begun != version(package):
                raise UsageError(
                    f"{path}: was begun with {package} {begun}, this is {version(package)}, which may round "
                    f"otherwise. Install {package}=={begun}, or train it anew with --overwrite."
                )
        with disk_errors(path):
            lock = lock_store(path)
            remove_partial_files(path)
            return cls(path, sweep, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def committed(self, width: int) -> int:
        """How many records of a width are complete."""
        return int(self._array(width, "committed_records")[()])

    def snapshots_before(self, record: int) -> int:
        """How many snapshots are taken before a record comes next."""
        return bisect_left(self.snapshot_records, record)

    def is_complete(self, width: int) -> bool:
        """Whether all the records of a width are there."""
        return self.committed(width) == int(self._array(width, "step").shape[0])

    def write_losses(self, width: int, first: int, losses: np.ndarray) -> None:
        """Write records from `first` on, a multiple of `chunk_records`; not trusted before `commit`.

        Args:
            width: Whose.
            first: Index of the first record.
            losses: Shape (runs, records); whole chunks, or up to the last record.
        """
        with disk_errors(self.path):
            array = self._array(width, "loss")
            array[..., first : first + losses.shape[1]] = losses.reshape((*array.shape[:-1], -1))
        self._written[width].add_records(first, losses.shape[1])

    def write_snapshot(self, width: int, index: int, weights: dict[str, np.ndarray]) -> None:
        """Write the weights of one snapshot, each leading with the axis of runs; not trusted before `commit`."""
        with disk_errors(self.path):
            for name, values in weights.items():
                array = self._array(width, name)
                axes = array.ndim - values.ndim  # of the runs
                array[(*[slice(None)] * axes, index)] = values.reshape((*array.shape[:axes], *values.shape[1:]))
        self._written[width].add_snapshot(index)

    def commit(self, width: int, records: int, ends: dict[str, np.ndarray], checkpoint: Sequence[np.ndarray]) -> None:
        """Make everything before record `records` valid.

        Args:
            width: Whose.
            records: How many records are complete.
            ends: `status`, `last_step` and `final_loss` of every run, and the statistics of a flow, shape (runs,).
            checkpoint: What training goes on from at that record.

        Raises:
            RuntimeError: A record or a snapshot before it was never written.
        """
        self._written[width].check(records, self.snapshots_before(records))
        with disk_errors(self.path):
            before = self.committed(width)
            if records < self._array(width, "step").shape[0]:
                self._write_checkpoint(width, records, checkpoint)
            for name, values in ends.items():
                array = self._array(width, name)
                array[...] = values.reshape(array.shape).astype(array.dtype)
            self._array(width, "committed_records")[...] = records
            self._checkpoint_file(width, before).unlink(missing_ok=True)

    def checkpoint(self, width: int) -> list[np.ndarray]:
        """What training goes on from at the committed extent.

        Raises:
            InputError: It is missing or cut short.
        """
        file = self._checkpoint_file(width, self.committed(width))
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return [arrays[f"leaf_{k}"] for k in range(len(arrays.files))]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InputError(
                f"{self.path}: the checkpoint of width {width} cannot be read ({shown(error, 200)}); "
                f"the sweep cannot go on. Train it anew with --overwrite."
            ) from None

    def discard(self) -> None:
        """Take the store away again if nothing in it is committed."""
        if not any(self.committed(width) for width in map(int, self.sweep.axes["width"])):
            remove_store(self.path)

    def close(self) -> None:
        """Let others at the store; tidy up if it is complete."""
        if self.path.exists() and all(self.is_complete(width) for width in map(int, self.sweep.axes["width"])):
            remove_state(self.path)
        os.close(self._lock)

    def _array(self, width: int, name: str) -> Any:
        """An array of a width; opened once, for to open it takes longer than to write a chunk."""
        if (width, name) not in self._opened:
            self._opened[width, name] = self._open(width, name)
        return self._opened[width, name]

    def _open(self, width: int, name: str) -> Any:
        with zarr.config.set({f"array.{key}": value for key, value in MISSING_MEANS_DAMAGE.items()}):
            return self._root[f"{group_name(width)}/{name}"]

    def _checkpoint_file(self, width: int, records: int) -> Path:
        return self.path / STATE_FOLDER / f"{group_name(width)}-record_{records}.npz"

    def _write_checkpoint(self, width: int, records: int, leaves: Sequence[np.ndarray]) -> None:
        file = self._checkpoint_file(width, records)
        partial = file.with_suffix(".partial")
        with partial.open("wb") as stream:
            np.savez(stream, **{f"leaf_{k}": leaf for k, leaf in enumerate(leaves)})  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)


@dataclass
class _Extent:
    """How many records and snapshots of a width are written, from the first on and without a gap."""

    records: int
    snapshots: int

    @classmethod
    def of(cls, writer: SweepWriter, committed: int) -> Self:
        """What is committed."""
        return cls(committed, writer.snapshots_before(committed))

    def add_records(self, first: int, count: int) -> None:
        """Take note of records; those behind a gap do not count."""
        if first <= self.records:
            self.records = max(self.records, first + count)

    def add_snapshot(self, index: int) -> None:
        """Take note of a snapshot; one behind a gap does not count."""
        if index <= self.snapshots:
            self.snapshots = max(self.snapshots, index + 1)

    def check(self, records: int, snapshots: int) -> None:
        """Refuse to commit what is not there.

        Raises:
            RuntimeError: There is less.
        """
        if self.records < records or self.snapshots < snapshots:
            raise RuntimeError(
                f"a commit of {records} records and {snapshots} snapshots, of which {self.records} and "
                f"{self.snapshots} are written"
            )
