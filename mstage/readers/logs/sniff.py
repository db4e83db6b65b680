"""Which reader does a source need?

Its content tells, never its name, unless the user says. Binary formats have a signature in their first bytes. A text is
JSON if it parses as such, a table if its first rows have equally many cells and enough of these are numbers, and
otherwise a text log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mstage.errors import InputError, UsageError, unknown_name
from mstage.readers.logs.array_logs import read_numpy, read_parquet
from mstage.readers.logs.delimited import DelimitedReader, dialect_of
from mstage.readers.logs.event_folders import read_event_folder, read_events
from mstage.readers.logs.json_logs import JsonLinesReader, is_document, is_json_lines, read_document
from mstage.readers.logs.log import Log
from mstage.readers.logs.source_bytes import EXPECTED_LOG, STDIN, SourceBytes, decoded, named, pieces, read_source
from mstage.readers.logs.tensorboard import is_event_file
from mstage.readers.logs.text_logs import TextReader, preset_of
from mstage.readers.logs.text_patterns import pattern_of
from mstage.readers.signatures import HDF5, NPY, PARQUET, PICKLES, ZIP

READERS = ("tensorboard", "csv", "jsonl", "json", "text", "numpy", "parquet")
FOREIGN = {
    b":W&B": ("is the binary log of a Weights & Biases run", "Export the run's history, or a chart of it, as CSV."),
    b"SQLite format 3": ("is an SQLite database", "Export the loss from it as CSV."),
    HDF5: ("is an HDF5 file", "Export the loss from it as CSV or npz."),
    **dict.fromkeys(PICKLES, ("is a Python pickle, which is never unpickled here", "Save the losses as CSV or npz.")),
    b"%PDF": ("is a PDF", ""),
    b"\x89PNG": ("is a picture", "mstage reads the numbers that it was drawn from."),
}


class LineReader(Protocol):
    """Reads a text log line by line, all at once or as it grows."""

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
    whole = read_source(source)
    log = read_binary(whole, reader, pattern)
    if log is not None:
        return log
    text, source, remarks = decoded(whole), whole.name, whole.remarks
    del whole  # it is as large as the text
    lines = text_reader(source, text, reader, pattern)
    if lines is None:
        log = read_document(source, text)
    else:
        for piece in pieces(text):
            lines.feed(piece)
        log = lines.log()
    if not log.series:
        raise InputError(f"{source}: was read as {log.format} and holds no series of numbers; {EXPECTED_LOG}.")
    return Log(source, log.format, log.series, (*remarks, *log.remarks))


def check_reader(reader: str | None, pattern: str | None) -> None:
    """Check what the user says about the format.

    Raises:
        UsageError: There is no such reader, the pattern is none, or the two do not go together.
    """
    if reader is not None and reader not in READERS:
        raise UsageError(f"--reader: {unknown_name('reader', reader, READERS)}")
    if pattern is not None:
        pattern_of(pattern)
        if reader not in (None, "text"):
            raise UsageError(f"--pattern is for text logs; leave --reader {reader} out")


def read_binary(source: SourceBytes, reader: str | None, pattern: str | None) -> Log | None:
    """Read a source that is no text, None if it is one.

    Raises:
        InputError: It is of a format that is not read here, or it is damaged.
    """
    data = source.data
    if pattern is not None and (is_event_file(data) or data.startswith((PARQUET, NPY, ZIP))):
        raise InputError(f"{source.name}: is no text; --pattern is for text logs, leave it out.")
    if pattern is None and (reader == "tensorboard" or (reader is None and is_event_file(data))):
        return read_events(source)
    if reader == "parquet" or (reader is None and data.startswith(PARQUET)):
        return read_parquet(source)
    if reader == "numpy" or (reader is None and data.startswith((NPY, ZIP))):
        return read_numpy(source)
    for mark, (what, way_out) in FOREIGN.items():
        if data.startswith(mark):
            raise InputError(f"{source.name}: {what}; {EXPECTED_LOG}. {way_out}".rstrip())
    return None


def text_reader(source: str, text: str, reader: str | None, pattern: str | None) -> LineReader | None:
    """The reader of a text line by line, None if it is a JSON document.

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
