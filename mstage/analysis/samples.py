"""How are many values, or many things, told by a few?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mstage.analysis.magnitudes import middle

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


@dataclass(frozen=True)
class Spread:
    """Median over runs, and the least and greatest value among them."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """The spread of the finite ones among some values, None if there are none."""
        finite = [float(value) for value in values if value is not None and math.isfinite(value)]
        return cls(middle(finite), min(finite), max(finite)) if finite else None


def evenly(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    """At most `most` of some things: the first, the last, and even steps between."""
    if len(items) <= most:
        return items
    return tuple(items[place] for place in np.linspace(0, len(items) - 1, most).round().astype(int))
