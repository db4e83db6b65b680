"""Which steps of a run are kept: one small object, and steps evenly in log time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from mstage.errors import UsageError, shown
from mstage.spec.parameters import Number, Parameter, Plain
from mstage.spec.text import whole_number

MAX_RECORDS = 10_000


@dataclass(frozen=True, kw_only=True)
class _Rule(Parameter[Any, Any]):
    """Which losses are kept."""

    def read(self, name: str, value: Any) -> str:  # noqa: ARG002, anything but text is none of its forms
        return str(value)

    def checked(self, name: str, value: Any) -> str:  # noqa: ARG002, the rule is named in its own words
        if _parsed(value)[1] < 1:
            raise UsageError(f"record `{value}`: the number has to be at least 1")
        return str(value)


@dataclass(frozen=True)
class Recording:
    """Which steps of a run are kept.

    Attributes:
        losses: `auto` (every step up to 10,000 records, else 10,000 records evenly in log time), `every:N` (each
            N-th step and the last) or `log:N` (N records evenly in log time).
        snapshots: How many times the weights are kept, evenly in log time, the first and the last step among them.
    """

    losses: Plain[str] = _Rule(
        help=f"Losses: every:N steps, log:N for N evenly in log time, or auto, every step up to {MAX_RECORDS:,} of "
        f"them and evenly in log time beyond.",
        metavar="RULE", key="record", default="auto",
    )  # fmt: skip
    snapshots: Plain[int] = Number(
        help="How often the weights are kept, evenly in log time.", metavar="N", whole=True, least=0,
        rule="a whole number, 0 (none) or more", default=60,
    )  # fmt: skip

    def loss_count(self, last: int) -> int:
        """Length of `loss_steps`."""
        kind, count = _parsed(self.losses)
        return -(-last // count) + 1 if kind == "every" else min(count, last + 1)

    def loss_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose loss is kept, without those of the snapshots."""
        kind, count = _parsed(self.losses)
        if kind == "every":
            return sorted({*range(0, last + 1, count), last})
        return list(log_spaced_steps(last, count))

    def snapshot_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose weights are kept."""
        return list(log_spaced_steps(last, self.snapshots))


def _parsed(losses: object) -> tuple[Literal["every", "log"], int]:
    if losses == "auto":
        return "log", MAX_RECORDS
    kind, _, count = str(losses).partition(":")
    try:
        if kind in ("every", "log"):
            return ("every" if kind == "every" else "log"), whole_number(count)
    except ValueError:
        pass
    raise UsageError(f"record `{shown(losses)}` is none of auto, every:N and log:N, N a whole number")


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
