"""Which clocks does a series have, and against which of them should it be seen?

A clock has a kind, so that logs that call theirs `step`, `iter` and `global_step` can be compared. A step that restarts
in every epoch is counted on over the epochs. A constant column, or an epoch that most values share, is no clock. The
number of the record is always one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mstage.errors import InputError, printable, shown
from mstage.readers.logs.log import Log, Series
from mstage.readers.logs.names import CLOCK_KINDS, EPOCH, RECORD, SECONDS, STEP, TIME, clock_kind, name_of

MIN_KNOWN = 0.5  # share of the values that have a place on the clock
MIN_DISTINCT = 0.5  # share of the places on a clock other than a step that differ
MIN_ASCENDING = 0.9  # share of the steps from one place to the next that do not go back
UNIX_TIME = 1e8  # seconds: more are a time since 1970, fewer that of a run


@dataclass(frozen=True)
class Clock:
    """The places of the values of a series.

    Attributes:
        name: As the log has it.
        kind: `step`, `epoch` and so on; the name itself of a column that is no clock by its name.
        values: The place of each value of the series.
        counted_on: How often the log's own clock restarts.
    """

    name: str
    kind: str
    values: np.ndarray
    counted_on: int = 0


@dataclass(frozen=True)
class ClockChoice:
    """Which clock to take for each series of each log.

    Attributes:
        kind: Kind of the clock.
        name: The column that the user asks for, if it is one.
    """

    kind: str
    name: str | None = None

    def clock_of(self, log: Log, series: Series) -> Clock:
        """The clock of a series.

        Raises:
            InputError: It has none of that name or kind.
        """
        if self.name is not None and self.name in series.beside:
            return make_clock(series, self.name)
        found = next((clock for clock in clocks_of(series) if clock.kind == self.kind), None)
        if found is None:
            names = ", ".join(f"`{shown(clock.name)}`" for clock in clocks_of(series))
            raise InputError(
                f"{log.source}: `{shown(series.name)}` has no clock `{shown(self.name or self.kind)}`; "
                f"it has {names}. Choose with --x NAME."
            )
        return found


def common_kind(chosen: Sequence[tuple[Log, Sequence[Series]]], wanted: str | None) -> ClockChoice:
    """The clock for some series of some logs: the one that is asked for, or the likeliest that all of them have.

    Raises:
        InputError: They have none in common.
    """
    if wanted is not None:
        wanted = name_of(wanted)
        names = {name for _, series in chosen for one in series for name in one.beside}
        wanted = wanted if wanted in names else {printable(name): name for name in names}.get(wanted, wanted)
        if wanted in names:
            return ClockChoice(clock_kind(wanted) or wanted, wanted)
        kind = clock_kind(wanted) or wanted.lower()
        return ClockChoice(kind, None if kind in CLOCK_KINDS else wanted)
    kinds = [{clock.kind for clock in clocks_of(one)} for _, series in chosen for one in series]
    common = set.intersection(*kinds)
    if common == {RECORD} and any(len(found) > 1 for found in kinds):
        told = "; ".join(
            f"{log.source} has {', '.join(k for k in CLOCK_KINDS if k in {c.kind for c in clocks_of(series[0])})}"
            for log, series in chosen[:4]
        )
        raise InputError(f"the logs have no clock in common: {told}. Count their records with --x record.")
    return ClockChoice(next(kind for kind in CLOCK_KINDS if kind in common))


def clocks_of(series: Series) -> list[Clock]:
    """The clocks of a series, the likeliest first, the number of the record last."""
    named = [(CLOCK_KINDS.index(kind), name) for name in series.beside if (kind := clock_kind(name)) is not None]
    clocks = [make_clock(series, name) for _, name in sorted(named, key=lambda item: item[0])]
    clocks = [clock for clock in clocks if _serves(clock)]
    return [*clocks, Clock(RECORD, RECORD, np.arange(1.0, series.points + 1))]


def make_clock(series: Series, name: str) -> Clock:
    """A column as the clock of a series: counted on where it restarts, and from 0 where it is a time since 1970."""
    kind = clock_kind(name) or name
    values = series.clock(name)
    begin = values[np.isfinite(values)].min(initial=np.inf) if kind in (SECONDS, TIME) else 0.0
    if UNIX_TIME < begin < np.inf:
        values = values - begin
    if kind == STEP:
        epoch = next((series.clock(other) for other in series.beside if clock_kind(other) == EPOCH), None)
        if epoch is not None:
            if is_newest_first(epoch):
                places, times = counted_on(values[::-1], epoch[::-1])
                return Clock(name, kind, places[::-1], times)
            return Clock(name, kind, *counted_on(values, epoch))
    return Clock(name, kind, values)


def counted_on(steps: np.ndarray, epochs: np.ndarray) -> tuple[np.ndarray, int]:
    """Steps that restart in every epoch as steps that do not, and how often they restart.

    An epoch is taken to be as long as the range of steps seen within epochs plus the median distance of two records.
    """
    known = np.flatnonzero(np.isfinite(steps) & np.isfinite(epochs))
    seen, epoch = steps[known], epochs[known]
    back = np.flatnonzero(seen[1:] < seen[:-1]) + 1
    if back.size == 0 or (epoch[1:] < epoch[:-1]).any():
        return steps, 0
    with_epoch = epoch[back] > epoch[back - 1]
    passed = np.zeros(steps.size)
    with np.errstate(over="ignore", invalid="ignore"):  # steps too large to be counted on are left as they are
        near_start = seen[back] <= np.median(seen)
        if not (with_epoch & near_start).all():
            return steps, 0
        ascending = np.diff(seen)[np.diff(seen) > 0]
        passed[known[back]] = seen.max() - seen.min() + np.median(ascending) if ascending.size else 1
        counted = steps + np.cumsum(passed)
    return (counted, int(back.size)) if np.isfinite(counted[known]).all() else (steps, 0)


def _serves(clock: Clock) -> bool:
    """Whether a column is a clock by its values."""
    known = clock.values[np.isfinite(clock.values)]
    if known.size < max(2, MIN_KNOWN * clock.values.size) or known.min() == known.max():
        return False
    if clock.kind == STEP:
        return True
    if np.unique(known).size < MIN_DISTINCT * known.size:
        return False
    return is_newest_first(known) or bool((known[1:] >= known[:-1]).mean() >= MIN_ASCENDING)


def is_newest_first(places: np.ndarray) -> bool:
    """Whether a log was written from its end to its beginning: its clock goes down and never up."""
    known = places[np.isfinite(places)]  # compared and not subtracted: places near the ends of float64 overflow
    before, after = known[:-1], known[1:]
    return bool((after <= before).all() and (after < before).any())


def goes_back(places: np.ndarray) -> np.ndarray:
    """The indices of the values at which a clock goes back; none for a log that is newest first."""
    if is_newest_first(places):
        return np.empty(0, int)
    known = np.flatnonzero(np.isfinite(places))
    return known[1:][places[known][1:] < places[known][:-1]]
