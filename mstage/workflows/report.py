"""Sum up a sweep: its runs, its stages by alpha and width, its rates, what diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.scaling.laws import ScalingLaw, missing_laws, scaling_laws
from mstage.analysis.summary.report import SweepReport, summarise
from mstage.analysis.theory.predictions import SweepTheory
from mstage.analysis.weights.condensation import measure_relative_distance
from mstage.analysis.weights.snapshots import over_widths
from mstage.history import kept_weights
from mstage.spec import Sweep, TwoLayer
from mstage.store.reader import open_sweep
from mstage.training_set import TrainingSet
from mstage.workflows.detect_stages import detect_stages
from mstage.workflows.predict import NO_MODEL, NO_TIME, theory_of

if TYPE_CHECKING:
    from pathlib import Path


def report(source: str | Path | xr.DataTree) -> SweepReport:
    """Sum up a sweep, and set theory beside it where its clock is gradient-flow time.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.

    Raises:
        InputError: There is no sweep there.
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    stages = detect_stages(tree)
    theory: SweepTheory | None = None
    laws: tuple[ScalingLaw, ...] = ()
    if not {"sweep", "problem"} <= tree.attrs.keys():
        why = "the tree has no `sweep` and `problem` among its attributes"
        return summarise(tree, stages, missing={"theory": why, "scaling": why})
    samples = (tree.dataset[name].values for name in ("input", "target"))
    sweep = Sweep.from_dict(tree.attrs["sweep"], arrays=TrainingSet.of(tree.attrs["problem"], *samples))
    if not isinstance(sweep.model, TwoLayer):
        return summarise(tree, stages, missing={"theory": NO_MODEL, "scaling": NO_MODEL})
    if stages.clock != "time":
        why = NO_TIME.format(sweep.dynamics.why_no_time)
        return summarise(tree, stages, missing={"theory": why, "scaling": why})
    theory = theory_of(sweep, tree.attrs["problem"], tree.dataset)
    if len(sweep.axes["width"]) > 1:
        moved = [measure_relative_distance(*weights) for weights in kept_weights(tree)]
        distance = over_widths(moved)["relative_distance"] if moved else None
        laws = scaling_laws(stages, theory, distance)
        missing = missing_laws(laws) if laws else {"scaling": "no seed has left the same plateau at two widths"}
    else:
        missing = {"scaling": "the sweep has a single width"}
    return summarise(tree, stages, theory, laws, missing)
