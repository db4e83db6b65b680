"""Which stages do runs share that differ in nothing but their seed?

Such runs make a group. Within a group, runs are compared only with runs that went through the same stages: a median
over one run's secondary plateau and another's initial one would mean nothing. So a group holds one summary for each
sequence of stages that was seen, the most frequent first, with how many runs have it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mstage.analysis.magnitudes import middle
from mstage.analysis.samples import Spread
from mstage.history import shown_axes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mstage.analysis.stages.results import RunStages, Stage, Stages

COUNTS = ("runs", "diverged", "too_short", "sequence", "sequence_runs", "number", "model_runs")


@dataclass(frozen=True)
class RateSummary:
    """The rate of a descent in the runs whose best model is the most frequent one: rates of two models do not compare.

    Attributes:
        model: `exponential` (per unit of the clock) or `power law` (exponent).
        runs: Runs with that model.
        rate: Over these runs.
        interval: Medians over these runs of the two ends of the run's own 95 % interval; None where it has none.
    """

    model: str
    runs: int
    rate: Spread
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class StageSummary:
    """One stage over the runs that share a sequence of stages; times in units of the clock.

    Attributes:
        name: As `Stage` has it.
        kind: As `Stage` has it.
        start: Where it starts.
        end: Where it ends.
        end_interval: Medians over the runs of the two ends of the run's own 90 % interval of the end.
        length: From start to end.
        level: Median loss.
        probability: How sure it is that a run has this stage.
        rate: Of a descent or a rise; None where no model fits.
    """

    name: str
    kind: str
    start: Spread | None
    end: Spread | None
    end_interval: tuple[float, float] | None
    length: Spread | None
    level: Spread | None
    probability: Spread | None
    rate: RateSummary | None


@dataclass(frozen=True)
class StageSequence:
    """The runs of a group that went through the same stages.

    Attributes:
        runs: How many there are.
        stages: Their stages in order; none where no stage was found.
    """

    runs: int
    stages: tuple[StageSummary, ...]


@dataclass(frozen=True)
class StageGroup:
    """Runs that differ in nothing but their seed.

    Attributes:
        run: The coordinates that they share.
        members: The runs, in the order of their seeds.
        sequences: The most frequent first. Only runs that are `ok` have a place here; where there is none of these,
            those that diverged, with what they had until then.
    """

    run: Mapping[str, float | int | str]
    members: tuple[RunStages, ...]
    sequences: tuple[StageSequence, ...]

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.members)

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many are `ok`, `diverged`, `too short`."""
        return dict(sorted(Counter(str(one.status) for one in self.members).items()))

    def rows(self) -> list[dict[str, Any]]:
        """The rows of this group in `StageGroups.to_dataframe`."""
        head: dict[str, Any] = dict(self.run) | {"runs": self.runs}
        head |= {status.replace(" ", "_"): self.statuses.get(status, 0) for status in ("diverged", "too short")}
        rows = []
        for place, sequence in enumerate(self.sequences):
            start = head | {"sequence": place, "sequence_runs": sequence.runs}
            stages = [{"number": number} | _row(stage) for number, stage in enumerate(sequence.stages)]
            rows += [start | stage for stage in stages or [{}]]
        return rows or [head]


@dataclass(frozen=True)
class StageGroups:
    """The stages of a history by alpha, width and whatever else but the seed differs.

    Attributes:
        clock: What times are measured in.
        axes: The coordinates that tell the groups apart.
        groups: In ascending order of these coordinates.
    """

    clock: str
    axes: tuple[str, ...]
    groups: tuple[StageGroup, ...]

    @classmethod
    def of(cls, stages: Stages) -> StageGroups:
        """Group the runs of a history."""
        shown = shown_axes([one.run for one in stages.runs])
        by_place: dict[tuple[Any, ...], list[RunStages]] = {}
        for one in stages.runs:
            by_place.setdefault(_place(one.run, shown), []).append(one)
        ordered = sorted(by_place, key=lambda place: [(isinstance(value, str), value) for value in place])
        return cls(stages.clock, tuple(shown), tuple(_group(by_place[place], shown) for place in ordered))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a stage of a sequence of a group; a sequence or a group without stages has one row.

        Columns: the coordinates of the group; its `runs`, how many of them `diverged` or were `too_short`; `sequence`
        (0 for the most frequent) and `sequence_runs`; `number` (place of the stage, from 0), `name`, `kind`; medians of
        `start`, `end`, `length`, `level`, `probability`, `rate`, each with `_least` and `_greatest` over the runs;
        `model` and `model_runs`; `end_low`, `end_high`, `rate_low`, `rate_high`, medians of the runs' own intervals.
        """
        return rows_table([row for group in self.groups for row in group.rows()])

    def place(self, run: Mapping[str, Any]) -> tuple[Any, ...]:
        """Where a run belongs: its coordinates along the axes."""
        return _place(run, self.axes)


def rows_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of groups as a table, in which a count stays a whole number where others have none."""
    table = pd.DataFrame(rows)
    return table.astype({name: "Int64" for name in COUNTS if name in table})


