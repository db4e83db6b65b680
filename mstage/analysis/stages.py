"""Which plateaus, descents and rises does a loss curve have, when does each end, and how sure is that?

A curve is cleaned and put into cells on logarithmic scales (`cells`) and cut into stretches by the broken lines that
are probable (`segmentation`), off which the borders are read (`borders`); descents get their rates (`rates`). Stages
are named initial plateau, initial descent, secondary plateau, secondary descent, third plateau, and so on: a descent
has the number of the plateau that it ends.

References:
    Chen, Luo, Wang 2024, "On Multi-Stage Loss Dynamics in Neural Networks: Mechanisms of Plateau and Descent Stages",
    arXiv 2410.20119 (the stages).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mstage.analysis.borders import DESCENT_SHARE, Border, locate_borders, without_noise
from mstage.analysis.broken_lines import Kind
from mstage.analysis.cells import Cells, ClockScale, clean, log_loss, make_cells
from mstage.analysis.magnitudes import LARGEST, SUMMED, in_unit, stage_out_of_units, unit_exponent
from mstage.analysis.rates import Model, Rate, fit_rate
from mstage.analysis.segmentation import Segmentation, SegmentationMethod, Stretch, segment
from mstage.errors import UsageError
from mstage.history import check_loss_history, clock_name, curves

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    import xarray as xr

    from mstage.history import Curve

FEWEST_RECORDS = 8
LARGEST_LOG = float(np.log(LARGEST))
ORDINALS = ("initial", "secondary", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

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
        probability: That there is a stage of this kind here: at most 0.96, for of the stages of known curves that every
            line drawn agreed on, so many were there.
        rate: Of the first nine tenths of a descent (negative for a rise): per unit of the clock where the model is
            `exponential`, the exponent where it is `power law`; None for a plateau and where neither can be fitted.
        rate_low: Lower end of the 95 % interval of `rate`.
        rate_high: Upper end of it.
        model: Which of the two models fits better.
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


@dataclass(frozen=True)
class RunStages:
    """The stages of one run.

    Attributes:
        run: Which run it is, by its coordinates.
        status: `ok`; `diverged` for a run that ended in a loss that is not finite (its stages until then are kept);
            `too short` for one of fewer than 8 different records.
        stages: In the order of the clock, each beginning where the one before it ends.
    """

    run: Mapping[str, float | int | str]
    status: Status
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class StageMethod:
    """How stages are found.

    Attributes:
        segmentation: What counts as a stage.
        clock_scale: `log`, on which a plateau is as long as the time before it, or `linear`.
        cells: Cells that the records of a curve are put into at most.
    """

    segmentation: SegmentationMethod = field(default_factory=SegmentationMethod)
    clock_scale: ClockScale = "log"
    cells: int = 300

    def __post_init__(self) -> None:
        if self.clock_scale not in ("log", "linear"):
            raise UsageError(f"clock scale `{self.clock_scale}`: expected log or linear")
        if self.cells < FEWEST_RECORDS:
            raise UsageError(f"cells {self.cells}: has to be at least {FEWEST_RECORDS}")


@dataclass(frozen=True)
class Stages:
    """The stages of every run of a history.

    Attributes:
        clock: Name of the clock: `time`, `step` or another.
        method: How they were found.
        runs: One entry a run, in the order of the run axes.
    """

    clock: str
    method: StageMethod
    runs: tuple[RunStages, ...]

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
            {"run": dict(one.run), "status": one.status, "stages": [asdict(stage) for stage in one.stages]}
            for one in self.runs
        ]
        return {"clock": self.clock, "method": asdict(self.method), "runs": runs}


def detect_stages(loss: xr.DataArray, method: StageMethod | None = None) -> Stages:
    """Find the stages of every run of a loss history.

    Args:
        loss: Losses over a `step` axis (the last) and any run axes, with a coordinate `time` where the clock is time.
        method: Settings; the default ones if None.

    Returns:
        The stages, in the order of the run axes.

    Raises:
        InputError: It is no loss history.

    Example:
        >>> time = np.geomspace(0.01, 100, 500)
        >>> loss = xr.DataArray(np.exp(-time) + 0.05, coords={"step": time}, dims="step")
        >>> [stage.name for stage in detect_stages(loss).runs[0].stages]
        ['initial plateau', 'initial descent', 'secondary plateau']
    """
    check_loss_history(loss)
    method = method or StageMethod()
    return Stages(clock_name(loss), method, tuple(stages_of_curve(curve, method) for curve in curves(loss)))


def stages_of_curve(curve: Curve, method: StageMethod) -> RunStages:
    """Find the stages of one curve."""
    clock, loss = clean(curve.clock, curve.loss)
    units = unit_exponent(clock, SUMMED, -SUMMED), unit_exponent(loss, SUMMED, -SUMMED)
    if any(units):
        scaled = replace(curve, clock=in_unit(clock, units[0]), loss=in_unit(loss, units[1]))
        found = stages_of_curve(scaled, method)
        return replace(found, stages=tuple(stage_out_of_units(stage, *units) for stage in found.stages))
    on_scale = clock if method.clock_scale == "linear" else clock[clock > 0]
    if on_scale.size < FEWEST_RECORDS:
        return RunStages(curve.run, "diverged" if curve.diverged else "too short", ())
    cells = make_cells(clock, loss, method.cells, method.clock_scale)
    segmentation = segment(cells, method.segmentation)
    borders, line = locate_borders(cells, segmentation), without_noise(cells, segmentation)
    names = stage_names([stretch.kind for stretch in segmentation.stretches])
    ends = [_on_clock(cells, border) for border in borders] + [(float(clock[-1]),) * 3]
    starts = [float(clock[0]), *(end[0] for end in ends[:-1])]
    rate_ends = [end[0] for end in ends[:-1]] + [_end_of_way(cells, segmentation, starts[-1])]
    stages = tuple(
        _stage(name, stretch, start, end, rate_end, (cells, line), (clock, loss))
        for name, stretch, start, end, rate_end in zip(
            names, segmentation.stretches, starts, ends, rate_ends, strict=True
        )
    )
    return RunStages(curve.run, "diverged" if curve.diverged else "ok", stages)


def stage_names(kinds: Iterable[Kind]) -> list[str]:
    """Names of stages in their order: a descent (or a rise) has the number of the plateau before it.

    A number goes up where its kind is used up, and at a plateau after a descent: so a curve that begins with a descent
    has an initial descent and then a secondary plateau.
    """
    names: list[str] = []
    number, used = 0, set[str]()
    for kind in kinds:
        if kind in used or (kind == "plateau" and "descent" in used):
            number, used = number + 1, set()
        used.add(kind)
        ordinal = ORDINALS[number] if number < len(ORDINALS) else _numbered(number + 1)
        names.append(f"{ordinal} {kind}")
    return names


def _numbered(number: int) -> str:
    """`11th`, `21st`, `32nd`, `43rd`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _on_clock(cells: Cells, border: Border) -> tuple[float, float, float]:
    """A border and its interval on the clock."""
    places = np.array([border.position, border.low, border.high])
    end, low, high = np.interp(places, cells.position, cells.clock)
    return float(end), float(low), float(high)


