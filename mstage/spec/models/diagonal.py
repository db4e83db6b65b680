"""Diagonal linear networks: linear in x, a difference of powers in their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mstage.spec.parameters import Number, Numbers, WholeNumbers


@dataclass(frozen=True)
class Diagonal:
    """A diagonal linear network: f(x) = sum_i (u_i^D - v_i^D) x_i of `degree` D.

    Its weights all start at u_i = v_i = initial_weight, so that f = 0 there, whatever the seed.

    Attributes:
        initial_weight: Weights at the start.
        degree: D; 1 is linear regression.

    Raises:
        UsageError: A value makes no sense.

    References:
        B. Woodworth et al., 2020, arXiv 2002.09277: from small weights of degree 2 gradient flow finds the
        interpolation of least l1 norm, from large ones that of least l2 norm; u_i v_i does not move.
    """

    initial_weight: Numbers = Number(
        help="All weights at the start.", metavar="W", meaning="all weights at the start", is_axis=True,
        least=1e-30, most=1e6, rule="from 1e-30 to 1e6", default=(0.1,),
    )  # fmt: skip
    degree: WholeNumbers = Number(
        help="Degree D in the weights.", metavar="D", meaning="degree in the weights", is_axis=True, is_static=True,
        whole=True, least=1, most=100, rule="from 1 to 100", default=(2,),
    )  # fmt: skip

    def shapes(self, inputs: int) -> dict[str, dict[str, int]]:
        """The weights u and v, one for each input."""
        return {"u": {"dim": inputs}, "v": {"dim": inputs}}

    def check_dtype(self, dtype: str) -> None:
        """Every size will do in any."""

    def init(self, normals: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Weights of one size; see `HasOutputs`."""
        return {name: 0 * one + values["initial_weight"] for name, one in normals.items()}

    def outputs(self, weights: Mapping[str, Any], inputs: Any) -> Any:
        """f(x_i), shape (n,), of inputs of shape (n, dim)."""
        return inputs @ (weights["u"] ** self.degree[0] - weights["v"] ** self.degree[0])
