"""What was found of the curves of a history: stages, and how they were looked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from mstage.analysis.display import Plotted, Tabled, lines, place
from mstage.analysis.stages.broken_lines import Kind
from mstage.analysis.stages.method import SegmentationMethod
from mstage.analysis.stages.rate_fits import Model
from mstage.analysis.stages.records import ClockScale, Goal
from mstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mstage.history import Curve

MIN_RECORDS = 8
RUN_COORDINATES = ("alpha", "width", "seed", "learning_rate")

Status = Literal["ok", "diverged", "too short"]


@dataclass(frozen=True)
class Stage:
    """One plateau, descent or rise. Times are in units of the curve's clock.

    Attributes:
        name: `initial plateau`, `initial descent`, `secondary plateau` and so on.
        kind: `plateau`, `descent` or `rise`.
        start: Where it begins: the end of the stage before it, or the curve's first record.
        end: Where it ends.
        end_low: Lower end of the 90 % interval of `end`.
        end_high: Upper end of it.
        loss_start: Loss at `start`, along the curve without its noise.
        loss_end: Loss at `end`.
        level: Median of the losses recorded in it.
        probability: That there is a stage of this kind here. Capped at 0.96: on curves with known stages, 96 % of the
            stages that every draw agreed on were real.
        rate: How fast a descent or a rise goes from its start on: per unit of the clock where the model is
            `exponential`, c + A exp(-rate x); the exponent where it is `power law`, c + A x^-rate. Negative where the
            loss runs away by factors, as in a blow-up. None for a plateau and where neither can be fitted.
        rate_low: Lower end of the 95 % interval of `rate`.
        rate_high: Upper end of it.
        model: Which of the two models it is.
    """

    name: str
    kind: Kind
    start: float
    end: float
    end_low: float
    end_high: float
    loss_start: float
    loss_end: float
    level: float
    probability: float
    rate: float | None
    rate_low: float | None
    rate_high: float | None
    model: Model | None


@dataclass(frozen=True, eq=False, repr=False)
class RunStages:
    """The stages of one run; equal to another's where run, status and stages are.

    Attributes:
        curve: The run, with its losses.
        status: `ok`; `diverged` for a run that ended in a loss that is not finite (its stages until then are kept);
            `too short` for one of fewer than 8 different records.
        stages: In the order of the clock, each beginning where the one before it ends.
        value_scale: On which scale its losses were seen: `log`, or `linear` where they can be negative or rise.
    """

    curve: Curve
    status: Status
    stages: tuple[Stage, ...]
    value_scale: ClockScale = "log"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunStages):
            return NotImplemented
        return (self.run, self.status, self.stages) == (other.run, other.status, other.stages)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        status = "" if self.status == "ok" else f" ({self.status})"
        return f"{place(self.run) or 'the run'}{status}: {self.course}"

    @property
    def run(self) -> Mapping[str, float | int | str]:
        """Which run it is, by its coordinates."""
        return self.curve.run

    @property
    def course(self) -> str:
        """The stages in words, as `initial plateau to 3.1, initial descent to 7.2, secondary plateau`."""
        ended = [f"{stage.name} to {stage.end:.4g}" for stage in self.stages[:-1]]
        return ", ".join([*ended, *(stage.name for stage in self.stages[-1:])]) or "no stages"


@dataclass(frozen=True)
class StageMethod:
    """How stages are found.

    Attributes:
        segmentation: What counts as a stage.
        clock_scale: `log`, on which a plateau is as long as the time before it, or `linear`.
        bins: Bins that the records of a curve are put into at most.
        goal: `max` for an accuracy or a return, which is seen on a straight scale; `min` for a loss, on a logarithmic
            one unless it is negative somewhere; None to tell it by the curve (and, of a log, by the name).
    """

    segmentation: SegmentationMethod = field(default_factory=SegmentationMethod)
    clock_scale: ClockScale = "log"
    bins: int = 300
    goal: Goal | None = None

    def __post_init__(self) -> None:
        if self.clock_scale not in ("log", "linear"):
            raise UsageError(f"clock scale `{self.clock_scale}`: expected log or linear")
        if self.goal not in (None, "min", "max"):
            raise UsageError(f"goal `{self.goal}`: expected min or max")
        if self.bins < MIN_RECORDS:
            raise UsageError(f"bins {self.bins}: has to be at least {MIN_RECORDS}")


@dataclass(frozen=True)
class SeriesChoice:
    """What was taken of a log.

    Attributes:
        log: Its name.
        format: What it was read as, in words.
        series: Names of the series that were taken.
        clock: Name of the clock that was taken.
        other_series: Names of those that were not, those that speak of a loss first.
        other_clocks: Names of the clocks that were not taken.
        remarks: What else there is to know of it, as lines that could not be read.
    """

    log: str
    format: str
    series: tuple[str, ...]
    clock: str
    other_series: tuple[str, ...]
    other_clocks: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Stages(Tabled, Plotted):
    """The stages of every run of a history.

    Attributes:
        clock: Name of the clock: `time`, `step` or another.
        method: How they were found.
        runs: One entry a run, in the order of the run axes.
        choices: Of logs, what was taken of each and what else it has.
    """

    clock: str
    method: StageMethod
    runs: tuple[RunStages, ...]
    choices: tuple[SeriesChoice, ...] = ()

    def __repr__(self) -> str:
        of_logs = (f"{one.log}: {', '.join(one.series)} against {one.clock}" for one in self.choices)
        count = "1 run" if len(self.runs) == 1 else f"{len(self.runs):,} runs"
        return lines(f"Stages of {count} over {self.clock}", [*of_logs, *map(repr, self.runs)])

    def to_dataframe(self) -> pd.DataFrame:
        """One row a stage: run coordinates, `status`, `number` (place in the run, from 0), then the fields of `Stage`.

        A run without stages has one row, whose stage is missing.
        """
        import pandas as pd

        rows = []
        for one in self.runs:
            head = dict(one.run) | {"status": one.status}
            rows += [head | {"number": k} | asdict(stage) for k, stage in enumerate(one.stages)] or [head]
        coordinates = list(dict.fromkeys(name for one in self.runs for name in one.run))
        columns = [*coordinates, "status", "number", *(item.name for item in fields(Stage))]
        return pd.DataFrame(rows, columns=columns).astype({"number": "Int64"})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `mstage detect-stages --format json` prints them."""
        runs = [
            {
                "run": dict(one.run),
                "status": one.status,
                "value_scale": one.value_scale,
                "stages": [asdict(stage) for stage in one.stages],
            }
            for one in self.runs
        ]
        return {"clock": self.clock, "method": asdict(self.method), "runs": runs}
