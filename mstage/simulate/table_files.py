"""What a table file holds: the columns of a CSV, TSV, Parquet or npz file, whatever is in them.

The format is told by how the file begins, and the separator of a text by its first rows. pandas and NumPy do the
reading; this module finds out why they refuse a file, or what they would pass over in silence, and says it in a line.
"""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError, ParserError, ParserWarning

from mstage.errors import InputError, shown
from mstage.outside import TooLargeError, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED = "expected a table as CSV, TSV, Parquet or npz"
SEPARATORS = (",", ";", "\t")
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
MOST_BYTES = 256 * 2**20
ROWS_LOOKED_AT = 10  # to tell the separator: one row can mislead, as the header `length, m;mass, kg` would


@dataclass(frozen=True)
class Columns:
    """The columns of a file, as they are.

    Attributes:
        values: Each column by its name, in the order of the file. Those of an npz file can be of unequal length.
        flaws: What else has a name but cannot be a column, and why. It matters only to those who choose it.
        place: Where the file has a row (counted from 0), as `line 3` or `row 2`.
    """

    values: Mapping[str, pd.Series[Any]]
    flaws: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[int], str] = lambda row: f"row {row + 1}"


def read_columns(path: str) -> Columns:
    """Read a table file.

    Args:
        path: CSV (separated by commas, semicolons or tabs), Parquet or npz file.

    Raises:
        InputError: There is no such file, or it is none of these, or it is damaged.
    """
    data = _content(path)
    suffix = Path(path).suffix.lower()
    if suffix in (".parquet", ".pq") or (data.startswith(b"PAR1") and b"\0" in data):
        return _read_parquet(path, data)
    if suffix == ".npz" or data.startswith(b"PK\3\4"):
        return _read_npz(path, data)
    try:
        return _read_text(path, _decoded(path, data))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as a text of columns ({shown(error)}); {EXPECTED}.") from None


