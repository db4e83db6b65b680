"""Fully connected networks of any depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mstage.spec.models.layers import (
    ACTIVATION,
    DEPTH,
    GAIN,
    OUTPUT_GAIN,
    SUBTRACT_START,
    WIDTH,
    layer_shapes,
    with_gain,
    with_start,
)
from mstage.spec.parameters import Flag, MaybeNumbers, Numbers, Plain, WholeNumbers


@dataclass(frozen=True)
class MLP:
    """A fully connected network: f(x) = w . sigma(W_L ... sigma(W_2 sigma(W_1 x))) of `depth` = L hidden layers.

    Its weights start Gaussian with standard deviation gain / sqrt(fan-in). With biases it is sigma(W_l h + b_l) in each
    layer and w . h + b at the end, and these start at 0.

    Attributes:
        gain: Gains of all layers, or of all but the last.
        output_gain: Gains of the last layer; those of the others when None.
        width: Numbers of neurons in each hidden layer.
        depth: Numbers of hidden layers.
        activation: sigma.
        bias: Whether there are biases.
        subtract_start: Whether what it computes at step 0 is subtracted from f.

    Raises:
        UsageError: A value makes no sense.

    References:
        K. He, X. Zhang, S. Ren, J. Sun, 2015, arXiv 1502.01852, eq. 10: a gain of sqrt(2) keeps the size of what relu
        layers compute.
    """

    gain: Numbers = GAIN
    output_gain: MaybeNumbers = OUTPUT_GAIN
    width: WholeNumbers = WIDTH
    depth: WholeNumbers = DEPTH
    activation: Plain[str] = ACTIVATION
    bias: Plain[bool] = Flag(
        help="Give every layer a bias.", default=False,
    )  # fmt: skip
    subtract_start: Plain[bool] = SUBTRACT_START

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """The weights and biases, each with the sizes of its axes, at the first width and depth."""
        weights = layer_shapes(self.depth[0], self.width[0], inputs)
        if not self.bias:
            return with_start(weights, self.subtract_start)
        # A bias has the axes of what its weights are summed to.
        biases = {name.replace("weight", "bias"): dict(list(axes.items())[:-1]) for name, axes in weights.items()}
        return with_start(weights | biases, self.subtract_start)

    def check_dtype(self, dtype: str) -> None:
        """Every gain will do in any."""

    def init(self, normals: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Gaussian weights and biases of 0; see `HasActivation`."""
        gains = {"last_weight": values.get("output_gain", values["gain"])}
        return {
            name: 0 * one if name.endswith("bias") else with_gain(one, gains.get(name, values["gain"]))
            for name, one in normals.items()
        }

    def outputs_through(self, sigma: Callable[[Any], Any], weights: Mapping[str, Any], inputs: Any) -> Any:
        """f(x_i), shape (n,), of inputs of shape (n, dim)."""
        layers = [(weights["first_weight"], weights.get("first_bias"))]
        for layer in range(self.depth[0] - 1):
            bias = weights["hidden_bias"][layer] if self.bias else None
            layers.append((weights["hidden_weight"][layer], bias))
        here = inputs
        for weight, bias in layers:
            total = here @ weight.T
            here = sigma(total if bias is None else total + bias[None, :])
        found = here @ weights["last_weight"]
        return found + weights["last_bias"] if self.bias else found
