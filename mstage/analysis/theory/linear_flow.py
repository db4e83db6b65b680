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
