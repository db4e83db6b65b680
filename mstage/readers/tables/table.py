"""What a user's own table teaches: its columns as the arrays that a network learns from.

Whatever could spoil a training (text, missing, infinite or constant columns) is looked for before it begins, and said
in one line that names the file, what was found and the way out.
"""

from __future__ import annotations

import math
import re
import shlex
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_object_dtype, is_string_dtype

from mstage.errors import InputError, UsageError, listed, shown
from mstage.nearness import nearest
from mstage.readers.tables.columns import TableColumns
from mstage.readers.tables.table_files import read_columns
from mstage.training_set import MAX_EXACT, TrainingSet

if TYPE_CHECKING:
    from mstage.spec import Table

INTERCEPT = "1"  # what the column of ones is called
NAMES_LISTED = 12


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
    columns = read_columns(table.path)
    features = _features(table, columns)
    _check_lengths(table, columns, features)
    numbers = {name: _numbers(table, columns, name) for name in (*features, table.target)}
    values = np.stack(list(numbers.values()), axis=1)
    rows = _complete_rows(table, columns, tuple(numbers), values)
    _check_values(table, columns, tuple(numbers), values, rows)
    preparation = _prepared(table, len(features), int(rows.sum()), int((~rows).sum()))
    values = values[rows]
    if table.standardise:
        values = np.stack([_standardised(column) for column in values.T], axis=1)
    inputs, target = values[:, :-1], values[:, -1]
    if table.intercept:
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
        features = (*features, INTERCEPT)
    input_, target = np.ascontiguousarray(inputs), np.ascontiguousarray(target)
    return TrainingSet(table.path, input_, target, features, table.target, preparation)


def _prepared(table: Table, features: int, taken: int, dropped: int) -> str:
    """What was made of a file, in words."""
    parts = [f"{taken:,} samples of {features} {'input' if features == 1 else 'inputs'}"]
    if dropped:
        parts.append(f"{dropped:,} {'row' if dropped == 1 else 'rows'} with missing values left out")
    if table.standardise:
        parts.append("columns and target standardised, which losses are in units of")
    else:
        parts.append("columns as they are in the file")
    parts.append("a column of ones appended" if table.intercept else "no column of ones")
    return "; ".join(parts)


def _features(table: Table, columns: TableColumns) -> tuple[str, ...]:
    """The columns to predict from, each of which exists, as the target does."""
    known = [*columns.values, *columns.flaws]
    for option, names in (("--target", (table.target,)), ("--features", table.features or ())):
        for name in names:
            if name not in known:
                raise UsageError(_absent(table, option, name, known))
    features = table.features or tuple(name for name in known if name != table.target)
    if not features:
        raise InputError(f"{table.path}: has no column but the target `{shown(table.target)}`; expected at least two.")
    for name in (table.target, *features):
        if name in columns.flaws:
            flaw = columns.flaws[name]
            raise InputError(f"{_column(table, name)} {flaw}. {_instead(table, columns, name)}")
    return features


def _absent(table: Table, option: str, name: str, known: list[str]) -> str:
    """One line for a column that is not there, with the nearest that is."""
    near = nearest(name, [other for other in known if other.isprintable()])
    has = listed([f"`{shown(other)}`" for other in known[:NAMES_LISTED]], len(known))
    way_out = f"Did you mean {option} {shlex.quote(near)}?" if near else f"Choose one with {option}."
    if all(re.fullmatch(r"[-+.\d]+(e[-+]?\d+)?", other, re.IGNORECASE) for other in known):
        way_out = "Its first line has to hold the names of the columns."
    return f"{table.path}: no column `{shown(name)}`; it has {has}. {way_out}"


def _check_lengths(table: Table, columns: TableColumns, features: tuple[str, ...]) -> None:
    expected = len(columns.values[table.target])
    for name in features:
        found = len(columns.values[name])
        if found != expected:
            raise InputError(
                f"{_column(table, name)} has {found} values, the target `{shown(table.target)}` has {expected}; "
                f"expected equally many. {_instead(table, columns, name)}"
            )
    if expected < 2:
        rows = "has the names of columns but no rows" if expected == 0 else "has one row only"
        raise InputError(f"{table.path}: {rows}, nothing can be learnt from that; expected at least two rows.")


def _numbers(table: Table, columns: TableColumns, name: str) -> np.ndarray:
    """A column as float64, missing values as NaN.

    Raises:
        InputError: It holds something else than numbers.
    """
    series = columns.values[name]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    if is_object_dtype(series.dtype) or is_string_dtype(series.dtype):
        return _numbers_of_objects(table, columns, name, series.astype(object))
    if not (is_bool_dtype(series.dtype) or is_integer_dtype(series.dtype) or is_float_dtype(series.dtype)):
        raise InputError(
            f"{_column(table, name)} is of type {series.dtype}; expected numbers. {_instead(table, columns, name)}"
        )
    if is_integer_dtype(series.dtype):
        for row in (series.argmin(), series.argmax()) if series.notna().any() else ():
            _check_exact(table, columns, name, int(row), int(series.iloc[row]))
    return series.to_numpy(dtype="float64", na_value=np.nan)


