"""How fast does a descent or a rise go, and is it exponential or a power law?

A part of a curve is fitted with c + A exp(-rate x), x the clock, or with c + A x^-rate (`rate_fits`). The exponential
is preferred, as its rate is the growth or decay rate of a mode and does not depend on where the clock begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a third of a second to import

from mstage.analysis.stages.rate_fits import MIN_POINTS, Fit, Level, Model, Points, abscissa, best_fit
from mstage.analysis.stages.tuning import CLEARLY_BETTER, LEAST_GAIN, MIN_SPAN

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Rate:
    """Rate of a stage, with its 95 % interval.

    Attributes:
        model: `exponential`, in which the rate is per unit of the clock, or `power law`, in which it is the exponent.
        value: The rate.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    model: Model
    value: float
    low: float
    high: float


def fit_rate(
    clock: Float[np.ndarray, " points"],
    height: Float[np.ndarray, " points"],
    variance: Float[np.ndarray, " points"],
    *,
    logarithmic: bool = True,
    noise_known: bool = False,
) -> Rate | None:
    """Fit both models to a part of a curve, each with the floor that fits best.

    Args:
        clock: Shape (points,), ascending.
        height: Log loss, or the loss on a straight scale, shape (points,).
        variance: Of `height`, shape (points,).
        logarithmic: Whether heights are log losses.
        noise_known: Whether `variance` is that of the noise with what its correlation adds, and not up to a factor.

    Returns:
        The exponential; the power law only where it is clearly better, over a clock that goes by some factor: the two
        look alike on a short piece, and which one is nearer would hang on where that ends. None where there are too few
        points for either, or float64 cannot hold its rate.
    """
    if clock.size < MIN_POINTS:
        return None
    errors_of: Literal["both", "residuals"] = "both" if noise_known else "residuals"
    points = Points(clock, height, variance.min() / variance, variance, logarithmic, errors_of)
    exponential = best_fit(points, "exponential")
    power = best_fit(points, "power law") if clock[-1] >= MIN_SPAN * clock[0] > 0 else None
    fit = power if exponential is None or (power and _is_clearly_better(power, exponential, points)) else exponential
    return _rate(fit, points) if fit else None


def fit_exponential(points: Points, level: Level | None) -> Rate | None:
    """Fit c + A exp(-rate x), c the level to which a stage leads within its error, or free where that is not known."""
    fit = best_fit(points, "exponential", level)
    return _rate(fit, points) if fit else None


def fit_limit(points: Points) -> Level | None:
    """The height to which an exponential tends that fits best; None where none tends to any."""
    fit = best_fit(points, "exponential")
    if fit is None or fit.parameters < 3 or not fit.rate > 0:
        return None
    origin = float(points.height.min()) if points.logarithmic else 0.0
    if not points.logarithmic:
        return Level(fit.floor, fit.floor_error)
    return Level(origin + float(np.log(fit.floor)), fit.floor_error / fit.floor) if fit.floor > 0 else None


def _is_clearly_better(power: Fit, exponential: Fit, points: Points) -> bool:
    """Whether a power law fits better than chance explains, and leaves far less of the shape."""
    if power.gain_over(exponential) < CLEARLY_BETTER:
        return False
    x = abscissa(points, "power law")[0]
    residual = points.height - points.height.min() * points.logarithmic - power.heights(x, points.logarithmic)[0]
    noise = float(np.sum(np.diff(residual / np.sqrt(points.variance)) ** 2)) / 2  # of what the squares are
    return LEAST_GAIN * max(power.squares - noise, 0.0) < exponential.squares - noise


def _rate(fit: Fit, points: Points) -> Rate | None:
    reach = float(stdtrit(fit.freedom, 0.975)) * fit.error
    span = abscissa(points, fit.model)[1]
    with np.errstate(over="ignore"):  # a rate on a clock of denormal numbers can be beyond float64
        value, low, high = (float(np.float64(one) / span) for one in (fit.rate, fit.rate - reach, fit.rate + reach))
    return Rate(fit.model, value, low, high) if np.isfinite([value, low, high]).all() else None
