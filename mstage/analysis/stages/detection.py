"""Which plateaus, descents and rises does a loss curve have, when does each end, and how sure is that?

A curve is cleaned and binned on logarithmic scales (`bins`) and cut into segments by the probable broken lines
(`segmentation`); the ends of the stages are read off these (`boundaries`), descents get their rates (`rates`), and all
of them their names (`names`).

References:
    Chen, Luo, Wang 2024, "On Multi-Stage Loss Dynamics in Neural Networks: Mechanisms of Plateau and Descent Stages",
    arXiv 2410.20119 (the stages).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.magnitudes import SUMMED, in_unit, out_of_unit, unit_exponent
from mstage.analysis.stages.bins import make_bins
from mstage.analysis.stages.boundaries import Boundary, locate_boundaries, ways_of
from mstage.analysis.stages.broken_lines import Kind
from mstage.analysis.stages.drawn_curve import DrawnCurve
from mstage.analysis.stages.names import stage_names
from mstage.analysis.stages.rates import Rate
from mstage.analysis.stages.records import ClockScale, Records, ValueScale, clean
from mstage.analysis.stages.results import MIN_RECORDS, RunStages, Stage, StageMethod, Stages, Status
from mstage.analysis.stages.segmentation import segment
from mstage.analysis.stages.stage_rates import stage_rate
from mstage.history import check_loss_history, clock_name, curves

if TYPE_CHECKING:
    import xarray as xr

    from mstage.history import Curve

MIRRORED: dict[Kind, Kind] = {"plateau": "plateau", "descent": "rise", "rise": "descent"}


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
    return RunStages(curve, *find_stages(curve, method))


def find_stages(curve: Curve, method: StageMethod) -> tuple[Status, tuple[Stage, ...], ClockScale]:
    """Status and stages of one curve and the scale of its losses, without the curve itself."""
    clock, loss = clean(curve.clock, curve.loss)
    units = unit_exponent(clock, SUMMED, -SUMMED), unit_exponent(loss, SUMMED, -SUMMED)
    if any(units):
        scaled = replace(curve, clock=in_unit(clock, units[0]), loss=in_unit(loss, units[1]))
        status, stages, scale = find_stages(scaled, method)
        return status, tuple(_out_of_units(stage, *units) for stage in stages), scale
    before = np.count_nonzero(clock <= 0) if method.clock_scale == "log" else 0
    if clock.size - max(before - 1, 0) < MIN_RECORDS:  # all the records before a log clock begins stand at one place
        return "diverged" if curve.diverged else "too short", (), "log"
    records = Records.of(clock, loss, method.clock_scale, method.goal)
    bins = make_bins(records, method.bins)
    segmentation = segment(bins, method.segmentation if records.scale.logarithmic else method.segmentation.straight())
    drawn = DrawnCurve(records, segmentation)
    ways = ways_of(drawn)
    boundaries = locate_boundaries(drawn, ways)
    kinds = [MIRRORED[kind] if records.scale.is_upside_down else kind for kind in drawn.kinds]
    begin, last = (Boundary.known(drawn, at) for at in clock[[0, -1]].tolist())
    ends = [*boundaries, last]
    starts = [begin, *boundaries]
    cleaned = replace(curve, clock=clock, loss=loss)
    rates = [
        None if way is None else stage_rate(drawn, bins, index, way, start, end.position)
        for index, (way, start, end) in enumerate(zip(ways, starts, ends, strict=True))
    ]
    stages = tuple(
        _stage(name, kind, part.probability, start, end, rate, cleaned, records.scale)
        for name, kind, part, start, end, rate in zip(
            stage_names(kinds), kinds, segmentation.segments, starts, ends, rates, strict=True
        )
    )
    return "diverged" if curve.diverged else "ok", stages, "log" if records.scale.logarithmic else "linear"


def _stage(
    name: str,
    kind: Kind,
    probability: float,
    start: Boundary,
    end: Boundary,
    rate: Rate | None,
    records: Curve,
    scale: ValueScale,
) -> Stage:
    """One stage with its losses along the curve without its noise."""
    inside = records.loss[(records.clock >= start.position) & (records.clock <= end.position)]
    edges = scale.loss(np.array([start.height, end.height]))
    return Stage(
        name=name,
        kind=kind,
        start=start.position,
        end=end.position,
        end_low=end.low,
        end_high=end.high,
        loss_start=float(edges[0]),
        loss_end=float(edges[1]),
        level=float(np.median(inside)) if inside.size else float(edges.mean()),
        probability=probability,
        rate=rate.value if rate else None,
        rate_low=rate.low if rate else None,
        rate_high=rate.high if rate else None,
        model=rate.model if rate else None,
    )


def _out_of_units(stage: Stage, clock: int, loss: int) -> Stage:
    """A stage of a curve whose clock and losses had the units 2^clock and 2^loss."""
    values: dict[str, Any] = {
        name: out_of_unit(getattr(stage, name), exponent)
        for exponent, names in (
            (clock, ("start", "end", "end_low", "end_high")),
            (loss, ("loss_start", "loss_end", "level")),
        )
        for name in names
    }
    if stage.model == "exponential":
        names = ("rate", "rate_low", "rate_high")
        with np.errstate(over="ignore"):  # float64 need not hold a rate for each unit of a clock of denormal numbers
            rates = np.ldexp([getattr(stage, name) for name in names], -clock)
        known = bool(np.isfinite(rates).all())
        values |= dict(zip(names, rates.tolist(), strict=True)) if known else dict.fromkeys([*names, "model"])
    return replace(stage, **values)
