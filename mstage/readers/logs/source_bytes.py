"""Which bytes does a file or standard input hold, plain or compressed with gzip?

A log is read into memory, so its size is limited; a compressed one is unpacked piece by piece, up to the same limit.
What a killed run leaves behind (a gzip without its end, a tail of zero bytes) is read as far as it goes.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from mstage.errors import InputError, shown
from mstage.outside import PIECE, TooLargeError, read_file, read_up_to, reason_of
from mstage.readers.limits import MAX_BYTES
from mstage.readers.logs.names import shortened
from mstage.readers.signatures import GZIP

STDIN = "-"
LINES_AT_ONCE = 4 * 2**20  # characters; parsing takes many times the memory of the text
MAX_MEMBERS = 100_000  # of a gzip
MIN_PACKED = 1024  # bytes of a gzip member that are decompressed first
EXPECTED_LOG = (
    "expected a training log: TensorBoard events, a table (CSV, TSV, Parquet, npz), JSON Lines, trainer_state.json, "
    "or a text log"
)
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class SourceBytes:
    """The bytes of a source.

    Attributes:
        name: What the user calls it.
        data: Unpacked.
        remarks: What was wrong with the compression.
    """

    name: str
    data: bytes
    remarks: tuple[str, ...] = ()


def read_source(source: str) -> SourceBytes:
    """Read a file, or standard input if the source is `-`.

    Raises:
        InputError: It cannot be read, is empty or is too large.
    """
    try:
        data = read_up_to(standard_input().buffer, MAX_BYTES) if source == STDIN else read_file(source, MAX_BYTES)
    except TooLargeError:
        raise too_large(named(source)) from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        raise unreadable(source, error) from None
    unpacked_data = unpacked(named(source), data)
    if not unpacked_data.data.strip(b"\0 \t\r\n"):
        raise InputError(f"{unpacked_data.name}: is empty; {EXPECTED_LOG}.")
    return unpacked_data


def what_has_come(handle: int, source: str = STDIN) -> tuple[bytes, bool]:
    """Read what has arrived in a pipe, without waiting, and tell whether it has ended.

    Args:
        handle: The descriptor of the pipe.
        source: What the user calls it.

    Raises:
        InputError: It cannot be read.
    """
    parts: list[bytes] = []
    size = 0
    try:
        while size < MAX_BYTES and select.select([handle], [], [], 0)[0]:
            part = os.read(handle, PIECE)
            if not part:
                return b"".join(parts), True
            parts.append(part)
            size += len(part)
    except OSError as error:
        raise unreadable(source, error) from None
    return b"".join(parts), False


def lines_of(text: str) -> list[str]:
    """The lines of a text; `str.splitlines` would also split at U+2028 and at some control characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def named(source: str) -> str:
    """What a source is called in messages."""
    return "standard input" if source == STDIN else shortened(source)


def unreadable(source: str, error: Exception) -> InputError:
    """The error for a source that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{named(source)}: there is nothing there; {EXPECTED_LOG}, or a sweep of `mstage train`.")
    return InputError(f"{named(source)}: cannot be read ({shown(reason_of(error))}); {EXPECTED_LOG}.")


def unpacked(source: str, data: bytes) -> SourceBytes:
    """The bytes of a source that may be gzip.

    Raises:
        InputError: It is too large, or a gzip that is damaged from its start.
    """
    if len(data) > MAX_BYTES:
        raise too_large(source)
    if not data.startswith(GZIP):
        return SourceBytes(source, data)
    unpacker = _Unpacker(source, data)
    parts = list(unpacker.parts())
    if not parts and unpacker.remarks:
        raise InputError(
            f"{source}: {unpacker.remarks[0].partition(':')[0]}, and nothing of it can be read; {EXPECTED_LOG}."
        )
    return SourceBytes(source, b"".join(parts), tuple(unpacker.remarks))


class _Unpacker:
    """Unpacks a gzip of one or several members as far as it goes.

    Args:
        source: What the user calls it.
        data: The gzip.

    Attributes:
        remarks: What was wrong with it, once all parts have been taken.
    """

    def __init__(self, source: str, data: bytes) -> None:
        self._source, self._data = source, memoryview(data)
        self._place = self._size = 0
        self.remarks: list[str] = []

    def parts(self) -> Iterator[bytes]:
        """What was packed, in parts.

        Raises:
            InputError: It is too large, or has too many members.
        """
        members = 0
        while self._data[self._place : self._place + len(GZIP)] == GZIP and not self.remarks:
            members += 1
            if members > MAX_MEMBERS:
                raise InputError(
                    f"{self._source}: is a gzip of more than {MAX_MEMBERS:,} members; expected fewer. "
                    f"Pack it anew (`gunzip -c LOG | gzip`)."
                )
            yield from self._member()

    def _member(self) -> Iterator[bytes]:
        """The parts of the member that begins here; afterwards the next one begins here."""
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        step = MIN_PACKED  # bytes handed over beyond the end of a member are copied back, so start small
        left: bytes | memoryview = b""
        while not member.eof:
            if not left:
                left = self._data[self._place : self._place + step]
                self._place += len(left)
                step = min(2 * step, PIECE)
            if not left:
                self.remarks.append("its gzip is cut short: read as far as it goes")
                return
            try:
                part = member.decompress(left, MAX_BYTES - self._size + 1)
            except zlib.error as error:
                self.remarks.append(f"its gzip is damaged ({shown(error)}): read as far as it goes")
                return
            self._size += len(part)
            if self._size > MAX_BYTES:
                raise too_large(self._source)
            if part:
                yield part
            left = member.unconsumed_tail
        self._place -= len(member.unused_data)


def too_large(source: str) -> InputError:
    """The error for a log that is larger than the limit."""
    return InputError(
        f"{source}: is larger than {MAX_BYTES >> 20} MiB; expected less. Thin it out and hand it on, as in "
        f"`awk 'NR % 10 == 1' LOG | mstage detect-stages -`."
    )


def pieces(text: str, size: int = LINES_AT_ONCE) -> Iterator[str]:
    """A text in pieces of whole lines."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + size) + 1 or len(text)
        yield text[start:end]
        start = end


def decoded(source: SourceBytes) -> str:
    """The text of a source: UTF-8, or UTF-16 with a byte order mark (as PowerShell writes it).

    Invalid UTF-8 becomes replacement characters: it rarely occurs in numbers and names of series.

    Raises:
        InputError: It is binary.
    """
    data = source.data
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    head = data[:PIECE]
    if head.rstrip(b"\0").count(b"\0") * 100 > len(head) or _control(head) * 50 > len(head):
        raise InputError(f"{source.name}: is binary and of no format that is known here; {EXPECTED_LOG}.")
    if b"\0" in data:
        data = data.replace(b"\0", b"")  # left at the end of a file by a machine that crashed
    return data.decode("utf-8", errors="replace")


def _control(data: bytes) -> int:
    """How many of some bytes are control characters that no text has."""
    return len(data) - len(data.translate(None, bytes([*range(1, 7), *range(14, 27), 28, 29, 30, 31, 127])))


def standard_input() -> TextIO:
    """Standard input, which need not be open (`<&-`, or a service without one).

    Raises:
        InputError: It is closed.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise InputError(f"{named(STDIN)}: is closed; {EXPECTED_LOG}, as in `mstage detect-stages - < LOG`.")
    return sys.stdin
