"""What do the weights do up to the exit of the initial plateau?

The distance W2 between the distributions of |a_k| and of |w_k|, which turns about the exit; the same over that of the
linear flow from the run's own weights at step 0; how far the input weights have moved, and the share along z.

References:
    Chen, Luo, Wang 2024, arXiv 2410.20119 (the pairing of output and input weights).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mstage.analysis.weights.condensation import alignment, relative_distance
from mstage.analysis.weights.distances import coordinates_of, over_linear_flow, spread
from mstage.analysis.weights.snapshots import measure_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import xarray as xr

    from mstage.analysis.theory.constants import ProblemConstants
    from mstage.analysis.theory.linear_flow import LinearFlow

MEANINGS = {
    "spread": "W2 between the distributions of |a| and of |w|",
    "closed_form": "W2 between the distributions of |a| and of |w|, over that of the linear flow",
    "relative_distance": "||theta_w(t) - theta_w(0)|| / ||theta_w(0)||",
    "alignment": "||theta_{w,z}|| / ||theta_w||",
}


def measure_initial_plateau(
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    constants: ProblemConstants,
    flow_of: Callable[[Mapping[str, Any]], LinearFlow | None],
) -> xr.Dataset:
    """Measure each run.

    Args:
        output_weights: a_k, axes (..., snapshot, neuron).
        input_weights: w_k, axes (..., snapshot, neuron, dim), the same otherwise.
        constants: Of the training set.
        flow_of: The linear flow of a run, by its coordinates; None where there is none.

    Returns:
        One variable for each of `MEANINGS`, over the run axes and `snapshot`.
    """

    def one_run(a: np.ndarray, w: np.ndarray, run: xr.DataArray) -> dict[str, np.ndarray]:
        return {
            "spread": spread(a, w, 2),
            "closed_form": over_linear_flow(a, w, run, flow_of(coordinates_of(run)), 2),
            "relative_distance": relative_distance(w),
            "alignment": alignment(w, constants),
        }

    return measure_snapshots(output_weights, input_weights, one_run, MEANINGS)
