"""Loss curves whose stages are known: a bank for every test of the stage finder.

The staircases are those of a deep linear network in closed form, each mode a logistic rise.

References:
    Saxe, McClelland, Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", arXiv 1312.6120, equation 6.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Loss = Callable[[np.ndarray], np.ndarray]


def staircase(strengths: tuple[float, ...], start: float = 1e-3, floor: float = 1e-4) -> Loss:
    """1/2 sum_k (s_k - u_k(t))^2 + floor, u_k the logistic from start * s_k to s_k at rate 2 s_k."""

    def loss(time: np.ndarray) -> np.ndarray:
        total = np.full(time.shape, floor)
        for strength in strengths:
            mode = strength / (1 + (1 / start - 1) * np.exp(-2 * strength * time))
            total += (strength - mode) ** 2 / 2
        return total

    return loss


def escape_time(strength: float, start: float = 1e-3) -> float:
    """When a mode is half way."""
    return float(np.log(1 / start - 1) / (2 * strength))


def exponential(rate: float = 1.0, floor: float = 0.05) -> Loss:
    return lambda time: np.exp(-rate * time) + floor


def power_law(exponent: float = 1.0, floor: float = 0.0) -> Loss:
    return lambda time: (1 + time) ** -exponent + floor


def noise(kind: str, size: int, decades: float, seed: int) -> np.ndarray:
    """Factors to multiply a curve with: white, AR(1) with 0.9, or white with 1 % spikes of 0.5 to 1.5 decades."""
    random = np.random.default_rng(seed)
    values = decades * random.standard_normal(size)
    if kind == "ar":
        for k in range(1, size):
            values[k] = 0.9 * values[k - 1] + np.sqrt(1 - 0.81) * values[k]
    if kind == "spikes":
        values += (random.random(size) < 0.01) * random.uniform(0.5, 1.5, size)
    return 10**values
