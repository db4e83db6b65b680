"""How long before the loss does the distribution of amplitudes announce the escape from the secondary plateau?

On the plateau the amplitudes over their mean are chi-squared with one degree of freedom; as the largest neurons run
ahead their distance from it grows, while the loss stands still. The warning is the time at which that distance is
twice its minimum on the plateau; its lead is the time from there to the plateau's end.

Seeds are a sample of runs, so the median of their leads is given with an interval for the median of all such runs. The
k-th least and k-th greatest of n leads enclose it unless fewer than k fall on one side of it, which is tossing a coin n
times: exact for every distribution of the leads, never under its level, and there from five seeds on.

References:
    David, Nagaraja 2003, "Order Statistics", section 7.1 (intervals of quantiles).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import bdtr

from mstage.analysis.samples import Spread
from mstage.analysis.stages.unreached import Unreached, unreached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from mstage.analysis.stages.results import RunStages, Stages

GROWTH = 2.0  # of the distance over its plateau value, that counts as a warning
PLATEAU = "secondary plateau"
MIN_SNAPSHOTS = 3  # on the plateau
LEVEL = 0.9  # at least, of the interval of the median lead


@dataclass(frozen=True)
class EarlyWarning:
    """Warning and escape of the runs of one alpha, width and learning rate.

    Attributes:
        run: Their coordinates.
        runs: How many there are.
        escaped: How many of them escape.
        warned: How many of these have a warning.
        warning: Time of the warning, over the runs that have one.
        escape: End of the secondary plateau, over the runs that escape.
        lead: Escape less warning; negative where the warning came too late.
        lead_interval: At least 90 %, of the median lead over all seeds; None where these are too few, under five.
        missing: Why no run escapes, and by when; None where one does.
        why: Why runs that escape have no warning; empty where all of them have one.
    """

    run: Mapping[str, float | int | str]
    runs: int
    escaped: int
    warned: int
    warning: Spread | None
    escape: Spread | None
    lead: Spread | None
    lead_interval: tuple[float, float] | None
    missing: Unreached | None
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        values: dict[str, Any] = {
            name: asdict(one) if (one := getattr(self, name)) else None for name in ("warning", "escape", "lead")
        }
        values["lead_interval"] = self.lead_interval
        values |= {"missing": asdict(self.missing) if self.missing else None, "why": self.why}
        head = {"run": dict(self.run), "escaped": self.escaped, "warned": self.warned, "runs": self.runs}
        return head | values


def early_warnings(distances: xr.Dataset, stages: Stages) -> tuple[EarlyWarning, ...]:
    """Warnings of a sweep, by alpha, width and learning rate.

    Args:
        distances: Of its runs, as `Drift` has them, with `snapshot_time` among their coordinates.
        stages: Of the same runs, their clock gradient-flow time.
    """
    groups: dict[tuple[Any, ...], list[RunStages]] = {}
    for one in stages.runs:
        place = tuple((name, value) for name, value in one.run.items() if name != "seed")
        groups.setdefault(place, []).append(one)
    return tuple(_of_group(dict(place), runs, distances) for place, runs in groups.items())


def _of_group(run: dict[str, Any], runs: Sequence[RunStages], distances: xr.Dataset) -> EarlyWarning:
    """The warning of runs that differ in their seed."""
    escaped = [one for one in runs if any(stage.name == PLATEAU for stage in one.stages[:-1])]
    found = [_warning(one, distances) for one in escaped]
    pairs = [one for one in found if not isinstance(one, str)]
    lead = [late - early for early, late in pairs]
    return EarlyWarning(
        run=run,
        runs=len(runs),
        escaped=len(escaped),
        warned=len(pairs),
        warning=Spread.of(early for early, _ in pairs),
        escape=Spread.of(stage.end for one in escaped for stage in one.stages if stage.name == PLATEAU),
        lead=Spread.of(lead),
        lead_interval=median_interval(lead),
        missing=None if escaped else unreached(runs, PLATEAU),
        why="; ".join(dict.fromkeys(one for one in found if isinstance(one, str))),
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


def _warning(one: RunStages, distances: xr.Dataset) -> tuple[float, float] | str:
    """Times of the warning and of the escape of one run that escapes, or why there is no warning."""
    plateau = next(stage for stage in one.stages if stage.name == PLATEAU)
    if one.run["width"] not in distances["width"]:
        return "no weights were kept"  # of a width that is yet to come
    place = {name: value for name, value in one.run.items() if name in distances.dims}
    distance = distances["chi_squared"].sel(place)
    time = distance.coords["snapshot_time"].values
    inside = (time > 0) & (time >= plateau.start) & np.isfinite(distance.values)
    time, values = time[inside], distance.values[inside]
    if np.count_nonzero(time <= plateau.end) < MIN_SNAPSHOTS:
        return f"fewer than {MIN_SNAPSHOTS} snapshots lie on the secondary plateau; train with more --snapshots"
    least = int(values[time <= plateau.end].argmin())
    above = np.flatnonzero(values[least:] >= GROWTH * values[least])
    if not above.size:
        return "the distance to chi^2 has not doubled by the end of the run"
    right = least + int(above[0])
    share = np.log(GROWTH * values[least] / values[right - 1]) / np.log(values[right] / values[right - 1])
    warning = float(np.exp(np.log(time[right - 1]) + share * np.log(time[right] / time[right - 1])))
    return warning, plateau.end
