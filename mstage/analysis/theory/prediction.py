"""One number that theory gives, or why it gives none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """One number that theory gives for a run, or why it gives none.

    Attributes:
        name: What it is, as `exit time`.
        symbol: As the formulas have it.
        value: The number; None where theory does not apply.
        low: Lower end of what the formula's own error allows; equal to `value` where no error is stated.
        high: Upper end of it.
        why: Why it does not apply, or what limits it; empty where there is nothing to say.
    """

    name: str
    symbol: str
    value: float | None
    low: float | None
    high: float | None
    why: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: none, {self.why}"
        return f"{self.name} {self.value:.4g}" + (f" ({self.why})" if self.why else "")

    @classmethod
    def of(cls, name: str, symbol: str, value: float, why: str = "") -> Prediction:
        """A number without a stated error."""
        return cls(name, symbol, value, value, value, why)

    @classmethod
    def none(cls, name: str, symbol: str, why: str) -> Prediction:
        """No number, and why."""
        return cls(name, symbol, None, None, None, why)

    @property
    def applies(self) -> bool:
        """Whether there is a number."""
        return self.value is not None
