"""How does a network move in continuous time? A Rosenbrock W-method for gradient flow, as a diffrax solver.

The flow of R(y) = e'e/(2n) is y' = -J'e/n. It is stiff because of J'J, while the growth that ends a plateau, the rest
of its Jacobian, is slow. So each step solves with I - h gamma A, A = -J'J/n, which damps what is stiff and leaves the
growth to the stages; a W-method keeps its order for any A. Steps then follow how fast the weights move and not how long
a plateau lasts.

As growth is left to the stages, they are those of the classical Runge-Kutta method, of order 4, and not those of a
method that is of order 3 without A, as ROS34PW2 is: at the same number of steps the escape comes out five times nearer.

References:
    Hairer and Wanner, Solving Ordinary Differential Equations II, IV.7 and IV.8 (W-methods; the predictive step size
    control of Gustafsson); Gonzalez-Pinto, Hernandez-Abreu and Perez-Rodriguez, "W-methods to stabilize standard
    explicit Runge-Kutta methods in the time integration of advection-diffusion-reaction PDEs", J. Comput. Appl. Math.
    316 (2017) (the idea; the coefficients here are our own); Rang and Angermann, "New Rosenbrock W-methods of order 3
    for partial differential algebraic equations of index 1", BIT Numerical Mathematics 45 (2005) (ROS34PW2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from mstage.simulate.models.linearisation import Linearisation, Params

Array: TypeAlias = jax.Array
Control: TypeAlias = tuple[Array, Array, Array]  # last accepted step, its error, whether the last attempt was rejected
ORDER = 3
FIRST_STEP = 0.1  # of the time in which the weights would move by their own size, times the cube root of the tolerance
SUCCESSFUL: Any = diffrax.RESULTS.successful
MIN_ERROR = 1e-2  # taken for the error of a step whose error was smaller, when the next one is predicted from it


@dataclass(frozen=True)
class GradientFlow:
    """The vector field y' = -J'e/n, with what a W-method needs besides.

    Attributes:
        linearise: (weights, args) -> the linearisation of the residuals there.
    """

    linearise: Callable[[Params, Any], Linearisation]

    def __call__(self, t: Any, y: Params, args: Any) -> Params:
        """The velocity of the weights, as `diffrax.ODETerm` wants it."""
        del t
        return velocity(self.linearise(y, args))


def velocity(at: Linearisation) -> Params:
    """-J'e/n."""
    count = at.residual.shape[0]
    return jax.tree.map(lambda leaf: -leaf / count, at.gradient)


