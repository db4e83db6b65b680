"""How do the amplitudes of the neurons spread out while the loss waits?

The amplitude is rho_k = |a_k| |w_k|. On the plateaus all of them grow alike, and over their mean they are chi-squared
with one degree of freedom; the escape begins where the largest leaves the others behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.weights.snapshots import moments_of, weights_of
from mstage.history import snapshot_clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from jaxtyping import Float

    from mstage.analysis.stages.results import Stage

BINS_A_DECADE = 8
MAX_DECADES = 9  # below the largest amplitude
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class AmplitudeHistory:
    """The distribution of the amplitudes of one run over its snapshots.

    Attributes:
        run: Its coordinates.
        clock_name: Its clock.
        clock: Of the snapshots that are finite, shape (snapshots,).
        edges: Edges of the bins of the amplitude, evenly spaced in its logarithm, shape (bins + 1,).
        shares: Share of the neurons in each bin, shape (snapshots, bins).
        quantiles: Amplitudes below which `SHARES` of the neurons lie, shape (snapshots, 5).
        largest: The largest amplitude, shape (snapshots,).
        moments: Snapshots to look at closely, by what they are in words.
        normalised: Amplitudes over their mean at these, sorted, shape (moments, neurons).
        boundaries: Ends of the run's stages but the last.
    """

    run: Mapping[str, float | int | str]
    clock_name: str
    clock: Float[np.ndarray, " snapshots"]
    edges: Float[np.ndarray, " edges"]
    shares: Float[np.ndarray, "snapshots bins"]
    quantiles: Float[np.ndarray, "snapshots 5"]
    largest: Float[np.ndarray, " snapshots"]
    moments: Mapping[str, float]
    normalised: Float[np.ndarray, "moments neurons"]
    boundaries: tuple[float, ...]


def amplitude_history(
    run: Mapping[str, float | int | str],
    clock_name: str,
    output_weights: xr.DataArray,
    input_weights: xr.DataArray,
    stages: Sequence[Stage],
) -> AmplitudeHistory | None:
    """The distribution of the amplitudes of a run over its snapshots; None where no snapshot is finite.

    Args:
        run: Its coordinates.
        clock_name: `time` or `step`.
        output_weights: a_k over (snapshot, neuron).
        input_weights: w_k over (snapshot, neuron, dim).
        stages: Of the run.
    """
    a, w = weights_of(output_weights, input_weights)
    amplitude = np.sort(np.abs(a) * np.linalg.norm(w, axis=-1), axis=-1)
    whole = np.isfinite(amplitude).all(axis=-1) & (amplitude[:, -1] > 0)
    amplitude, clock = amplitude[whole], snapshot_clock(output_weights, clock_name)[whole]
    if not len(clock):
        return None
    top = float(np.log10(amplitude[:, -1].max()))
    low = max(float(np.log10(np.maximum(np.quantile(amplitude, 0.01, axis=-1), 1e-300)).min()), top - MAX_DECADES)
    edges = np.logspace(low, top, max(int(np.ceil((top - low) * BINS_A_DECADE)), 2) + 1)
    shares = [np.histogram(np.clip(one, edges[0], edges[-1]), edges)[0] / one.size for one in amplitude]
    moments = {name: at for at, name in moments_of(clock, stages[:-1]).items()}
    chosen = amplitude[list(moments.values())]
    return AmplitudeHistory(
        run=run,
        clock_name=clock_name,
        clock=clock,
        edges=edges,
        shares=np.array(shares),
        quantiles=np.quantile(amplitude, SHARES, axis=-1).T,
        largest=amplitude[:, -1],
        moments={name: float(clock[at]) for name, at in moments.items()},
        normalised=chosen / chosen.mean(axis=-1, keepdims=True),
        boundaries=tuple(stage.end for stage in stages[:-1]),
    )
