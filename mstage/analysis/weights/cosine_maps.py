"""What do the orientations of the neurons look like before, during and after they condense?

The cosine between the input weights of every two neurons, ordered so that neurons of like orientation stand together:
a smooth map where the weights point anywhere, blocks of +1 and -1 once they have condensed onto few directions.

References:
    Luo, Xu, Ma, Zhang 2021, "Phase diagram for two-layer ReLU neural networks at infinite-width limit" (condensation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.samples import evenly
from mstage.analysis.weights.snapshots import moments_of
from mstage.history import snapshot_clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from jaxtyping import Float

    from mstage.analysis.stages.results import Stage

MAX_NEURONS = 400  # on a side of a map


@dataclass(frozen=True)
class CosineMap:
    """The map of one snapshot.

    Attributes:
        moment: When it was, in words.
        clock: When it was, on the run's clock.
        cosines: Shape (neurons shown, neurons shown), ordered by orientation.
    """

    moment: str
    clock: float
    cosines: Float[np.ndarray, "shown shown"]


@dataclass(frozen=True)
class CosineMaps:
    """Maps of one run.

    Attributes:
        run: Its coordinates.
        clock_name: Its clock.
        neurons: How many neurons it has; at most 400 of them, evenly spaced in the order of a map, are shown.
        maps: In the order of the clock.
    """

    run: Mapping[str, float | int | str]
    clock_name: str
    neurons: int
    maps: tuple[CosineMap, ...]


def cosine_maps(
    run: Mapping[str, float | int | str],
    clock_name: str,
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    stages: Sequence[Stage],
) -> CosineMaps:
    """The maps of a run at its first snapshot, at the ends of its first three stages, and at its last one.

    Args:
        run: Its coordinates.
        clock_name: `time` or `step`.
        output_weights: a_k over (snapshot, neuron).
        input_weights: w_k over (snapshot, neuron, dim).
        stages: Of the run.
    """
    clock = snapshot_clock(output_weights, clock_name)
    whole = np.flatnonzero(np.isfinite(input_weights.values).all(axis=(1, 2)))
    if not whole.size:
        return CosineMaps(run, clock_name, output_weights.sizes["neuron"], ())
    first = {int(whole[0]): "before training" if clock[whole[0]] == 0 else "first snapshot"}
    later = moments_of(clock[whole], stages[:3])
    moments = {int(whole[at]): name for at, name in later.items()} | first
    maps = []
    for at in sorted(moments):
        cosines = cosine_matrix(output_weights.values[at], input_weights.values[at], MAX_NEURONS)
        maps.append(CosineMap(moments[at], float(clock[at]), cosines))
    return CosineMaps(run, clock_name, output_weights.sizes["neuron"], tuple(maps))


def cosine_matrix(
    output_weights: Float[np.ndarray, " neurons"],
    input_weights: Float[np.ndarray, "neurons dim"],
    most: int | None = None,
) -> Float[np.ndarray, "shown shown"]:
    """Cosines between the input weights of every two neurons at one snapshot, shape (neurons, neurons).

    Ordered by orientation, each neuron's taken by the angle of its projection on the two leading directions of the
    amplitude-weighted input weights, so that condensed groups stand together; neurons of no weight have cosine 0.

    Args:
        output_weights: a_k, shape (neurons,).
        input_weights: w_k, shape (neurons, dim).
        most: How many neurons to show at most, evenly spaced in this order; all if None.
    """
    unit = _ordered(output_weights, input_weights)
    shown = unit if most is None else unit[list(evenly(tuple(range(len(unit))), most))]
    return np.asarray(np.clip(shown @ shown.T, -1, 1))


def _ordered(output_weights: np.ndarray, input_weights: np.ndarray) -> np.ndarray:
    """The directions of the input weights, (neurons, dim), ordered from a quarter turn before the largest neuron on."""
    norms = np.linalg.norm(input_weights, axis=1)
    unit = np.divide(
        input_weights, norms[:, None], out=np.zeros_like(input_weights, dtype=float), where=norms[:, None] > 0
    )
    amplitude = np.abs(output_weights) * norms
    _, _, directions = np.linalg.svd(unit * np.sqrt(amplitude)[:, None], full_matrices=False)
    plane = unit @ directions[:2].T
    largest = plane[amplitude.argmax()]
    plane = plane * np.where(largest < 0, -1, 1)  # the sign of a singular vector is arbitrary
    if plane.shape[1] == 1:
        angles = -plane[:, 0]
    else:
        first = np.arctan2(abs(largest[1]), abs(largest[0]))
        angles = (np.arctan2(plane[:, 1], plane[:, 0]) - first + np.pi / 2) % (2 * np.pi)
    return np.asarray(unit[np.argsort(angles, kind="stable")])
