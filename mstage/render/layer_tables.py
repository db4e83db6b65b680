"""The table of the drift of layers: some checkpoints of each, W1 or W2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import shown
from mstage.render.numbers import given, number
from mstage.render.table import Table

if TYPE_CHECKING:
    from mstage.analysis.weights.layer_drift import LayerDrift

HEADS = {
    "mean_magnitude": "|w|:\nmean",
    "magnitude_from_first": "from\nfirst",
    "magnitude_from_previous": "from\nprevious",
    "mean_row_norm": "row norm:\nmean",
    "row_norm_from_first": "from\nfirst",
    "row_norm_from_previous": "from\nprevious",
}
MAX_ROWS = 60
LONGEST_NAME = 200
MAX_CHECKPOINTS = 9  # of a layer that the table shows; csv has them all


def layer_table(drift: LayerDrift, order: int) -> Table:
    """Layers in their order, each at some of its checkpoints, the last included; of many layers, those that moved most.

    Args:
        drift: What was measured.
        order: p of the distances W_p that are shown.
    """
    distances = drift.distances.sel(order=order)
    moved = set(drift.farthest(MAX_ROWS))
    names = [name for name in distances.layer.values.tolist() if name in moved]
    most = min(max(MAX_ROWS // len(names), 1), MAX_CHECKPOINTS)
    title = f"Wasserstein distances W{order} of weights and rows"
    if len(names) < distances.sizes["layer"]:
        title += f" (the {len(names)} of {distances.sizes['layer']:,} layers that moved farthest)"
    table = Table(["layer", "step", *HEADS.values()], title=title, left=["layer"])
    for name in names:
        one = distances.sel(layer=name)
        seen = np.flatnonzero(one.weights.values)
        chosen = seen[np.linspace(seen.size - 1, 0, min(most, seen.size)).round().astype(int)[::-1]]
        label = shown(name, LONGEST_NAME)
        for index in chosen:
            at = one.isel(step=index)
            table.add_row(label, given(at.step.item()), *(number(float(at[quantity])) for quantity in HEADS))
            label = ""
        if most > 1:
            table.add_section()
    return table
