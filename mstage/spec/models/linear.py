"""Deep linear networks: products of matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mstage.spec.models.layers import DEPTH, GAIN, WIDTH, layer_shapes, with_gain
from mstage.spec.parameters import Flag, Numbers, Plain, WholeNumbers


@dataclass(frozen=True)
class Linear:
    """A deep linear network: f(x) = w . (W_L ... W_2 W_1 x) of `depth` = L hidden layers, linear in x.

    Its weights start Gaussian with standard deviation gain / sqrt(fan-in). A balanced start is W_l = gain u_l u_{l-1}'
    and w = gain u_L, with random unit vectors u_0 of the inputs and u_l of each layer, so that |f(x)| is gain^(L+1)
    along u_0.

    Attributes:
        gain: Gains of all layers.
        width: Numbers of neurons in each hidden layer.
        depth: Numbers of hidden layers; there are depth + 1 matrices.
        balanced: Whether it starts balanced: W_l W_l' = W_{l+1}' W_{l+1}, which gradient flow keeps.

    Raises:
        UsageError: A value makes no sense.

    References:
        A. Saxe, J. McClelland, S. Ganguli, 2014, arXiv 1312.6120, for its flow from such a start; S. Arora, N. Cohen,
        N. Golowich, W. Hu, 2019, arXiv 1810.02281, procedure 1, for the start.
    """

    gain: Numbers = GAIN
    width: WholeNumbers = WIDTH
    depth: WholeNumbers = DEPTH
    balanced: Plain[bool] = Flag(
        help="Start balanced: every matrix of rank one and of size gain, each fitting the next.", default=False,
    )  # fmt: skip

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """The weights, each with the sizes of its axes, at the first width and depth."""
        return layer_shapes(self.depth[0], self.width[0], inputs)

    def check_dtype(self, dtype: str) -> None:
        """Every gain will do in any."""

    def init(self, normals: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Gaussian or balanced weights; see `HasOutputs`."""
        gain = values["gain"]
        if not self.balanced:
            return {name: with_gain(one, gain) for name, one in normals.items()}
        first, last, between = normals["first_weight"], normals["last_weight"], normals.get("hidden_weight", ())
        units = [_unit(first[0]), *(_unit(one[0]) for one in between), _unit(last)]
        pairs = [gain * after[:, None] * before[None, :] for before, after in pairwise(units)]
        found = {"first_weight": pairs[0], "last_weight": gain * units[-1]}
        return found | ({"hidden_weight": first.__array_namespace__().stack(pairs[1:])} if len(pairs) > 1 else {})

    def outputs(self, weights: Mapping[str, Any], inputs: Any) -> Any:
        """f(x_i), shape (n,), of inputs of shape (n, dim); the matrices are multiplied before they meet the inputs."""
        row = weights["last_weight"]
        for layer in reversed(range(self.depth[0] - 1)):
            row = row @ weights["hidden_weight"][layer]
        return inputs @ (row @ weights["first_weight"])


def _unit(vector: Any) -> Any:
    return vector / (vector @ vector) ** 0.5
