"""Do the neurons line up, and how many of them matter?

At every snapshot: the cosine of each neuron's input weights to the growing direction z of the initial plateau and to
the best linear fit A, unweighted and weighted by the amplitude rho_k = |a_k| |w_k| (the unweighted mean converges much
more slowly, for it counts the neurons that never grew); the share of the input weights along z; the participation
ratio (sum rho)^2 / sum rho^2; the share of the largest neuron; the number of distinct orientations; and the rank
correlation of rho with the size of the growing mode a_k(0) + w_k(0).z at step 0, which tells whether the order of
escape was decided then.

References:
    Luo, Xu, Ma, Zhang 2021, "Phase diagram for two-layer ReLU neural networks at infinite-width limit" (condensation).
    Zhou, Zhou, Luo, Zhang, Xu 2022, arXiv 2105.11686 (number of condensed orientations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mstage.analysis.display import Tabled, extent, lines
from mstage.analysis.weights.snapshots import measure_snapshots, snapshot_rows

if TYPE_CHECKING:
    from collections.abc import Hashable

    import xarray as xr
    from jaxtyping import Float

    from mstage.analysis.theory.constants import ProblemConstants

NO_DIRECTION = "the targets have no linear trend (v = 0): no z and no A to line up with"
QUANTITIES = {
    "cosine_z": "mean |cos(w_k, z)|",
    "weighted_cosine_z": "mean |cos(w_k, z)| weighted by amplitude",
    "cosine_fit": "mean |cos(w_k, A)|",
    "weighted_cosine_fit": "mean |cos(w_k, A)| weighted by amplitude",
    "alignment": "||theta_{w,z}|| / ||theta_w||",
    "relative_distance": "||theta_w(t) - theta_w(0)|| / ||theta_w(0)||",
    "participation": "participation ratio (sum rho)^2 / sum rho^2",
    "largest_share": "share of the largest neuron of sum rho",
    "orientations": "distinct orientations that hold the amplitude",
    "rank_correlation": "Spearman correlation of rho and |a_k(0) + w_k(0).z|",
}


@dataclass(frozen=True)
class CondensationMethod:
    """What counts as one orientation.

    Attributes:
        angle_cosine: Least |cos| to an orientation's leading neuron of the neurons that belong to it, sign kept.
        amplitude_share: Share of the whole amplitude that the counted orientations hold together.
    """

    angle_cosine: float = 0.95
    amplitude_share: float = 0.95


@dataclass(frozen=True, repr=False)
class Condensation(Tabled):
    """The condensation of runs, over their snapshots.

    Attributes:
        quantities: One variable for each of `QUANTITIES`, over the run axes and `snapshot`, of a sweep the width first;
            NaN where a run had ended or the quantity is not defined.
        method: How.
        missing: Why there are no numbers of some kind, in words; empty where there are.
        damage: What cannot be read of the sweep, and of which runs, a line each.
    """

    quantities: xr.Dataset
    method: CondensationMethod
    missing: str = ""
    damage: tuple[str, ...] = ()

    def __repr__(self) -> str:
        head = f"Condensation over {extent(self.quantities.sizes)}"
        return lines(head, (f"{name}: {one.attrs['long_name']}" for name, one in self.quantities.items()))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a run and snapshot: where it is, the quantities, how the run ended."""
        return snapshot_rows(self.quantities)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows: list[dict[Hashable, Any]] = self.to_dataframe().to_dict("records")
        return {"angle_cosine": self.method.angle_cosine, "missing": self.missing, "snapshots": rows}


def measure_weight_condensation(
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    constants: ProblemConstants,
    method: CondensationMethod | None = None,
) -> Condensation:
    """Measure how the neurons line up.

    Args:
        output_weights: a_k, axes (..., snapshot, neuron).
        input_weights: w_k, axes (..., snapshot, neuron, dim), the same otherwise.
        constants: Of the training set, for z and A.
        method: Settings.

    Raises:
        InputError: The axes are not these, or there is no snapshot.
    """
    method = method or CondensationMethod()
    quantities = measure_snapshots(
        output_weights, input_weights, lambda a, w, _: _one_run(a, w, constants, method), QUANTITIES
    )
    return Condensation(quantities, method, NO_DIRECTION if constants.is_unrelated else "")


