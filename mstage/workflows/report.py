"""Sum up a sweep: its runs, its stages by alpha and width, its rates, what diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.condensation import measure_relative_distance
from mstage.analysis.predictions import SweepTheory
from mstage.analysis.scaling import ScalingLaw, missing_laws, scaling_laws
from mstage.analysis.snapshots import over_widths
from mstage.analysis.summary import SweepReport, summarise
from mstage.history import curves, kept_weights
from mstage.store.reader import open_sweep
from mstage.sweepfile import sweep_from_dict
from mstage.workflows.detect_stages import detect_stages, loss_history
from mstage.workflows.predict import NO_TIME, theory_of

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
    sweep = sweep_from_dict(tree.attrs["sweep"])
    if stages.clock != "time":
        why = NO_TIME.format(sweep.optimizer)
        return summarise(tree, stages, missing={"theory": why, "scaling": why})
    theory = theory_of(sweep, tree.attrs["problem"], tree.dataset)
    if len(sweep.width) > 1:
        moved = [measure_relative_distance(*weights) for weights in kept_weights(tree)]
        distance = over_widths(moved)["relative_distance"] if moved else None
        laws = scaling_laws(stages, theory, curves(loss_history(tree)), distance)
        missing = missing_laws(laws) if laws else {"scaling": "no seed has left the same plateau at two widths"}
    else:
        missing = {"scaling": "the sweep has a single width"}
    return summarise(tree, stages, theory, laws, missing)
