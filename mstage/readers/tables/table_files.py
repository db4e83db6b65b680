"""Which columns does the file of a table have, whatever is in them?

The first bytes of the file tell its format, and the first rows of a text its separator. What pandas refuses, or would
pass over in silence (rows of unequal length, columns without a name), is named by its line.
"""

from __future__ import annotations

import codecs
import csv
import re
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mstage.errors import InputError, shown
from mstage.outside import TooLargeError, read_file, reason_of
from mstage.readers.delimited import ColumnsError, parse_columns
from mstage.readers.limits import MAX_BYTES
from mstage.readers.signatures import GZIP, NPY, PARQUET, ZIP
from mstage.readers.tables.binary_tables import read_npz, read_parquet
from mstage.readers.tables.columns import EXPECTED_TABLE, LEAVE_OUT, TableColumns, check_size, check_twice

if TYPE_CHECKING:
    from collections.abc import Iterator

SEPARATORS = (",", ";", "\t")
ROWS_LOOKED_AT = 10  # to tell the separator: one row can mislead, as the header `length, m;mass, kg` would
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def read_columns(path: str) -> TableColumns:
    """Read a table file.

    Args:
        path: CSV (separated by commas, semicolons or tabs), Parquet or npz file.

    Raises:
        InputError: There is no such file, or it is none of these, or it is damaged.
    """
    data = _bytes_of(path)
    suffix = Path(path).suffix.lower()
    if suffix in (".parquet", ".pq") or (data.startswith(PARQUET) and b"\0" in data):
        return read_parquet(path, data)
    if suffix == ".npz" or data.startswith(ZIP):
        return read_npz(path, data)
    try:
        return _read_text(path, data, _decoded(path, data))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as a text of columns ({shown(error)}); {EXPECTED_TABLE}.") from None


def _bytes_of(path: str) -> bytes:
    try:
        data = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; {EXPECTED_TABLE}. Give its path with --data FILE.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; {EXPECTED_TABLE}. Name a file in it with --data FILE.") from None
    except TooLargeError:
        raise InputError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; expected less. {LEAVE_OUT}") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        raise InputError(f"{path}: cannot be read ({shown(reason_of(error))}); {EXPECTED_TABLE}.") from None
    if not data.strip():
        raise _empty(path)
    return data


def _empty(path: str) -> InputError:
    return InputError(f"{path}: is empty; {EXPECTED_TABLE}, with the names of the columns and at least two rows.")


def _decoded(path: str, data: bytes) -> str:
    """The text of a file.

    Raises:
        InputError: It is no text in UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}: is text in UTF-16; expected UTF-8. Save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`).")
    if data.startswith(GZIP):
        raise InputError(f"{path}: is compressed with gzip; {EXPECTED_TABLE}. Unpack it first (`gunzip`).")
    if data.startswith(NPY):
        raise InputError(
            f"{path}: is a single npy array without names; {EXPECTED_TABLE}. Save it with numpy.savez(path, x=x)."
        )
    if b"\0" in data:
        raise InputError(f"{path}: is binary, and neither Parquet nor npz; {EXPECTED_TABLE}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: is not UTF-8 (byte 0x{data[error.start]:02x} in line {line}); {EXPECTED_TABLE}. "
            f"If it is text, save it as UTF-8 (`iconv -f LATIN1 -t UTF-8`)."
        ) from None


def _read_text(path: str, data: bytes, text: str) -> TableColumns:
    if next(_rows(text, ","), None) is None:
        raise _empty(path)
    separator = _separator(text)
    _, header = next(_rows(text, separator))
    lines = max(text.count("\n"), text.count("\r"))
    check_size(path, lines + text.count(separator), lines, len(header))
    names = [name.strip() for name in header]
    while len(names) > 1 and not names[-1]:  # lines that end in a separator
        names.pop()
    try:
        frame = parse_columns(
            BytesIO(data.removeprefix(codecs.BOM_UTF8)), separator, cuts_long_rows=False, skipinitialspace=True
        )
        if frame.shape[1] != len(header):
            raise ColumnsError("its header is not clear")
    except ColumnsError as error:
        _check_row_lengths(path, _rows(text, separator), len(names), len(header))
        reason = shown(error, 150).removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"{path}: cannot be read as a text of columns ({reason}); {EXPECTED_TABLE}.") from None
    if frame.iloc[:, len(names) :].notna().any(axis=None):
        names = [name.strip() for name in header]  # a last column that holds something and has no name
    elif frame.iloc[:, len(names) - 1].isna().any():  # pandas fills short rows with missing values
        _check_row_lengths(path, _rows(text, separator), len(names), len(header))
    check_twice(path, [name for name in names if name])
    columns = [frame.iloc[:, index] for index in range(len(names))]
    return TableColumns(
        {name: column for name, column in zip(names, columns, strict=True) if name},
        {f"column {index + 1}": "has no name in the header" for index, name in enumerate(names) if not name},
        lambda row: _place(text, separator, row),
    )


def _place(text: str, separator: str, row: int) -> str:
    """Where a row is, the header not counted."""
    try:
        line, _ = next(islice(_rows(text, separator), row + 1, None))
    except (StopIteration, csv.Error):  # where pandas and csv differ over what a row is
        return f"row {row + 1}"
    return f"line {line}"


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line that it begins in."""
    lines = (match[0] for match in LINE.finditer(text))  # lazily: mostly the first rows alone are looked at
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    line = 1
    for row in reader:
        if len(row) > 1 or any(part.strip(" \t") for part in row):  # blank is what pandas skips
            yield line, row
        line = reader.line_num + 1


def _separator(text: str) -> str:
    """The separator that makes the most of the shortest of the first rows, or else of the header."""

    def fields(separator: str) -> tuple[int, int]:
        counts = [len(row) for _, row in islice(_rows(text, separator), ROWS_LOOKED_AT)]
        return min(counts), counts[0]

    return max(SEPARATORS, key=fields)


def _check_row_lengths(path: str, rows: Iterator[tuple[int, list[str]]], least: int, most: int) -> None:
    """Find the first row that is shorter or longer than the header; a separator at the end of a row is no field.

    Raises:
        InputError: There is one.
    """
    for line, row in rows:
        if len(row) < least or len(row) > most + 1 or any(row[most:]):
            raise InputError(
                f"{path}: line {line} has {len(row)} fields, the header has {most}; expected rows of equal length. "
                f"Put the line right, or write `NA` where a value is missing."
            )
