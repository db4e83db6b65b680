"""How do exit, escape, level and distance scale with the width, and is it as theory says?

Over the widths of a sweep, for each alpha and learning rate: the exit time T1 against log m; the escape time T2 and the
relative distance of the input weights at T1 against m, in logs; the gap between R_lin and the secondary level, which is
to go as 1/m, against m, in logs. All four are measured by definition (see `measured`), and not read off detected
stages. Each law is a straight line through one run a width, fitted for each seed by itself, so that the interval of the
slope is over seeds; the slope that theory predicts is that of the line through its predictions for the same widths.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from mstage.analysis.magnitudes import SQUARED, in_unit, out_of_unit, unit_exponent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from mstage.analysis.measured.sweep import MeasuredRun, SweepMeasurements
    from mstage.analysis.theory.prediction import Prediction
    from mstage.analysis.theory.predictions import SweepTheory, Theory


@dataclass(frozen=True)
class Law:
    """What scales with what.

    Attributes:
        quantity: As theory's predictions call it.
        form: The straight line, as `T1 against log m`.
        ordinate: What stands over the widths, in words.
        logarithmic: Whether its logarithm is linear in log m, or it itself.
    """

    quantity: str
    form: str
    ordinate: str
    logarithmic: bool = True


LAWS = (
    Law("exit time", "T1 against log m", "exit time T1", logarithmic=False),
    Law("escape time", "log T2 against log m", "escape time T2"),
    Law("secondary level", "log |R_lin - R| against log m", "|R_lin - R| on the secondary plateau"),
    Law("relative distance at exit", "log RD against log m", "relative distance RD at the exit"),
)


@dataclass(frozen=True)
class ScalingLaw:
    """A fitted law.

    Attributes:
        run: `alpha` (and `learning_rate` where runs have one).
        law: What scales with what.
        widths: Widths m that it goes through.
        points: The ordinate by seed, shape (seeds, widths); of the seeds that have it at all these widths.
        all_seeds: How many seeds the sweep has.
        slope: Mean over seeds.
        low: Lower end of the 95 % interval of the mean; None for a single seed.
        high: Upper end of it.
        predicted: Theory's slope over the same widths; None where it gives none.
        predictions: Theory's ordinate at these widths, shape (widths,); None where it gives none.
        why: Why it gives none; empty where it gives one.
    """

    run: Mapping[str, Any]
    law: Law
    widths: tuple[int, ...]
    points: Float[np.ndarray, "seeds widths"]
    all_seeds: int
    slope: float
    low: float | None
    high: float | None
    predicted: float | None
    predictions: Float[np.ndarray, " widths"] | None
    why: str = ""

    @property
    def seeds(self) -> int:
        """How many it is fitted for."""
        return len(self.points)

    @property
    def fitted(self) -> Float[np.ndarray, " widths"]:
        """The ordinate of the mean of the seeds' lines at the widths, shape (widths,)."""
        line = np.polyval(_line(self.law, self.widths, self.points.T).mean(axis=1), np.log(self.widths))
        return np.asarray(np.exp(line) if self.law.logarithmic else line)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: getattr(self, name) for name in ("slope", "low", "high", "predicted")}
        predictions = None if self.predictions is None else self.predictions.tolist()
        head: dict[str, Any] = {"run": dict(self.run), "quantity": self.law.quantity, "form": self.law.form}
        head |= {"seeds": self.seeds, "all_seeds": self.all_seeds}
        return head | plain | {
            "widths": list(self.widths), "points": self.points.tolist(), "predictions": predictions, "why": self.why,
        }  # fmt: skip


