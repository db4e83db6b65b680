"""Measure the quantities of theory in a sweep, by their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mstage.analysis.measured.sweep import SweepMeasurements, measure_sweep
from mstage.analysis.weights.initial_plateau import measure_initial_plateau
from mstage.analysis.weights.snapshots import over_widths
from mstage.history import kept_weights
from mstage.spec import Sweep
from mstage.training_set import TrainingSet
from mstage.workflows.predict import theory_of, why_no_theory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import xarray as xr

    from mstage.analysis.theory.linear_flow import LinearFlow
    from mstage.analysis.theory.predictions import SweepTheory


def theory_in(tree: xr.DataTree) -> tuple[SweepTheory | None, str]:
    """What theory says of a sweep, or None and why it says nothing.

    Args:
        tree: The sweep, as `open_sweep` or `train` return it.
    """
    if not {"sweep", "problem"} <= tree.attrs.keys():
        return None, "the tree has no `sweep` and `problem` among its attributes"
    samples = (tree.dataset[name].values for name in ("input", "target"))
    sweep = Sweep.from_dict(tree.attrs["sweep"], arrays=TrainingSet.of(tree.attrs["problem"], *samples))
    if why := why_no_theory(sweep):
        return None, why
    return theory_of(sweep, tree.attrs["problem"], tree.dataset), ""


def linear_flows(theory: SweepTheory) -> Callable[[Mapping[str, Any]], LinearFlow | None]:
    """The linear flow of a run, by its coordinates; None where there is none."""

    def flow_of(run: Mapping[str, Any]) -> LinearFlow | None:
        said = theory.of(run)
        return said.flow if said is not None else None

    return flow_of


def measurements_of(tree: xr.DataTree, theory: SweepTheory) -> SweepMeasurements:
    """Measure the runs of a sweep whose theory is at hand.

    Args:
        tree: The sweep, as `open_sweep` or `train` return it; of what kept no weights the losses alone.
        theory: Of the same sweep.
    """
    flow_of = linear_flows(theory)
    parts = [measure_initial_plateau(*pair, theory.constants, flow_of) for pair in kept_weights(tree)]
    return measure_sweep(tree.dataset["loss"], theory.constants, over_widths(parts) if parts else None)
