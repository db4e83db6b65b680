"""How is tanh computed? By one rational function and one doubling of the argument.

Most of the time of a step is spent here. With t = tanh(s/2) = (s/2) P/Q the doubling tanh s = 2t/(1 + t^2) is a
fraction in P and Q, so there is one division and no branch, and the loop fills whole vectors of the processor. The
doubling also forgives what t lacks where tanh is near 1, so P and Q are short. The result is odd and within 4 units in
the last place everywhere (measured 3.5 in float64, where `jax.numpy.tanh` has 6.5, and 3.5 in float32, where it has
4.7); to keep it from passing 1 by one such unit would cost as much as all this gains.

P and Q, with P(0) = Q(0) = 1, are the minimax fit in relative error of tanh s up to where it is 1, off by a hundredth
of a unit or less; the tests find them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from collections.abc import Sequence

Array: TypeAlias = jax.Array


class Fit(NamedTuple):
    """P and Q for a dtype.

    Attributes:
        saturated: From here on tanh is 1.
        above: Coefficients of P: of s^2, s^4, ...
        below: Those of Q.
    """

    saturated: float
    above: tuple[float, ...]
    below: tuple[float, ...]


FITS = {
    "float64": Fit(19.1, (
        3.648943953779248e-2, 3.1978338229370773e-4, 9.842620485768428e-7, 1.1313314628848134e-9,
        4.0868243081532923e-13, 2.0765720467823384e-17,
    ), (
        1.198227728711258e-1, 1.9716811215542106e-3, 1.0021883172669985e-5, 1.8951365984523388e-8,
        1.2725957580796752e-11, 2.097656001797235e-15,
    )),
    "float32": Fit(9.1, (3.1689818623259196e-2, 1.649944152716757e-4, 9.469307620961412e-8),
                   (1.1502315099599687e-1, 1.4169248519657971e-3, 2.899029160258172e-6)),
}  # fmt: skip


@jax.custom_jvp
def tanh(s: Array) -> Array:
    """The hyperbolic tangent, element by element; that of JAX for anything but float64 and float32."""
    if s.dtype.name not in FITS:
        return jnp.tanh(s)
    fit = FITS[s.dtype.name]
    s = jnp.clip(s, -fit.saturated, fit.saturated)
    square = s * s
    above = s + s * square * _polynomial(fit.above, square)  # s P
    below = 1 + square * _polynomial(fit.below, square)  # Q
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
