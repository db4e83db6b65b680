"""How do records of names and values become columns?

A record may nest (`{"train": {"loss": 1}}` is `train/loss`); a value may be a number, a number in quotes, or a duration
as `0:01:30`, which becomes seconds. null is no value, NaN is one; lists and other texts are ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np

from mstage.readers.logs.log import Column, Columns

DEEPEST = 4  # levels of nesting that are read
MAX_NAMES = 5_000  # a file with more is not a log of series
DURATION = re.compile(r"(?:(\d+) days?, )?(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")


def number(value: object) -> float | None:
    """A value as a number, None if it is none."""
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and len(value) < 100:
        if ":" in value:
            match = DURATION.fullmatch(value)
            return _seconds(match) if match else None
        try:
            return float(value.removesuffix("%")) if "_" not in value else None
        except ValueError:
            return None
    return None


def _seconds(match: re.Match[str]) -> float:
    days, hours, minutes, seconds = match.groups()
    whole = 3600 * float(hours) + 60 * int(minutes) + float(seconds)
    return 86400 * float(days) + whole if days else whole


def columns_of(records: Iterable[Mapping[str, object]]) -> Columns:
    """The columns of some records, in the order in which their names come up."""
    rows: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    count = -1
    for count, record in enumerate(records):
        for name, value in record.items():
            if type(value) is float or (type(value) is int and -(2**53) < value < 2**53):
                if name not in rows:
                    if len(rows) >= MAX_NAMES:
                        continue
                    rows[name], values[name] = [], []
                rows[name].append(count)
                values[name].append(value)
            else:
                _add(rows, values, count, name, value, DEEPEST)
    return Columns({name: Column(np.array(rows[name]), np.array(values[name], float)) for name in rows}, count + 1)


def _add(
    rows: dict[str, list[int]], values: dict[str, list[float]], row: int, name: object, value: object, levels: int
) -> None:
    """Add a value that is no plain number, or those nested in it, to the columns."""
    if isinstance(value, dict):
        if levels:
            for inner, one in value.items():
                _add(rows, values, row, f"{name}/{inner}", one, levels - 1)
        return
    if isinstance(value, list) and len(value) == 1:  # what some tools make of a NumPy scalar
        value = value[0]
    found = number(value)
    name = str(name)
    if found is None or (name not in rows and len(rows) >= MAX_NAMES):
        return
    if rows.setdefault(name, []) and rows[name][-1] == row:
        values[name][-1] = found
        return
    rows[name].append(row)
    values.setdefault(name, []).append(found)