def _end_of_way(cells: Cells, segmentation: Segmentation, start: float) -> float:
    """Where the curve's last stage has come nine tenths of its way, which is where a descent ends if a plateau follows.

    A descent that goes on to the end of the curve may have a slow tail; its rate is not to speak of that.
    """
    inside = cells.clock >= start
    clock, line = cells.clock[inside], segmentation.line(cells)[inside]
    reached = np.abs(line - line[0]) >= DESCENT_SHARE * np.abs(line[-1] - line[0])
    return float(clock[int(np.argmax(reached))])


def _stage(
    name: str,
    stretch: Stretch,
    start: float,
    end: tuple[float, float, float],
    rate_end: float,
    curve: tuple[Cells, np.ndarray],
    records: tuple[np.ndarray, np.ndarray],
) -> Stage:
    """One stage with its losses along the line through the cells, and its rate up to `rate_end`."""
    (cells, line), (clock, loss) = curve, records
    inside = loss[(clock >= start) & (clock <= end[0])]
    at = np.interp([start, end[0]], cells.clock, line)
    edges = np.exp(np.minimum(at, LARGEST_LOG)) + cells.floor
    rate = None if stretch.kind == "plateau" else _rate(cells, start, rate_end, records)
    return Stage(
        name=name,
        kind=stretch.kind,
        start=start,
        end=end[0],
        end_low=end[1],
        end_high=end[2],
        loss_start=float(edges[0]),
        loss_end=float(edges[1]),
        level=float(np.median(inside)) if inside.size else float(edges.mean()),
        probability=stretch.probability,
        rate=rate.value if rate else None,
        rate_low=rate.low if rate else None,
        rate_high=rate.high if rate else None,
        model=rate.model if rate else None,
    )


def _rate(cells: Cells, start: float, end: float, records: tuple[np.ndarray, np.ndarray]) -> Rate | None:
    """Rate of the loss from one clock value to another, from the cells, or from the records where these are few."""
    if cells.floor != 0:  # a loss that can be negative has no rate: it would depend on the floor
        return None
    inside = (cells.clock >= start) & (cells.clock <= end)
    clock, loss = records
    few = (clock >= start) & (clock <= end)
    if np.count_nonzero(few) <= 2 * np.count_nonzero(inside):
        return fit_rate(clock[few], log_loss(loss[few], 0.0), np.ones(np.count_nonzero(few)))
    return fit_rate(cells.clock[inside], cells.value[inside], cells.variance[inside])
