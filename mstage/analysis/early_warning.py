"""How long before the loss does the distribution of amplitudes announce the escape from the secondary plateau?

On the plateau the amplitudes over their mean are chi-squared with one degree of freedom; as the largest neurons run
ahead their distance from it grows, while the loss stands still. The warning is when that distance has come to twice its
least value on the plateau; its lead is the time from there to the plateau's end.

Seeds are a sample of runs, so the median of their leads is given with an interval for the median of all such runs. The
k-th least and k-th greatest of n leads enclose it unless fewer than k fall on one side of it, which is tossing a coin n
times: exact for every law of the leads, never under its level, and there from five seeds on.

References:
    David, Nagaraja 2003, "Order Statistics", section 7.1 (intervals of quantiles).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import bdtr

from mstage.analysis.groups import Spread
from mstage.history import RUN_AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import xarray as xr

    from mstage.analysis.drift import Drift
    from mstage.analysis.stages import RunStages, Stages

GROWTH = 2.0  # of the distance over its plateau value, that counts as a warning
PLATEAU = "secondary plateau"
FEWEST_SNAPSHOTS = 3  # on the plateau
LEVEL = 0.9  # at least, of the interval of the median lead


@dataclass(frozen=True)
class EarlyWarning:
    """Warning and escape of the runs of one alpha, width and learning rate.

    Attributes:
        run: Their coordinates.
        runs: How many escape and have a warning, of those that there are.
        warning: Time of the warning, over these runs.
        escape: End of the secondary plateau.
        lead: Escape less warning; negative where the warning came too late.
        lead_interval: At least 90 %, of the median lead over all seeds; None where these are too few, under five.
    """

    run: Mapping[str, float | int | str]
    runs: tuple[int, int]
    warning: Spread | None
    escape: Spread | None
    lead: Spread | None
    lead_interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        values: dict[str, Any] = {
            name: asdict(one) if (one := getattr(self, name)) else None for name in ("warning", "escape", "lead")
        }
        values["lead_interval"] = self.lead_interval
        return {"run": dict(self.run), "escaped": self.runs[0], "runs": self.runs[1]} | values


def early_warnings(drifts: Iterable[Drift], stages: Stages) -> tuple[EarlyWarning, ...]:
    """Warnings of a sweep, by alpha, width and learning rate.

    Args:
        drifts: Of each width, with `snapshot_time` among their coordinates.
        stages: Of the same runs, their clock gradient-flow time.
    """
    found: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    counts: dict[tuple[Any, ...], int] = {}
    by_width = {int(drift.distances.coords["width"]): drift.distances for drift in drifts}
    for one in stages.runs:
        place = tuple((name, value) for name, value in one.run.items() if name != "seed")
        counts[place] = counts.get(place, 0) + 1
        distances = by_width.get(int(one.run["width"]))  # None for a width whose weights are yet to come
        times = _warning(one, distances) if distances is not None else None
        if times is not None:
            found.setdefault(place, []).append(times)
    warnings = []
    for place, count in counts.items():
        pairs = found.get(place, [])
        warning, escape = ([pair[k] for pair in pairs] for k in (0, 1))
        lead = [late - early for early, late in pairs]
        warnings.append(
            EarlyWarning(
                run=dict(place),
                runs=(len(pairs), count),
                warning=Spread.of(warning),
                escape=Spread.of(escape),
                lead=Spread.of(lead),
                lead_interval=median_interval(lead),
            )
        )
    return tuple(warnings)


def median_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float] | None:
    """The narrowest pair of order statistics that encloses the median of their law with a probability of `level`.

    Args:
        values: Independent draws from one law; nothing is assumed of it.
        level: Least probability of the interval.

    Returns:
        The k-th least and the k-th greatest value, k as large as 1 - 2 P(Binomial(n, 1/2) < k) >= level allows; None
        where even the range of the values falls short of the level.
    """
    ordered = sorted(values)
    below = np.arange((len(ordered) + 1) // 2)  # k - 1
    enough = np.flatnonzero(1 - 2 * bdtr(below, len(ordered), 0.5) >= level)
    return (ordered[enough[-1]], ordered[-1 - enough[-1]]) if enough.size else None


def _warning(one: RunStages, distances: xr.Dataset) -> tuple[float, float] | None:
    """Times of the warning and of the escape of one run; None where it does not escape or was seen too rarely."""
    names = [stage.name for stage in one.stages]
    if PLATEAU not in names or names[-1] == PLATEAU:
        return None
    plateau = one.stages[names.index(PLATEAU)]
    place = {name: one.run[name] for name in RUN_AXES if name in distances.dims}
    distance = distances["chi_squared"].sel(place)
    time = distance.coords["snapshot_time"].values
    inside = (time > 0) & (time >= plateau.start) & np.isfinite(distance.values)
    time, values = time[inside], distance.values[inside]
    if np.count_nonzero(time <= plateau.end) < FEWEST_SNAPSHOTS:
        return None
    least = int(values[time <= plateau.end].argmin())
    above = np.flatnonzero(values[least:] >= GROWTH * values[least])
    if not above.size:
        return None
    right = least + int(above[0])
    share = np.log(GROWTH * values[least] / values[right - 1]) / np.log(values[right] / values[right - 1])
    warning = float(np.exp(np.log(time[right - 1]) + share * np.log(time[right] / time[right - 1])))
    return warning, plateau.end
