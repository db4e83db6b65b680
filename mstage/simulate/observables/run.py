"""What are the observables of one run at all its snapshots?

One compiled program goes through the snapshots one after the other, so that it holds the arrays of one at a time; runs
of one shape of network share it. It computes in float64 whatever the sweep was trained in: the weights are what they
are, and a largest eigenvalue that float32 can find is good to some digits only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from mstage.history import sound_snapshots
from mstage.simulate.devices import lack_of_memory
from mstage.simulate.models.network import Data, blocks_by_name
from mstage.simulate.observables.catalogue import OBSERVABLES
from mstage.simulate.observables.moment import Moment
from mstage.simulate.trainer import drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jaxtyping import Bool, Float

    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import Network

Array: TypeAlias = jax.Array

LARGEST_VALUE = 1e300  # of an observable: a few of them can be added up


def observe_run(
    network: Network,
    names: tuple[str, ...],
    samples: tuple[Float[np.ndarray, "samples dim"], Float[np.ndarray, " samples"]],
    weights: Mapping[str, Float[np.ndarray, "snapshots ..."]],
    clock: Float[np.ndarray, " snapshots"],
    axes: Iterable[str],
) -> dict[str, Float[np.ndarray, " snapshots"]]:
    """Measure some observables of one run.

    Args:
        network: The network.
        names: Of the observables, among `OBSERVABLES`.
        samples: The training set, x_i and y_i.
        weights: The blocks of weights by name; NaN where the run had ended.
        clock: Of the snapshots.
        axes: The names of the values that tell runs apart, `seed` among them.

    Returns:
        The values by name, for an observable of each block as `norm.input_weight`; NaN where the run had ended, where
        it had diverged, or where the value is not defined.

    Raises:
        MemoryError: The device has too little memory.
    """
    sound = sound_snapshots(*weights.values())
    filled = {name: _filled(values, sound) for name, values in weights.items()}
    elapsed = np.diff(clock, prepend=clock[:1])
    with jax.enable_x64(True), lack_of_memory():
        params = _as_parameters(network, filled, axes)
        data = Data(*(jnp.asarray(one, "float64") for one in samples))
        found = _observed(network, names, data, params, jnp.asarray(elapsed, "float64"))
        values = {name: np.asarray(one) for name, one in found.items()}
    return {name: np.where(sound & (np.abs(one) <= LARGEST_VALUE), one, np.nan) for name, one in values.items()}


def _filled(values: Float[np.ndarray, "snapshots ..."], sound: Bool[np.ndarray, " snapshots"]) -> np.ndarray:
    """Weights in float64, where they are not sound those of a snapshot at which they are, or 0."""
    found = values.astype(np.float64)
    found[~sound] = found[sound.argmax()] if sound.any() else 0
    return found


def _as_parameters(network: Network, weights: Mapping[str, np.ndarray], axes: Iterable[str]) -> Params:
    """The weights in the form that the network knows them in."""
    one = {axis: jax.ShapeDtypeStruct((), "uint32" if axis == "seed" else "float64") for axis in axes}
    shapes = jax.eval_shape(partial(drawn, network), one)
    return jax.tree.unflatten(
        jax.tree.structure(shapes), [jnp.asarray(weights[name]) for name in blocks_by_name(shapes)]
    )


@partial(jax.jit, static_argnames=("network", "names"))
def _observed(
    network: Network, names: tuple[str, ...], data: Data, weights: Params, elapsed: Float[Array, " snapshots"]
) -> dict[str, Float[Array, " snapshots"]]:
    """The observables at each snapshot, one after the other."""
    first = jax.tree.map(lambda block: block[0], weights)
    previous = jax.tree.map(lambda block: jnp.concatenate([block[:1], block[:-1]]), weights)

    def at(snapshot: tuple[Params, Params, Array]) -> dict[str, Array]:
        here, before, since = snapshot
        moment = Moment(network, data, here, first, before, since)
        values: dict[str, Array] = {}
        for name in names:
            found = OBSERVABLES[name].measure(moment)
            blocks = {"": found} if isinstance(found, jax.Array) else found
            values |= {f"{name}.{block}".rstrip("."): one for block, one in blocks.items()}
        return values

    return jax.lax.map(at, (weights, previous, elapsed))
