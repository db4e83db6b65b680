"""Which of a log's series is meant, and against which clock?

The user says, or the likeliest are taken: the series whose name is most like that of a training loss (of several such,
the one with most values), and the first that there is of step, epoch, tokens, samples and seconds. A choice also tells
what else could have been taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
import xarray as xr

from mstage.errors import InputError, listed, printable, shown
from mstage.history import RunStatus, ends_without_a_number
from mstage.nearness import nearest
from mstage.readers.logs.clocks import Clock, clocks_of, common_kind, is_newest_first
from mstage.readers.logs.log import Log, Series
from mstage.readers.logs.names import RECORD, loss_rank, name_of

MIN_POINTS = 8  # of a curve; fewer show no stages
NAMES_LISTED = 12


@dataclass(frozen=True)
class Selection:
    """What the user asks for.

    Attributes:
        loss: Names of series, or patterns of them (`*loss*`); the likeliest training loss if there are none.
        clock: Name of a column, or a kind of clock; the likeliest if None.
    """

    loss: tuple[str, ...] = ()
    clock: str | None = None


@dataclass(frozen=True)
class ChosenSeries:
    """A series against a clock.

    Attributes:
        log: Where it comes from.
        series: Which it is.
        clock: Where its values lie.
    """

    log: Log
    series: Series
    clock: Clock

    @cached_property
    def kept(self) -> np.ndarray:
        """Which of the values have a finite place on the clock."""
        kept: np.ndarray = np.isfinite(self.clock.values)
        return kept

    @property
    def not_finite(self) -> int:
        """How many of the values are NaN or infinite."""
        return int((~np.isfinite(self.series.column.values)).sum())

    @property
    def repeated(self) -> int:
        """How many of the values share their place on the clock with an earlier one."""
        places = self.clock.values[self.kept]
        return int(places.size - np.unique(places).size)

    @property
    def newest_first(self) -> bool:
        """Whether the log was written from its end to its beginning."""
        return is_newest_first(self.clock.values)

    def history(self, *, with_run: bool = False) -> xr.DataArray:
        """The curve as a loss history: the clock its axis, `log`, `run` and `series` its coordinates.

        It has diverged if its last value on the clock is not finite.

        Args:
            with_run: Whether to have `run` also where the log does not tell runs apart.
        """
        kind = self.clock.kind
        clock, values = self.clock.values[self.kept], self.series.column.values[self.kept]
        if self.newest_first:  # so that of several at one place the one recorded last comes last
            clock, values = clock[::-1], values[::-1]
        names = {"log": self.log.source} | ({"run": self.series.run} if self.series.run or with_run else {})
        status = RunStatus.DIVERGED if ends_without_a_number(clock, values) else RunStatus.FINISHED
        coordinates = names | {"series": self.series.name, "status": int(status)}
        return xr.DataArray(values, dims=kind, coords={kind: clock} | coordinates, name="loss")


@dataclass(frozen=True)
class Choice:
    """The series of a log that were chosen.

    Attributes:
        log: The log.
        chosen: These series.
        was_asked_for: Whether the user has named the series.
    """

    log: Log
    chosen: tuple[ChosenSeries, ...]
    was_asked_for: bool

    @property
    def others(self) -> list[str]:
        """Names of the other series, losses first."""
        taken = {one.series.name for one in self.chosen}
        rest = [name for name in self.log.names if name not in taken]
        return sorted(rest, key=lambda name: loss_rank(name) or (True, 9, 0))

    @property
    def other_clocks(self) -> list[str]:
        """Names of the clocks that were not chosen."""
        taken = {one.clock.name for one in self.chosen}
        found = [clock.name for one in self.chosen for clock in clocks_of(one.series)]
        return [name for name in dict.fromkeys(found) if name not in taken | {RECORD}]


def choose(logs: Sequence[Log], selection: Selection) -> list[Choice]:
    """Choose series and clock of some logs, the same kind of clock for all of them.

    Raises:
        InputError: A log has no such series or clock, or none that is likely, or the logs have no clock in common.
    """
    series = [chosen_series(log, selection.loss) for log in logs]
    kind = common_kind(list(zip(logs, series, strict=True)), selection.clock)
    return [
        Choice(
            log,
            tuple(ChosenSeries(log, one, kind.clock_of(log, one)) for one in chosen),
            was_asked_for=bool(selection.loss),
        )
        for log, chosen in zip(logs, series, strict=True)
    ]


def chosen_series(log: Log, patterns: Sequence[str] = ()) -> list[Series]:
    """The series of a log that match some names, or those of its likeliest training loss.

    Raises:
        InputError: There are none.
    """
    if not patterns:
        name = likeliest_loss(log)
        return [one for one in log.series if one.name == name]
    names = [name for pattern in patterns for name in _matching(log, pattern)]
    return [one for name in dict.fromkeys(names) for one in log.series if one.name == name]


def likeliest_loss(log: Log) -> str:
    """The name of the series that is most likely the training loss: the one there is, or one that is named as a loss.

    Raises:
        InputError: No name of several is that of a loss.
    """
    points = {name: max(one.points for one in log.series if one.name == name) for name in log.names}
    ranked = {name: rank for name in points if (rank := loss_rank(name)) is not None}
    if not ranked:
        only = next(iter(points), "")
        if len(points) == 1 and points[only] > 1:
            return only
        raise InputError(f"{log.source}: has no series that is a loss by its name; {_has(log)}")
    return min(ranked, key=lambda name: (points[name] < MIN_POINTS, ranked[name], -points[name]))


def _matching(log: Log, pattern: str) -> list[str]:
    """The names that a pattern means: the equal one, or else those that match, as they are or as they are printed.

    Raises:
        InputError: There are none.
    """
    pattern = name_of(pattern)
    forms = {name: (name, printable(name)) for name in log.names}
    equal = [name for name, both in forms.items() if pattern in both]
    if equal:
        return [pattern] if pattern in equal else equal
    found = [name for name, both in forms.items() if any(fnmatchcase(one.lower(), pattern.lower()) for one in both)]
    if found:
        return found
    parts = [part.strip() for part in pattern.split(",")]
    near = nearest(pattern, log.names)
    way_out = f" Did you mean --loss '{shown(near)}'?" if near else ""
    if len(parts) > 1 and all(part in log.names for part in parts):
        each = " ".join(f"--loss '{shown(part)}'" for part in parts)
        way_out = f" Several are given one by one, as {each}."
    raise InputError(f"{log.source}: has no series `{shown(pattern)}`; {_has(log)}{way_out}")


def _has(log: Log) -> str:
    names = log.names
    first = listed([f"`{shown(name)}`" for name in names[:NAMES_LISTED]], len(names))
    return f"it has {first}{' (--list)' if len(names) > NAMES_LISTED else ''}. Choose with --loss NAME."
