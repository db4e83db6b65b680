"""What is new in a log that is still being written?

A file is read on from where reading stopped, by whole lines or records; an incomplete one waits for its rest. A file
that became shorter, was replaced, or begins differently (Lightning rewrites its file when a column is added) is read
from its start. Formats that cannot be read in parts (JSON documents, npz, Parquet, gzip) are read again whenever the
file has changed.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from io import BytesIO
from pathlib import Path
from typing import Protocol

from mstage.errors import InputError
from mstage.outside import PIECE, is_pipe, open_file, open_pipe, read_up_to
from mstage.readers.limits import MAX_BYTES
from mstage.readers.logs.event_folders import EVENT_FILES, event_files, feed_events
from mstage.readers.logs.log import Log
from mstage.readers.logs.names import loss_rank
from mstage.readers.logs.sniff import FOREIGN, LineReader, check_reader, read_log, text_reader
from mstage.readers.logs.source_bytes import (
    STDIN,
    decoded,
    named,
    standard_input,
    too_large,
    unpacked,
    unreadable,
    what_has_come,
)
from mstage.readers.logs.tensorboard import EventReader, is_event_file
from mstage.readers.signatures import GZIP, NPY, PARQUET, ZIP

HEAD = 1024  # first bytes of a file, by which it is recognised
LONGEST_FIRST = 2**20  # characters, after which the choice of a reader is final
MIN_HEAD = 64  # bytes, fewer of which do not tell the format unless there are two lines


class FollowedLog(Protocol):
    """A log that may grow.

    Attributes:
        ended: Whether nothing more can come.
    """

    ended: bool

    def read_new(self) -> bool:
        """Read what is new; returns whether there was anything."""

    def log(self) -> Log | None:
        """What has been read so far; None as long as it is too little to tell what it is."""


def follow_log(source: str, reader: str | None = None, pattern: str | None = None) -> FollowedLog:
    """A log to be followed: a file that may not be there yet, a folder of TensorBoard, a pipe, or standard input.

    Raises:
        UsageError: There is no such reader, or the pattern is none.
    """
    check_reader(reader, pattern)
    if source == STDIN:
        return FollowedStream(standard_input().fileno(), STDIN, reader, pattern)
    if is_pipe(source):
        return FollowedStream(open_pipe(source), source, reader, pattern)
    if Path(source).is_dir():
        return FollowedFolder(source)
    return FollowedFile(source, reader, pattern)


class _Lines:
    """Hands the whole lines of a text that arrives in pieces to a reader.

    The reader is chosen again, by all of the text so far, until it finds a loss: logs often begin with something else.
    """

    def __init__(self, source: str, reader: str | None, pattern: str | None) -> None:
        self._source, self._format, self._pattern = source, reader, pattern
        self._rest = ""
        self._first: str | None = ""  # the text so far, while the reader is not settled
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._reader: LineReader | None = None
        self.is_document = False

    def feed(self, data: bytes, *, last: bool = False) -> bool:
        """Take some bytes; returns whether there was a whole line among them."""
        text = self._rest + self._decoder.decode(data, final=last)
        end = len(text) if last else max(text.rfind("\n"), text.rfind("\r")) + 1
        lines, self._rest = text[:end].replace("\0", ""), text[end:]
        if len(self._rest) > MAX_BYTES:
            raise too_large(self._source)
        if not lines:
            return False
        if self._first is None and self._reader is not None:
            self._reader.feed(lines)
            return True
        return self._choose((self._first or "") + lines, last=last)

    def log(self) -> Log | None:
        """What has been read so far."""
        return self._reader.log() if self._reader else None

    def _choose(self, text: str, *, last: bool) -> bool:
        self._first = text
        if not text.strip() or (text.count("\n") < 2 and not last):  # a header alone does not tell enough
            return False
        self._reader = text_reader(self._source, text, self._format, self._pattern)
        if self._reader is None:
            self.is_document = True
            return True
        self._reader.feed(text)
        found = any(loss_rank(name) for name in self._reader.log().names)
        if found or len(text) > LONGEST_FIRST:
            self._first = None
        return True


class FollowedFile:
    """A file that is being written.

    Args:
        source: Its path.
        reader: Its format, told by its content if None.
        pattern: How its lines are written.
    """

    def __init__(self, source: str, reader: str | None = None, pattern: str | None = None) -> None:
        self.source, self._format, self._pattern = source, reader, pattern
        self.ended = False
        self._whole: Log | None = None  # of a format that is not read in parts; kept until a newer one can be read
        self._begin()

    def _begin(self) -> None:
        """Forget all that was read of the file."""
        self._place, self._head = 0, b""
        self._seen: tuple[int, int, int] | None = None
        self._lines = _Lines(named(self.source), self._format, self._pattern)
        self._events: EventReader | None = None
        self._in_parts: bool | None = None

    def read_new(self) -> bool:
        """Read what is new; returns whether there was anything.

        Raises:
            InputError: It cannot be read, or not as a log.
        """
        try:
            state = Path(self.source).stat()
            seen = (state.st_ino, state.st_size, state.st_mtime_ns)
            if seen == self._seen or state.st_size == 0:
                return False
            with open_file(self.source) as file:
                head = file.read(HEAD) or b""
                other = self._seen is not None and self._seen[0] != state.st_ino
                if other or state.st_size < self._place or not head.startswith(self._head):
                    self._begin()
                self._head, self._seen = head, seen
                if self._in_parts is None and not self._sniff(head):
                    return False
                if not self._in_parts:
                    return self._read_anew()
                file.seek(self._place)
                return self._read_on(read_up_to(file, MAX_BYTES))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(self.source, error) from None

    def log(self) -> Log | None:
        """What has been read so far; None as long as it is too little to tell what it is."""
        if self._events is not None:
            series = self._events.series()
            return Log(named(self.source), EVENT_FILES, series, self._events.remarks()) if series else None
        return self._lines.log() or self._whole

    def _sniff(self, head: bytes) -> bool:
        """Find out whether the file can be read in parts; returns False while there is too little to tell."""
        if len(head) < MIN_HEAD and head.count(b"\n") < 2:
            return False
        may_be_events = self._format == "tensorboard" or (self._format is None and is_event_file(head))
        if self._pattern is None and may_be_events:
            self._events = EventReader(named(self.source))
        utf_16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        whole = (GZIP, NPY, ZIP, PARQUET, *FOREIGN)
        self._in_parts = not (head.startswith(whole) or utf_16 or self._format in ("numpy", "parquet", "json"))
        if self._in_parts and self._events is None:
            decoded(unpacked(named(self.source), head))  # refuses what is binary
        return True

    def _read_on(self, data: bytes) -> bool:
        if len(data) > MAX_BYTES:
            raise too_large(named(self.source))
        if self._events is not None:
            read = len(data) - feed_events(self._events, BytesIO(data))
            self._place += read
            return read > 0
        self._place += len(data)
        found = self._lines.feed(data)
        if self._lines.is_document:
            self._in_parts = False
            return self._read_anew()
        return found

    def _read_anew(self) -> bool:
        """Read all of the file, which may be half written."""
        try:
            self._whole = read_log(self.source, self._format, self._pattern)
        except InputError:
            if self._whole is None:
                raise
            return False
        return True


class FollowedFolder:
    """A folder of TensorBoard event files, to which files may be added.

    Args:
        source: Its path.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.ended = False
        self._runs: dict[str, EventReader] = {}
        self._places: dict[Path, int] = {}

    def read_new(self) -> bool:
        """Read what is new; returns whether there was anything.

        Raises:
            InputError: It cannot be read.
        """
        try:
            runs = event_files(self._source, name_single=True)
        except InputError:
            return False  # there is nothing yet
        is_new = False
        for run, paths in runs.items():
            reader = self._runs.setdefault(run, EventReader(self._source, run))
            for path in paths:
                is_new |= self._read_on(reader, path)
        return is_new

    def log(self) -> Log | None:
        """What has been read so far; None if there is nothing yet."""
        series = tuple(one for run in sorted(self._runs) for one in self._runs[run].series())
        remarks = tuple(remark for reader in self._runs.values() for remark in reader.remarks())
        return Log(named(self._source), EVENT_FILES, series, remarks) if series else None

    def _read_on(self, reader: EventReader, path: Path) -> bool:
        try:
            with open_file(path) as file:
                file.seek(self._places.get(path, 0))
                read = 0
                rest = b""
                while part := file.read(16 * PIECE):
                    rest += part
                    taken = reader.feed(rest)
                    read, rest = read + taken, rest[taken:]
        except OSError as error:
            raise unreadable(str(path), error) from None
        self._places[path] = self._places.get(path, 0) + read
        return read > 0


class FollowedStream:
    """A pipe or standard input, read as far as it has come.

    Args:
        handle: Its descriptor.
        source: What the user calls it.
        reader: Its format, told by its content if None.
        pattern: How its lines are written.
    """

    def __init__(self, handle: int, source: str, reader: str | None = None, pattern: str | None = None) -> None:
        self.ended = False
        self._handle, self._source = handle, source
        self._lines = _Lines(named(source), reader, pattern)

    def read_new(self) -> bool:
        """Read what has come since; returns whether there was a whole line.

        Raises:
            InputError: It cannot be read as a log that grows.
        """
        data, self.ended = what_has_come(self._handle, self._source)
        found = self._lines.feed(data, last=self.ended)
        if self._lines.is_document:
            raise InputError(f"{named(self._source)}: is a JSON document, which cannot be followed; leave --follow out")
        return found

    def log(self) -> Log | None:
        """What has been read so far; None as long as it is too little to tell what it is."""
        return self._lines.log()
