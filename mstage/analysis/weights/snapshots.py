"""What is a quantity of the weights at every snapshot of every run?

The runs are gone through one by one, for the weights of all of them need not fit into memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from mstage.errors import InputError
from mstage.history import sound_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from jaxtyping import Float

    from mstage.analysis.stages.results import Stage


def measure_snapshots(
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    measure: Callable[[np.ndarray, np.ndarray, xr.DataArray], Mapping[str, np.ndarray]],
    meanings: Mapping[str, str],
) -> xr.Dataset:
    """Measure each run.

    Args:
        output_weights: a_k, axes (..., snapshot, neuron).
        input_weights: w_k, axes (..., snapshot, neuron, dim), the same otherwise.
        measure: Takes a_k (snapshots, neurons) and w_k (snapshots, neurons, dim) of one run, and the first of them
            once more with the run's coordinates; returns its quantities by name, each of shape (snapshots,).
        meanings: What the quantities are, by name.

    Returns:
        One variable a quantity, (..., snapshot), with the coordinates of the weights; NaN where a weight is beyond
        `history.LARGEST_WEIGHT`, as in a run that diverges.

    Raises:
        InputError: The axes are not these, or there is no snapshot.
    """
    if output_weights.dims[-2:] != ("snapshot", "neuron") or input_weights.dims != (*output_weights.dims, "dim"):
        raise InputError(
            f"weights over {output_weights.dims} and {input_weights.dims}: "
            "expected (..., snapshot, neuron) and the same with dim"
        )
    if not output_weights.sizes["snapshot"]:
        raise InputError("there is no snapshot of the weights; train with --snapshots N, N at least 2")
    places = [dict(zip(output_weights.dims, index, strict=False)) for index in np.ndindex(*output_weights.shape[:-2])]
    runs = [(output_weights.isel(place), input_weights.isel(place)) for place in places]
    parts = [measure(*weights_of(*one), one[0]) for one in runs]
    axes = output_weights.dims[:-1]
    variables = {
        name: (
            axes,
            np.stack([part[name] for part in parts]).reshape(output_weights.shape[:-1]),
            {"long_name": meanings[name]},
        )
        for name in parts[0]
    }
    coordinates = {name: one for name, one in output_weights.coords.items() if set(one.dims) <= set(axes)}
    return xr.Dataset(variables, coords=coordinates)


def over_widths(measured: Sequence[xr.Dataset]) -> xr.Dataset:
    """What was measured of the runs of each width, as one dataset with `width` as its first axis."""
    outcomes = [name for name in ("final_loss", "last_step", "status") if name in measured[0].coords]
    return xr.concat(
        measured, "width", data_vars="all", coords=outcomes, compat="override", join="exact", combine_attrs="override"
    )


def snapshot_rows(measured: xr.Dataset) -> pd.DataFrame:
    """One row a run and snapshot, width by width: where it is, the quantities, how the run ended."""
    rows = measured.to_dataframe().reset_index()
    axes = [axis for axis in measured.sizes if axis != "width"]
    rest = sorted(rows.columns.difference([*axes, *measured.data_vars], sort=False), key=lambda name: "time" in name)
    return rows[[*axes, *measured.data_vars, *rest]]


def weights_of(
    output_weights: xr.DataArray, input_weights: xr.DataArray
) -> tuple[Float[np.ndarray, "snapshots neurons"], Float[np.ndarray, "snapshots neurons dim"]]:
    """a_k (snapshots, neurons) and w_k (snapshots, neurons, dim) of a run, all NaN in a snapshot that has diverged."""
    a, w = output_weights.values, input_weights.values
    sound = sound_snapshots(a, w)
    if sound.all():
        return a, w
    return np.where(sound[:, None], a, np.nan), np.where(sound[:, None, None], w, np.nan)


def moments_of(clock: np.ndarray, stages: Sequence[Stage]) -> dict[int, str]:
    """Snapshots to look at: those nearest to the ends of some stages, and the last one, by what they are in words.

    Args:
        clock: Of the snapshots, ascending, evenly spaced in its logarithm but for a first one at 0.
        stages: Those whose ends are wanted.
    """
    found: dict[int, str] = {}
    logs = np.log(np.maximum(clock, np.finfo(float).tiny))
    for stage in stages:
        nearest = int(np.abs(logs - np.log(max(stage.end, np.finfo(float).tiny))).argmin())
        found.setdefault(nearest, f"end of the {stage.name}")
    found.setdefault(len(clock) - 1, "last snapshot")
    return {at: found[at] for at in sorted(found)}
