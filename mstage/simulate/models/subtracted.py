"""A network less what it computes at the start: f(x; theta) - f(x; theta_0), which is 0 at step 0.

The start stays beside the weights, as blocks `start_*` that nothing moves, so that a snapshot alone says what is
computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import jax

from mstage.simulate.models.network import blocks_by_name
from mstage.spec.models.layers import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, PRNGKeyArray

    from mstage.simulate.models.network import Network, Scales

Array: TypeAlias = jax.Array


@dataclass(frozen=True)
class SubtractedNetwork:
    """Another network less its start; see `network.Network`.

    Attributes:
        network: The other.
        params_of: Its parameters from their blocks by name.
    """

    network: Network
    params_of: Callable[[dict[str, Array]], Any]

    def init(self, key: PRNGKeyArray, scales: Scales) -> dict[str, Float[Array, " ..."]]:
        """The parameters of the other network, twice."""
        blocks = blocks_by_name(self.network.init(key, scales))
        return blocks | {START + name: block for name, block in blocks.items()}

    def outputs(self, params: dict[str, Array], inputs: Float[Array, "samples dim"]) -> Float[Array, " samples"]:
        """f(x_i) less that of the start."""
        own = {name: block for name, block in params.items() if not name.startswith(START)}
        start = jax.lax.stop_gradient({name: params[START + name] for name in own})
        return self.network.outputs(self.params_of(own), inputs) - self.network.outputs(self.params_of(start), inputs)
