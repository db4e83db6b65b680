"""Read logs that other programs have written, choose what to look at, and find its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mstage.analysis.stages.records import Goal
from mstage.analysis.stages.results import SeriesChoice, StageMethod, Stages
from mstage.errors import InputError, UsageError
from mstage.history import clock_name, curves
from mstage.readers.logs.clocks import Clock, clocks_of, common_kind, is_newest_first
from mstage.readers.logs.log import Log, Series
from mstage.readers.logs.names import is_maximised, loss_rank
from mstage.readers.logs.selection import Choice, Selection, choose, chosen_series
from mstage.readers.logs.sniff import check_reader, read_log
from mstage.readers.logs.source_bytes import STDIN
from mstage.store.reader import is_store
from mstage.workflows.many_curves import stages_of_curves

LISTED = [
    "log", "run", "series", "taken", "points", "not_finite", "clock", "start", "end", "first", "last", "clocks",
]  # fmt: skip


@dataclass(frozen=True)
class LogOptions:
    """How logs are read.

    Attributes:
        selection: Which series, and against which clock.
        reader: The format, told by the content if None.
        pattern: How the lines of a text log are written: the name of a preset, or a regular expression.
    """

    selection: Selection = field(default_factory=Selection)
    reader: str | None = None
    pattern: str | None = None


def open_log(source: str | Path, *, reader: str | None = None, pattern: str | None = None) -> Log:
    """Read a log.

    Args:
        source: A file, a folder of TensorBoard event files, or `-` for standard input.
        reader: The format, told by the content if None.
        pattern: How the lines of a text log are written: the name of a preset, or a regular expression.

    Returns:
        Its series, of which `detect_stages` takes the likeliest training loss or those that it is told.

    Raises:
        InputError: It cannot be read as a log.
        UsageError: There is no such format, or the pattern is none.

    Example:
        >>> log = open_log("metrics.csv")
        >>> log.names
        ['train_loss', 'val_loss']
        >>> detect_stages(log, loss="val_loss").plot()
    """
    return read_log(str(source), reader, pattern)


def is_sweep(sources: Sequence[str]) -> bool:
    """Whether some sources are one sweep of `mstage train`.

    Raises:
        UsageError: A sweep stands among other sources, or a source is named twice.
    """
    twice = next((source for source in sources if sources.count(source) > 1), None)
    if twice is not None:
        raise UsageError(f"{'standard input' if twice == STDIN else twice} is named twice; name every log once")
    stores = [source for source in sources if source != STDIN and is_store(Path(source))]
    if stores and len(sources) > 1:
        raise UsageError(f"{stores[0]} is a sweep of `mstage train`, which stands alone; give one sweep, or logs")
    return bool(stores)


def read_logs(sources: Sequence[str], options: LogOptions) -> list[Log]:
    """Read logs.

    Raises:
        InputError: One of them cannot be read.
        UsageError: There is no such reader, or the pattern is none.
    """
    check_reader(options.reader, options.pattern)
    return [read_log(source, options.reader, options.pattern) for source in sources]


def choose_series(logs: Sequence[Log], options: LogOptions) -> list[Choice]:
    """The series of some logs that are meant.

    Raises:
        InputError: A log has none.
    """
    return choose(logs, options.selection)


def stages_of_choices(choices: Sequence[Choice], method: StageMethod | None = None) -> Stages:
    """The stages of every chosen series, in the order of the logs.

    Where the method does not say whether they are to be maximised, their names do.
    """
    chosen = [one for choice in choices for one in choice.chosen]
    with_run = any(one.series.run for one in chosen)
    histories = [one.history(with_run=with_run) for one in chosen]
    method = method or StageMethod()
    every_curve = [curve for history in histories for curve in curves(history)]
    goals = [method.goal or _goal_of(str(curve.run["series"])) for curve in every_curve]
    found = {
        goal: iter(
            stages_of_curves(
                [c for c, g in zip(every_curve, goals, strict=True) if g == goal], replace(method, goal=goal)
            )
        )
        for goal in dict.fromkeys(goals)
    }
    runs = tuple(next(found[goal]) for goal in goals)
    return Stages(clock_name(histories[0]), method, runs, tuple(_taken_of(choice) for choice in choices))


def _goal_of(name: str) -> Goal | None:
    """Whether a series is to be minimised or maximised, where its name tells."""
    if loss_rank(name) is not None:
        return "min"
    return "max" if is_maximised(name) else None


def _taken_of(choice: Choice) -> SeriesChoice:
    """What was taken of a log, as its stages remember it."""
    return SeriesChoice(
        log=choice.log.source,
        format=choice.log.format,
        series=tuple(dict.fromkeys(curve.series.name for curve in choice.chosen)),
        clock=choice.chosen[0].clock.name,
        other_series=tuple(choice.others),
        other_clocks=tuple(choice.other_clocks),
        remarks=choice.log.remarks,
    )


def list_of_series(logs: Sequence[Log], options: LogOptions) -> pd.DataFrame:
    """What logs hold, a row a series of a run.

    Columns: `log`, `run`, `series`, `taken` (whether it would be looked at), `points`, `not_finite`, `clock`, `start`
    and `end` (on the clock), `first` and `last` (of the values), `clocks` (all that there are).
    """
    rows = []
    for log in logs:
        taken, clock_of = _taken(log, options.selection)
        for one in log.series:
            clock = clock_of.get(id(one)) or clocks_of(one)[0]
            rows.append(_row(log, one, clock) | {"taken": id(one) in taken})
    return pd.DataFrame(rows, columns=LISTED)


def _taken(log: Log, selection: Selection) -> tuple[set[int], Mapping[int, Clock]]:
    """The series of a log that would be looked at and their clocks, none where it has none that is likely."""
    try:
        series = chosen_series(log, selection.loss)
    except InputError:
        return set(), {}
    kind = common_kind([(log, series)], selection.clock)
    return {id(one) for one in series}, {id(one): kind.clock_of(log, one) for one in series}


def _row(log: Log, series: Series, clock: Clock) -> dict[str, object]:
    values, places = series.column.values, clock.values[np.isfinite(clock.values)]
    values = values[::-1] if is_newest_first(clock.values) else values
    return {
        "log": log.source,
        "run": series.run,
        "series": series.name,
        "points": series.points,
        "not_finite": int((~np.isfinite(values)).sum()),
        "clock": clock.name,
        "start": places.min() if places.size else np.nan,
        "end": places.max() if places.size else np.nan,
        "first": values[0] if values.size else np.nan,
        "last": values[-1] if values.size else np.nan,
        "clocks": " ".join(one.name for one in clocks_of(series)),
    }