class RosenbrockW(diffrax.AbstractSolver[Any]):
    """The classical Runge-Kutta method with A = -J'J/n: order 3 for any A and 4 for none, L-stable, four stages.

    alpha and b are Runge and Kutta's, which leaves seven numbers in Gamma. Four conditions of order 3 and R(infinity) =
    0 take five of them; gamma = 3/8 and gamma_21 = -1/4 are near where the residuals of the conditions of order 4 are
    least, 0.4 times those of ROS34PW2, with all coefficients rational. Of the embedded methods of order 2, which
    b + theta (5, -14, 4, 5) are, theta = -1/70 is one whose estimate follows the error of descents, and is five to ten
    times that of growth.

    Attributes:
        flow: The vector field, which is that of its term, a `diffrax.ODETerm`, too; it runs forward in time.
    """

    flow: GradientFlow

    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar = diffrax.ThirdOrderHermitePolynomialInterpolation

    gamma: ClassVar[float] = 3 / 8
    alphas: ClassVar[np.ndarray] = np.array([[0, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 1 / 2, 0, 0], [0, 0, 1, 0]])
    gammas: ClassVar[np.ndarray] = np.array(
        [
            [gamma, 0, 0, 0],
            [-1 / 4, gamma, 0, 0],
            [87 / 1408, -1319 / 1408, gamma, 0],
            [265 / 704, 259 / 3520, -9 / 20, gamma],
        ]
    )
    weights: ClassVar[np.ndarray] = np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6])
    embedded: ClassVar[np.ndarray] = np.array([2 / 21, 8 / 15, 29 / 105, 2 / 21])

    def order(self, terms: Any) -> int:
        """Its order, with any A; and that of its error estimate, which diffrax takes from here."""
        del terms
        return ORDER

    def init(self, terms: Any, t0: Any, t1: Any, y0: Params, args: Any) -> Any:
        """The linearisation at the start, which is the state of the solver."""
        del terms, t0, t1
        return self.flow.linearise(y0, args)

    def step(
        self, terms: Any, t0: Any, t1: Any, y0: Params, args: Any, solver_state: Any, made_jump: Any
    ) -> tuple[Params, Params, dict[str, Params], Any, diffrax.RESULTS]:
        """One step, as diffrax asks for it."""
        del terms, made_jump
        length = t1 - t0
        y1, error = self.attempt(solver_state, y0, length, args)
        after = self.flow.linearise(y1, args)
        moves = [jax.tree.map(lambda f: length.astype(f.dtype) * f, velocity(at)) for at in (solver_state, after)]
        return y1, error, {"y0": y0, "y1": y1, "k0": moves[0], "k1": moves[1]}, after, SUCCESSFUL

    def func(self, terms: Any, t0: Any, y0: Params, args: Any) -> Params:
        """The velocity."""
        return terms.vf(t0, y0, args)

    def attempt(self, at: Linearisation, y0: Params, length: Array, args: Any) -> tuple[Params, Params]:
        """The weights a step further and the estimate of their error, one factorisation and three velocities.

        In the unknowns U = Gamma k, which spare products with A: (I - h gamma A) U_i = h gamma f(y0 + sum_j a_ij U_j) +
        gamma sum_j c_ij U_j.

        Args:
            at: The linearisation at `y0`.
            y0: The weights.
            length: h, of any dtype.
            args: Of the vector field.
        """
        inverse = np.linalg.inv(self.gammas)
        inner, coupling = self.alphas @ inverse, np.eye(4) / self.gamma - inverse
        result, estimate = self.weights @ inverse, (self.weights - self.embedded) @ inverse
        solve = at.inverse(length * self.gamma / at.residual.shape[0])
        moved = length * self.gamma

        def stage(unknowns: Params, number: Array) -> tuple[Params, None]:
            """The next unknown, into its place; those that are yet to come are 0."""
            here = self.flow(None, _combined(y0, jnp.asarray(inner)[number], unknowns), args)
            start = jax.tree.map(lambda f: moved.astype(f.dtype) * f, here)
            found = solve(_combined(start, jnp.asarray(self.gamma * coupling)[number], unknowns))
            return jax.tree.map(lambda all_, new: all_.at[number].set(new), unknowns, found), None

        first = solve(jax.tree.map(lambda f: moved.astype(f.dtype) * f, velocity(at)))
        unknowns = jax.tree.map(lambda new: jnp.zeros((4, *new.shape), new.dtype).at[0].set(new), first)
        unknowns, _ = jax.lax.scan(stage, unknowns, jnp.arange(1, 4))  # one stage is compiled and not three
        nothing = jax.tree.map(jnp.zeros_like, y0)
        return _combined(y0, jnp.asarray(result), unknowns), _combined(nothing, jnp.asarray(estimate), unknowns)


