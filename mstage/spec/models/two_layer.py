"""Two-layer networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mstage.errors import UsageError
from mstage.spec.parameters import Choice, Number, Numbers, Plain, WholeNumbers

ACTIVATIONS = ("tanh", "jax-tanh", "shifted-tanh", "relu", "gelu", "sin", "identity")
SMALLEST_EXPONENT = {"float64": -307, "float32": -37}  # of 10, of weights that are not 0


@dataclass(frozen=True)
class TwoLayer:
    """A two-layer network: f(x) = sum_k a_k sigma(w_k . x) over `width` hidden neurons.

    Its weights start at a_k, w_k ~ N(0, width^(-2 alpha)).

    Attributes:
        alpha: Initialization scales.
        width: Numbers of hidden neurons.
        activation: sigma.

    Raises:
        UsageError: A value makes no sense.
    """

    alpha: Numbers = Number(
        help="Initialization scale: weights have standard deviation width^-alpha.", metavar="A",
        meaning="initialization scale: weights have standard deviation width^-alpha", is_axis=True, least=0, most=50,
        rule="from 0 (weights of standard deviation 1, whatever the width) to 50: weights start at width^-alpha",
        default=(1.0,),
    )  # fmt: skip
    width: WholeNumbers = Number(
        help="Hidden neurons.", metavar="M", meaning="hidden neurons", is_axis=True, is_static=True, whole=True,
        least=1, most=2**31 - 1, rule="from 1 to 2^31 - 1", default=(400,),
    )  # fmt: skip
    activation: Plain[str] = Choice(
        help=f"{', '.join(ACTIVATIONS)}.", metavar="NAME", known=ACTIVATIONS, default="tanh",
    )  # fmt: skip

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """The weights a_k and w_k, each with the sizes of its axes, at the first width."""
        neurons = {"neuron": self.width[0]}
        return {"output_weight": neurons, "input_weight": neurons | {"dim": inputs}}

    def check_dtype(self, dtype: str) -> None:
        """Refuse weights that are 0 in a `dtype`.

        Raises:
            UsageError: They are.
        """
        alpha, width = max(self.alpha), max(self.width)
        if -alpha * math.log10(width) < SMALLEST_EXPONENT[dtype]:
            raise UsageError(
                f"alpha {alpha:g} at width {width}: weights of standard deviation width^-alpha are 0 in {dtype}; "
                f"take a smaller alpha"
            )
