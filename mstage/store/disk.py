"""How is a file written so that it survives a loss of power?

A file is on the disk when it was synced, and its name when the folder was; a rename replaces one file by another as a
whole. Everything that writes to a store does so through a `Disk`, so that a test can keep an account of it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mstage.store.chunks import Buffer

SYNCS_AT_ONCE = 16  # the system makes those safe together that are waited for at the same time


class Disk:
    """Writes files and folders."""

    def write(self, file: Path, *parts: Buffer) -> None:
        """Write a whole file, and sync it; its name is not safe before its folder is synced."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            for part in parts:
                left = memoryview(part) if isinstance(part, bytes) else part.data
                while left:
                    left = left[os.write(descriptor, left) :]
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def write_all(self, files: Mapping[Path, Sequence[Buffer]]) -> None:
        """Write whole files, and make them and their names safe."""
        if len(files) == 1:  # as nearly always: threads would cost more than they save
            ((file, parts),) = files.items()
            self.write(file, *parts)
            self.sync_folder(file.parent)
            return
        with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
            list(pool.map(lambda file: self.write(file, *files[file]), files))
            list(pool.map(self.sync_folder, {file.parent for file in files}))

    def new_folder(self, folder: Path) -> None:
        """Make a folder; its name is not safe before the one above is synced."""
        folder.mkdir()

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or a folder another name, in the place of a file that has it."""
        old.rename(new)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder safe."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """Make what was written safe."""
        os.fsync(descriptor)


class Scratch(Disk):
    """Writes what nobody needs after this process."""

    def sync(self, descriptor: int) -> None:
        """Leave it to the system."""
