"""Which steps of a run are kept: one small object, and steps evenly in log time. Standard library only."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from mstage.errors import UsageError, shown

LARGEST_WHOLE = 1e20  # beyond any count that is meant
MAX_RECORDS = 10_000


@dataclass(frozen=True)
class Recording:
    """Which steps of a run are kept.

    Attributes:
        losses: `auto` (every step up to 10,000 records, else 10,000 records evenly in log time), `every:N` (each
            N-th step and the last) or `log:N` (N records evenly in log time).
        snapshots: How many times the weights are kept, evenly in log time, the first and the last step among them.
    """

    losses: str = "auto"
    snapshots: int = 60

    def __post_init__(self) -> None:
        _, count = self._parsed()
        if count < 1:
            raise UsageError(f"record `{self.losses}`: the number has to be at least 1")
        if not isinstance(self.snapshots, int) or isinstance(self.snapshots, bool) or self.snapshots < 0:
            raise UsageError(f"snapshots {self.snapshots}: has to be a whole number, 0 (none) or more")

    def loss_count(self, last: int) -> int:
        """Length of `loss_steps`."""
        kind, count = self._parsed()
        return -(-last // count) + 1 if kind == "every" else min(count, last + 1)

    def loss_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose loss is kept, without those of the snapshots."""
        kind, count = self._parsed()
        if kind == "every":
            return sorted({*range(0, last + 1, count), last})
        return list(log_spaced_steps(last, count))

    def snapshot_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose weights are kept."""
        return list(log_spaced_steps(last, self.snapshots))

    def _parsed(self) -> tuple[Literal["every", "log"], int]:
        if self.losses == "auto":
            return "log", MAX_RECORDS
        kind, _, count = str(self.losses).partition(":")
        try:
            if kind in ("every", "log"):
                return ("every" if kind == "every" else "log"), whole_number(count)
        except ValueError:
            pass
        raise UsageError(f"record `{shown(self.losses)}` is none of auto, every:N and log:N, N a whole number")


def whole_number(value: object) -> int:
    """A whole number, however it is written: 400, 4e2, 400.0.

    Raises:
        ValueError: It is none.
    """
    text = str(value).strip()
    if re.fullmatch(r"[-+]?[0-9_]{1,30}", text):
        return int(text)
    if not math.isfinite(size := float(text)) or abs(size) >= LARGEST_WHOLE or (number := Decimal(text)) % 1:
        raise ValueError
    return int(number)


@lru_cache(maxsize=8)
def log_spaced_steps(last: int, count: int) -> tuple[int, ...]:
    """`count` distinct steps from 0 to `last`, evenly in log time: each of the first ones, then ever sparser.

    Whole steps cannot be evenly spaced in log time near 0, so the first `dense` of them are all taken and the rest grow
    by a constant factor; `dense` is the largest for which both parts have the same density where they meet.

    Args:
        last: Last step, taken whenever `count` is not 0.
        count: How many; all of them when there are no more than that.
    """
    if count >= last + 1:
        return tuple(range(last + 1))
    if count <= 0:
        return ()
    if count == 1:
        return (last,)
    low, high = 1.0, float(last)  # number of steps an e-fold; (1 + log(last / density)) * density + 1 = count
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * (1 + math.log(last / middle)) + 1 < count else (low, middle)
    dense = min(int(low), count - 2)
    rest = count - 1 - dense
    steps = list(range(dense + 1))
    for k in range(1, rest + 1):
        even = round(max(dense, 1) * (last / max(dense, 1)) ** (k / rest))
        steps.append(min(max(even, steps[-1] + 1), last - (rest - k)))
    return tuple(steps)
