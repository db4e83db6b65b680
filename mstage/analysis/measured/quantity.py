"""One quantity of a run, or why the run has none; and what the runs of a group have together.

No run is left out in silence: where a median stands for two runs of three, the third is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mstage.analysis.samples import Spread

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Measured:
    """One quantity of one run.

    Attributes:
        value: In units of the clock, of the loss, or a pure number; None where the run has none.
        why: Why it has none, as `not escaped`; empty where it has one.
        not_by: The end of the run, where it may still come in a longer one; None where it may not.
    """

    value: float | None
    why: str = ""
    not_by: float | None = None

    @classmethod
    def none(cls, why: str, not_by: float | None = None) -> Measured:
        """No value, and why."""
        return cls(None, why, not_by)


@dataclass(frozen=True)
class Absence:
    """Runs of a group that lack a quantity for one reason.

    Attributes:
        why: The reason.
        runs: How many there are.
        not_by: The end of the shortest of them, where it may still come; None where it may not.
    """

    why: str
    runs: int
    not_by: float | None


@dataclass(frozen=True)
class OverRuns:
    """A quantity over the runs of a group.

    Attributes:
        spread: Median and range over the runs that have it; None where none has.
        runs: How many have it.
        absent: The others, by reason.
    """

    spread: Spread | None
    runs: int
    absent: tuple[Absence, ...]

    @classmethod
    def of(cls, found: Sequence[Measured]) -> OverRuns:
        """Sum up a quantity of some runs."""
        values = [one.value for one in found if one.value is not None]
        lacking = [one for one in found if one.value is None]
        absent = []
        for why, count in Counter(one.why for one in lacking).items():
            ends = [one.not_by for one in lacking if one.why == why and one.not_by is not None]
            absent.append(Absence(why, count, min(ends, default=None)))
        return cls(Spread.of(values), len(values), tuple(absent))

    @property
    def members(self) -> int:
        """How many runs there are, those without a value among them."""
        return self.runs + sum(one.runs for one in self.absent)

    @property
    def not_by(self) -> float | None:
        """By when no run has shown it, where it may still come; None where a run has, or none will."""
        ends = [one.not_by for one in self.absent if one.not_by is not None]
        return min(ends) if ends and not self.runs else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        spread = asdict(self.spread) if self.spread else None
        return {"spread": spread, "runs": self.runs, "of": self.members, "absent": [asdict(one) for one in self.absent]}
