"""What are the columns of a table, before it is known which of them can be learnt?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mstage.errors import InputError, shown
from mstage.readers.limits import MAX_ROWS, MAX_VALUES

EXPECTED_TABLE = "expected a table as CSV, TSV, Parquet or npz"
LEAVE_OUT = "Leave out rows, or the columns that are not learnt."
MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class TableColumns:
    """The columns of a file, as they are.

    Attributes:
        values: The columns by name, in the order of the file; those of an npz file can differ in length.
        flaws: Names of what cannot be a column, and why; an error only if it is chosen.
        place: Where a row (counted from 0) is in the file, as `line 3` or `row 2`.
    """

    values: Mapping[str, pd.Series[Any]]
    flaws: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[int], str] = lambda row: f"row {row + 1}"


def check_twice(path: str, names: list[str]) -> None:
    """See that no two columns share a name.

    Raises:
        InputError: They do.
    """
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"{path}: two columns are called `{shown(twice)}`; expected names that differ. Rename one.")


def check_size(path: str, values: int, rows: int, columns: int) -> None:
    """Refuse what takes more than a gigabyte and some seconds.

    Raises:
        InputError: It does.
    """
    if values > MAX_VALUES or rows > MAX_ROWS or columns > MAX_COLUMNS:
        raise too_many(path)


def too_many(path: str) -> InputError:
    """The error for a table of too many numbers."""
    return InputError(
        f"{path}: holds more than {MAX_VALUES // 10**6} million numbers, {MAX_ROWS // 10**6} million rows or "
        f"{MAX_COLUMNS:,} columns; expected fewer. {LEAVE_OUT}"
    )
