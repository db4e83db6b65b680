"""Which columns of a table are learnt, and what numbers are in them?

What is no number, or one that float64 does not hold, is refused with the option that leaves it out.
"""

from __future__ import annotations

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
from mstage.training_set import MAX_EXACT

if TYPE_CHECKING:
    from mstage.readers.tables.columns import TableColumns
    from mstage.spec import Table

NAMES_LISTED = 12
LONGEST_OPTION = 150  # characters of a list of columns that is offered


class ChosenColumns:
    """The columns of a table that are asked for.

    Args:
        table: Which they are.
        columns: All that the file has.

    Attributes:
        table: Which they are.
        features: Names of those to predict from.
        place: Where the file has a row, in words.

    Raises:
        UsageError: One of them does not exist.
        InputError: One of them is no column, they are of unequal length, or there are fewer than two rows.
    """

    def __init__(self, table: Table, columns: TableColumns) -> None:
        self.table, self.place, self._columns = table, columns.place, columns
        self.features = self._features()
        self._check_lengths()

    @property
    def names(self) -> tuple[str, ...]:
        """The features, and the target behind them."""
        return *self.features, self.table.target

    def numbers(self, name: str) -> np.ndarray:
        """A column as float64, missing values as NaN.

        Raises:
            InputError: It holds something else than numbers.
        """
        series = self._columns.values[name]
        if isinstance(series.dtype, pd.CategoricalDtype):
            series = series.astype(object)
        if _may_hold_text(series):
            return self._numbers_of_objects(name, series.astype(object))
        if not (is_bool_dtype(series.dtype) or is_integer_dtype(series.dtype) or is_float_dtype(series.dtype)):
            raise self.refusal(name, f"is of type {series.dtype}; expected numbers.")
        if is_integer_dtype(series.dtype):
            for row in (series.argmin(), series.argmax()) if series.notna().any() else ():
                self._check_exact(name, int(row), int(series.iloc[row]))
        return series.to_numpy(dtype="float64", na_value=np.nan)

    def refusal(self, name: str, found: str, to_keep: str = "") -> InputError:
        """The error for a column that cannot be learnt: what was found, and the way out.

        Args:
            name: Of the column.
            found: What is wrong with it, a sentence that begins with a verb.
            to_keep: How it can be learnt all the same.
        """
        what = "the target" if name == self.table.target else "column"
        return InputError(
            f"{self.table.path}: {what} `{shown(name)}` {found} {self._instead_of(name)} {to_keep}".rstrip()
        )

    def _features(self) -> tuple[str, ...]:
        table, flaws = self.table, self._columns.flaws
        known = [*self._columns.values, *flaws]
        for option, names in (("--target", (table.target,)), ("--features", table.features or ())):
            for name in names:
                if name not in known:
                    raise UsageError(_absent(table.path, option, name, known))
        features = table.features or tuple(name for name in known if name != table.target)
        if not features:
            raise InputError(
                f"{table.path}: has no column but the target `{shown(table.target)}`; expected at least two."
            )
        flawed = next((name for name in (table.target, *features) if name in flaws), None)
        if flawed is not None:
            raise self.refusal(flawed, f"{flaws[flawed]}.")
        return features

    def _check_lengths(self) -> None:
        target = self.table.target
        expected = len(self._columns.values[target])
        for name in self.features:
            found = len(self._columns.values[name])
            if found != expected:
                raise self.refusal(
                    name, f"has {found} values, the target `{shown(target)}` has {expected}; expected equally many."
                )
        if expected < 2:
            rows = "has the names of columns but no rows" if expected == 0 else "has one row only"
            raise InputError(f"{self.table.path}: {rows}, nothing can be learnt from that; expected at least two rows.")

    def _numbers_of_objects(self, name: str, series: pd.Series[Any]) -> np.ndarray:
        """A column of Python objects as float64: booleans with gaps, decimals and integers of any size are numbers."""
        values = series.tolist()
        present = np.flatnonzero(series.notna()).tolist()
        others = [row for row in present if not isinstance(values[row], Real | Decimal | np.bool_)]
        if others:
            row = next((row for row in others if not _is_number_as_text(values[row])), others[0])
            has_comma = re.fullmatch(r"[-+]?\d+,\d+", str(values[row]))
            raise self.refusal(
                name,
                f"holds `{shown(values[row])}` in {self.place(row)}, which is no number; expected numbers.",
                "Write a decimal point for the comma." if has_comma else "",
            )
        numbers = np.full(len(values), np.nan)
        for row in present:
            if isinstance(values[row], Integral):
                self._check_exact(name, row, int(values[row]))
            numbers[row] = float(values[row])
        return numbers

    def _check_exact(self, name: str, row: int, value: int) -> None:
        if abs(value) > MAX_EXACT:
            raise self.refusal(
                name,
                f"holds {shown(value)} in {self.place(row)}; whole numbers beyond 2^53 are not exact in float64. "
                f"Take an offset off it or write it as 1.5e20.",
            )

    def _instead_of(self, bad: str) -> str:
        """The way out of a column that will not do: the other columns that hold numbers, as an option to copy."""
        if bad == self.table.target:
            return "Choose another with --target COLUMN."
        values = self._columns.values
        others = [
            name for name in self.table.features or values if name in values and name not in (bad, self.table.target)
        ]
        good = [name for name in others if not _may_hold_text(values[name])]
        option = shlex.quote(",".join(good))
        can_be_copied = good and len(option) <= LONGEST_OPTION and option.isprintable()
        if not can_be_copied or any("," in name for name in good):
            option = "A,B"
        return f"Leave it out with --features {option}."


def _absent(path: str, option: str, name: str, known: list[str]) -> str:
    """One line for a column that is not there, with the nearest that is."""
    near = nearest(name, [other for other in known if other.isprintable()])
    has = listed([f"`{shown(other)}`" for other in known[:NAMES_LISTED]], len(known))
    way_out = f"Did you mean {option} {shlex.quote(near)}?" if near else f"Choose one with {option}."
    if all(re.fullmatch(r"[-+.\d]+(e[-+]?\d+)?", other, re.IGNORECASE) for other in known):
        way_out = "Its first line has to hold the names of the columns."
    return f"{path}: no column `{shown(name)}`; it has {has}. {way_out}"


def _may_hold_text(series: pd.Series[Any]) -> bool:
    return is_object_dtype(series.dtype) or is_string_dtype(series.dtype)


def _is_number_as_text(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
