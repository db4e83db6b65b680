"""What is a training log, whatever wrote it?

A log is a set of series. A series is a column of numbers, with values in some of the log's rows: a row is a line of a
CSV file, a record of JSON Lines, an event of TensorBoard. The other columns, at the rows of the series, are the clocks
that it can be plotted against. A value logged as NaN is in the column; a blank cell is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mstage.errors import InputError
from mstage.readers.limits import MAX_ROWS, MAX_VALUES
from mstage.readers.logs.names import clock_kind, name_of


@dataclass(frozen=True)
class Column:
    """Numbers in some of the rows of a log.

    Attributes:
        rows: Indices of the rows, ascending, shape (values,).
        values: The value in each of them, shape (values,), float64; NaN where NaN was logged.
    """

    rows: np.ndarray
    values: np.ndarray

    @classmethod
    def whole(cls, values: np.ndarray) -> Column:
        """A column with a value in every row."""
        return cls(np.arange(values.size), np.asarray(values, float))

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The values in some rows, NaN where a row has none."""
        if rows.size == self.rows.size and (rows is self.rows or np.array_equal(rows, self.rows)):
            return self.values
        if self.rows.size == 0:
            return np.full(rows.size, np.nan)
        place = np.minimum(np.searchsorted(self.rows, rows), self.rows.size - 1)
        return np.where(self.rows[place] == rows, self.values[place], np.nan)


@dataclass(frozen=True)
class Columns:
    """Columns over the same rows.

    Attributes:
        by_name: The columns, in the order in which their names came up.
        rows: How many rows there are.
    """

    by_name: Mapping[str, Column]
    rows: int

    @property
    def values(self) -> int:
        """How many values there are in all columns."""
        return sum(column.values.size for column in self.by_name.values())

    @classmethod
    def joined(cls, pieces: Sequence[Columns]) -> Columns:
        """Columns below each other."""
        if len(pieces) == 1:
            return pieces[0]
        starts = np.cumsum([0, *(piece.rows for piece in pieces)])
        parts: dict[str, list[tuple[int, Column]]] = {}
        for start, piece in zip(starts, pieces, strict=False):
            for name, column in piece.by_name.items():
                parts.setdefault(name, []).append((int(start), column))
        columns = {
            name: Column(
                np.concatenate([start + column.rows for start, column in found]),
                np.concatenate([column.values for _, column in found]),
            )
            for name, found in parts.items()
        }
        return cls(columns, int(starts[-1]))


class GrowingColumns:
    """Columns of which one piece comes after the other.

    Args:
        source: What the user calls the log.

    Attributes:
        rows: How many have come.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[Columns] = []
        self._values = self.rows = 0

    def add(self, piece: Columns) -> None:
        """Take the rows that come next.

        Raises:
            InputError: They are too many.
        """
        self._pieces.append(piece)
        self._values, self.rows = self._values + piece.values, self.rows + piece.rows
        check_size(self._source, self._values, self.rows)

    def joined(self) -> Columns:
        """All that have come."""
        return Columns.joined(self._pieces)


def check_size(source: str, values: int, rows: int = 0) -> None:
    """Refuse a log with more numbers than can be looked at in a gigabyte and some seconds.

    Raises:
        InputError: It has.
    """
    if values > MAX_VALUES or rows > MAX_ROWS:
        found = f"{MAX_VALUES // 10**6} million numbers" if values > MAX_VALUES else f"{MAX_ROWS // 10**6} million rows"
        raise InputError(f"{source}: holds more than {found}; expected fewer. Leave out columns, or every other row.")


@dataclass(frozen=True)
class Series:
    """One quantity of one run.

    Attributes:
        name: As the log has it.
        column: Its values.
        beside: All columns of the same rows by name: the clocks, and others that the user may choose as one.
        run: Which run of the log it belongs to; empty where the log does not tell runs apart.
    """

    name: str
    column: Column
    beside: Mapping[str, Column]
    run: str = ""

    @property
    def points(self) -> int:
        """How many values there are."""
        return int(self.column.values.size)

    def clock(self, name: str) -> np.ndarray:
        """Another column at the rows of this series, shape (points,); NaN where it has none."""
        return self.beside[name].at(self.column.rows)


@dataclass(frozen=True)
class Log:
    """What one source holds.

    Attributes:
        source: What the user calls it.
        format: What it was read as, in words.
        series: In the order of the log.
        remarks: What else the user should know: lines that could not be read, a file that is cut.
    """

    source: str
    format: str
    series: tuple[Series, ...]
    remarks: tuple[str, ...] = field(default=())

    @property
    def names(self) -> list[str]:
        """Names of the series, each once."""
        return list(dict.fromkeys(one.name for one in self.series))

    @property
    def runs(self) -> list[str]:
        """Names of the runs, each once; none where the log does not tell runs apart."""
        return [run for run in dict.fromkeys(one.run for one in self.series) if run]


def series_of(columns: Columns, run: str = "") -> tuple[Series, ...]:
    """Every column that is no clock by its name as a series. Names are cut."""
    beside = {name_of(name): column for name, column in columns.by_name.items()}
    named = {name: column for name, column in columns.by_name.items() if clock_kind(name) is None}
    return tuple(Series(name_of(name), column, beside, run) for name, column in named.items())


def series_of_lists(columns: Mapping[str, Column]) -> tuple[Series, ...]:
    """The series of columns of several lengths; those of equal length share their rows."""
    by_length: dict[int, dict[str, Column]] = {}
    for name, column in columns.items():
        by_length.setdefault(column.values.size, {})[name] = column
    found: dict[str, Series] = {}
    for same in by_length.values():
        found |= zip((name for name in same if clock_kind(name) is None), series_of(Columns(same, 0)), strict=True)
    return tuple(found[name] for name in columns if name in found)


def counted_remarks(counts: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Remarks such as `3 lines are not JSON`, of those counts that are not 0; `line` is put into the singular."""
    return tuple(
        f"{count:,} {text}" if count > 1 else f"1 {text.replace('s ', ' ', 1)}" for count, text in counts if count
    )
