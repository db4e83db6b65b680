"""What does a sweep look like by alpha and width?

The runs by how they ended, the stages of each group of runs that differ in nothing but their seed (see `groups`), their
final losses, which runs diverged, and a representative run. Everything is collected from earlier results; nothing is
fitted here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.display import Tabled, lines, place
from mstage.analysis.samples import Spread
from mstage.analysis.stages.groups import StageGroups, rows_table, spread_columns
from mstage.analysis.stages.representatives import representative_of, representative_run
from mstage.analysis.summary.comparison import Comparison, compare
from mstage.history import RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from mstage.analysis.measured.sweep import SweepMeasurements
    from mstage.analysis.scaling.laws import ScalingLaw
    from mstage.analysis.stages.results import RunStages, Stages
    from mstage.analysis.theory.predictions import SweepTheory
    from mstage.history import Curve


@dataclass(frozen=True)
class DivergedRun:
    """A run whose loss ceased to be finite.

    Attributes:
        run: Which run it is.
        step: When; of a flow, the last tick before.
        time: When, of a flow; None of a descent.
    """

    run: Mapping[str, float | int | str]
    step: int
    time: float | None


@dataclass(frozen=True)
class Integration:
    """What integrating a gradient flow took.

    Attributes:
        steps: Steps of a run.
        rejected: Share of all attempts that were rejected.
        factorisations: Matrices factorised, all runs together.
    """

    steps: Spread
    rejected: float
    factorisations: int


@dataclass(frozen=True, repr=False)
class SweepReport(Tabled):
    """A sweep summed up.

    Attributes:
        settings: The sweep, with the keys of a sweep file.
        versions: Packages that trained it.
        statuses: Runs that `finished`, `reached stop-at`, `diverged`, are `running`.
        stage_groups: The stages by alpha and width.
        final_losses: The loss measured last, of the runs of each group that did not diverge, in the order of groups.
        diverged: The runs that diverged.
        representative: A run near the medians of a group whose runs agree; None if no run has stages.
        run_stages: The stages of every run.
        theory: What theory says of the runs; None where it says nothing.
        measured: What the runs show by definition; None where nothing is known of their training set.
        comparisons: Predictions beside what was measured and detected, by group.
        laws: How exit, escape, level and distance scale with the width.
        integration: What a gradient flow took; None for a descent.
        missing: Why there is none of `theory`, of `scaling` or one of its laws, or of `curve`, by name.
        damage: What cannot be read of the sweep, and of which runs, a line each.
        preparation: What was made of a table before it was learnt, in words; empty of a built-in problem.
    """

    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    statuses: Mapping[str, int]
    stage_groups: StageGroups
    final_losses: tuple[Spread | None, ...]
    diverged: tuple[DivergedRun, ...]
    representative: RunStages | None
    run_stages: Stages
    theory: SweepTheory | None = None
    measured: SweepMeasurements | None = None
    comparisons: tuple[Comparison, ...] = ()
    laws: tuple[ScalingLaw, ...] = ()
    integration: Integration | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    preparation: str = ""
    damage: tuple[str, ...] = ()

    def __repr__(self) -> str:
        ended = ", ".join(f"{count:,} {word}" for word, count in self.statuses.items())
        rows = (
            f"{place({name: group.run[name] for name in self.stage_groups.axes})}: {chosen.course}"
            for group in self.stage_groups.groups
            if (chosen := representative_of(group)) is not None
        )
        problem = self.settings.get("problem", "a sweep")
        return lines(f"Report of {problem} over {self.stage_groups.clock}: {ended}", rows)

    @property
    def stages(self) -> pd.DataFrame:
        """The stages by alpha and width, as `to_dataframe` has them."""
        return self.to_dataframe()

    def to_dataframe(self) -> pd.DataFrame:
        """The table of `StageGroups`, with `final_loss` and its `_least` and `_greatest` in each row."""
        return rows_table(
            [
                row | spread_columns("final_loss", loss)
                for group, loss in zip(self.stage_groups.groups, self.final_losses, strict=True)
                for row in group.rows()
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, less the curve."""
        groups = [
            {"run": dict(group.run), "runs": group.runs, "statuses": dict(group.statuses)}
            | {"final_loss": asdict(loss) if loss else None}
            | {"sequences": [asdict(sequence) for sequence in group.sequences]}
            for group, loss in zip(self.stage_groups.groups, self.final_losses, strict=True)
        ]
        return {
            "sweep": dict(self.settings),
            "versions": dict(self.versions),
            "statuses": dict(self.statuses),
            "clock": self.stage_groups.clock,
            "groups": groups,
            "theory": [one.to_dict() for one in self.comparisons],
            "scaling": [one.to_dict() for one in self.laws],
            "missing": dict(self.missing),
            "preparation": self.preparation,
            "integration": asdict(self.integration) if self.integration else None,
            "diverged": [{"run": dict(one.run), "step": one.step, "time": one.time} for one in self.diverged],
        }


