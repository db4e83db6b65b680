"""A sweep on disk, written while it trains: created whole, committed piece by piece, resumed after a kill.

What is written becomes valid by one atomic replacement of `committed_records`, after the data it speaks of and the
checkpoint that training goes on from. A kill at any moment therefore leaves either the old extent or the new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
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
from mstage.store.reader import is_store, read_attributes, sweep_from_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    import xarray as xr

    from mstage.spec import Sweep

KEPT = "What was committed before is kept; make it writable, then go on with --resume."
DECIDING_PACKAGES = {
    "descent": ("jax", "jaxlib", "optax"),
    "flow": ("jax", "jaxlib", "diffrax"),
}  # those whose version can change the bits of a run


class SweepWriter:
    """A store open for writing, locked against every other process until it is closed.

    Attributes:
        path: The store.
        sweep: Its spec.
        chunk_records: Records of a chunk of losses. Losses are written by whole chunks, so no chunk that is committed
            is ever written again.
    """

    def __init__(self, path: Path, sweep: Sweep, lock: int) -> None:
        """Use `create` or `resume`."""
        self.path = path
        self.sweep = sweep
        self.chunk_records = chunk_records(sweep)
        self._lock = lock
        self._root = zarr.open_group(path, mode="r+", use_consolidated=False)
        self._opened: dict[tuple[int, str], Any] = {}

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
        _check_place(path, overwrite)
        new = path.with_name(f".{path.name}.new-{os.getpid()}")
        with _disk_errors(path, "Nothing was written there. Choose another --output."):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(new, ignore_errors=True)
            try:
                write_skeleton(new, sweep, problem)
                lock = _lock(new)
                if is_store(path):
                    _replace(path, new)
                else:
                    new.rename(path)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
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
        for package in DECIDING_PACKAGES[sweep.dynamics]:
            begun = attributes.get("versions", {}).get(package)
            if begun != version(package):
                raise UsageError(
                    f"{path}: was begun with {package} {begun}, this is {version(package)}, which may round "
                    f"otherwise. Install {package}=={begun}, or train it anew with --overwrite."
                )
        with _disk_errors(path):
            lock = _lock(path)
            return cls(path, sweep, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def committed(self, width: int) -> int:
        """How many records of a width are complete."""
        return int(self._array(width, "committed_records")[()])

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
        with _disk_errors(self.path):
            array = self._array(width, "loss")
            array[..., first : first + losses.shape[1]] = losses.reshape((*array.shape[:-1], -1))

    def write_snapshot(self, width: int, index: int, weights: dict[str, np.ndarray]) -> None:
        """Write the weights of one snapshot, each leading with the axis of runs; not trusted before `commit`."""
        with _disk_errors(self.path):
            for name, values in weights.items():
                array = self._array(width, name)
                axes = array.ndim - values.ndim  # of the runs
                array[(*[slice(None)] * axes, index)] = values.reshape((*array.shape[:axes], *values.shape[1:]))

    def commit(self, width: int, records: int, ends: dict[str, np.ndarray], checkpoint: Sequence[np.ndarray]) -> None:
        """Make everything before record `records` valid.

        Args:
            width: Whose.
            records: How many records are complete.
            ends: `status`, `last_step` and `final_loss` of every run, and the statistics of a flow, shape (runs,).
            checkpoint: What training goes on from at that record.
        """
        with _disk_errors(self.path):
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
        if not any(self.committed(width) for width in self.sweep.width):
            shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Let others at the store; tidy up if it is complete."""
        if self.path.exists() and all(self.is_complete(width) for width in self.sweep.width):
            shutil.rmtree(self.path / STATE_FOLDER, ignore_errors=True)
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


def _check_place(path: Path, overwrite: bool) -> None:
    """Refuse to write over what is there.

    Raises:
        UsageError: A sweep lies there and may not be replaced.
        InputError: Something else lies there, which is never replaced.
    """
    if is_store(path):
        if not overwrite:
            raise UsageError(
                f"{path}: a sweep lies there already. Go on with it (--resume) or replace it (--overwrite)."
            )
    elif path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: the folder holds something else and is left alone. Choose another --output.")
    elif path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file and is left alone. Choose another --output.")


def _replace(path: Path, new: Path) -> None:
    """Put the new store in the place of the old one."""
    (path / STATE_FOLDER).mkdir(exist_ok=True)
    lock = _lock(path)
    old = path.with_name(f".{path.name}.old-{os.getpid()}")
    try:
        path.rename(old)
        new.rename(path)
    finally:
        os.close(lock)
    shutil.rmtree(old, ignore_errors=True)


def _lock(path: Path) -> int:
    """Lock a store for this process; the lock goes when the file is closed, also by a kill.

    Raises:
        InputError: Another process holds it.
    """
    (path / STATE_FOLDER).mkdir(exist_ok=True)
    file = path / STATE_FOLDER / "lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino != file.stat().st_ino:  # its holder has tidied it away in between
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise InputError(f"{path}: another process is training it. Wait for it, or choose another --output.") from None
    return descriptor


@contextmanager
def _disk_errors(path: Path, way_out: str = KEPT) -> Iterator[None]:
    """Turn what the operating system says of a write into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}). {way_out}") from error
