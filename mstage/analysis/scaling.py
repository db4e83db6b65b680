"""How do exit, escape, level and distance scale with the width, and is it as theory says?

Over the widths of a sweep, for each alpha and learning rate: the exit time T1 against log m; the escape time T2 and the
relative distance of the input weights at the exit against m, in logs; the gap of the secondary level to R_lin, which is
to go as 1/m, against m, in logs. Each is a straight line through one run a width, fitted for each seed by itself, so
that the interval of the slope is over seeds; the slope that theory predicts is that of the same line through its
predictions for the same widths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import xarray as xr

    from mstage.analysis.predictions import SweepTheory, Theory
    from mstage.analysis.stages import RunStages, Stages


@dataclass(frozen=True)
class Law:
    """What scales with what.

    Attributes:
        quantity: As theory's predictions call it.
        form: The straight line, as `T1 against log m`.
        of_value: Ordinate from values and R_lin.
    """

    quantity: str
    form: str
    of_value: Callable[[np.ndarray, float], np.ndarray]


LAWS = (
    Law("exit time", "T1 against log m", lambda values, _: values),
    Law("escape time", "log T2 against log m", lambda values, _: np.log(values)),
    Law("secondary level", "log |R_lin - level| against log m", lambda values, linear: np.log(np.abs(linear - values))),
    Law("relative distance at exit", "log RD against log m", lambda values, _: np.log(values)),
)


@dataclass(frozen=True)
class ScalingLaw:
    """A fitted law.

    Attributes:
        run: `alpha` (and `learning_rate` where runs have one).
        quantity: What scales.
        form: The straight line.
        widths: Widths m that it goes through.
        seeds: Seeds that have all of them.
        slope: Mean over seeds.
        low: Lower end of the 95 % interval of the mean; None for a single seed.
        high: Upper end of it.
        predicted: Theory's slope over the same widths; None where it gives none.
        points: Values by seed, shape (seeds, widths).
    """

    run: Mapping[str, Any]
    quantity: str
    form: str
    widths: tuple[int, ...]
    seeds: int
    slope: float
    low: float | None
    high: float | None
    predicted: float | None
    points: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"points": self.points.tolist(), "widths": list(self.widths)}


def scaling_laws(stages: Stages, theory: SweepTheory, weights: Iterable[xr.Dataset] = ()) -> tuple[ScalingLaw, ...]:
    """Fit the laws of a sweep.

    Args:
        stages: Of its runs, their clock gradient-flow time.
        theory: Of the same sweep.
        weights: One dataset a width with `relative_distance` over snapshots (see `condensation`), for the law of it.

    Returns:
        The laws that have at least two widths, in the order of `LAWS` for each alpha and learning rate.
    """
    distances = {int(one.coords["width"]): one["relative_distance"] for one in weights}
    values: dict[tuple[Any, ...], dict[str, dict[Any, dict[int, float]]]] = {}
    for one in stages.runs:
        place = tuple((name, one.run[name]) for name in ("alpha", "learning_rate") if name in one.run)
        width, seed = int(one.run["width"]), one.run.get("seed", 0)
        for quantity, value in _measured(one, distances.get(width)).items():
            values.setdefault(place, {}).setdefault(quantity, {}).setdefault(seed, {})[width] = value
    laws = []
    for place, by_quantity in values.items():
        for law in LAWS:
            fitted = _fit(law, {str(name): value for name, value in place}, by_quantity.get(law.quantity, {}), theory)
            laws += [fitted] if fitted is not None else []
    return tuple(laws)


def _measured(one: RunStages, distance: xr.DataArray | None) -> dict[str, float]:
    """The quantities of one run that its stages (and its weights) show."""
    stages = {stage.name: stage for stage in one.stages[:-1]}  # the last one ends with the run
    found = {}
    if "initial plateau" in stages:
        found["exit time"] = stages["initial plateau"].end
        if distance is not None:
            at = distance.sel({name: one.run[name] for name in ("alpha", "seed", "learning_rate") if name in one.run})
            found["relative distance at exit"] = float(
                np.interp(found["exit time"], at.coords["snapshot_time"].values, at.values)
            )
    if "secondary plateau" in stages:
        found["escape time"] = stages["secondary plateau"].end
        found["secondary level"] = stages["secondary plateau"].level
    return found


def _fit(
    law: Law, run: dict[str, Any], by_seed: Mapping[Any, Mapping[int, float]], theory: SweepTheory
) -> ScalingLaw | None:
    """One law over the widths that most seeds share."""
    widths = tuple(sorted({width for of_width in by_seed.values() for width in of_width}))
    complete = [of_width for of_width in by_seed.values() if set(of_width) == set(widths)]
    if len(widths) < 2 or not complete:
        return None
    points = np.array([[of_width[width] for width in widths] for of_width in complete])
    linear = theory.constants.loss_linear
    slopes = np.array([_slope(law, widths, row, linear) for row in points])
    reach = None
    if slopes.size > 1:
        reach = float(student.ppf(0.975, slopes.size - 1) * slopes.std(ddof=1) / np.sqrt(slopes.size))
    mean = float(slopes.mean())
    theories = [theory.of(run | {"width": width}) for width in widths]
    predicted = [_predicted(one, law.quantity) for one in theories]
    known = [value for value in predicted if value is not None]
    return ScalingLaw(
        run=run,
        quantity=law.quantity,
        form=law.form,
        widths=widths,
        seeds=len(complete),
        slope=mean,
        low=None if reach is None else mean - reach,
        high=None if reach is None else mean + reach,
        predicted=_slope(law, widths, np.array(known), linear) if len(known) == len(widths) else None,
        points=points,
    )


def _slope(law: Law, widths: tuple[int, ...], values: np.ndarray, linear: float) -> float:
    return float(np.polyfit(np.log(widths), law.of_value(values, linear), 1)[0])


def _predicted(one: Theory | None, quantity: str) -> float | None:
    if one is None:
        return None
    return next((p.value for p in one.predictions if p.name == quantity), None)
