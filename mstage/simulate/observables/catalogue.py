"""Which observables are there? All of them, each with what it is, its unit and its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import jax

from mstage.simulate.observables import blocks_of_weights, kernel, loss_surface

if TYPE_CHECKING:
    from mstage.simulate.models.network import Network
    from mstage.simulate.observables.moment import Moment

Array: TypeAlias = jax.Array


@dataclass(frozen=True)
class Observable:
    """Something to measure of a network at each snapshot.

    Attributes:
        name: Its name.
        meaning: What it is, in a sentence; `{}` stands for the block of weights that it is of.
        unit: Its unit or its scale, in words.
        measure: Takes a `Moment` and returns a number, or one for each block of weights by name. Pure, and of JAX.
        compares: Whether it compares snapshots, so that one alone says nothing.
        why_not: Takes a network and the number of its weights; says why it cannot be measured there, empty if it can.
    """

    name: str
    meaning: str
    unit: str
    measure: Callable[[Moment], Array | Mapping[str, Array]]
    compares: bool = False
    why_not: Callable[[Network, int], str] = lambda network, weights: ""  # noqa: ARG005

    def meaning_of(self, block: str = "") -> str:
        """What it is, of a block of weights or of each of them."""
        return self.meaning.format(block or "each block of weights")


def _untraceable(network: Network, weights: int) -> str:  # noqa: ARG001
    if weights <= loss_surface.MAX_TRACED:
        return ""
    return (
        f"it takes a product with the Hessian for each weight, and a network has {weights:,}; "
        f"it is measured up to {loss_surface.MAX_TRACED:,}"
    )


def _without_neurons(network: Network, weights: int) -> str:  # noqa: ARG001
    return "" if blocks_of_weights.has_neurons(network) else "it is of the neurons of two-layer networks alone"


OBSERVABLES: dict[str, Observable] = {
    one.name: one
    for one in (
        Observable(
            "train-loss", "loss 1/(2n) sum (f(x_i) - y_i)^2 on the training set", "loss", loss_surface.train_loss
        ),
        Observable(
            "gradient-norm", "|g|, g the gradient of the loss over all weights", "loss / weight",
            loss_surface.gradient_norm,
        ),
        Observable(
            "sharpness", "largest eigenvalue of the Hessian of the loss; descent is unstable above 2 / learning rate",
            "loss / weight^2",
            loss_surface.sharpness,
        ),
        Observable(
            "hessian-trace", "trace of the Hessian of the loss", "loss / weight^2", loss_surface.hessian_trace,
            why_not=_untraceable,
        ),
        Observable(
            "kernel-top", "largest eigenvalue of the tangent kernel K = J J' of the training inputs",
            "output^2 / weight^2, a sum over inputs", kernel.kernel_top,
        ),
        Observable(
            "kernel-distance", "cosine distance of K to K at the first snapshot", "0 (same but for a factor) to 1",
            kernel.kernel_distance, compares=True,
        ),
        Observable(
            "kernel-velocity", "|K - K'| / |K'| over the time since the snapshot before, which has K'",
            "1 / unit of the clock", kernel.kernel_velocity, compares=True,
        ),
        Observable("norm", "norm |W| of {}", "weight", blocks_of_weights.norm),
        Observable(
            "relative-distance", "|W - W0| / |W0| of {}, W0 at the first snapshot", "1",
            blocks_of_weights.relative_distance, compares=True,
        ),
        Observable(
            "inactive-share", "share of pairs of a sample and a neuron with w_k . x_i at or below 0", "0 to 1",
            blocks_of_weights.inactive_share, why_not=_without_neurons,
        ),
    )
}  # fmt: skip
