"""Which plateaus and descents does a loss curve have? (contract; to be filled)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Stage:
    """One plateau, descent or rise. Times are in units of the curve's clock, rates per unit of it."""

    name: str  # initial plateau, initial descent, secondary plateau, secondary descent, third plateau, ...
    kind: Literal["plateau", "descent", "rise"]
    start: float
    end: float
    end_low: float  # 90 % interval of the end
    end_high: float
    loss_start: float
    loss_end: float
    level: float  # median loss
    probability: float
    rate: float | None  # of descents (and rises)
    rate_low: float | None  # 95 % interval
    rate_high: float | None
    model: Literal["exponential", "power law"] | None


@dataclass(frozen=True)
class RunStages:
    """The stages of one run."""

    run: Mapping[str, float | int | str]  # e.g. {"alpha": 1.0, "width": 400, "seed": 0, "learning_rate": 0.1}
    status: Literal["ok", "diverged", "too short"]
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Stages:
    """The stages of every run of a history, with the clock and the settings they were found with."""

    clock: str
    method: "StageMethod"
    runs: tuple[RunStages, ...]

    def to_dataframe(self) -> pd.DataFrame:
        """One row a stage: run coordinates, status, `number` (0-based place in the run), then the fields of Stage."""

    def to_dict(self) -> dict[str, Any]:
        """design.md's JSON object less `source`."""


def detect_stages(loss: xr.DataArray, method: "StageMethod" = ...) -> Stages: ...
