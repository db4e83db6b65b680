"""Which runs does a folder of TensorBoard hold, and what does a single event file?

Every folder below with event files is a run, named by its path. Its files, in the order of their names, are one log: a
resumed training writes a further file.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mstage.errors import InputError, shown
from mstage.outside import open_file
from mstage.readers.logs.log import Log, check_size
from mstage.readers.logs.source_bytes import SourceBytes, named, read_source, unpacked, unreadable
from mstage.readers.logs.tensorboard import EventReader, is_event_file
from mstage.readers.signatures import GZIP

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES = 20_000  # that are opened
HEAD_BYTES = 64
PIECE = 2**23
EVENT_FILES = "TensorBoard event files"


def read_events(source: SourceBytes) -> Log:
    """Read one event file.

    Raises:
        InputError: The package tensorboard is not there, or the file holds no scalars.
    """
    reader = EventReader(source.name)
    left = feed_events(reader, BytesIO(source.data))
    return _log(source.name, [reader], (*source.remarks, *reader.remarks(left)))


def read_event_folder(source: str) -> Log:
    """Read all the runs in a folder.

    Raises:
        InputError: The package tensorboard is not there, or there are no event files, or they hold no scalars.
    """
    readers: list[EventReader] = []
    remarks: list[str] = []
    for run, paths in event_files(source).items():
        reader = EventReader(source, run)
        left = 0
        for path in paths:
            left = _read_file(reader, path)
        remarks += [f"{run}: {remark}" if run else remark for remark in reader.remarks(left)]
        readers.append(reader)
        check_size(named(source), sum(one.count for one in readers))
    return _log(named(source), readers, tuple(remarks))


def event_files(source: str, *, name_single: bool = False) -> dict[str, list[Path]]:
    """The event files in a folder by run.

    Args:
        source: The folder.
        name_single: Whether the only run has a name.

    Raises:
        InputError: There are none.
    """
    by_folder: dict[str, list[Path]] = {}
    others: list[str] = []
    for path in _files(source):
        if _is_event_file(path):
            folder = path.parent.relative_to(source).as_posix()
            by_folder.setdefault(folder, []).append(path)
        elif len(others) < 4:
            others.append(shown(path.relative_to(source), 60))
    if not by_folder:
        has = f"it has {', '.join(f'`{one}`' for one in others)}" if others else "it is empty"
        raise InputError(
            f"{named(source)}: is a folder without TensorBoard event files, and no sweep of `mstage train`; {has}. "
            f"Name the log in it."
        )
    if len(by_folder) == 1 and not name_single:
        return {"": next(iter(by_folder.values()))}
    return dict(sorted(by_folder.items()))


def _files(source: str) -> Iterator[Path]:
    count = 0
    for folder, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                raise InputError(f"{named(source)}: holds more than {MAX_FILES:,} files; name a folder with fewer.")
            yield Path(folder, name)


def _is_event_file(path: Path) -> bool:
    try:
        with open_file(path) as file:
            head = file.read(HEAD_BYTES) or b""
        if head.startswith(GZIP):
            head = unpacked("", head).data
        return is_event_file(head)
    except (OSError, InputError):
        return False


def _read_file(reader: EventReader, path: Path) -> int:
    """Read a file; returns how many bytes at its end are an incomplete record."""
    try:
        with open_file(path) as file:
            is_gzip = file.read(len(GZIP)) == GZIP
            file.seek(0)
            return feed_events(reader, BytesIO(read_source(str(path)).data) if is_gzip else file)
    except OSError as error:
        raise unreadable(str(path), error) from None


def feed_events(reader: EventReader, file: BinaryIO) -> int:
    """Read a stream in pieces; returns how many bytes at its end are an incomplete record."""
    rest = b""
    while part := file.read(PIECE):
        rest += part
        rest = rest[reader.feed(rest) :]
    return len(rest)


def _log(source: str, readers: list[EventReader], remarks: tuple[str, ...]) -> Log:
    series = tuple(one for reader in readers for one in reader.series())
    if not series:
        raise InputError(
            f"{source}: holds no scalars{f' ({remarks[0]})' if remarks else ''}; "
            f"expected events with a loss, as SummaryWriter.add_scalar writes them."
        )
    return Log(source, EVENT_FILES, series, remarks)
