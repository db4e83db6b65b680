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

from mstage.analysis.magnitudes import LARGEST, SUMMED, in_unit, out_of_unit, unit_exponent
from mstage.analysis.stages.bins import Bins, clean, log_loss, make_bins
from mstage.analysis.stages.boundaries import DESCENT_SHARE, Boundary, denoised, locate_boundaries
from mstage.analysis.stages.names import stage_names
from mstage.analysis.stages.rates import Rate, fit_rate
from mstage.analysis.stages.results import MIN_RECORDS, RunStages, Stage, StageMethod, Stages, Status
from mstage.analysis.stages.segmentation import Segment, Segmentation, segment
from mstage.history import check_loss_history, clock_name, curves

if TYPE_CHECKING:
    import xarray as xr

    from mstage.history import Curve

LARGEST_LOG = float(np.log(LARGEST))


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


def find_stages(curve: Curve, method: StageMethod) -> tuple[Status, tuple[Stage, ...]]:
    """Status and stages of one curve, without the curve itself."""
    clock, loss = clean(curve.clock, curve.loss)
    units = unit_exponent(clock, SUMMED, -SUMMED), unit_exponent(loss, SUMMED, -SUMMED)
    if any(units):
        scaled = replace(curve, clock=in_unit(clock, units[0]), loss=in_unit(loss, units[1]))
        status, stages = find_stages(scaled, method)
        return status, tuple(_out_of_units(stage, *units) for stage in stages)
    on_scale = clock if method.clock_scale == "linear" else clock[clock > 0]
    if on_scale.size < MIN_RECORDS:
        return "diverged" if curve.diverged else "too short", ()
    bins = make_bins(clock, loss, method.bins, method.clock_scale)
    segmentation = segment(bins, method.segmentation)
    boundaries, line = locate_boundaries(bins, segmentation), denoised(bins, segmentation)
    names = stage_names([one.kind for one in segmentation.segments])
    ends = [*(_on_clock(bins, boundary) for boundary in boundaries), Boundary(*[float(clock[-1])] * 3)]
    starts = [float(clock[0]), *(end.position for end in ends[:-1])]
    rate_ends = [*starts[1:], _end_of_way(bins, segmentation, starts[-1])]
    records = replace(curve, clock=clock, loss=loss)
    stages = tuple(
        _stage(name, part, start, end, rate_end, bins, line, records)
        for name, part, start, end, rate_end in zip(names, segmentation.segments, starts, ends, rate_ends, strict=True)
    )
    return "diverged" if curve.diverged else "ok", stages


def _on_clock(bins: Bins, boundary: Boundary) -> Boundary:
    """A boundary on the scale of the segmentation as one on the clock."""
    places = np.array([boundary.position, boundary.low, boundary.high])
    return Boundary(*np.interp(places, bins.position, bins.clock).tolist())


def _end_of_way(bins: Bins, segmentation: Segmentation, start: float) -> float:
    """Where the curve's last stage has come nine tenths of its way, which is where a descent ends if a plateau follows.

    A descent that goes on to the end of the curve may have a slow tail; its rate is not to speak of that.
    """
    inside = bins.clock >= start
    clock, line = bins.clock[inside], segmentation.line(bins)[inside]
    reached = np.abs(line - line[0]) >= DESCENT_SHARE * np.abs(line[-1] - line[0])
    return float(clock[int(np.argmax(reached))])


def _stage(
    name: str,
    part: Segment,
    start: float,
    end: Boundary,
    rate_end: float,
    bins: Bins,
    line: np.ndarray,
    records: Curve,
) -> Stage:
    """One stage with its losses along the denoised line through the bins, and its rate up to `rate_end`."""
    inside = records.loss[(records.clock >= start) & (records.clock <= end.position)]
    at = np.interp([start, end.position], bins.clock, line)
    edges = np.exp(np.minimum(at, LARGEST_LOG)) + bins.floor
    rate = None if part.kind == "plateau" else _rate(bins, start, rate_end, records)
    return Stage(
        name=name,
        kind=part.kind,
        start=start,
        end=end.position,
        end_low=end.low,
        end_high=end.high,
        loss_start=float(edges[0]),
        loss_end=float(edges[1]),
        level=float(np.median(inside)) if inside.size else float(edges.mean()),
        probability=part.probability,
        rate=rate.value if rate else None,
        rate_low=rate.low if rate else None,
        rate_high=rate.high if rate else None,
        model=rate.model if rate else None,
    )


def _rate(bins: Bins, start: float, end: float, records: Curve) -> Rate | None:
    """Rate of the loss from one clock value to another, from the bins, or from the records where these are few."""
    if bins.floor != 0:  # a loss that can be negative has no rate: it would depend on the floor
        return None
    inside = (bins.clock >= start) & (bins.clock <= end)
    few = (records.clock >= start) & (records.clock <= end)
    if np.count_nonzero(few) <= 2 * np.count_nonzero(inside):
        return fit_rate(records.clock[few], log_loss(records.loss[few], 0.0), np.ones(np.count_nonzero(few)))
    return fit_rate(bins.clock[inside], bins.value[inside], bins.variance[inside])


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
