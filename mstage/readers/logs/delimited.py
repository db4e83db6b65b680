"""What does a text of columns hold: CSV, TSV, or columns set apart by spaces, with or without a line of names?

Lines that do not fit (a line cut in half, a header written again by a run that was resumed) are left out and counted.
A blank cell is no value; `nan` in a cell is one.

Lightning, Keras, Ultralytics, fastai, timm and Weights & Biases write such files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from mstage.errors import InputError, shown
from mstage.readers.delimited import ColumnsError, parse_columns
from mstage.readers.logs.log import Column, Columns, GrowingColumns, Log, counted_remarks, series_of
from mstage.readers.logs.names import name_of
from mstage.readers.logs.record_columns import DURATION, number
from mstage.readers.logs.source_bytes import lines_of
from mstage.readers.logs.weights_and_biases import chart_series, check_no_table_of_runs

SEPARATORS = (",", "\t", ";", "|")
SPACES = r"\s+"
ONE_COLUMN = "\x1f"  # the unit separator, which stands in no number
LONGEST_HEADING = 100
ROWS_LOOKED_AT = 30
LONGEST_HEAD = 2**20
NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?%?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
BLANK = ("", "-", "--", "n/a", "na", "none", "null", "<na>", "nil")
NAN = ("nan", "+nan", "-nan")
WRAPPED = r"^\s*(?:tensor\(|array\(|np\.float\d+\()?\[?\s*([-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf))\b.*$"
MIN_NUMBERS = 0.3  # share of the cells below the header that are numbers or blank in a table of numbers
MIN_TEXT = 0.5  # share of the cells of a column that are no numbers in a column of text
MAX_COLUMNS = 5_000


@dataclass(frozen=True)
class Dialect:
    """How the columns are written.

    Attributes:
        separator: A character, or a pattern for spaces.
        names: Names of the columns; made up where there is no header.
        has_names: Whether the first line is a header.
        decimal: `.` or `,`.
    """

    separator: str
    names: tuple[str, ...]
    has_names: bool
    decimal: str = "."


def dialect_of(text: str) -> Dialect | None:
    """The dialect of a text of columns, None if it is none."""
    head = text[:LONGEST_HEAD].lstrip("\ufeff\r\n \t")
    lines = [line for line in islice(lines_of(head), 4 * ROWS_LOOKED_AT) if line.strip()][:ROWS_LOOKED_AT]
    if not lines:
        return None
    for separator in (*SEPARATORS, SPACES):
        rows = _rows(lines, separator)
        width = len(rows[0]) if rows else 0
        fitting = [row for row in rows[1:] if len(row) == width]
        if width >= 2 and len(fitting) * 2 >= len(rows) - 1 and width <= MAX_COLUMNS:
            dialect = _dialect(separator, rows[0], fitting)
            if dialect:
                return dialect
    return _single_column(lines)


def _single_column(lines: Sequence[str]) -> Dialect | None:
    """The dialect of a single column of numbers, with or without a header; None if it is something else."""
    first, rest = lines[0].strip().strip('"').lstrip("# "), [line.strip().strip('"') for line in lines[1:]]
    cells = [cell for cell in rest if cell.lower() not in BLANK]
    if not cells or len(first) > LONGEST_HEADING or not all(NUMBER.fullmatch(cell) for cell in cells):
        return None
    decimal = "," if any(re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", cell, re.IGNORECASE) for cell in cells) else "."
    if NUMBER.fullmatch(first):
        return Dialect(ONE_COLUMN, ("column 1",), has_names=False, decimal=decimal)
    return Dialect(ONE_COLUMN, _distinct([name_of(first)]), has_names=True, decimal=decimal)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == SPACES:
        return [line.removeprefix("#").split() for line in lines]
    try:
        return [[cell.strip(" \t\r\n\xa0") for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        return []


def _dialect(separator: str, first: Sequence[str], rest: Sequence[Sequence[str]]) -> Dialect | None:
    """The dialect that some rows have with a separator, None if they are no table of numbers."""
    cells = [cell for row in rest for cell in row]
    numbers = [bool(NUMBER.fullmatch(cell)) for cell in cells]
    blank = sum(cell.lower() in BLANK for cell in cells)
    if cells and (sum(numbers) + blank < MIN_NUMBERS * len(cells) or not any(numbers)):
        return None
    if separator == SPACES and not all(numbers):  # sentences can have equally many words by chance
        return None
    decimal = (
        "," if separator != "," and any(re.fullmatch(r"[-+]?\d*,\d+(e[-+]?\d+)?", cell) for cell in cells) else "."
    )
    if all(NUMBER.fullmatch(cell) or cell.lower() in BLANK for cell in first):
        names = [f"column {place}" for place in range(1, len(first) + 1)]
        steps, _ = _numbers(pd.Series([row[0] for row in rest], dtype=str), decimal)
        if len(first) > 1 and steps.values.size > 2 and (steps.values[1:] > steps.values[:-1]).all():
            names[0] = "step"
        return Dialect(separator, tuple(names), has_names=False, decimal=decimal)
    if not cells and not any(re.search("loss|step|epoch|iter", name, re.IGNORECASE) for name in first):
        return None  # a single line of words
    return Dialect(separator, _distinct([name_of(name) for name in first]), has_names=True, decimal=decimal)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns made distinct: a second `loss` becomes `loss (2)`."""
    counts: dict[str, int] = {}
    found = []
    for name in (name or f"column {place}" for place, name in enumerate(names, 1)):
        counts[name] = counts.get(name, 0) + 1
        found.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return tuple(found)


