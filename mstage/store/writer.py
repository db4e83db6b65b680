"""A sweep on disk, written while it trains: created whole, committed shard by shard, resumed after a kill.

Whoever trains takes a shard that nobody has. What is written of it becomes valid when its commit is replaced, after the
chunks that the commit speaks of were synced. A kill or a loss of power at any moment therefore leaves either the old
extent or the new one.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from mstage.errors import InputError, UsageError, shown
from mstage.spec import TwoLayer
from mstage.store.chunks import encoded
from mstage.store.commits import Commit, commit_file, read_commit
from mstage.store.disk import Disk
from mstage.store.layout import PACKAGES, STORE_FORMAT, Layout
from mstage.store.locks import StoreLock
from mstage.store.metadata import write_skeleton
from mstage.store.place import check_place, disk_errors, new_folder, remove_store, replace_store
from mstage.store.reader import StoredSweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    import xarray as xr

    from mstage.spec import Sweep
    from mstage.store.shards import Shard

PRNG = "threefry2x32: key(seed) is split into the keys of the output and of the input weights"


class SweepWriter:
    """A store open for writing, together with other processes that train other shards of it.

    Attributes:
        path: The store.
        layout: Its layout.
        disk: Writes it.
    """

    def __init__(self, path: Path, layout: Layout, lock: StoreLock, disk: Disk) -> None:
        """Use `create` or `resume`."""
        self.path, self.layout = path, layout
        self.disk, self._lock = disk, lock
        self._complete: set[Shard] = set()
        self._held: set[Shard] = set()

    @classmethod
    def create(
        cls, path: str | Path, sweep: Sweep, problem: xr.Dataset, overwrite: bool = False, disk: Disk | None = None
    ) -> Self:
        """Make a new store, all of it or nothing.

        Args:
            path: Where; folders above it are made.
            sweep: What will be trained.
            problem: `input (sample, dim)` and `target (sample)`, with attributes that say where they come from.
            overwrite: Whether a sweep that lies there may be replaced.
            disk: Writes it; one that survives a loss of power if None.

        Raises:
            UsageError: Something lies there already.
            InputError: It cannot be written there, or another process is writing it.
        """
        path, disk = Path(path), disk or Disk()
        layout = Layout.of(sweep, *problem["input"].shape)
        about = {
            "mstage": version("mstage"),
            "format": STORE_FORMAT,
            "sweep": sweep.to_dict(),
            "chunks": dict(layout.chunks),
            "versions": {package: version(package) for package in PACKAGES},
            "dtype": sweep.dtype,
            "prng": PRNG if isinstance(sweep.model, TwoLayer) else _prng(layout),
            "problem": dict(problem.attrs),
        }
        check_place(path, overwrite)
        with disk_errors(path, "Nothing was written there. Choose another --output."):
            path.parent.mkdir(parents=True, exist_ok=True)
            place = path.resolve()  # a link to a folder stays one
            new = new_folder(place)
            try:
                lock = StoreLock(new, alone=True)
                write_skeleton(disk, new, layout, {str(name): one.values for name, one in problem.items()}, about)
                replace_store(place, new, disk)
                lock.share()
            except BaseException:
                remove_store(new)
                raise
        return cls(path, layout, lock, disk)

    @classmethod
    def resume(cls, path: str | Path, disk: Disk | None = None) -> Self:
        """Open a store to go on where it stopped.

        Raises:
            InputError: It is no store, is damaged, or another process is replacing it.
            UsageError: It was begun with versions that need not give the same bits.
        """
        store = StoredSweep(path)
        for package in store.sweep.dynamics.packages:
            begun = store.attributes.get("versions", {}).get(package)
            if begun != version(package):
                raise UsageError(
                    f"{path}: was begun with {package} {begun}, this is {version(package)}, which may round "
                    f"otherwise. Install {package}=={begun}, or train it anew with --overwrite."
                )
        with disk_errors(store.path):
            return cls(store.path, store.layout, StoreLock(store.path, alone=False), disk or Disk())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()

    def take(self) -> ShardWriter | None:
        """Take a shard that is not complete and that no other process has; None if there is none.

        Raises:
            InputError: Its commit is damaged.
        """
        for shard in self.layout.shards:
            if shard in self._held or shard in self._complete or self._is_complete(shard):
                continue
            with disk_errors(self.path):
                if not self._lock.take(shard.index):
                    continue
            if not self._is_complete(shard):  # as it may have become before it was taken
                self._held.add(shard)
                return ShardWriter(self, shard, self.commit_of(shard))
            self.release(shard)
        return None

    def release(self, shard: Shard) -> None:
        """Let others at a shard."""
        self._held.discard(shard)
        self._lock.release(shard.index)

    @property
    def is_complete(self) -> bool:
        """Whether all shards are."""
        return all(self._is_complete(shard) for shard in self.layout.shards)

    def commit_of(self, shard: Shard) -> Commit:
        """What is committed of a shard.

        Raises:
            InputError: It is damaged.
        """
        try:
            return read_commit(self.path, self.layout, shard)
        except (ValueError, OSError) as error:
            raise InputError(
                f"{self.path}: the commit of {shard} cannot be read ({shown(error, 200)}); "
                f"the sweep cannot go on. Train it anew with --overwrite."
            ) from None

    def discard(self) -> None:
        """Take the store away again if nothing in it is committed and nobody else is at work there."""
        if self._lock.is_alone() and not any(self.commit_of(shard).records for shard in self.layout.shards):
            remove_store(self.path)

    def _is_complete(self, shard: Shard) -> bool:
        complete = self.commit_of(shard).records == self.layout.sizes["step"]
        if complete:
            self._complete.add(shard)
        return complete


def _prng(layout: Layout) -> str:
    """Where the normals of the weights come from."""
    names = max((layout.weight_names(shape) for shape in layout.sweep.shapes), key=len)
    return f"threefry2x32: key(seed) is split into the keys of {', '.join(names)}, those that a network has"


class ShardWriter:
    """A shard that this process has taken. What is added to it becomes valid by `commit`.

    Attributes:
        shard: Which one.
        committed: What was committed of it when it was taken.
    """

    def __init__(self, writer: SweepWriter, shard: Shard, committed: Commit) -> None:
        """Use `SweepWriter.take`."""
        self.shard, self.committed = shard, committed
        self._writer, self._path, self._layout, self._disk = writer, writer.path, writer.layout, writer.disk
        self._arrays = self._layout.growing(shard)
        self._counts = self._layout.counts(shard, committed.records)
        self._filling: dict[str, np.ndarray] = {}  # the chunk of each array that is not full yet
        for name, rest in committed.rest.items():
            size = self._layout.chunks[self._layout.grows_along(name)]
            self._filling[name] = np.empty((rest.shape[0], size, *rest.shape[2:]), rest.dtype)
            self._filling[name][:, : rest.shape[1]] = rest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._writer.release(self.shard)

    def add(self, values: Mapping[str, np.ndarray]) -> None:
        """Add records or snapshots behind those that there are.

        Args:
            values: `loss` (runs, records), or the weights, each (runs, snapshots, ...).
        """
        for name, one in values.items():
            filling, taken = self._filling[name], 0
            size = filling.shape[1]
            while taken < one.shape[1]:
                chunk, filled = divmod(self._counts[name], size)
                part = one[:, taken : taken + size - filled]
                taken += part.shape[1]
                self._counts[name] += part.shape[1]
                if part.shape[1] < size:  # a whole chunk is not copied
                    filling[:, filled : filled + part.shape[1]] = part
                    part = filling[:, : filled + part.shape[1]]
                if part.shape[1] == size or self._is_whole(name):
                    self._write({name: part}, chunk)

    def commit(self, records: int, outcomes: Mapping[str, np.ndarray], state: Sequence[np.ndarray]) -> None:
        """Make everything before record `records` valid.

        Args:
            records: How many records are complete.
            outcomes: How each run stands, by name, shape (runs,).
            state: What training goes on from at that record.

        Raises:
            RuntimeError: There are not as many records and snapshots.
        """
        if self._counts != self._layout.counts(self.shard, records):
            raise RuntimeError(f"a commit of {records} records, of which {self._counts} are written")
        arrays = self._layout.arrays
        kept = {name: np.asarray(one, arrays[name].dtype) for name, one in outcomes.items()}
        is_complete = records == self._layout.sizes["step"]
        rest = {
            name: chunk[:, : 0 if self._is_whole(name) else self._counts[name] % chunk.shape[1]]
            for name, chunk in self._filling.items()
        }
        commit = Commit(records, kept, rest, () if is_complete else state)
        if is_complete:  # for readers without mstage
            self._write(kept)
        file = commit_file(self._path, self.shard)
        with disk_errors(self._path):
            self._disk.write(file.with_suffix(".partial"), *commit.to_parts())
            self._disk.rename(file.with_suffix(".partial"), file)
            self._disk.sync_folder(file.parent)

    def _is_whole(self, name: str) -> bool:
        """Whether all there will be of an array is there."""
        return self._counts[name] == self._layout.sizes[self._layout.grows_along(name)]

    def _write(self, values: Mapping[str, np.ndarray], along: int = 0) -> None:
        """Write a chunk of some arrays; values lead with the axis of runs."""
        files = {}
        for name, one in values.items():
            array = self._arrays.get(name) or self._layout.arrays[name]
            runs = [n for axis, n in zip(self.shard.values, self.shard.shape, strict=True) if axis in array.dims]
            file = self._path / array.file(self.shard.chunk(array, along))
            files[file] = encoded(array, one.reshape(*runs, *one.shape[1:]))
        with disk_errors(self._path):
            self._disk.write_all(files)
