"""The place where a store lies: who may write there, what of it is mstage's own, and how one store replaces another.

Nothing is ever deleted but files whose names a store can have. A store is made beside its place, locked from its first
file on, and takes the place by a rename; what a kill leaves of that is swept up by whoever makes the next one there.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mstage.errors import InputError, UsageError, listed, shown
from mstage.store.layout import is_store_file
from mstage.store.locks import StoreLock
from mstage.store.reader import is_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mstage.store.disk import Disk

KEPT = "What was committed before is kept; make it writable, then go on with --resume."
NAMES_TOLD = 3


def check_place(path: Path, overwrite: bool) -> None:
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
        if path.resolve() == Path.cwd():
            raise UsageError(f"{path}: a sweep cannot be replaced from within its folder. Run this from another one.")
        _check_own(path)
    elif path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: the folder holds something else and is left alone. Choose another --output.")
    elif path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file and is left alone. Choose another --output.")


def replace_store(path: Path, new: Path, disk: Disk) -> None:
    """Put a new store in the place of what is there: nothing, an empty folder or another store.

    Raises:
        InputError: Another process is training the old store, or there is something in it that no sweep writes.
    """
    old: Path | None = None
    if not path.exists():
        disk.rename(new, path)
    elif not is_store(path):  # an empty folder, perhaps the one that somebody stands in: it stays the same folder
        for file in sorted(new.iterdir(), key=lambda file: file.name == "zarr.json"):  # which makes it a store, last
            disk.rename(file, path / file.name)
            disk.sync_folder(path)
        new.rmdir()
    else:
        old = _beside(path, "old")
        lock = StoreLock(path, alone=True)
        try:
            _check_own(path)
            disk.rename(path, old)
            disk.rename(new, path)
        finally:
            lock.close()
    disk.sync_folder(path.absolute().parent)
    if old is not None:
        remove_store(old)


def new_folder(path: Path) -> Path:
    """An empty folder beside a place, for the store that is to lie there; what killed processes left is removed."""
    for left in path.parent.glob(f".{escape(path.name)}.*-*"):
        if re.fullmatch(rf"\.{re.escape(path.name)}\.(new|old)-\d+", left.name) and left.is_dir():
            try:
                lock = StoreLock(left, alone=True)
            except (InputError, OSError):  # somebody is at it, or it is not ours to change
                continue
            lock.close()
            remove_store(left)
    new = _beside(path, "new")
    new.mkdir()
    return new


def remove_store(path: Path) -> None:
    """Delete what a store consists of; a folder in which something else is left stays."""
    for file in _files(path):
        if _is_own(path, file):
            file.unlink(missing_ok=True)
    for folder, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):  # something is left in it
            Path(folder).rmdir()


@contextmanager
def disk_errors(path: Path, way_out: str = KEPT) -> Iterator[None]:
    """Turn what the operating system says of a write into one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}). {way_out}") from error


def _check_own(path: Path) -> None:
    """Refuse to replace a store whose folder holds what no sweep writes.

    Raises:
        InputError: It does.
    """
    foreign = sorted(str(file.relative_to(path)) for file in _files(path) if not _is_own(path, file))
    if foreign:
        names = listed([f"`{shown(name)}`" for name in foreign[:NAMES_TOLD]], len(foreign))
        raise InputError(
            f"{path}: holds {names}, which no sweep writes, so nothing is replaced. Move that away, or choose another "
            f"--output."
        )


def _is_own(path: Path, file: Path) -> bool:
    """Whether a file has a name that one of a store can have."""
    return is_store_file(file.relative_to(path).as_posix())


def _files(path: Path) -> Iterator[Path]:
    """All that is no plain folder below a path; a link to one is such a file."""
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        yield from (here / name for name in names)
        yield from (here / name for name in folders if (here / name).is_symlink())


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.{what}-{os.getpid()}")
