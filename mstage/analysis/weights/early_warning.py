"""How long before the loss does the distribution of amplitudes announce the escape from the secondary plateau?

On the plateau the amplitudes over their mean are chi-squared with one degree of freedom; as the largest neurons run
ahead their distance from it grows, while the loss stands still. The warning is the time at which that distance is
twice its minimum between the end of the descent and the escape time T2 (by definition, see `measured`); its lead is the
time from there to T2.

Seeds are a sample of runs, so the median of their leads is given with an interval for the median of all such runs. The
k-th least and k-th greatest of n leads enclose it unless fewer than k fall on one side of it, which is tossing a coin n
times: exact for every distribution of the leads, never under its level, and there from five seeds on.

References:
    David, Nagaraja 2003, "Order Statistics", section 7.1 (intervals of quantiles).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import bdtr

from mstage.analysis.measured.quantity import Measured, OverRuns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements

GROWTH = 2.0  # of the distance over its plateau value, that counts as a warning
MIN_SNAPSHOTS = 3  # on the plateau
LEVEL = 0.9  # at least, of the interval of the median lead


@dataclass(frozen=True)
class EarlyWarning:
    """Warning and escape of the runs of one alpha, width and learning rate.

    Attributes:
        run: Their coordinates.
        warning: Time of the warning, over the runs that escape.
        escape: T2, over all runs.
        lead: Escape less warning, over the runs that escape; negative where the warning came too late.
        lead_interval: At least 90 %, of the median lead over all seeds; None where these are too few, under five.
    """

    run: Mapping[str, float | int | str]
    warning: OverRuns
    escape: OverRuns
    lead: OverRuns
    lead_interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        values = {name: getattr(self, name).to_dict() for name in ("warning", "escape", "lead")}
        return {"run": dict(self.run)} | values | {"lead_interval": self.lead_interval}


def early_warnings(distances: xr.Dataset, measured: SweepMeasurements) -> tuple[EarlyWarning, ...]:
    """Warnings of a sweep, by alpha, width and learning rate.

    Args:
        distances: Of its runs, as `Drift` has them, with `snapshot_time` among their coordinates.
        measured: Of the same runs, their clock gradient-flow time.
    """
    groups: dict[tuple[Any, ...], list[MeasuredRun]] = {}
    for one in measured.runs:
        place = tuple((name, value) for name, value in one.run.items() if name != "seed")
        groups.setdefault(place, []).append(one)
    return tuple(_of_group(dict(place), runs, distances) for place, runs in groups.items())


def _of_group(run: dict[str, Any], runs: Sequence[MeasuredRun], distances: xr.Dataset) -> EarlyWarning:
    """The warning of runs that differ in their seed."""
    escapes = [one.quantities["escape time"] for one in runs]
    pairs = [(_warning(one, late.value, distances), late.value)
             for one, late in zip(runs, escapes, strict=True) if late.value is not None]  # fmt: skip
    leads = [early if early.value is None else Measured(escape - early.value) for early, escape in pairs]
    lead = OverRuns.of(leads)
    return EarlyWarning(
        run=run,
        warning=OverRuns.of([early for early, _ in pairs]),
        escape=OverRuns.of(escapes),
        lead=lead,
        lead_interval=median_interval([one.value for one in leads if one.value is not None]),
    )


def median_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """The narrowest pair of order statistics that encloses the median of a distribution with a probability of `level`.

    Args:
        values: Independent draws from one distribution; nothing is assumed of it.
        level: Least probability of the interval.

    Returns:
        The k-th least and the k-th greatest value, k as large as 1 - 2 P(Binomial(n, 1/2) < k) >= level allows; None
        where even the range of the values falls short of the level.
    """
    ordered = sorted(values)
    below = np.arange((len(ordered) + 1) // 2)  # k - 1
    enough = np.flatnonzero(1 - 2 * bdtr(below, len(ordered), 0.5) >= level)
    return (ordered[enough[-1]], ordered[-1 - enough[-1]]) if enough.size else None


def _warning(one: MeasuredRun, escape: float, distances: xr.Dataset) -> Measured:
    """Time of the warning of one run that escapes."""
    if one.run["width"] not in distances["width"]:
        return Measured.none("no weights were kept")  # of a width that is yet to come
    place = {name: value for name, value in one.run.items() if name in distances.dims}
    distance = distances["chi_squared"].sel(place)
    time = distance.coords["snapshot_time"].values
    arrival = one.value("end of the descent")
    inside = (time > 0) & (time >= (arrival or 0.0)) & np.isfinite(distance.values)
    time, values = time[inside], distance.values[inside]
    if np.count_nonzero(time <= escape) < MIN_SNAPSHOTS:
        few = f"fewer than {MIN_SNAPSHOTS} snapshots lie on the secondary plateau; train with more --snapshots"
        return Measured.none(few)
    least = int(values[time <= escape].argmin())
    above = np.flatnonzero(values[least:] >= GROWTH * values[least])
    if not above.size:
        return Measured.none("the distance to chi^2 has not doubled by the end of the run")
    right = least + int(above[0])
    share = np.log(GROWTH * values[least] / values[right - 1]) / np.log(values[right] / values[right - 1])
    return Measured(float(np.exp(np.log(time[right - 1]) + share * np.log(time[right] / time[right - 1]))))
