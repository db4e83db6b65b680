"""Sum up a sweep: its runs, its stages by alpha and width, its rates, what diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.summary import SweepReport, summarise
from mstage.store.reader import open_sweep
from mstage.sweepfile import sweep_from_dict
from mstage.workflows.detect_stages import detect_stages
from mstage.workflows.predict import theory_of

if TYPE_CHECKING:
    from pathlib import Path


def report(source: str | Path | xr.DataTree) -> SweepReport:
    """Sum up a sweep, and set theory beside it where its clock is gradient-flow time.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.

    Raises:
        InputError: There is no sweep there.
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source)
    stages = detect_stages(tree)
    theory = None
    if stages.clock == "time" and {"sweep", "problem"} <= tree.attrs.keys():
        sweep = sweep_from_dict(tree.attrs["sweep"])
        theory = theory_of(sweep, tree.attrs["problem"]["name"], tree.dataset)
    return summarise(tree, stages, theory)
