"""How fast does a descent go, and is it exponential or a power law?

Two models of the loss over a descent are fitted in log loss, each with a floor c at or above 0 and without:
c + A exp(-rate x) and c + A x^-rate, x the clock. The one with the least AICc is kept. The interval of the rate comes
from the curvature of the fit, with the scatter of the residuals around it and their correlation, so that it does not
shrink because records were written more often than the noise forgets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a third of a second to import

from mstage.analysis.magnitudes import SQUARED, in_unit, unit_exponent

if TYPE_CHECKING:
    from jaxtyping import Float

Model: TypeAlias = Literal["exponential", "power law"]

FLOOR_SHARES = np.array([0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.985])  # of the least loss
CLOSER = 8  # times that the best floor is looked at, each time five times as closely
MIN_POINTS = 5
LONGEST_WAY = 700.0  # of log loss, whose losses are computed with in units of the least of them
MIN_FREEDOM = 3.0  # degrees, where the residuals are one smooth bow: a misfit of the shape and no noise


@dataclass(frozen=True)
class Rate:
    """Rate of a descent (negative for a rise), with its 95 % interval.

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


@dataclass(frozen=True)
class _Fit:
    model: Model
    rate: float
    error: float
    freedom: float
    criterion: float

    def per(self, exponent: int) -> _Fit:
        """The fit against a clock whose unit was 2^exponent."""
        with np.errstate(over="ignore"):  # a rate on a clock of denormal numbers can be beyond float64
            return replace(
                self, rate=float(np.ldexp(self.rate, -exponent)), error=float(np.ldexp(self.error, -exponent))
            )


def fit_rate(
    clock: Float[np.ndarray, " points"], log_loss: Float[np.ndarray, " points"], variance: Float[np.ndarray, " points"]
) -> Rate | None:
    """Fit both models to a descent or a rise.

    Args:
        clock: Shape (points,), ascending.
        log_loss: Natural log of the loss, shape (points,).
        variance: Of `log_loss`, up to a common factor, shape (points,).

    Returns:
        The better model, None where there are too few points for either, or float64 cannot hold its rate.
    """
    positive = clock > 0
    fits = []
    if clock.size >= MIN_POINTS:
        exponent = unit_exponent(clock, SQUARED, -SQUARED)
        fits += [fit.per(exponent) for fit in _fits("exponential", in_unit(clock, exponent), log_loss, variance)]
    if np.count_nonzero(positive) >= MIN_POINTS:
        fits += _fits("power law", np.log(clock[positive]), log_loss[positive], variance[positive])
    if len({fit.model for fit in fits}) == 2 and not positive.all():
        fits = [fit for fit in fits if fit.model == "exponential"]  # the two have not seen the same points
    if not fits:
        return None
    best = min(fits, key=lambda fit: fit.criterion)
    reach = float(stdtrit(best.freedom, 0.975)) * best.error
    low, high = best.rate - reach, best.rate + reach
    return Rate(best.model, best.rate, low, high) if np.isfinite([best.rate, low, high]).all() else None


def _fits(model: Model, x: np.ndarray, y: np.ndarray, variance: np.ndarray) -> list[_Fit]:
    """The model with the best floor and without any."""
    weight = variance.min() / variance
    y = y - y.min()
    excess = max(float(y.max()) - LONGEST_WAY, 0.0)  # losses further apart than float64 holds: the least is no unit
    y, first_shares = y - excess, FLOOR_SHARES * np.exp(-excess)
    loss = np.exp(y)
    shares = first_shares
    for _ in range(CLOSER):
        squares, _, _ = _squares(x, y, loss, weight, shares)
        best = int(squares.argmin())
        least = squares[best]
        floor = float(shares[best])
        shares = np.linspace(shares[max(best - 1, 0)], shares[min(best + 1, shares.size - 1)], FLOOR_SHARES.size)
    if least >= _squares(x, y, loss, weight, first_shares[:1])[0][0]:
        floor = 0.0
    fits = [_fit(model, x, y, loss, weight, 0.0)]
    if floor > 0 and x.size > MIN_POINTS:
        fits.append(_fit(model, x, y, loss, weight, floor))
    return [fit for fit in fits if fit is not None]


def _squares(
    x: np.ndarray, y: np.ndarray, loss: np.ndarray, weight: np.ndarray, floors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted squares of the residuals in log loss for each floor, with the heights and the rates of the fits."""
    above = loss - floors[:, None]
    z, inner = np.log(above), weight * (above / loss) ** 2
    total = inner.sum(axis=1)
    mean_x, mean_z = inner @ x / total, (inner * z).sum(axis=1) / total
    away = x - mean_x[:, None]
    spread = (inner * away**2).sum(axis=1)
    rate = np.where(spread > 0, -(inner * away * z).sum(axis=1) / np.where(spread > 0, spread, 1.0), 0.0)
    height = mean_z + rate * mean_x
    with np.errstate(over="ignore", divide="ignore"):
        fitted = floors[:, None] + np.exp(height[:, None] - rate[:, None] * x)
        squares = (y - np.log(fitted)) ** 2 @ weight
    return np.where(np.isfinite(squares), squares, np.inf), height, rate


def _fit(model: Model, x: np.ndarray, y: np.ndarray, loss: np.ndarray, weight: np.ndarray, floor: float) -> _Fit | None:
    """A model at a floor, with the error of its rate and its AICc."""
    squares, height, rate = (float(one[0]) for one in _squares(x, y, loss, weight, np.array([floor])))
    if not np.isfinite(squares) or rate == 0:
        return None
    exponential = np.exp(height - rate * x)
    predicted = floor + exponential
    exponent = unit_exponent(predicted, SQUARED)  # of losses, which the clock is multiplied by
    columns = [exponential / predicted, np.ldexp(-in_unit(x, exponent) * exponential / predicted, exponent)]
    if floor > 0:
        unit = np.ldexp(1.0, min(int(np.frexp(predicted.min())[1]) + SQUARED, 0))  # of the floor, 1 if it can be
        columns.append(unit / predicted)
    slopes = np.stack(columns, axis=1)
    residual = y - np.log(predicted)
    scaled = residual * np.sqrt(weight)
    energy = scaled @ scaled
    correlation = float(np.clip(scaled[1:] @ scaled[:-1] / energy, 0, 0.95)) if energy > 0 else 0.0
    count, parameters = x.size, len(columns)
    effective = count * (1 - correlation) / (1 + correlation)
    freedom = max(effective - parameters, MIN_FREEDOM)
    information = slopes.T @ (weight[:, None] * slopes)
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return None
    scatter = energy / max(count - parameters, 1) * (1 + correlation) / (1 - correlation)
    error = float(np.sqrt(max(inverse[1, 1], 0.0) * scatter))
    used = parameters + 1  # the scatter is a parameter too
    likelihood = effective * np.log(max(energy / count, np.finfo(float).tiny))
    criterion = likelihood + 2 * used + 2 * used * (used + 1) / max(effective - used - 1, 0.5)
    return _Fit(model, rate, error, freedom, float(criterion))
