"""What does theory predict for this problem, activation, width and alpha, and where does it not apply?

Two-layer networks f(x) = sum_k a_k sigma(w_k . x) from weights of standard deviation width^-alpha, under gradient flow
of R = 1/(2n) sum_i (f(x_i) - y_i)^2. While the weights are small the flow is linear: each neuron grows at the rate
lambda = sigma'(0) |v| along z, v = (1/n) sum y_i x_i, and the loss waits at R0 until the sum of them, s = E sum_k a_k
sigma'(0) w_k . z = sigma'(0) m^(1-2 alpha) sinh(2 lambda t), counts. The network is then a linear one, whose best fit A
is the secondary plateau; what ends that is the next order of sigma, which makes the largest neurons grow and the others
shrink (rich get richer) where its sign is right.

References:
    Chen, Luo, Wang 2024, arXiv 2410.20119 (the stages). The formulas are derived here in the docstrings where they
    stand; each is held against simulation by the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

LARGEST_VALUE = 1e70  # of the data: fourth powers of what is larger are not finite
NOTHING = 1e-10  # relative size below which a constant of the data counts as zero


@dataclass(frozen=True)
class Taylor:
    """sigma(s) = slope s + curvature s^2/2 + third s^3/6 + ..., which is all that small weights see of it."""

    slope: float
    curvature: float
    third: float


_SHIFT = float(np.tanh(0.5))
TAYLOR: Mapping[str, Taylor | None] = {
    "tanh": Taylor(1.0, 0.0, -2.0),
    "jax-tanh": Taylor(1.0, 0.0, -2.0),
    "shifted-tanh": Taylor(1.0, -2 * _SHIFT, 6 * _SHIFT**2 - 2),
    "gelu": Taylor(0.5, float(np.sqrt(2 / np.pi)), 0.0),
    "sin": Taylor(1.0, 0.0, -1.0),
    "identity": Taylor(1.0, 0.0, 0.0),
    "square": None,  # has no slope there: nothing grows at first order
    "relu": None,  # has no derivative at 0
    "leaky-relu": None,  # likewise
}


@dataclass(frozen=True)
class ProblemConstants:
    """Constants of a training set of n samples in d dimensions.

    Attributes:
        samples: n.
        dim: d, the appended 1 counted.
        rate: lambda = |v|, v = (1/n) sum y_i x_i.
        direction: z = v / lambda, shape (dim,); zeros where lambda is 0.
        best_fit: A, the least-squares fit of y by x, shape (dim,).
        loss_zero: R0, loss of f = 0.
        loss_along: R_z, loss of the best fit along z.
        loss_linear: R_lin, loss of A.
        along: s* = lambda / (z^T Sigma z), the best fit along z.
        square: c2 = (1/n) sum e_i (u.x_i)^2 over the residuals e_i = A.x_i - y_i, u = A / |A|.
        cubic: c3 = (1/n) sum e_i (u.x_i)^3.
        steering: (1/n) sum y_i (z.x_i)^3, which makes |a| and |w| unequal while the weights are small.
        tangential: |g_perp|, size of the part of (1/n) sum e_i (u.x_i)^2 x_i that is orthogonal to u.
    """

    samples: int
    dim: int
    rate: float
    direction: Float[np.ndarray, " dim"]
    best_fit: Float[np.ndarray, " dim"]
    loss_zero: float
    loss_along: float
    loss_linear: float
    along: float
    square: float
    cubic: float
    steering: float
    tangential: float

    @property
    def size(self) -> float:
        """|A|."""
        return float(np.linalg.norm(self.best_fit))

    @property
    def is_unrelated(self) -> bool:
        """Whether v = 0: no linear trend in the data, so nothing grows while the weights are small."""
        return self.rate == 0.0

    @property
    def is_linear(self) -> bool:
        """Whether the targets are a linear function of the inputs."""
        return self.loss_linear <= NOTHING * self.loss_zero

    def to_dict(self) -> dict[str, float]:
        """The constants by their names, less the vectors."""
        return {
            "lambda": self.rate, "R0": self.loss_zero, "R_z": self.loss_along, "R_lin": self.loss_linear,
            "|A|": self.size, "c2": self.square, "c3": self.cubic, "|g_perp|": self.tangential,
        }  # fmt: skip


def problem_constants(inputs: np.ndarray, targets: np.ndarray) -> ProblemConstants:
    """Constants of a training set.

    Args:
        inputs: x_i as the network sees them, shape (n, dim).
        targets: y_i, shape (n,).

    Raises:
        InputError: The shapes do not fit, or a value is not finite.
    """
    inputs, targets = np.asarray(inputs, float), np.asarray(targets, float)
    if inputs.ndim != 2 or targets.shape != inputs.shape[:1] or not targets.size:
        raise InputError(f"inputs of shape {inputs.shape} and targets of {targets.shape}: expected (n, dim) and (n,)")
    if not (np.isfinite(inputs).all() and np.isfinite(targets).all()):
        raise InputError("inputs or targets hold values that are not finite; a training set needs numbers")
    if max(np.abs(inputs).max(initial=0.0), np.abs(targets).max()) > LARGEST_VALUE:
        raise InputError(f"inputs or targets hold values beyond {LARGEST_VALUE:g}; bring them to a common scale")
    count = targets.size
    trend, zero = inputs.T @ targets / count, float(targets @ targets / (2 * count))
    rate = float(np.linalg.norm(trend))
    scale = np.sqrt(2 * zero * (inputs**2).sum() / count)  # lambda is at most this, by Cauchy and Schwarz
    if rate <= NOTHING * scale:
        rate, direction, along = 0.0, np.zeros(inputs.shape[1]), 0.0
    else:
        direction = trend / rate
        along = rate / float(np.mean((inputs @ direction) ** 2))
    best_fit = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    with np.errstate(over="ignore", invalid="ignore"):  # looked at below: columns of very unlike sizes
        size = float(np.linalg.norm(best_fit))
        unit = best_fit / size if rate and size else np.zeros_like(best_fit)
        residual, projection = inputs @ best_fit - targets, inputs @ unit
        gradient = inputs.T @ (residual * projection**2) / count
    if not (np.isfinite(size) and np.isfinite(gradient).all()):
        raise InputError(
            "the columns of the inputs are of sizes too unlike to compute with; bring them to a common scale"
        )
    return ProblemConstants(
        samples=count,
        dim=inputs.shape[1],
        rate=rate,
        direction=direction,
        best_fit=best_fit,
        loss_zero=zero,
        loss_along=zero - rate * along / 2,
        loss_linear=float(residual @ residual / (2 * count)),
        along=along,
        square=float(np.mean(residual * projection**2)),
        cubic=float(np.mean(residual * projection**3)),
        steering=float(np.mean(targets * (inputs @ direction) ** 3)),
        tangential=float(np.linalg.norm(gradient - (gradient @ unit) * unit)),
    )
