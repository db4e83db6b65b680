"""Which stages can be seen by who knows what kind of curve it is?

The family that a curve was drawn from (staircases of so many modes, exponentials, power laws, constants) is fitted to
its noisy records, and the stages are read off the fit by the same definition as the truth. It is no bound, and no stage
finder knows the family; but what such a fit tells, the noise does not hide.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from tests import curves
from tests.bench.staircases import Case, truth_of

BINS = 250  # of log time, whose medians are fitted
STARTS = 6  # random places in the family from which the fit begins
SPIKE = 3.0  # standard errors, beyond which a record counts as a spike


def fitted(case: Case) -> curves.Loss:
    """The curve of the family of a case that is nearest to its records, in log loss."""
    family = case.properties["family"]
    if family == "flat":
        level = float(np.exp(np.median(np.log(case.loss))))
        return lambda time: np.full(np.shape(time), level)
    clock, value, sigma = _means(case)

    def misfit(parameters: np.ndarray) -> np.ndarray:
        return np.asarray((np.log(curve_of(family, parameters)(clock)) - value) / sigma)

    random = np.random.default_rng(0)
    fits = [
        least_squares(misfit, start, loss="soft_l1", f_scale=SPIKE, max_nfev=60)
        for start in (random.uniform(*limits(family, case)) for _ in range(STARTS))
    ]
    return curve_of(family, min(fits, key=lambda fit: fit.cost).x)


def names_stages(case: Case) -> bool:
    """Whether the fit of its family has the stages of a case."""
    return truth_of(fitted(case), case.clock).kinds == case.truth.kinds


def curve_of(family: str, parameters: np.ndarray) -> curves.Loss:
    """The curve of a family with some parameters, each the logarithm of a positive number."""
    values = np.exp(np.clip(parameters, -40, 20))
    if "mode" in family:
        start, floor, *strengths = values.tolist()
        return curves.staircase(tuple(strengths), min(start, 0.5), floor)
    rate, floor = values.tolist()
    return curves.exponential(rate, floor) if family == "exponential" else curves.power_law(rate, floor)


def limits(family: str, case: Case) -> tuple[list[float], list[float]]:
    """Least and largest parameters from which a fit begins."""
    least = float(np.log(np.median(case.loss[-max(case.loss.size // 50, 1) :])))
    if "mode" in family:
        count = ("one", "two", "three").index(family.split()[0])
        low, high = (
            [-0.1, *[k * np.log(0.2) for k in range(1, count + 1)]],
            [0.1] + [k * np.log(0.45) for k in range(1, count + 1)],
        )
        return [np.log(1e-4), least - 2, *low], [np.log(1e-2), least, *high]
    rates = (-0.5, 0.5) if family == "exponential" else (np.log(0.5), np.log(1.2))
    return [rates[0], least - 2], [rates[1], least]


def _means(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean clock, median log loss and its standard error, in bins of log time."""
    position, value = np.log(case.clock), np.log(case.loss)
    group = ((position - position[0]) / (position[-1] - position[0]) * BINS).astype(int).clip(0, BINS - 1)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], position.size)
    medians = np.array([np.median(value[a:b]) for a, b in zip(starts, ends, strict=True)])
    sizes = ends - starts
    rho = case.correlation
    independent = np.maximum(sizes * (1 - rho) / (1 + rho), 1.0)
    return np.exp(np.add.reduceat(position, starts) / sizes), medians, case.sigma / np.sqrt(independent)