def spread_columns(name: str, spread: Spread | None) -> dict[str, float]:
    """The three columns that a spread has in a table: `name` (the median), `name_least`, `name_greatest`."""
    middle, least, greatest = (spread.median, spread.least, spread.greatest) if spread else (math.nan,) * 3
    return {name: middle, f"{name}_least": least, f"{name}_greatest": greatest}


def _place(run: Mapping[str, Any], axes: Sequence[str]) -> tuple[Any, ...]:
    return tuple(run.get(name, "") for name in axes)


def _group(runs: Sequence[RunStages], axes: Sequence[str]) -> StageGroup:
    by_names: dict[tuple[str, ...], list[RunStages]] = {}
    whole = [one for one in runs if one.status == "ok"]
    for one in whole or [one for one in runs if one.stages]:  # of runs that all diverged, what they had until then
        by_names.setdefault(tuple(stage.name for stage in one.stages), []).append(one)
    shared = {name: value for name, value in runs[0].run.items() if name != "seed"}
    return StageGroup(
        run={name: shared[name] for name in (*axes, *shared) if name in shared},
        members=tuple(sorted(runs, key=lambda one: sorted(one.run.items()))),
        sequences=tuple(
            StageSequence(len(same), tuple(_stage(stages) for stages in zip(*(o.stages for o in same), strict=True)))
            for _, same in sorted(by_names.items(), key=lambda item: (-len(item[1]), -len(item[0]), item[0]))
        ),
    )


def _stage(stages: Sequence[Stage]) -> StageSummary:
    """One stage of a sequence, over its runs."""
    return StageSummary(
        name=stages[0].name,
        kind=stages[0].kind,
        start=Spread.of(stage.start for stage in stages),
        end=Spread.of(stage.end for stage in stages),
        end_interval=_interval((stage.end_low, stage.end_high) for stage in stages),
        length=Spread.of(stage.end - stage.start for stage in stages),
        level=Spread.of(stage.level for stage in stages),
        probability=Spread.of(stage.probability for stage in stages),
        rate=_rate(stages),
    )


def _rate(stages: Sequence[Stage]) -> RateSummary | None:
    fitted = [stage for stage in stages if stage.rate is not None and math.isfinite(stage.rate)]
    models = Counter(stage.model for stage in fitted if stage.model is not None)
    if not models:
        return None
    model = min(models, key=lambda name: (-models[name], name))
    same = [stage for stage in fitted if stage.model == model]
    rate = Spread.of(stage.rate for stage in same)
    return RateSummary(model, len(same), rate, _interval((s.rate_low, s.rate_high) for s in same)) if rate else None


def _interval(intervals: Iterable[tuple[float | None, float | None]]) -> tuple[float, float] | None:
    """Medians of the two ends over the intervals that have both."""
    ends = np.array(list(intervals), float)
    both = ends[np.isfinite(ends).all(axis=1)]
    return (middle(both[:, 0]), middle(both[:, 1])) if len(both) else None


def _row(stage: StageSummary) -> dict[str, Any]:
    row: dict[str, Any] = {"name": stage.name, "kind": stage.kind}
    for name in ("start", "end", "length", "level", "probability"):
        row |= spread_columns(name, getattr(stage, name))
    rate = stage.rate
    row |= spread_columns("rate", rate.rate if rate else None)
    row |= {"model": rate.model if rate else None, "model_runs": rate.runs if rate else None}
    for name, ends in (("end", stage.end_interval), ("rate", rate.interval if rate else None)):
        row[f"{name}_low"], row[f"{name}_high"] = ends or (math.nan, math.nan)
    return row
