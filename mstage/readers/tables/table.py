"""Which training set is in a user's own table?

Whatever could spoil a training (text, missing, infinite or constant columns) is looked for before it begins, and
refused in one line that names the file, what was found and the way out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import InputError, shown
from mstage.readers.tables.chosen_columns import ChosenColumns
from mstage.readers.tables.table_files import read_columns
from mstage.training_set import TrainingSet

if TYPE_CHECKING:
    from mstage.spec import Table

INTERCEPT = "1"  # what the column of ones is called


def read_table(table: Table) -> TrainingSet:
    """Read a table and check all of it.

    Each column c, the target too, becomes (c - mean(c)) / std(c) where the table is standardised, with the standard
    deviation of the n rows themselves (divided by n). Booleans are 0 and 1.

    Args:
        table: Which file, and which of its columns.

    Raises:
        UsageError: A column that is asked for does not exist.
        InputError: The file cannot be read, or does not hold numbers to learn from.

    Example:
        >>> data = read_table(Table("diabetes.csv", target="progression", features=("bmi", "bp")))
        >>> data.input_names
        ('bmi', 'bp', '1')
    """
    columns = ChosenColumns(table, read_columns(table.path))
    values = np.stack([columns.numbers(name) for name in columns.names], axis=1)
    rows = _complete_rows(columns, values)
    _check_values(columns, values, rows)
    features, preparation = columns.features, _prepared(table, len(columns.features), rows)
    values = values[rows]
    if table.standardise:
        values = np.stack([_standardised(column) for column in values.T], axis=1)
    inputs, target = values[:, :-1], np.ascontiguousarray(values[:, -1])
    if table.intercept:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
        features = (*features, INTERCEPT)
    return TrainingSet(table.path, np.ascontiguousarray(inputs), target, features, table.target, preparation)


def _prepared(table: Table, features: int, rows: np.ndarray) -> str:
    """What was made of a file, in words; `rows` says which of its rows are taken."""
    taken, dropped = int(rows.sum()), int((~rows).sum())
    parts = [f"{taken:,} samples of {features} {'input' if features == 1 else 'inputs'}"]
    if dropped:
        parts.append(f"{dropped:,} {'row' if dropped == 1 else 'rows'} with missing values left out")
    if table.standardise:
        parts.append("columns and target standardised, which losses are in units of")
    else:
        parts.append("columns as they are in the file")
    parts.append("a column of ones appended" if table.intercept else "no column of ones")
    return "; ".join(parts)


def _complete_rows(columns: ChosenColumns, values: np.ndarray) -> np.ndarray:
    """The rows without missing values, as a mask of shape (n,).

    Raises:
        InputError: Others are not to be left out, or too few remain.
    """
    table, missing = columns.table, np.isnan(values)
    for name, gone in zip(columns.names, missing.T, strict=True):
        if gone.all():
            raise columns.refusal(name, "has no values at all.")
    rows: np.ndarray = ~missing.any(axis=1)
    dropped, total = int((~rows).sum()), len(rows)
    if dropped and not table.drop_missing:
        where = ", ".join(f"`{shown(name)}`" for name, gone in zip(columns.names, missing.T, strict=True) if gone.any())
        raise InputError(
            f"{table.path}: {dropped} of {total} rows have missing values, the first in "
            f"{columns.place(int(np.argmin(rows)))} (columns: {shown(where, 200)}). "
            f"Leave these rows out with --drop-missing, or columns with --features."
        )
    if total - dropped < 2:
        raise InputError(
            f"{table.path}: {total - dropped} of {total} rows are left without those with missing values; expected at "
            f"least two. Leave columns with missing values out with --features."
        )
    return rows


def _check_values(columns: ChosenColumns, values: np.ndarray, rows: np.ndarray) -> None:
    """See that every column is finite, and varies where it has to.

    Raises:
        InputError: One is not.
    """
    table = columns.table
    ways = [way for way, on in (("--no-standardise", table.standardise), ("--no-intercept", table.intercept)) if on]
    for name, column in zip(columns.names, values.T, strict=True):
        infinite = np.flatnonzero(np.isinf(column) & rows)
        if infinite.size:
            raise columns.refusal(
                name,
                f"holds {infinite.size} infinite values, the first in {columns.place(int(infinite[0]))}; "
                f"expected finite numbers. Leave them empty and give --drop-missing.",
            )
        kept = column[rows]
        if kept.min() < kept.max():
            continue
        always = f"is {kept[0]:g} in every row"
        if name == table.target:
            raise columns.refusal(name, f"{always}, so there is nothing to learn.")
        if ways:
            why = "cannot be standardised" if table.standardise else "repeats the column of ones"
            to_keep = f"To keep it, give {' and '.join(ways)}."
            raise columns.refusal(name, f"{always}, which {why}.", to_keep)


def _standardised(column: np.ndarray) -> np.ndarray:
    """A column that varies, shifted and scaled to mean 0 and standard deviation 1."""
    _, exponent = math.frexp(np.abs(column).max())
    scaled = np.ldexp(column, -exponent)  # exact, and neither 1e200 nor 1e-200 leaves the range when it is squared
    standardised: np.ndarray = (scaled - scaled.mean()) / scaled.std()
    return standardised
