"""Sum up a sweep: its runs, its stages by alpha and width, its rates, what diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from mstage.analysis.summary import SweepReport, summarise
from mstage.store.reader import open_sweep
from mstage.workflows.detect_stages import detect_stages

if TYPE_CHECKING:
    from pathlib import Path


def report(source: str | Path | xr.DataTree) -> SweepReport:
    """Sum up a sweep.

    Args:
        source: A store, or a sweep as `open_sweep` or `train` return it.

    Raises:
        InputError: There is no sweep there.
    """
    tree = source if isinstance(source, xr.DataTree) else open_sweep(source)
    return summarise(tree, detect_stages(tree))
