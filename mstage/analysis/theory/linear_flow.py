"""How do the weights and the loss move on the initial plateau?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    from mstage.analysis.theory.constants import ProblemConstants


@dataclass(frozen=True)
class LinearFlow:
    """The flow while all weights are small, in closed form; holds up to the exit of the initial plateau.

    a_k' = sigma'(0) w_k . v and w_k' = sigma'(0) a_k v: a_k and w_k . z grow as cosh and sinh of lambda t, the rest of
    w_k is frozen. Averages are over Gaussian initial weights.

    Attributes:
        rate: lambda, per unit of time; of discrete steps where a learning rate is given.
        slope: sigma'(0).
        scale: m^(1 - 2 alpha).
        constants: Of the training set.
    """

    rate: float
    slope: float
    scale: float
    constants: ProblemConstants

    def loss(self, time: Float[np.ndarray, "*times"]) -> Float[np.ndarray, "*times"]:
        """R0 - |v| s + s^2 (z^T Sigma z)/2 at some times, with s = slope scale sinh(2 lambda t)."""
        s = self.slope * self.scale * np.sinh(2 * self.rate * np.asarray(time))
        known = self.constants
        return np.asarray(known.loss_zero - known.rate * s + s**2 * known.rate / known.along / 2)

    def alignment(self, time: Float[np.ndarray, "*times"]) -> Float[np.ndarray, "*times"]:
        """||theta_{w,z}|| / ||theta_w||, the share of the input weights along z: sqrt(C/(C + d - 1)), C = cosh 2 lt."""
        grown = np.cosh(2 * self.rate * np.asarray(time))
        return np.asarray(np.sqrt(grown / (grown + self.constants.dim - 1)))

    def relative_distance(self, time: Float[np.ndarray, "*times"]) -> Float[np.ndarray, "*times"]:
        """||theta_w(t) - theta_w(0)|| / ||theta_w(0)|| = sqrt(((cosh lt - 1)^2 + sinh^2 lt)/d)."""
        angle = self.rate * np.asarray(time)
        return np.asarray(np.sqrt(((np.cosh(angle) - 1) ** 2 + np.sinh(angle) ** 2) / self.constants.dim))

    def magnitudes(
        self,
        output_weights: Float[np.ndarray, " neurons"],
        input_weights: Float[np.ndarray, "neurons dim"],
        time: Float[np.ndarray, " times"],
    ) -> tuple[Float[np.ndarray, "times neurons"], Float[np.ndarray, "times neurons"]]:
        """|a_k| and |w_k| at some times, from given weights at time 0.

        a_k(t) = a_k cosh lt + (w_k.z) sinh lt, w_k(t).z = (w_k.z) cosh lt + a_k sinh lt, the rest of w_k frozen.
        """
        along = input_weights @ self.constants.direction
        frozen = np.maximum(np.square(input_weights).sum(axis=-1) - along**2, 0.0)
        angle = self.rate * np.asarray(time)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):  # far beyond the plateau, where this does not hold
            even, odd = np.cosh(angle), np.sinh(angle)
            output = output_weights * even + along * odd
            return np.abs(output), np.sqrt((along * even + output_weights * odd) ** 2 + frozen)
