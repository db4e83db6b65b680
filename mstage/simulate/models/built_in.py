"""Which network does the model of a sweep stand for? One line for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.simulate.models.two_layer import TwoLayerNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.models.network import Network
    from mstage.spec import Sweep

NETWORKS: dict[str, Callable[[Sweep, int, int], Network]] = {
    "two-layer": lambda sweep, width, dim: TwoLayerNetwork(sweep.activation, width, dim, sweep.dtype),
}


def network_of(sweep: Sweep, width: int, dim: int) -> Network:
    """The network of a sweep's model at one width, for inputs of `dim` numbers."""
    return NETWORKS["two-layer"](sweep, width, dim)