def _content(path: str) -> bytes:
    try:
        data = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; {EXPECTED}. Give its path with --data FILE.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; {EXPECTED}. Name a file in it with --data FILE.") from None
    except TooLargeError:
        raise InputError(
            f"{path}: is larger than {MOST_BYTES >> 20} MiB; expected less. "
            f"Leave out rows, or the columns that are not learnt."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read ({shown(reason)}); {EXPECTED}.") from None
    if not data.strip():
        raise _empty(path)
    return data


def _empty(path: str) -> InputError:
    return InputError(f"{path}: is empty; {EXPECTED}, with the names of the columns and at least two rows.")


def _decoded(path: str, data: bytes) -> str:
    """The text of a file.

    Raises:
        InputError: It is no text in UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}: is text in UTF-16; expected UTF-8. Save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`).")
    if data.startswith(b"\x1f\x8b"):
        raise InputError(f"{path}: is compressed with gzip; {EXPECTED}. Unpack it first (`gunzip`).")
    if data.startswith(b"\x93NUMPY"):
        raise InputError(
            f"{path}: is a single npy array without names; {EXPECTED}. Save it with numpy.savez(path, x=x)."
        )
    if b"\0" in data:
        raise InputError(f"{path}: is binary, and neither Parquet nor npz; {EXPECTED}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: is not UTF-8 (byte 0x{data[error.start]:02x} in line {line}); {EXPECTED}. "
            f"If it is text, save it as UTF-8 (`iconv -f LATIN1 -t UTF-8`)."
        ) from None


def _read_text(path: str, text: str) -> Columns:
    if next(_rows(text, ","), None) is None:
        raise _empty(path)
    separator = _separator(text)
    _, header = next(_rows(text, separator))
    names = [name.strip() for name in header]
    while len(names) > 1 and not names[-1]:  # lines that end in a separator
        names.pop()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ParserWarning)  # rows longer than the header would be cut
            frame = pd.read_csv(
                StringIO(text, newline=""), sep=separator, index_col=False, skipinitialspace=True, low_memory=False
            )
        if frame.shape[1] != len(header):
            raise ParserError("its header is not clear")
    except (ParserError, ParserWarning, EmptyDataError, OverflowError) as error:
        _check_row_lengths(path, _rows(text, separator), len(names), len(header))
        reason = shown(str(error).removeprefix("Error tokenizing data. C error: "), 100)
        raise InputError(f"{path}: cannot be read as a text of columns ({reason}); {EXPECTED}.") from None
    if frame.iloc[:, len(names) :].notna().any(axis=None):
        names = [name.strip() for name in header]  # a last column that holds something and has no name
    elif frame.iloc[:, len(names) - 1].isna().any():  # pandas fills short rows with missing values
        _check_row_lengths(path, _rows(text, separator), len(names), len(header))
    _check_twice(path, [name for name in names if name])
    columns = [frame.iloc[:, index] for index in range(len(names))]
    return Columns(
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


def _check_twice(path: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"{path}: two columns are called `{shown(twice)}`; expected names that differ. Rename one.")


def _read_parquet(path: str, data: bytes) -> Columns:
    if not data.startswith(b"PAR1"):
        raise InputError(f"{path}: is not Parquet, as its name says, by its first bytes; {EXPECTED}.")
    try:
        parquet = import_module("pyarrow.parquet")  # an extra of its own: most tables are text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_twice(path, list(parquet.read_schema(BytesIO(data)).names))
            frame = pd.read_parquet(BytesIO(data), engine="pyarrow").reset_index(drop=True)
    except ImportError:
        raise InputError(
            f"{path}: Parquet needs the package pyarrow, which is not installed. "
            f"Install it (`pip install 'mstage[parquet]'`), or save the table as CSV."
        ) from None
    except InputError:
        raise
    except Exception as error:  # pyarrow's errors have no common kind where a file is damaged
        raise InputError(f"{path}: is damaged or cut short Parquet ({shown(error)}). Write it anew.") from None
    return Columns({str(name): frame.iloc[:, index] for index, name in enumerate(frame.columns)})


def _read_npz(path: str, data: bytes) -> Columns:
    values: dict[str, pd.Series[Any]] = {}
    flaws: dict[str, str] = {}
    found: list[str] = []
    for name, array in _arrays(path, data):
        flaw = array if isinstance(array, str) else _array_flaw(array)
        if isinstance(array, str) or flaw:
            flaws[name] = flaw
            continue
        # Bytes of another order and long doubles are nothing that pandas knows.
        plain = array.astype("float64" if array.dtype.kind == "f" else array.dtype.newbyteorder("="))
        parts = {name: plain} if plain.ndim == 1 else {f"{name}_{k}": part for k, part in enumerate(plain.T)}
        found += parts
        values |= {key: pd.Series(part) for key, part in parts.items()}
    if not values and not flaws:
        raise InputError(f"{path}: holds no arrays; {EXPECTED}. Save columns with numpy.savez(path, x=x, y=y).")
    _check_twice(path, found)
    return Columns(values, flaws)


def _arrays(path: str, data: bytes) -> Iterator[tuple[str, np.ndarray | str]]:
    """The arrays of an npz file, or why one is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that older versions have written
            archive = np.load(BytesIO(data), allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            for name in archive.files:
                array: Any
                try:
                    array = archive[name]
                except ValueError as error:
                    if "Object arrays" not in str(error):
                        raise
                    array = "holds Python objects, which are never unpickled"
                if isinstance(array, np.ndarray | str):  # anything else is a member that is no array
                    yield name, array
    except Exception as error:  # zip, zlib and NumPy have no common error for a file that is damaged
        raise InputError(
            f"{path}: is not npz, or damaged or cut short ({shown(error)}); {EXPECTED}. Write it with numpy.savez."
        ) from None


def _array_flaw(array: np.ndarray) -> str:
    """Why an array cannot be columns; empty if it can."""
    kinds = {"c": "complex numbers", "M": "times", "m": "durations", "U": "text", "S": "text", "V": "records"}
    if array.ndim not in (1, 2):
        return f"is an array of {array.ndim} dimensions; expected 1 (a column) or 2 (columns side by side)"
    if array.dtype.kind not in "biuf":
        first = f" (`{shown(array.flat[0])}`)" if array.size else ""
        return f"holds {kinds.get(array.dtype.kind, str(array.dtype))}{first}; expected numbers"
    return ""
