"""Which reader does a source need? Told by what is in it, never by its name, unless the user says.

Binary formats have marks at their beginning. A text is JSON if it parses as such, a table if its first rows have
equally many cells and enough of them numbers, and else a text log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mstage.errors import InputError, UsageError, unknown_name
from mstage.npz import ZIP
from mstage.readers.arrays import NPY, PARQUET, read_numpy, read_parquet
from mstage.readers.content import EXPECTED, STDIN, Content, decoded, named, pieces, read_content
from mstage.readers.delimited import DelimitedReader, dialect_of
from mstage.readers.event_folders import read_event_folder, read_events
from mstage.readers.json_logs import JsonLinesReader, is_document, is_json_lines, read_document
from mstage.readers.log import Log
from mstage.readers.tensorboard import is_event_file
from mstage.readers.text_logs import TextReader, preset_of
from mstage.readers.text_patterns import pattern_of

READERS = ("tensorboard", "csv", "jsonl", "json", "text", "numpy", "parquet")
FOREIGN = {
    b":W&B": ("is the binary log of a Weights & Biases run", "Export the run's history, or a chart of it, as CSV."),
    b"SQLite format 3": ("is an SQLite database", "Export the loss from it as CSV."),
    b"\x89HDF": ("is an HDF5 file", "Export the loss from it as CSV or npz."),
    b"\x80\x02": ("is a Python pickle, which is never unpickled here", "Save the losses as CSV or npz."),
    b"\x80\x03": ("is a Python pickle, which is never unpickled here", "Save the losses as CSV or npz."),
    b"\x80\x04": ("is a Python pickle, which is never unpickled here", "Save the losses as CSV or npz."),
    b"\x80\x05": ("is a Python pickle, which is never unpickled here", "Save the losses as CSV or npz."),
    b"%PDF": ("is a PDF", ""),
    b"\x89PNG": ("is a picture", "mstage reads the numbers that it was drawn from."),
}


class GrowingReader(Protocol):
    """What reads a text as it grows."""

    def feed(self, text: str) -> None:
        """Read on: whole lines."""

    def log(self) -> Log:
        """What has been read so far."""


def read_log(source: str, reader: str | None = None, pattern: str | None = None) -> Log:
    """Read a log.

    Args:
        source: A file, a folder of TensorBoard event files, or `-` for standard input.
        reader: One of `READERS`; told by the content if None.
        pattern: How a text log is written: a preset or a regular expression.

    Raises:
        UsageError: There is no such reader, or the pattern is none.
        InputError: The source cannot be read as a log.
    """
    check_reader(reader, pattern)
    if source != STDIN and Path(source).is_dir():
        if reader not in (None, "tensorboard"):
            raise InputError(f"{named(source)}: is a folder; the reader {reader} expects a file.")
        if pattern is not None:
            raise InputError(f"{named(source)}: is a folder of TensorBoard; --pattern is for text logs, leave it out.")
        return read_event_folder(source)
    content = read_content(source)
    log = read_binary(content, reader, pattern)
    if log is not None:
        return log
    text, source, remarks = decoded(content), content.source, content.remarks
    del content  # it is as large as the text
    growing = text_reader(source, text, reader, pattern)
    if growing is None:
        log = read_document(source, text)
    else:
        for piece in pieces(text):
            growing.feed(piece)
        log = growing.log()
    if not log.series:
        raise InputError(f"{source}: was read as {log.format} and holds no series of numbers; {EXPECTED}.")
    return Log(source, log.format, log.series, (*remarks, *log.remarks))


def check_reader(reader: str | None, pattern: str | None) -> None:
    """Check what the user says of the format.

    Raises:
        UsageError: There is no such reader, the pattern is none, or the two do not go together.
    """
    if reader is not None and reader not in READERS:
        raise UsageError(f"--reader: {unknown_name('reader', reader, READERS)}")
    if pattern is not None:
        pattern_of(pattern)
        if reader not in (None, "text"):
            raise UsageError(f"--pattern is for text logs; leave --reader {reader} out")


def read_binary(content: Content, reader: str | None, pattern: str | None) -> Log | None:
    """Read a content that is no text, None if it is one.

    Raises:
        InputError: It is of a format that is not read here, or it is damaged.
    """
    data = content.data
    if pattern is not None and (is_event_file(data) or data.startswith((PARQUET, NPY, ZIP))):
        raise InputError(f"{content.source}: is no text; --pattern is for text logs, leave it out.")
    if pattern is None and (reader == "tensorboard" or (reader is None and is_event_file(data))):
        return read_events(content)
    if reader == "parquet" or (reader is None and data.startswith(PARQUET)):
        return read_parquet(content)
    if reader == "numpy" or (reader is None and data.startswith((NPY, ZIP))):
        return read_numpy(content)
    for mark, (what, way_out) in FOREIGN.items():
        if data.startswith(mark):
            raise InputError(f"{content.source}: {what}; {EXPECTED}. {way_out}".rstrip())
    return None


def text_reader(source: str, text: str, reader: str | None, pattern: str | None) -> GrowingReader | None:
    """What reads a text line by line, None if it is a JSON document.

    Raises:
        InputError: It is not what the user says that it is.
    """
    if pattern is not None:
        return TextReader(source, pattern_of(pattern))
    if reader == "jsonl" or (reader is None and is_json_lines(text)):
        return JsonLinesReader(source)
    if reader == "json" or (reader is None and is_document(text)):
        return None
    if reader != "text":
        dialect = dialect_of(text)
        if dialect is not None:
            return DelimitedReader(source, dialect)
        if reader == "csv":
            raise InputError(f"{source}: is no text of columns; expected rows of numbers under a line of names.")
    return TextReader(source, preset_of(text))
