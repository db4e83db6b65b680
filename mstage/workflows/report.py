"""Sum up a sweep: its runs, its stages by alpha and width, its rates, what diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.scaling.laws import missing_laws, scaling_laws
from mstage.analysis.summary.report import SweepReport, summarise
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import detect_stages
from mstage.workflows.measure import measurements_of, theory_in

if TYPE_CHECKING:
    from pathlib import Path

    from mstage.analysis.stages.results import StageMethod


def report(source: str | Path | xr.DataTree, method: StageMethod | None = None) -> SweepReport:
    """Sum up a sweep, and set what theory predicts beside what is measured by definition and what is detected.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.
        method: How stages are found; the default one if None.

    Raises:
        InputError: There is no sweep there.
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source, check_weights=True)
    stages = detect_stages(tree, method)
    theory, why = theory_in(tree)
    if theory is None:
        return summarise(tree, stages, missing={"theory": why, "scaling": why})
    measured = measurements_of(tree, theory)
    if stages.clock != "time":
        return summarise(tree, stages, theory, measured, missing={"scaling": theory.runs[0].no_flow})
    if len({one.width for one in theory.runs}) == 1:
        return summarise(tree, stages, theory, measured, missing={"scaling": "the sweep has a single width"})
    laws = scaling_laws(measured, theory)
    missing = missing_laws(laws) if laws else {"scaling": "no seed has left the same plateau at two widths"}
    return summarise(tree, stages, theory, measured, laws, missing)
