"""Who may write to a store? Any number of processes that train different shards of it, or one that replaces it.

The locks are POSIX record locks on one file, which work between machines that share a file system and go with the
process that holds them, also by a kill. Whoever trains shares its first byte; whoever makes or replaces the store has
that byte alone. Each shard has a byte of its own. A process loses all its locks on a file as soon as it closes any
descriptor of it, so a process opens a store for writing once.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from mstage.errors import InputError
from mstage.store.layout import STATE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_OPENED: set[tuple[int, int]] = set()  # lock files that this process has open, by device and inode


class StoreLock:
    """The locks that this process holds on a store.

    Raises:
        InputError: Another process, or another part of this one, is at work there.
    """

    def __init__(self, path: Path, *, alone: bool) -> None:
        (path / STATE_FOLDER).mkdir(exist_ok=True)
        file = path / STATE_FOLDER / "lock"
        busy = InputError(f"{path}: another process is training it. Wait for it, or choose another --output.")
        if file.exists() and _identity(file.stat()) in _OPENED:
            raise busy
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        self._file = _identity(os.fstat(self._descriptor))
        try:
            taken = self._take(0, shared=not alone) and _identity(file.stat()) == self._file  # not replaced meanwhile
        except OSError:
            os.close(self._descriptor)
            raise
        if not taken:
            os.close(self._descriptor)
            raise busy
        _OPENED.add(self._file)

    def share(self) -> None:
        """Let others train, too."""
        self._take(0, shared=True)

    def is_alone(self) -> bool:
        """Whether nobody else is at work there; nobody else can begin then."""
        return self._take(0, shared=False)

    def take(self, shard: int) -> bool:
        """Take a shard; False if another process has it."""
        return self._take(1 + shard, shared=False)

    def release(self, shard: int) -> None:
        """Let others at a shard."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, 1 + shard)

    def close(self) -> None:
        """Let others at all of it."""
        _OPENED.discard(self._file)
        os.close(self._descriptor)

    def _take(self, byte: int, *, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.lockf(self._descriptor, kind | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):  # as systems call it
            return False
        return True


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
