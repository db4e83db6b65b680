"""How far does the distribution of the weights move while the loss waits?

The Wasserstein distance (see `distances`) is taken, at every snapshot, between the distributions of |a_k| and of |w_k|
(the paper's pairing), and over that of the linear flow from the same initial weights; of the amplitude rho_k =
|a_k| |w_k| against its first and its previous snapshot; of rho_k / mean rho against chi-squared with one degree of
freedom, which it follows until the largest neurons run ahead; and between the joint distributions of (a_k, w_k).

References:
    Chen, Luo, Wang 2024, arXiv 2410.20119 (the pairing of output and input weights).
    Bonneel, Rabin, Peyre, Pfister 2015, "Sliced and Radon Wasserstein barycenters of measures" (many neurons).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.display import Tabled, extent, lines
from mstage.analysis.weights.distances import (
    chance_distance,
    coordinates_of,
    distance_to_chi_squared,
    over_linear_flow,
    sorted_distance,
    spread,
)
from mstage.analysis.weights.snapshots import measure_snapshots, snapshot_rows
from mstage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    import pandas as pd
    import xarray as xr
    from jaxtyping import Float

    from mstage.analysis.measured.sweep import SweepMeasurements
    from mstage.analysis.theory.linear_flow import LinearFlow
    from mstage.analysis.weights.early_warning import EarlyWarning

DISTANCES = {
    "output_input": "distributions of |a| and of |w|",
    "from_first": "distribution of the amplitude and its first snapshot",
    "from_previous": "distribution of the amplitude and its previous snapshot",
    "closed_form": "distributions of |a| and of |w|, over that of the linear flow from the same initial weights",
    "chi_squared": "amplitude over its mean and chi-squared with one degree of freedom",
    "chi_squared_chance": "the same of as many draws from chi-squared, its expectation",
    "joint": "joint distribution of (a, w) and its first snapshot",
}
MAX_NEURONS_EXACT = 2000
PROJECTIONS = 200
SLICING_SEED = 0
POT_BACKENDS = ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")


@dataclass(frozen=True)
class DriftMethod:
    """What is measured.

    Attributes:
        order: p of W_p, 1 or 2.
        joint: Whether the joint distribution of (a, w) is measured too, which takes long.
    """

    order: int = 1
    joint: bool = False

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise UsageError(f"order {self.order}: expected 1 or 2")

    def is_exact(self, neurons: int) -> bool:
        """Whether the joint distance is exact for so many neurons, or sliced."""
        return neurons <= MAX_NEURONS_EXACT


@dataclass(frozen=True, repr=False)
class Drift(Tabled):
    """Wasserstein distances of runs, over their snapshots.

    Attributes:
        distances: One variable for each of `DISTANCES` that was measured, and `mean_amplitude`, over the run axes and
            `snapshot`, of a sweep the width first; NaN where a run had ended. The coordinates are those of the weights.
        method: How.
        warnings: Of a sweep, by alpha, width and learning rate; none where there is no gradient-flow time.
        no_warnings: Why there are none; empty where there are.
        measured: Exit, escape and minimum of the V of the runs, by definition; None where theory is not known.
        unfinished: How many runs have not ended.
        damage: What cannot be read of the sweep, and of which runs, a line each.
    """

    distances: xr.Dataset
    method: DriftMethod
    warnings: tuple[EarlyWarning, ...] = ()
    no_warnings: str = ""
    measured: SweepMeasurements | None = None
    unfinished: int = 0
    damage: tuple[str, ...] = ()

    def __repr__(self) -> str:
        head = f"Drift: W{self.method.order} over {extent(self.distances.sizes)}"
        return lines(head, (f"{name}: {one.attrs['long_name']}" for name, one in self.distances.items()))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and snapshot: where it is, the distances, how the run ended."""
        return snapshot_rows(self.distances)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[Hashable, Any]] = self.to_dataframe().to_dict("records")
        clock = "time" if "snapshot_time" in self.distances.coords else "step"
        head = {"clock": clock, "order": self.method.order, "warnings": [one.to_dict() for one in self.warnings]}
        return head | ({"no_warnings": self.no_warnings} if self.no_warnings else {}) | {"snapshots": rows}