def largest(tree: Params) -> Array:
    """The largest absolute value among the numbers of a tree."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))


class PredictiveController(diffrax.AbstractAdaptiveStepSizeController[Control, Any]):
    """Keeps a step within `rtol` of the size of the weights, each the largest number there, or of the time since 0.

    Not a mean, for the neuron that runs ahead decides when a plateau ends: at the same cost the escape comes out three
    times nearer than with root mean squares. Nor weight by weight, as one that crosses 0 is no reason for a small step;
    so weights that start at 1e-6 need no tolerance of their own either. The next step is predicted from the last two
    (Gustafsson): in a growth that feeds itself, where steps shrink by a constant factor, a controller that looks at one
    has every other step rejected.

    An error along the motion is an error in time: y + s y' is where the flow is a time s later. At the end of a plateau
    of length t, where weights move fast, an error `rtol` of the weights is a shift in time of far less than `rtol` t,
    while the errors made on the plateau have shifted its end by more. So the part of an error along the step may be as
    large as a shift of `rtol` t in time, where that is more.

    Attributes:
        rtol: The tolerance, of weights and of time.
        atol: Absolute tolerance of the weights.
        safety: Share of the predicted step that is taken.
        least: Smallest factor between two steps.
        most: Largest factor between two steps.
    """

    rtol: Any
    atol: Any = 0.0
    norm: Callable[[Params], Any] = staticmethod(largest)
    safety: float = 0.9
    least: float = 0.2
    most: float = 10.0

    def wrap(self, direction: Any) -> PredictiveController:
        """Itself: it does not mind the direction of time."""
        del direction
        return self

    def init(
        self, terms: Any, t0: Any, t1: Any, y0: Params, dt0: Any, args: Any, func: Any, error_order: Any
    ) -> tuple[Any, Control]:
        """The end of the first step, of length `dt0`, or one that follows from the velocity."""
        del t1
        if dt0 is None:
            dt0 = self.first_step(y0, func(terms, t0, y0, args), error_order)
        return t0 + dt0, (jnp.zeros_like(dt0), jnp.ones_like(dt0), jnp.array(False))

    def first_step(self, y0: Params, speed: Params, error_order: int) -> Array:
        """A careful first step, from how long the weights take to move by their own size."""
        moved, size = self.norm(speed), self.norm(y0)
        share = FIRST_STEP * jnp.asarray(self.rtol) ** (1 / error_order)
        return jnp.where((moved > 0) & (size > 0), share * (size / moved).astype(share.dtype), 1)

    def adapt_step_size(
        self,
        t0: Any,
        t1: Any,
        y0: Params,
        y1_candidate: Params,
        args: Any,
        y_error: Params,
        error_order: Any,
        state: Control,
    ) -> tuple[Array, Any, Any, bool, Control, diffrax.RESULTS]:
        """Whether a step is accepted, and the next one."""
        del args
        length = t1 - t0
        accepted, factor, state = self.judge((length, t1), (y0, y1_candidate, y_error), error_order, state)
        start = jnp.where(accepted, t1, t0)
        return accepted, start, start + factor * length, False, state, SUCCESSFUL

    def judge(
        self, times: tuple[Array, Array], step: tuple[Params, Params, Params], error_order: int, state: Control
    ) -> tuple[Array, Array, Control]:
        """Whether a step is accepted, the factor to the next one, and what the next judgement needs.

        Args:
            times: The length of the step and its end.
            step: Weights before and after, and the estimate of their error.
            error_order: The error grows as length^error_order.
            state: Of the last judgement.
        """
        length, error = times[0], self.error(times, step)
        accepted = error <= 1  # not if it is NaN
        bounded = jnp.clip(error, min=MIN_ERROR)
        last_length, last_error, was_rejected = state
        plain = bounded ** (-1 / error_order)
        predicted = plain * (length / last_length) * (last_error / bounded) ** (1 / error_order)  # inf at first
        factor = self.safety * jnp.where(accepted, jnp.minimum(plain, predicted), plain)
        most = jnp.where(accepted, jnp.where(was_rejected, 1, self.most), self.safety)
        factor = jnp.where(jnp.isnan(factor), self.least, jnp.clip(factor, min=self.least, max=most))
        kept = (length, bounded), (last_length, last_error)
        length, error = (jnp.where(accepted, new, old) for new, old in zip(*kept, strict=True))
        return accepted, factor, (length, error, ~accepted)

    def error(self, times: tuple[Array, Array], step: tuple[Params, Params, Params]) -> Array:
        """The error of a step, 1 where it is the largest that is allowed; the arguments are those of `judge`."""
        length, end = times
        before, after, estimate = step
        moved = jax.tree.map(jnp.subtract, after, before)
        share = _share(estimate, moved)
        across = jax.tree.map(lambda e, m: e - share * m, estimate, moved)
        allowed = self.atol + self.rtol * jnp.maximum(self.norm(before), self.norm(after)).astype(length.dtype)
        whole, across = (self.norm(tree).astype(length.dtype) / allowed for tree in (estimate, across))
        late = jnp.abs(share).astype(length.dtype) * length
        along = jnp.where(end > 0, late / (self.rtol * jnp.where(end > 0, end, 1)), jnp.inf)
        error: Array = jnp.minimum(whole, jnp.maximum(across, along))
        return jnp.where(self.norm(estimate) == 0, 0, error)  # of weights that are all 0 and stay so


def _share(tree: Params, direction: Params) -> Array:
    """The coefficient of a direction in a tree, by least squares; 0 for a direction of zeros."""
    scale = largest(direction)
    unit = jax.tree.map(lambda leaf: leaf / jnp.where(scale > 0, scale, 1), direction)  # its squares do not underflow
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(unit), strict=True)
    product = sum((jnp.vdot(one, other) for one, other in pairs), start=jnp.zeros((), scale.dtype))
    square = sum((jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(unit)), start=jnp.zeros((), scale.dtype))
    return jnp.where(scale > 0, product / jnp.where(scale > 0, square * scale, 1), 0)


def _combined(start: Params, coefficients: Array, trees: Params) -> Params:
    """A tree and a combination of others, which are stacked along a leading axis."""
    return jax.tree.map(lambda y, u: y + jnp.tensordot(coefficients.astype(u.dtype), u, axes=1), start, trees)