class DelimitedReader:
    """Reads a text of columns, all at once or as it grows.

    Args:
        source: What the user calls it.
        dialect: How it is written.
    """

    def __init__(self, source: str, dialect: Dialect) -> None:
        self._source = source
        self._dialect = dialect
        self._columns = GrowingColumns(source)
        self._left_out = 0
        self._no_numbers = 0
        self._begun = not dialect.has_names

    def feed(self, text: str) -> None:
        """Read on: whole lines.

        Raises:
            InputError: pandas cannot make rows of them.
        """
        if not self._begun:
            text = text.lstrip("\ufeff\r\n \t").removeprefix("#")
            head, _, text = text.partition("\n")
            self._begun = bool(head)
        if not text.strip():
            return
        frame = self._frame(text)
        expected = sum(1 for line in lines_of(text) if line.strip())
        if self._dialect.has_names and frame[0].dtype.kind not in "iufb":
            names_again = frame[0].astype(str).str.strip().eq(self._dialect.names[0])
            frame = frame[~names_again].reset_index(drop=True)
        self._left_out += max(expected - len(frame), 0)
        columns = {}
        for place, name in enumerate(self._dialect.names):
            series = frame.iloc[:, place]
            column, others = _numbers(series, self._dialect.decimal)
            if column.values.size:
                columns[name] = column
                self._no_numbers += others
        self._columns.add(Columns(columns, len(frame)))

    def log(self) -> Log:
        """What has been read so far.

        Raises:
            InputError: It is a table of runs.
        """
        names = self._dialect.names
        check_no_table_of_runs(self._source, names)
        joined = self._columns.joined()
        columns = Columns({name: joined.by_name[name] for name in names if name in joined.by_name}, joined.rows)
        charts = chart_series(columns)
        remarks = counted_remarks([(self._left_out, "lines left out"), (self._no_numbers, "cells without a number")])
        if charts:
            return Log(self._source, "a chart exported from Weights & Biases", charts, remarks)
        return Log(self._source, self._format(), series_of(columns), remarks)

    def _format(self) -> str:
        kinds = {",": "comma-separated", "\t": "tab-separated", ";": "semicolon-separated", "|": "bar-separated"}
        if self._dialect.separator == ONE_COLUMN:
            return "a single column of numbers, counted by its records"
        return f"a {kinds.get(self._dialect.separator, 'space-separated')} table"

    def _frame(self, text: str) -> pd.DataFrame:
        """The cells of some lines, as numbers where a whole column has nothing else."""
        spaces = self._dialect.separator == SPACES
        if text.count('"') % 2:  # an odd one is damage, and would make one cell of all that follows
            text = text.replace('"', "")
        try:
            return parse_columns(
                StringIO(text), self._dialect.separator, cuts_long_rows=True, skipinitialspace=not spaces,
                header=None, names=list(range(len(self._dialect.names))), decimal=self._dialect.decimal,
                keep_default_na=False, na_values=[""], on_bad_lines="skip",
            )  # fmt: skip
        except ColumnsError as error:
            raise InputError(
                f"{self._source}: cannot be read as a text of columns ({shown(error, 100)}); "
                f"expected rows under a line of names. Put it right, or say what it is with --reader."
            ) from None


def _numbers(series: pd.Series[Any], decimal: str = ".") -> tuple[Column, int]:
    """The numbers in a column, none where it is text, and how many cells hold something else."""
    if series.dtype.kind in "iufb" and not isinstance(series.dtype, pd.CategoricalDtype):
        plain = series.to_numpy(float)
        rows = np.flatnonzero(~np.isnan(plain))  # a literal `nan` would have made it a column of text
        return Column(rows, plain[rows]), 0
    cells = series.dropna().astype(str)
    values = _values(cells, decimal)
    others = cells[values.isna()].str.strip().str.lower()
    blank = others.isin(BLANK)
    others, empty = others[~blank], others.index[blank]
    wrong = others.index[~others.isin(NAN)]
    if wrong.size > MIN_TEXT * (len(cells) - empty.size):
        values, wrong = _unwrapped(cells), cells.index[:0]
        if values.notna().sum() < MIN_TEXT * len(cells):
            return Column(np.empty(0, int), np.empty(0)), 0
        empty = values.index[values.isna()]
    values = values.drop(empty).drop(wrong) if empty.size + wrong.size else values
    return Column(series.index.get_indexer(values.index), values.to_numpy(float)), wrong.size


def _unwrapped(cells: pd.Series[Any]) -> pd.Series[Any]:
    """The numbers in cells such as `tensor(0.5, device='cuda:0')`, `[0.5]` or `0:01:30`, NaN where there is none."""
    looked_at = cells.head(ROWS_LOOKED_AT)
    if looked_at.str.fullmatch(r"\s*" + DURATION.pattern + r"\s*").any():
        return cells.map(number).astype(float)
    return _values(cells.str.extract(WRAPPED, flags=re.IGNORECASE)[0])


def _values(cells: pd.Series[Any], decimal: str = ".") -> pd.Series[Any]:
    """Cells as float64, NaN for what is no number."""
    if decimal == ",":
        cells = cells.str.replace(",", ".")
    if cells.head(ROWS_LOOKED_AT).str.endswith("%").any():
        cells = cells.str.removesuffix("%")
    return pd.Series(pd.to_numeric(cells, errors="coerce"), index=cells.index, dtype=float)