def _numbers_of_objects(table: Table, columns: TableColumns, name: str, series: pd.Series[Any]) -> np.ndarray:
    """A column of Python objects as float64: booleans with gaps, decimals and integers of any size are numbers."""
    values = series.tolist()
    present = np.flatnonzero(series.notna()).tolist()
    others = [row for row in present if not isinstance(values[row], Real | Decimal | np.bool_)]
    if others:
        row = next((row for row in others if not _is_number_as_text(values[row])), others[0])
        hint = " Write a decimal point for the comma." if re.fullmatch(r"[-+]?\d+,\d+", str(values[row])) else ""
        raise InputError(
            f"{_column(table, name)} holds `{shown(values[row])}` in {columns.place(row)}, which is no number; "
            f"expected numbers. {_instead(table, columns, name)}{hint}"
        )
    numbers = np.full(len(values), np.nan)
    for row in present:
        if isinstance(values[row], Integral):
            _check_exact(table, columns, name, row, int(values[row]))
        numbers[row] = float(values[row])
    return numbers


def _is_number_as_text(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _check_exact(table: Table, columns: TableColumns, name: str, row: int, value: int) -> None:
    if abs(value) > MAX_EXACT:
        raise InputError(
            f"{_column(table, name)} holds {shown(value)} in {columns.place(row)}; whole numbers beyond 2^53 are not "
            f"exact in float64. Take an offset off it or write it as 1.5e20. {_instead(table, columns, name)}"
        )


def _complete_rows(table: Table, columns: TableColumns, names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    """Which rows are taken, as a mask of shape (n,)."""
    missing = np.isnan(values)
    for name, gone in zip(names, missing.T, strict=True):
        if gone.all():
            raise InputError(f"{_column(table, name)} has no values at all. {_instead(table, columns, name)}")
    rows: np.ndarray = ~missing.any(axis=1)
    dropped, total = int((~rows).sum()), len(rows)
    if dropped and not table.drop_missing:
        where = ", ".join(f"`{shown(name)}`" for name, gone in zip(names, missing.T, strict=True) if gone.any())
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


def _check_values(
    table: Table, columns: TableColumns, names: tuple[str, ...], values: np.ndarray, rows: np.ndarray
) -> None:
    """See that every column, the last of which is the target, is finite and varies where it has to."""
    for name, column in zip(names, values.T, strict=True):
        infinite = np.flatnonzero(np.isinf(column) & rows)
        if infinite.size:
            raise InputError(
                f"{_column(table, name)} holds {infinite.size} infinite values, the first in "
                f"{columns.place(int(infinite[0]))}; expected finite numbers. "
                f"Leave them empty and give --drop-missing. {_instead(table, columns, name)}"
            )
        kept = column[rows]
        if kept.min() < kept.max():
            continue
        if name == table.target:
            raise InputError(
                f"{table.path}: the target `{shown(name)}` is {kept[0]:g} in every row, so there is nothing to learn. "
                f"{_instead(table, columns, name)}"
            )
        ways = [way for way, wanted in (("--no-standardise", table.standardise), ("--no-intercept", table.intercept))
                if wanted]  # fmt: skip
        if ways:
            why = "cannot be standardised" if table.standardise else "repeats the column of ones"
            raise InputError(
                f"{_column(table, name)} is {kept[0]:g} in every row, which {why}. "
                f"{_instead(table, columns, name)} To keep it, give {' and '.join(ways)}."
            )


def _standardised(column: np.ndarray) -> np.ndarray:
    """A column that varies, shifted and scaled to mean 0 and standard deviation 1."""
    _, exponent = math.frexp(np.abs(column).max())
    scaled = np.ldexp(column, -exponent)  # exact, and neither 1e200 nor 1e-200 leaves the range when it is squared
    standardised: np.ndarray = (scaled - scaled.mean()) / scaled.std()
    return standardised


def _column(table: Table, name: str) -> str:
    return f"{table.path}: {'the target' if name == table.target else 'column'} `{shown(name)}`"


def _instead(table: Table, columns: TableColumns, bad: str) -> str:
    """The way out of a column that will not do: the other columns that hold numbers, as an option to copy."""
    if bad == table.target:
        return "Choose another with --target COLUMN."
    names = table.features or columns.values
    good = [
        name for name in names
        if name in columns.values and name not in (bad, table.target)
        and not is_object_dtype(columns.values[name].dtype) and not is_string_dtype(columns.values[name].dtype)
    ]  # fmt: skip
    option = shlex.quote(",".join(good)) if good and not any("," in name for name in good) else "A,B"
    return f"Leave it out with --features {option if len(option) <= 150 and option.isprintable() else 'A,B'}."