def summarise(
    tree: xr.DataTree,
    stages: Stages,
    theory: SweepTheory | None = None,
    measured: SweepMeasurements | None = None,
    laws: tuple[ScalingLaw, ...] = (),
    missing: Mapping[str, str] | None = None,
) -> SweepReport:
    """Sum up a sweep.

    Args:
        tree: The sweep, as `open_sweep` reads it.
        stages: The stages of its runs.
        theory: What theory says of it; None where it says nothing.
        measured: What its runs show by definition; None where that is not known.
        laws: How its quantities scale with the width.
        missing: Why there is no theory, no laws or not all of them.

    Returns:
        Medians over seeds with their range, by alpha and width; nothing is averaged over runs whose stages differ.
    """
    groups = StageGroups.of(stages)
    chosen = representative_run(groups)
    return SweepReport(
        settings=tree.attrs.get("sweep", {}),
        versions=tree.attrs.get("versions", {}),
        statuses=_statuses(tree.dataset["status"]),
        stage_groups=groups,
        final_losses=tuple(Spread.of(_final_loss(one.curve) for one in group.members) for group in groups.groups),
        diverged=tuple(_diverged(tree.dataset)),
        representative=chosen,
        run_stages=stages,
        theory=theory,
        measured=measured,
        comparisons=compare(groups, theory, measured) if theory is not None and measured is not None else (),
        laws=laws,
        integration=_integration(tree),
        damage=tuple(tree.attrs.get("damage", ())),
        preparation=tree.attrs.get("problem", {}).get("preparation", ""),
        missing=dict(missing or {}) | ({} if chosen else {"curve": "no run has stages"}),
    )


def _integration(tree: xr.DataTree) -> Integration | None:
    """The statistics of a flow."""
    flow = tree.dataset
    if "accepted_steps" not in flow.coords:
        return None
    sound = flow["status"].values != RunStatus.DAMAGED
    accepted, rejected, factorised = (
        flow[name].values[sound].tolist() for name in ("accepted_steps", "rejected_steps", "factorisations")
    )
    steps = Spread.of(accepted)
    if steps is None:
        return None
    total = sum(rejected)
    return Integration(steps, total / max(1, sum(accepted) + total), sum(factorised))


def _final_loss(curve: Curve) -> float | None:
    """The loss measured last; None of a run that diverged or has none."""
    finite = curve.loss[np.isfinite(curve.loss)]
    return float(finite[-1]) if finite.size and not curve.diverged else None


def _statuses(statuses: xr.DataArray) -> dict[str, int]:
    """Runs by how they ended, in the order of `RunStatus` from finished on; those that none has are left out."""
    counts = Counter(int(code) for code in statuses.values.ravel())
    words = {
        RunStatus.FINISHED: "finished",
        RunStatus.STOPPED: "reached stop-at",
        RunStatus.DIVERGED: "diverged",
        RunStatus.RUNNING: "running",
        RunStatus.DAMAGED: "damaged",
    }
    return {word: counts[status] for status, word in words.items() if counts[status]}


def _diverged(sweep: xr.Dataset) -> list[DivergedRun]:
    """The diverged runs of a sweep, width by width, with when they did."""
    found = []
    status = sweep["status"]
    status = status.transpose(*sorted(status.dims, key=lambda axis: axis != "width"))
    for index in np.argwhere(status.values == RunStatus.DIVERGED):
        one = sweep.isel(dict(zip(status.dims, index, strict=True)))
        run = {str(axis): one[axis].item() for axis in sweep["status"].dims}
        time = float(one["end_time"]) if "end_time" in one else None
        found.append(DivergedRun(run, int(one["last_step"]), time))
    return found
