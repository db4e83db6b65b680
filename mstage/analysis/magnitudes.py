"""In which unit are numbers computed with that lie near the ends of float64?

Sums of numbers near 1e308 and squares beyond 1e154 overflow; squares below 1e-154 vanish. Such numbers are computed
with in a unit that is a power of two, so that the change of unit rounds nothing, and the result is put back. Numbers
of ordinary size keep their unit, 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = float(np.finfo(float).max)
SUMMED = 1000  # binary exponent up to which many numbers can be added up
SQUARED = 400  # the same of their squares, and minus this the least of which squares are left


def unit_exponent(values: np.ndarray, most: int, least: int = -1074) -> int:
    """Exponent k of the unit 2^k in which the largest of some finite numbers is about 2^most, or 1 where it is tiny.

    Args:
        values: Of any shape.
        most: Binary exponent that the largest may have without a change of unit.
        least: Binary exponent that the largest has to have to be left as it is.

    Returns:
        The exponent; 0 for numbers of ordinary size.
    """
    largest = float(np.abs(values).max(initial=0.0))
    exponent = int(np.frexp(largest)[1])
    if exponent > most:
        return exponent - most
    return exponent if largest and exponent < least else 0


def in_unit(values: np.ndarray, exponent: int) -> np.ndarray:
    """Numbers in the unit 2^exponent; what is too small for it vanishes."""
    return np.ldexp(values, -exponent) if exponent else values


def out_of_unit(value: float, exponent: int) -> float:
    """A number that was computed in the unit 2^exponent; at most the largest float, as what it was computed from."""
    limit = float(np.ldexp(LARGEST, -max(exponent, 0)))
    return float(np.ldexp(np.clip(value, -limit, limit), exponent)) if exponent else value


def middle(values: Iterable[float]) -> float:
    """The median of some finite numbers, wherever within float64 they lie."""
    ordered = sorted(float(value) for value in values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low / 2 + high / 2 if max(abs(low), abs(high)) > LARGEST / 2 else (low + high) / 2
