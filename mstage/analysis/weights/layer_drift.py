"""How far do the weights of each layer move from checkpoint to checkpoint?

For every layer the distributions of the magnitudes |w| of its weights and of the norms of its rows are compared with
those at the first and at the previous checkpoint, by the Wasserstein distances W1 and W2. On the line these are
distances of quantile functions, W_p^p = integral over q in (0, 1) of |F^-1(q) - G^-1(q)|^p, so sorting gives them
exactly, also for samples of different sizes. A layer at two checkpoints and at the first is in memory, no more.

References:
    Villani 2003, "Topics in Optimal Transportation", section 2.2 (distances on the line).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mstage.analysis.display import MAX_LINES, Tabled, extent, lines
from mstage.analysis.magnitudes import SQUARED, SUMMED, in_unit, out_of_unit, unit_exponent
from mstage.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    from jaxtyping import Float

ORDERS = (1, 2)
DISTANCES = {
    f"{name}_from_{origin}": f"distribution of the {what} and that at the {origin} checkpoint of the layer"
    for name, what in (("magnitude", "magnitudes of the weights"), ("row_norm", "norms of the rows"))
    for origin in ("first", "previous")
}
SUMMARIES = {
    "weights": "weights of the layer, 0 where the checkpoint lacks it",
    "rows": "rows of the layer, along its first axis; 0 where it has a single axis",
    "not_finite": "weights that are infinite or not a number; no distance is taken from or to them",
    "mean_magnitude": "mean of |w|",
    "mean_row_norm": "mean of the norms of the rows",
}
BLOCK = 1 << 16  # values that are compared at once


@dataclass(frozen=True)
class LayerSnapshot:
    """A layer at one checkpoint.

    Attributes:
        step: Of the training.
        shape: Its axes.
        parts: Its weights, as arrays of whole rows (entries of the first axis), whose values need not be kept.
    """

    step: float
    shape: tuple[int, ...]
    parts: Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True, repr=False)
class LayerDrift(Tabled):
    """Wasserstein distances of the layers of a network over its checkpoints.

    Attributes:
        distances: The `DISTANCES`, each (order, layer, step), and the `SUMMARIES`, each (layer, step). NaN where the
            checkpoint lacks the layer, where there is no previous one, where either holds weights that are not finite,
            and for the rows of what has a single axis.
    """

    distances: xr.Dataset

    def __repr__(self) -> str:
        return lines(f"Drift of layers over {extent(self.distances.sizes)}; farthest", self.farthest(MAX_LINES))

    def to_dataframe(self) -> pd.DataFrame:
        """One row a layer and checkpoint that holds it; distances in columns as `magnitude_from_first_w1`."""
        columns = {name: self.distances[name] for name in SUMMARIES}
        for name in DISTANCES:
            for order in ORDERS:
                columns[f"{name}_w{order}"] = self.distances[name].sel(order=order, drop=True)
        table = xr.Dataset(columns).to_dataframe().reset_index()
        return table[table["weights"] > 0].reset_index(drop=True)

    def farthest(self, count: int) -> tuple[str, ...]:
        """The layers whose magnitudes end farthest (W1) from where they began, in units of their mean there."""
        held = self.distances["weights"].values > 0
        layer, first = np.arange(len(held)), held.argmax(axis=1)
        last = held.shape[1] - 1 - held[:, ::-1].argmax(axis=1)
        moved = self.distances["magnitude_from_first"].sel(order=1).values[layer, last]
        mean = self.distances["mean_magnitude"].values
        unit = np.where(mean[layer, first] > 0, mean[layer, first], mean[layer, last])  # a bias often begins at 0
        with np.errstate(over="ignore"):  # infinitely far, from a mean that is a denormal number
            share = np.divide(moved, unit, out=np.full(len(held), -1.0), where=np.isfinite(moved) & (unit > 0))
        names = self.distances["layer"].values
        return tuple(str(name) for name in names[np.argsort(-share, kind="stable")[:count]])


@dataclass(frozen=True)
class _Distributions:
    """Sorted magnitudes and row norms of a layer; the latter None where it has a single axis."""

    magnitudes: np.ndarray
    norms: np.ndarray | None
    not_finite: int


def measure_layer_drift(
    layers: Mapping[str, Sequence[LayerSnapshot]], progress: Callable[[int], None] | None = None
) -> LayerDrift:
    """Measure how far the weights of each layer move.

    Args:
        layers: The checkpoints of each layer, in the order of their steps. A layer may be missing from some, and may
            change its shape.
        progress: Called with the number of weights that have been read since the last call.

    Raises:
        InputError: There is no layer.
    """
    if not layers:
        raise InputError("there is no layer; expected the checkpoints of one or more")
    steps = sorted({one.step for snapshots in layers.values() for one in snapshots})
    shape = (len(layers), len(steps))
    values: dict[str, np.ndarray] = {name: np.full((len(ORDERS), *shape), np.nan) for name in DISTANCES}
    values |= {name: np.full(shape, np.nan) for name in ("mean_magnitude", "mean_row_norm")}
    values |= {name: np.zeros(shape, int) for name in ("weights", "rows", "not_finite")}
    for row, snapshots in enumerate(layers.values()):
        for step, found in _one_layer(snapshots, progress or (lambda _: None)):
            for name, value in found.items():
                values[name][..., row, steps.index(step)] = value
    variables = {name: (("order", "layer", "step")[-one.ndim :], one, _meaning(name)) for name, one in values.items()}
    return LayerDrift(xr.Dataset(variables, coords={"order": list(ORDERS), "layer": list(layers), "step": steps}))


def quantile_distance(
    one: Float[np.ndarray, " n"], other: Float[np.ndarray, " m"], orders: Sequence[int] = ORDERS
) -> Float[np.ndarray, " orders"]:
    """W_p of two samples on the line, exactly, for each of some orders p.

    Args:
        one: Sorted values, shape (n,).
        other: Sorted values, shape (m,); m need not be n.
        orders: The p.

    Returns:
        Distances, shape (orders,), in float64 whatever the samples are; NaN where a sample is empty.
    """
    n, m = one.size, other.size
    if not (n and m):
        return np.full(len(orders), np.nan)
    exponent = unit_exponent(np.array([one[-1], other[-1]]), SQUARED, -SQUARED)
    if exponent:
        one, other = in_unit(one.astype(float), exponent), in_unit(other.astype(float), exponent)
    sums = np.zeros(len(orders))
    for begin in range(0, n, BLOCK):
        end = min(begin + BLOCK, n)
        if n == m:
            gaps, share = _gaps(one[begin:end], other[begin:end]), np.ones(end - begin)
        else:
            gaps, share = _unequal_gaps(one, other, begin, end)
        sums += [np.einsum("i,i->", gaps**order, share) for order in orders]  # unlike a dot, on no threads of its own
    return np.ldexp((sums / n) ** (1 / np.asarray(orders, float)), exponent)


def _gaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(one.astype(np.float64) - other))


def _unequal_gaps(one: np.ndarray, other: np.ndarray, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaps of the quantile functions on each interval of [begin/n, end/n) where both are flat, and n times its length.

    The k-th value of `one` holds from q = k/n to (k + 1)/n; in units of 1/(n m) all edges are whole numbers.
    """
    n, m = one.size, other.size
    mine = np.arange(begin, end + 1, dtype=np.int64) * m
    theirs = np.arange(begin * m // n + 1, -(-end * m // n), dtype=np.int64) * n
    edges = np.union1d(mine, theirs)
    starts = edges[:-1]
    return _gaps(one[starts // m], other[starts // n]), np.diff(edges) / m


def _one_layer(
    snapshots: Sequence[LayerSnapshot], progress: Callable[[int], None]
) -> Iterable[tuple[float, dict[str, Any]]]:
    """What is found of a layer at each of its steps."""
    first: _Distributions | None = None
    previous: _Distributions | None = None
    for snapshot in snapshots:
        distributions = _distributions(snapshot)
        first = first or distributions
        found = _summaries(distributions) | {
            f"{name}_from_{origin}": _between(
                getattr(distributions, values), getattr(before, values), distributions, before
            )
            for origin, before in (("first", first), ("previous", previous))
            for name, values in (("magnitude", "magnitudes"), ("row_norm", "norms"))
            if before is not None
        }
        previous = distributions
        progress(distributions.magnitudes.size)
        yield snapshot.step, found


def _distributions(snapshot: LayerSnapshot) -> _Distributions:
    """Read a layer, a part at a time, into the sorted values of its distributions."""
    count, rows = math.prod(snapshot.shape), snapshot.shape[0] if len(snapshot.shape) > 1 else 0
    magnitudes = np.empty(0)
    norms = np.empty(rows)
    filled = filled_rows = not_finite = 0
    for part in snapshot.parts():
        if not magnitudes.size:
            magnitudes = np.empty(count, part.dtype)
        flat = magnitudes[filled : filled + part.size]
        np.abs(part.reshape(-1), out=flat)
        not_finite += flat.size - int(np.isfinite(flat).sum())
        filled += part.size
        if rows:
            exponent = unit_exponent(flat, SQUARED, -SQUARED) if part.dtype == np.float64 else 0
            lines = in_unit(part.reshape(len(part), -1), exponent)
            with np.errstate(over="ignore"):  # of weights that are not finite, or a norm that float64 cannot hold
                squares = np.einsum("ij,ij->i", lines, lines, dtype=np.float64)
                norms[filled_rows : filled_rows + len(part)] = np.ldexp(np.sqrt(squares), exponent)
            filled_rows += len(part)
    magnitudes.sort()
    norms.sort()
    return _Distributions(magnitudes, norms if rows else None, not_finite)


def _summaries(distributions: _Distributions) -> dict[str, Any]:
    found: dict[str, Any] = {"weights": distributions.magnitudes.size, "not_finite": distributions.not_finite}
    if not distributions.not_finite:
        found["mean_magnitude"] = _mean(distributions.magnitudes)
    if distributions.norms is not None:
        found["rows"] = distributions.norms.size
        if not distributions.not_finite:
            found["mean_row_norm"] = _mean(distributions.norms)
    return found


def _mean(values: np.ndarray) -> float:
    """Mean of sorted values above 0, in float64."""
    exponent = unit_exponent(values[-1:], SUMMED)
    return out_of_unit(float(in_unit(values, exponent).mean(dtype=np.float64)), exponent)


def _between(
    one: np.ndarray | None, other: np.ndarray | None, distributions: _Distributions, before: _Distributions
) -> np.ndarray:
    if one is None or other is None or distributions.not_finite or before.not_finite:
        return np.full(len(ORDERS), np.nan)
    if one is other:
        return np.zeros(len(ORDERS))
    with np.errstate(over="ignore", invalid="ignore"):  # of norms that float64 cannot hold
        return quantile_distance(one, other)


def _meaning(name: str) -> dict[str, str]:
    return {"long_name": f"W_order: {DISTANCES[name]}" if name in DISTANCES else SUMMARIES[name]}
