"""Two-layer networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mstage.errors import UsageError
from mstage.spec.models.layers import ACTIVATION, SUBTRACT_START, WIDTH, with_start
from mstage.spec.parameters import Flag, MaybeNumbers, Number, Numbers, Plain, WholeNumbers

SMALLEST_EXPONENT = {"float64": -307, "float32": -37}  # of 10, of weights that are not 0


@dataclass(frozen=True)
class TwoLayer:
    """A two-layer network: f(x) = sum_k a_k sigma(w_k . x) over `width` hidden neurons.

    Its weights start at a_k, w_k ~ N(0, width^(-2 alpha)), or a_k at a scale alpha_output of its own. In an
    antisymmetric start the second half of the neurons is the first with opposite a_k, so that f = 0. With an
    output_exponent c it is f(x) = width^-c sum_k a_k sigma(w_k . x): from alpha 0, c = 1/2 is the tangent-kernel
    scaling and c = 1 the mean-field one; with activation identity and c = 1/2 it is the UV model u.v / sqrt(width).

    Attributes:
        alpha: Initialization scales.
        width: Numbers of hidden neurons.
        activation: sigma.
        alpha_output: Initialization scales of the a_k; `alpha` when None.
        output_exponent: c; no factor when None.
        antisymmetric: Whether neurons start in pairs of equal w_k and opposite a_k.
        subtract_start: Whether what it computes at step 0 is subtracted from f.

    Raises:
        UsageError: A value makes no sense, or an odd number of neurons is to start in pairs.

    References:
        Y. Zhang, Z. Xu, T. Luo, Z. Ma, 2019, arXiv 1905.07777, for the antisymmetric start. The main paper is
        Z. Chen, T. Luo, G. Wang, 2024, arXiv 2410.20119. Phase diagrams over alpha and alpha_output: T. Luo, Z. Xu,
        Z. Ma, Y. Zhang, 2020, arXiv 2007.07497 (relu), and Z. Chen et al., 2023, arXiv 2303.06561 (smooth).
        Catapults at large rates: D. Meltzer, J. Liu, 2023, arXiv 2301.07737. The UV model: D. Kalra, T. He,
        M. Barkeshli, 2023, arXiv 2311.02076.
    """

    alpha: Numbers = Number(
        help="Initialization scale: weights have standard deviation width^-alpha.", metavar="A",
        meaning="initialization scale: weights have standard deviation width^-alpha", is_axis=True, least=0, most=50,
        rule="from 0 (weights of standard deviation 1, whatever the width) to 50: weights start at width^-alpha",
        default=(1.0,),
    )  # fmt: skip
    width: WholeNumbers = WIDTH
    activation: Plain[str] = ACTIVATION
    alpha_output: MaybeNumbers = Number(
        help="Initialization scale of the output weights a_k, if they have one of their own.", metavar="A",
        meaning="initialization scale of the output weights: standard deviation width^-alpha_output", is_axis=True,
        least=0, most=50, rule="from 0 to 50: output weights start at width^-alpha_output", default_text="alpha",
        optional=True, default=None,
    )  # fmt: skip
    output_exponent: MaybeNumbers = Number(
        help="Multiply the output by width^-C.", metavar="C", meaning="the output is multiplied by width^-c",
        is_axis=True, is_static=True, only_varied=True, least=-10, most=10, rule="from -10 to 10",
        default_text="no factor", optional=True, default=None,
    )  # fmt: skip
    antisymmetric: Plain[bool] = Flag(
        help="Start neurons in pairs of opposite outputs, so that f = 0.", only_if_set=True, default=False,
    )  # fmt: skip
    subtract_start: Plain[bool] = SUBTRACT_START

    def __post_init__(self) -> None:
        odd = next((one for one in self.width if one % 2), None)
        if self.antisymmetric and odd is not None:
            raise UsageError(
                f"width {odd}: has to be even for an antisymmetric start, whose neurons are pairs; "
                f"take {odd + 1}, or leave --antisymmetric out"
            )

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """The weights a_k and w_k, each with the sizes of its axes, at the first width."""
        neurons = {"neuron": self.width[0]}
        return with_start({"output_weight": neurons, "input_weight": neurons | {"dim": inputs}}, self.subtract_start)

    def check_dtype(self, dtype: str) -> None:
        """Refuse weights that are 0 in a `dtype`.

        Raises:
            UsageError: They are.
        """
        width = max(self.width)
        for name, scales in (("alpha", self.alpha), ("alpha_output", self.alpha_output or (0.0,))):
            alpha = max(scales)
            if -alpha * math.log10(width) < SMALLEST_EXPONENT[dtype]:
                raise UsageError(
                    f"{name} {alpha:g} at width {width}: weights of standard deviation width^-{name} are 0 in {dtype}; "
                    f"take a smaller {name}"
                )
