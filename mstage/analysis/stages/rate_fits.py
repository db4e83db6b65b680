"""Which exponential or power law with a floor is the nearest to a part of a curve, and how sure is its rate?

The fit is by least squares on the scale on which stages are seen: of the log loss where that is logarithmic, the floor
then at or above 0, or of the loss itself. For each rate or floor the rest is a linear fit, from which the least squares
begin. The error of the rate comes from the curvature of the fit, with the scatter of the residuals around it and their
correlation, so that it does not shrink because records were written more often than the noise forgets.

References:
    Golub, Pereyra 1973, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
        separate" (starting values).
    Levenberg 1944, "A method for the solution of certain non-linear problems in least squares".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

Model: TypeAlias = Literal["exponential", "power law"]

FLOOR_SHARES = np.array([0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.985])  # of the least loss
# Rates over the whole of a fit, tried first on a straight scale
RATES = np.array([0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0])
MIN_POINTS = 5
STEPS = 40  # of the least squares, at most
STILL = 1e-6  # share of the squares, below which a step gains nothing
SMOOTH_TERMS = 6  # polynomials that shape in residuals is told from noise by
MIN_FREEDOM = 3.0  # degrees, where the residuals are one smooth bow: a misfit of the shape and no noise


@dataclass(frozen=True)
class Points:
    """What is fitted.

    Attributes:
        clock: Ascending, shape (points,).
        height: Log loss, or the loss on a straight scale, shape (points,).
        weight: Of each in the sum of squares, shape (points,), above 0.
        variance: Of each, shape (points,), above 0.
        logarithmic: Whether heights are log losses.
        errors_of: What the interval of a rate comes from: of `residuals` where variances are known up to a factor only;
            of the `noise`, whose variances these are, with what its correlation adds, so that a shape which no model
            has does not count; of the larger of `both`.
    """

    clock: Float[np.ndarray, " points"]
    height: Float[np.ndarray, " points"]
    weight: Float[np.ndarray, " points"]
    variance: Float[np.ndarray, " points"]
    logarithmic: bool = True
    errors_of: Literal["residuals", "noise", "both"] = "residuals"


@dataclass(frozen=True)
class Level:
    """Height to which a stage leads, and its standard error."""

    height: float
    error: float


@dataclass(frozen=True)
class Fit:
    """A fit: c + sign exp(height - rate x), on a logarithmic scale in units of the least loss, x from 0 to 1."""

    model: Model
    sign: float
    height: float
    rate: float
    floor: float
    squares: float
    error: float = np.inf
    floor_error: float = np.inf
    freedom: float = MIN_FREEDOM
    effective: float = 0.0
    parameters: int = 3

    def heights(self, x: np.ndarray, logarithmic: bool) -> tuple[np.ndarray, np.ndarray]:
        """Fitted heights, and their derivatives by height, rate and floor, shape (3, points)."""
        with np.errstate(under="ignore", over="ignore", divide="ignore", invalid="ignore"):
            power = self.height - self.rate * x
            if logarithmic:
                fitted = np.logaddexp(np.log(self.floor), power)
                share, by_floor = np.exp(power - fitted), np.exp(-fitted)
            else:
                share = self.sign * np.exp(power)
                fitted, by_floor = self.floor + share, np.ones(x.size)
            return fitted, np.stack([share, -x * share, by_floor])

    def gain_over(self, other: Fit) -> float:
        """By how much its AICc is less than that of another, for as many independent points as its residuals have."""
        tiny = np.finfo(float).tiny
        return float(self.effective * np.log((other.squares + tiny) / (self.squares + tiny)) - self._cost + other._cost)

    @property
    def _cost(self) -> float:
        used = self.parameters + 1  # the scatter is a parameter too
        return 2 * used + 2 * used * (used + 1) / max(self.effective - used - 1, 0.5)


def best_fit(points: Points, model: Model, level: Level | None = None) -> Fit | None:
    """The best fit of a model, with a floor or without; one that tends to a level where that is given."""
    least = MIN_POINTS if level is None else MIN_POINTS - 1
    if points.clock.size < least:
        return None
    x = abscissa(points, model)[0]
    origin = float(points.height.min()) if points.logarithmic else 0.0  # log losses are in units of the least
    points = replace(points, height=points.height - origin)
    if level is not None:
        level = replace(level, height=level.height - origin)
    fits = []
    for start in _starts(points, model, x, level):
        free = 2 if level is not None or (points.logarithmic and start.floor == 0) else 3
        if (fit := _with_error(_least_squares(start, points, x, free), points, x, free, level)) is not None:
            fits.append(fit)
    if len(fits) == 2 and points.errors_of == "noise":
        return fits[1]  # it may be that there is no floor, but that is not known
    if len(fits) == 2:
        return fits[1] if fits[1].gain_over(fits[0]) > 0 else fits[0]
    return fits[0] if fits else None


def abscissa(points: Points, model: Model) -> tuple[np.ndarray, float]:
    """The clock or its logarithm from 0 to 1, and how long that is."""
    x = points.clock if model == "exponential" else np.log(points.clock)
    span = float(x[-1] - x[0])
    return (x - x[0]) / span, span


def _starts(points: Points, model: Model, x: np.ndarray, level: Level | None) -> list[Fit]:
    """Where the least squares begin: with the best floor of some, and without any."""
    if points.logarithmic:
        squares, heights, rates = _squares_of_floors(x, points.height, points.weight, FLOOR_SHARES)
        places = [int(squares.argmin())] if level else dict.fromkeys([0, int(squares[1:].argmin()) + 1])
        starts = [
            Fit(model, 1.0, float(heights[k]), float(rates[k]), float(FLOOR_SHARES[k]), float(squares[k]))
            for k in places
            if np.isfinite(squares[k])
        ]
        return [replace(one, floor=float(np.exp(min(level.height, 50.0)))) for one in starts] if level else starts
    best: Fit | None = None
    weight = np.sqrt(points.weight)
    for rate in (*RATES, *-RATES):
        columns = np.stack([np.exp(-rate * x - max(-rate, 0.0)), np.ones(x.size)])
        solved = np.linalg.lstsq((columns * weight).T, points.height * weight, rcond=None)[0]
        if level is not None:
            above = points.height - level.height
            solved = np.array([(columns[0] * points.weight) @ above / (columns[0] ** 2 @ points.weight), level.height])
        left = float(((points.height - solved @ columns) ** 2) @ points.weight)
        if solved[0] != 0 and (best is None or left < best.squares):
            height = float(np.log(abs(solved[0])) - max(-rate, 0.0))
            best = Fit(model, float(np.sign(solved[0])), height, float(rate), float(solved[1]), left)
    return [best] if best is not None else []


def _squares_of_floors(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, floors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted squares of the residuals in log loss for each floor, with the heights and the rates of the fits."""
    share = 1 - floors[:, None] * np.exp(-y)  # of the loss above the floor
    z, inner = y + np.log(share), weight * share**2
    total = inner.sum(axis=1)
    mean_x, mean_z = inner @ x / total, (inner * z).sum(axis=1) / total
    away = x - mean_x[:, None]
    spread = (inner * away**2).sum(axis=1)
    rate = np.where(spread > 0, -(inner * away * z).sum(axis=1) / np.where(spread > 0, spread, 1.0), 0.0)
    height = mean_z + rate * mean_x
    with np.errstate(divide="ignore"):
        fitted = np.logaddexp(np.log(floors)[:, None], height[:, None] - rate[:, None] * x)
    return (y - fitted) ** 2 @ weight, height, rate


