"""How is tanh computed? In float64 by one rational function and one doubling of the argument.

Most of the time of a step is spent here. With t = tanh(s/2) = (s/2) P/Q the doubling tanh s = 2t/(1 + t^2) is a
fraction in P and Q, so there is one division and no branch, and the loop fills whole vectors of the processor. The
doubling also forgives what t lacks where tanh is near 1, so P and Q are short. The result is odd and within 4 units in
the last place everywhere (measured 3.5; `jax.numpy.tanh` 6.5); to keep it from passing 1 by one such unit would cost as
much as all this gains.

P and Q are the minimax fit in relative error of tanh s over |s| < 19.1, off by 2e-18, with P(0) = Q(0) = 1; the tests
find them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from collections.abc import Sequence

Array: TypeAlias = jax.Array

SATURATED = 19.1  # from here on tanh is 1 in float64
NUMERATOR = (  # of s^2, s^4, ...
    3.648943953779248e-2, 3.1978338229370773e-4, 9.842620485768428e-7, 1.1313314628848134e-9, 4.0868243081532923e-13,
    2.0765720467823384e-17,
)  # fmt: skip
DENOMINATOR = (
    1.198227728711258e-1, 1.9716811215542106e-3, 1.0021883172669985e-5, 1.8951365984523388e-8, 1.2725957580796752e-11,
    2.097656001797235e-15,
)  # fmt: skip


@jax.custom_jvp
def tanh(s: Array) -> Array:
    """The hyperbolic tangent, element by element; that of JAX for anything but float64."""
    if s.dtype != jnp.float64:
        return jnp.tanh(s)
    s = jnp.clip(s, -SATURATED, SATURATED)
    square = s * s
    above = s + s * square * _polynomial(NUMERATOR, square)  # s P
    below = 1 + square * _polynomial(DENOMINATOR, square)  # Q
    return above * below / (below * below + 0.25 * above * above)


@tanh.defjvp
def _tanh_derivative(at: tuple[Array], direction: tuple[Array]) -> tuple[Array, Array]:
    value = tanh(*at)
    return value, (1 - value * value) * direction[0]


def _polynomial(coefficients: Sequence[float], at: Array) -> Array:
    """c0 + c1 x + c2 x^2 + ..., by Horner's rule."""
    total = jnp.full_like(at, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * at + coefficient
    return total