def scaling_laws(measured: SweepMeasurements, theory: SweepTheory) -> tuple[ScalingLaw, ...]:
    """Fit the laws of a sweep.

    Args:
        measured: Of its runs, their clock gradient-flow time.
        theory: Of the same sweep.

    Returns:
        The laws that have at least two widths, in the order of `LAWS` for each setting of the other axes.
    """
    places: dict[tuple[Any, ...], dict[Any, dict[int, MeasuredRun]]] = {}
    for one in measured.runs:
        place = tuple((name, value) for name, value in one.run.items() if name not in ("width", "seed"))
        places.setdefault(place, {}).setdefault(one.run.get("seed", 0), {})[int(one.run["width"])] = one
    laws = []
    for place, by_seed in places.items():
        for law in LAWS:
            values = [
                {width: value for width, one in of_width.items() if (value := one.value(law.quantity)) is not None}
                for of_width in by_seed.values()
            ]
            fitted = _fit(law, {str(name): value for name, value in place}, values, theory)
            laws += [fitted] if fitted is not None else []
    return tuple(laws)


def _fit(
    law: Law, run: dict[str, Any], by_seed: Sequence[Mapping[int, float]], theory: SweepTheory
) -> ScalingLaw | None:
    """One law over the widths that most seeds have, and the seeds that have all of them; in a tie, more widths."""
    sets = Counter(tuple(sorted(of_width)) for of_width in by_seed)
    widths = max(sets, key=lambda one: (sets[one], len(one))) if sets else ()
    complete = [of_width for of_width in by_seed if set(widths) <= set(of_width)]
    if len(widths) < 2 or not complete:
        return None
    linear = theory.constants.loss_linear
    points = _ordinate(law, np.array([[of_width[width] for width in widths] for of_width in complete]), linear)
    if not np.isfinite(points).all() or (law.logarithmic and (points <= 0).any()):
        return None  # as where a level equals that of the best linear fit exactly, and the gap has no logarithm
    slopes = _line(law, widths, points.T)[0]
    if not np.isfinite(slopes).all():
        return None  # the line through numbers near the end of float64 has overflowed
    exponent = unit_exponent(slopes, SQUARED)
    scaled, reach = in_unit(slopes, exponent), None
    if slopes.size > 1:
        off = float(stdtrit(slopes.size - 1, 0.975) * scaled.std(ddof=1) / np.sqrt(slopes.size))
        reach = out_of_unit(off, exponent)
    mean = out_of_unit(float(scaled.mean()), exponent)
    said = [_predicted(theory.of(run | {"width": width}), law.quantity) for width in widths]
    known = np.array([one.value for one in said if one is not None and one.value is not None])
    why = next((one.why for one in said if one is not None and one.value is None), "")
    predictions = _ordinate(law, known, linear) if known.size == len(widths) else None
    if predictions is not None and law.logarithmic and (predictions <= 0).any():
        predictions, why = None, why or "a predicted value is 0 and has no logarithm"
    return ScalingLaw(
        run=run,
        law=law,
        widths=widths,
        points=points,
        all_seeds=len(by_seed),
        slope=mean,
        low=None if reach is None else mean - reach,
        high=None if reach is None else mean + reach,
        predicted=None if predictions is None else float(_line(law, widths, predictions)[0]),
        predictions=predictions,
        why=why,
    )


def _ordinate(law: Law, values: np.ndarray, linear: float) -> np.ndarray:
    """What stands over the widths, from the quantity itself."""
    return np.abs(linear - values) if law.quantity == "secondary level" else values


def _line(law: Law, widths: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    """Slope and intercept, shape (2, ...), of the line through points of shape (widths, ...)."""
    return np.asarray(np.polyfit(np.log(widths), np.log(points) if law.logarithmic else points, 1))


def _predicted(one: Theory | None, quantity: str) -> Prediction | None:
    return next((p for p in one.predictions if p.name == quantity), None) if one is not None else None


def missing_laws(laws: tuple[ScalingLaw, ...]) -> dict[str, str]:
    """Why a law could not be fitted in a sweep of several widths, by its form."""
    found = {one.law for one in laws}
    weights = ", or kept no weights" if laws else ""
    why = "no seed has shown the {} at two widths within its run{}"
    return {
        law.form: why.format(law.quantity, weights if law.quantity == "relative distance at exit" else "")
        for law in LAWS
        if law not in found
    }