def _least_squares(fit: Fit, points: Points, x: np.ndarray, free: int) -> Fit:
    """The fit with the least squares near one, by Levenberg's method, of height, rate and, if free is 3, floor."""
    fit = replace(fit, squares=_squares(fit, points, x))
    damping = 1e-3
    for _ in range(STEPS):
        fitted, slopes = fit.heights(x, points.logarithmic)
        slopes = slopes[:free]
        information = (slopes * points.weight) @ slopes.T
        gradient = (slopes * points.weight) @ (points.height - fitted)
        information[np.diag_indices(free)] += damping * np.diag(information) + np.finfo(float).tiny
        try:
            step = np.append(np.linalg.solve(information, gradient), np.zeros(3 - free))
        except np.linalg.LinAlgError:
            return fit
        floor = max(fit.floor + step[2], 0.0) if points.logarithmic else fit.floor + step[2]
        moved = replace(fit, height=fit.height + step[0], rate=fit.rate + step[1], floor=float(floor))
        moved = replace(moved, squares=_squares(moved, points, x))
        if not moved.squares <= fit.squares:
            damping *= 10
            if damping > 1e9:
                return fit
            continue
        gained = fit.squares - moved.squares
        fit, damping = moved, max(damping / 10, 1e-9)
        if gained <= STILL * fit.squares:
            return fit
    return fit


def _squares(fit: Fit, points: Points, x: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float((points.height - fit.heights(x, points.logarithmic)[0]) ** 2 @ points.weight)
    return squares if np.isfinite(squares) else np.inf


def _with_error(fit: Fit, points: Points, x: np.ndarray, free: int, level: Level | None) -> Fit | None:
    """The fit with the error of its rate and its AICc; None where it is none."""
    if not np.isfinite(fit.squares) or fit.rate == 0:
        return None
    fitted, slopes = fit.heights(x, points.logarithmic)
    scaled = (points.height - fitted) / np.sqrt(points.variance)
    energy, count = float(scaled @ scaled), x.size
    correlation = float(np.clip(scaled[1:] @ scaled[:-1] / energy, 0, 0.95)) if energy > 0 else 0.0
    lasting = (1 + correlation) / (1 - correlation)
    effective = count / lasting
    freedom = max(effective - free, MIN_FREEDOM)
    scatter = energy / max(count - free, 1) * lasting
    if points.errors_of == "both":
        scatter = max(scatter, 1.0)
    elif points.errors_of == "noise":
        freedom, scatter = max(count - free, MIN_FREEDOM), max(_rough(scaled, x), 1.0)
    weighted = slopes[:free] * points.weight
    try:
        inverse = np.linalg.inv(weighted @ slopes[:free].T)
    except np.linalg.LinAlgError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # of a fit that the points do not determine
        covariance = inverse @ (weighted * points.variance) @ weighted.T @ inverse * scatter
    if not np.isfinite(covariance).all():
        return None
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0)).tolist()
    error = errors[1]
    if level is not None:  # its error is of the same noise, so that the two may add up
        of_floor = fit.floor if points.logarithmic else 1.0
        error += abs(float(inverse[1] @ (weighted @ slopes[2]))) * of_floor * level.error
    fit = replace(fit, squares=energy, effective=effective, parameters=free)
    return replace(fit, error=error, floor_error=errors[-1], freedom=freedom)


def _rough(scaled: np.ndarray, x: np.ndarray) -> float:
    """Variance of residuals without what is smooth in them, which is the shape that a model does not have."""
    terms = np.polynomial.legendre.legvander(2 * x - 1, min(SMOOTH_TERMS, x.size // 4) - 1)
    left = scaled - terms @ np.linalg.lstsq(terms, scaled, rcond=None)[0]
    return float(left @ left) / max(x.size - terms.shape[1], 1)