def relative_distance(input_weights: Float[np.ndarray, "snapshots neurons dim"]) -> Float[np.ndarray, " snapshots"]:
    """||theta_w(t) - theta_w(0)|| / ||theta_w(0)|| of one run, `input_weights` (snapshots, neurons, dim)."""
    moved = np.square(input_weights - input_weights[0]).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # from weights of 0: not defined, or infinite
        return np.asarray(np.sqrt(moved / np.square(input_weights[0]).sum()))


def alignment(
    input_weights: Float[np.ndarray, "snapshots neurons dim"], constants: ProblemConstants
) -> Float[np.ndarray, " snapshots"]:
    """||theta_{w,z}|| / ||theta_w|| of one run, `input_weights` (snapshots, neurons, dim); NaN where there is no z."""
    if constants.is_unrelated:
        return np.full(len(input_weights), np.nan)
    along = np.square(input_weights @ constants.direction).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(along / np.square(input_weights).sum(axis=(-2, -1))))


def _one_run(
    output_weights: np.ndarray, input_weights: np.ndarray, constants: ProblemConstants, method: CondensationMethod
) -> dict[str, np.ndarray]:
    """The quantities of one run: `output_weights` (snapshots, neurons), `input_weights` (snapshots, neurons, dim)."""
    norms = np.linalg.norm(input_weights, axis=-1)
    amplitude = np.abs(output_weights) * norms
    total = amplitude.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = input_weights / norms[..., None]
        along = input_weights @ constants.direction
        to_z = np.abs(along) / norms
        to_fit = np.abs(unit @ constants.best_fit) / constants.size if constants.size else np.full_like(norms, np.nan)
        found = {
            "cosine_z": to_z.mean(axis=-1),
            "weighted_cosine_z": (amplitude * to_z).sum(axis=-1) / total,
            "cosine_fit": to_fit.mean(axis=-1),
            "weighted_cosine_fit": (amplitude * to_fit).sum(axis=-1) / total,
            "alignment": alignment(input_weights, constants),
            "relative_distance": relative_distance(input_weights),
            "participation": total**2 / (amplitude**2).sum(axis=-1),
            "largest_share": amplitude.max(axis=-1) / total,
        }
    if constants.is_unrelated:
        for name in ("cosine_z", "weighted_cosine_z"):
            found[name] = np.full_like(total, np.nan)
    mode = np.abs(output_weights[0] + along[0])
    pairs = list(zip(unit, amplitude, strict=True))
    found["orientations"] = np.array([count_orientations(*pair, method) for pair in pairs])
    defined = not constants.is_unrelated
    found["rank_correlation"] = np.array([_spearman(mode, one) if defined else np.nan for _, one in pairs])
    return found


def count_orientations(
    unit: Float[np.ndarray, "neurons dim"], amplitude: Float[np.ndarray, " neurons"], method: CondensationMethod
) -> float:
    """How many orientations hold `amplitude_share` of the amplitude; opposite ones count apart.

    The neuron of most amplitude leads the first orientation and takes those within the angle with it, and so on with
    those that are left.

    Args:
        unit: Directions of the input weights, shape (neurons, dim).
        amplitude: Shape (neurons,).
        method: The angle and the share.
    """
    if not (np.isfinite(amplitude).all() and np.isfinite(unit).all()):
        return float("nan")
    left, rest, count = amplitude.copy(), float(amplitude.sum()), 0
    enough = (1 - method.amplitude_share) * rest
    while rest > enough:
        leader = int(left.argmax())
        left[unit @ unit[leader] >= method.angle_cosine] = 0.0
        left[leader] = 0.0
        rest, count = float(left.sum()), count + 1
    return float(count)


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    if not np.isfinite(other).all() or np.ptp(other) == 0 or np.ptp(one) == 0:
        return float("nan")
    return float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])