def measure_weight_drift(
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    method: DriftMethod | None = None,
    flow_of: Callable[[Mapping[str, Any]], LinearFlow | None] | None = None,
) -> Drift:
    """Measure how far the weights move.

    Args:
        output_weights: a_k, axes (..., snapshot, neuron).
        input_weights: w_k, axes (..., snapshot, neuron, dim), the same otherwise.
        method: Settings.
        flow_of: The linear flow of a run, by its coordinates, which `closed_form` is measured against; None for none.

    Raises:
        InputError: The axes are not these, or there is no snapshot.

    Example:
        >>> weights = open_sweep("runs/demo")["width_400"]
        >>> measure_weight_drift(weights.output_weight, weights.input_weight).distances.chi_squared
    """
    method = method or DriftMethod()
    meanings = {name: f"W{method.order}: {meaning}" for name, meaning in DISTANCES.items()}
    meanings["mean_amplitude"] = "mean of |a| |w| over neurons"

    def one_run(a: np.ndarray, w: np.ndarray, run: xr.DataArray) -> dict[str, np.ndarray]:
        found = _one_run(a, w, method)
        if flow_of is not None:
            found["closed_form"] = over_linear_flow(a, w, run, flow_of(coordinates_of(run)), method.order)
        return found

    return Drift(measure_snapshots(output_weights, input_weights, one_run, meanings), method)


def _one_run(output_weights: np.ndarray, input_weights: np.ndarray, method: DriftMethod) -> dict[str, np.ndarray]:
    """The distances of one run: `output_weights` (snapshots, neurons), `input_weights` (snapshots, neurons, dim)."""
    sizes, norms = np.abs(output_weights).astype(float), np.sqrt(np.square(input_weights, dtype=float).sum(axis=-1))
    amplitude = np.sort(sizes * norms, axis=-1)
    mean = amplitude.mean(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        normalised = amplitude / mean[:, None]
    previous = np.concatenate([amplitude[:1], amplitude[:-1]])
    found = {
        "mean_amplitude": mean,
        "output_input": spread(output_weights, input_weights, method.order),
        "from_first": sorted_distance(amplitude, amplitude[:1], method.order),
        "from_previous": sorted_distance(amplitude, previous, method.order),
        "chi_squared": distance_to_chi_squared(normalised, method.order),
        "chi_squared_chance": np.full(len(mean), chance_distance(amplitude.shape[-1], method.order)),
    }
    if method.joint:
        neurons = np.concatenate([output_weights[..., None], input_weights], axis=-1).astype(float)
        found["joint"] = np.array([joint_distance(one, neurons[0], method) for one in neurons])
    return found


def keep_array_libraries_out() -> None:
    """Have POT, which is not imported yet, import no array library beside NumPy.

    POT imports each one that is installed, which takes seconds, and never imports one later that was left out. So this
    is for the command line, and not for a process of somebody who imports mstage.
    """
    os.environ.update({f"POT_BACKEND_DISABLE_{name}": "1" for name in POT_BACKENDS})


def joint_distance(
    one: Float[np.ndarray, "points dim"], other: Float[np.ndarray, "points dim"], method: DriftMethod
) -> float:
    """W_p of two clouds of equally many points, shape (points, dim): exact, or sliced where there are too many."""
    import ot  # takes long, and nothing else here needs it

    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    if method.is_exact(len(one)):
        metric = "euclidean" if method.order == 1 else "sqeuclidean"
        cost = ot.dist(one, other, metric=metric)
        weights = np.full(len(one), 1 / len(one))
        total = float(ot.emd2(weights, weights, cost, numItermax=10**7))
    else:
        return float(
            ot.sliced_wasserstein_distance(one, other, n_projections=PROJECTIONS, p=method.order, seed=SLICING_SEED)
        )
    return float(max(total, 0.0) ** (1 / method.order))
