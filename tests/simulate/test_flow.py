"""The gradient flow against closed forms, rival integrators and dense linear algebra, and against its own laws."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from mstage.history import RunStatus
from mstage.simulate.dynamics.flow_solver import GradientFlow, PredictiveController, RosenbrockW, velocity
from mstage.simulate.models.activations import ACTIVATIONS
from mstage.simulate.models.linearisation import ExplicitLinearisation, linearise
from mstage.simulate.models.network import Data
from mstage.simulate.models.two_layer_linearisation import linearise_two_layer
from mstage.simulate.models.two_layer_loss import Weights
from mstage.simulate.problems import load_problem
from mstage.simulate.trainers import trainer_of
from mstage.spec import Descent, Flow, Recording, Sweep, Table, TwoLayer
from mstage.workflows.problems import training_set_of
from tests import twin
from tests.simulate.test_trainer import compilations, drawn
from tests.sweeps import changed

# Two runs of width 30 in nearly all of these tests, so that they share one compilation.
FLOW = Sweep(
    TwoLayer(alpha=(1.0,), width=(30,)), dynamics=Flow(), seed=(0, 4), until=60.0, recording=Recording("log:200", 0)
)


def run(sweep: Sweep, width: int | None = None, most: int = 10**6) -> tuple[np.ndarray, dict, dict]:
    """Losses (runs, records), the ends and the last weights of a sweep's width."""
    trainer = trainer_of(sweep, training_set_of(sweep.problem), sweep.programs[0] | ({"width": width} if width else {}))
    position, parts, total = trainer.start(), [], trainer.record_steps.size
    while position.record < total:
        position, losses = trainer.advance(position, min(position.record + 100, total), most)
        parts.append(losses)
    return np.concatenate(parts, axis=1), trainer.ends(position), trainer.weights(replace(position, step=100_000))


def residuals(weights: Weights, data: Data) -> jax.Array:
    return weights.output_weight @ jnp.tanh(weights.input_weight @ data.inputs.T) - data.targets


class NoJacobian(NamedTuple):
    """A linearisation that knows the gradient and takes J for 0."""

    residual: jax.Array
    gradient: Weights
    numbers: int = 0

    def push(self, direction: Weights) -> jax.Array:
        del direction
        return jnp.zeros_like(self.residual)

    def inverse(self, shift: jax.Array):
        del shift
        return lambda direction: direction


def setting(width: int, scale: float = 0.5) -> tuple[Weights, Data]:
    data = load_problem("cub1d")
    a, w = drawn(0.0, 3, width, 2)
    return Weights(jnp.asarray(scale * a), jnp.asarray(scale * w)), Data(
        jnp.asarray(data.input), jnp.asarray(data.target)
    )


@cache  # one function to JAX, which compiles each anew
def network_flow(products: str = "float64", activation: str = "tanh") -> GradientFlow:
    sigma = ACTIVATIONS[activation]
    return GradientFlow(lambda weights, data: linearise_two_layer(sigma, products, weights, data))


def solved(
    flow: GradientFlow, weights: Weights, data: Data, until: float, solver=None, controller=None, dt0=None, ts=None
):
    """The weights at `until`, or at some times, by diffrax's own loop: one compilation for all ends and first steps."""
    return diffrax.diffeqsolve(
        diffrax.ODETerm(flow), solver or RosenbrockW(flow), 0.0, jnp.asarray(until),
        None if dt0 is None else jnp.asarray(dt0), weights, data, max_steps=200_000,
        stepsize_controller=controller or PredictiveController(1e-6),
        saveat=diffrax.SaveAt(t1=True) if ts is None else diffrax.SaveAt(ts=jnp.asarray(ts)),
    )  # fmt: skip


def reference(flow: GradientFlow, weights: Weights, data: Data, until: float, ts=None) -> Weights:
    control = diffrax.PIDController(rtol=1e-10, atol=1e-13)
    return solved(flow, weights, data, until, diffrax.Dopri8(), control, ts=ts).ys


def distance(one: Weights, other: Weights) -> float:
    return float(jnp.linalg.norm(ravel_pytree(one)[0] - ravel_pytree(other)[0]))


def test_tableau_has_order_3_whatever_is_taken_for_the_jacobian() -> None:
    """The eight conditions of a W-method of order 3 (Hairer and Wanner, IV.7), with alpha and Gamma apart."""
    b, alpha, gamma = RosenbrockW.weights, RosenbrockW.alphas, RosenbrockW.gammas
    a, g = alpha.sum(axis=1), gamma.sum(axis=1)
    found = [b.sum(), b @ a, b @ g, b @ a**2, b @ alpha @ a, b @ alpha @ g, b @ gamma @ a, b @ gamma @ g]
    np.testing.assert_allclose(found, [1, 1 / 2, 0, 1 / 3, 1 / 6, 0, 0, 0], atol=2e-15)
    hat = RosenbrockW.embedded
    np.testing.assert_allclose([hat.sum(), hat @ a, hat @ g], [1, 1 / 2, 0], atol=2e-15)
    assert abs(hat @ a**2 - 1 / 3) > 0.01


def test_tableau_has_order_4_where_no_jacobian_is_taken() -> None:
    b, alpha = RosenbrockW.weights, RosenbrockW.alphas
    a = alpha.sum(axis=1)
    found = [b @ a**3, b @ (a * (alpha @ a)), b @ alpha @ a**2, b @ alpha @ alpha @ a]
    np.testing.assert_allclose(found, [1 / 4, 1 / 8, 1 / 12, 1 / 24], atol=2e-15)


def test_tableau_is_l_stable() -> None:
    """|R| <= 1 on the imaginary axis, no pole to its left, and R(infinity) = 0."""
    b, both, ones = RosenbrockW.weights, RosenbrockW.alphas + RosenbrockW.gammas, np.ones(4)
    assert abs(1 - b @ np.linalg.solve(both, ones)) < 1e-14
    assert (np.diag(both) == RosenbrockW.gamma).all()
    assert RosenbrockW.gamma > 0
    for y in np.geomspace(1e-3, 1e6, 1000):
        assert abs(1 + 1j * y * b @ np.linalg.solve(np.eye(4) - 1j * y * both, ones)) <= 1 + 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("jacobian", ["-J'J/n", "-J'J/n of float32", "0"])
def test_order_by_regression(jacobian: str) -> None:
    with jax.enable_x64(True):
        weights, data = setting(12)
        exact = network_flow()
        flow = {
            "-J'J/n": exact,
            "-J'J/n of float32": network_flow("float32"),
            "0": GradientFlow(lambda y, d: NoJacobian(*linearise_two_layer(ACTIVATIONS["tanh"], "float64", y, d)[:2])),
        }[jacobian]
        truth = reference(exact, weights, data, 2.0)
        counts = np.array([8, 16, 32, 64])
        errors = [
            distance(solved(flow, weights, data, 2.0, None, diffrax.ConstantStepSize(), 2.0 / n).ys, truth)
            for n in counts
        ]
        expected = 4 if jacobian == "0" else 3
        order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
        assert expected - 0.2 < order < expected + 0.2
        last = np.log2(errors[-2] / errors[-1])
        assert expected - 0.15 < last < expected + 0.15


@pytest.mark.slow
def test_an_error_along_the_motion_is_one_in_time() -> None:
    """From y + s y' the flow arrives where it is s later from y, to first order in s."""
    with jax.enable_x64(True):
        weights, data = setting(12)
        flow = network_flow()
        speed = flow(None, weights, data)
        gaps = []
        for s in (1e-2, 5e-3):
            ahead = jax.tree.map(lambda y, f, s=s: y + s * f, weights, speed)
            one, other = reference(flow, ahead, data, 3.0), reference(flow, weights, data, 3.0 + s)
            gaps.append(distance(one, other))
        assert gaps[0] < 1e-2 * distance(weights, ahead)
        assert 3.6 < gaps[0] / gaps[1] < 4.4


def test_a_step_is_within_the_tolerance_of_the_weights_or_of_the_time() -> None:
    with jax.enable_x64(True):
        before = {"a": jnp.array([3.0, 0.0]), "w": jnp.array([[4.0]])}
        moved = {"a": jnp.array([0.0, 0.5]), "w": jnp.array([[-1.0]])}
        aside = {"a": jnp.array([0.1, 0.0]), "w": jnp.array([[0.0]])}
        after = jax.tree.map(jnp.add, before, moved)

        def error(along: float, across: float, end: float) -> float:
            estimate = jax.tree.map(lambda m, o: along * m + across * o, moved, aside)
            times = jnp.array(2.0), jnp.array(end)
            return float(PredictiveController(1e-2).error(times, (before, after, estimate)))

        assert error(0.03, 0, 2.0) == pytest.approx(0.03 / 0.04)  # early: a share of the weights, the largest is 4
        assert error(0.03, 0, 10.0) == pytest.approx(0.03 * 2 / 0.1)  # later: a time, of 1 % of 10
        assert error(-0.03, 0, 60.0) == pytest.approx(0.03 * 2 / 0.6)
        for end in (2.0, 1e6):
            assert error(0, 0.2, end) == pytest.approx(0.02 / 0.04)  # across the motion no time is long enough
        assert error(0.03, 0.2, 1e6) == pytest.approx(0.02 / 0.04)
        assert error(0.03, 0, 0.0) == pytest.approx(0.03 / 0.04)
        assert error(0, 0, 0.0) == 0
        assert np.isnan(error(np.nan, 0, 5.0))


def test_share_of_steps_that_are_too_small_to_be_squared() -> None:
    """An estimate along the step is all of it in float32, too, where weights are 1e-30."""
    step = jnp.array([1e-30, -2e-30], jnp.float32)
    after = jnp.array([2e-30, 3e-30], jnp.float32)
    times = jnp.array(1.0, jnp.float32), jnp.array(1e4, jnp.float32)
    found = PredictiveController(1e-3).error(times, (after - step, after, 0.01 * step))
    np.testing.assert_allclose(found, 0.01 / 10, rtol=1e-3)


@pytest.mark.slow
def test_closed_form_of_a_linear_network() -> None:
    """Of balanced weights along an eigenvector z of Sigma, s = sum_k a_k w_k.z obeys s' = 2 s (lambda - s sigma)."""
    with jax.enable_x64(True):
        random = np.random.default_rng(0)
        x = np.linalg.qr(random.normal(size=(30, 3)))[0] * np.sqrt(30) * np.array([1.0, 0.7, 1.3])
        z, lam, stretch = np.array([0.0, 0.0, 1.0]), 0.8, 1.3**2
        y = x @ z * lam / stretch
        start = 1e-4 * random.normal(size=20)
        weights = Weights(jnp.asarray(start), jnp.asarray(start[:, None] * z))
        data = Data(jnp.asarray(x), jnp.asarray(y))
        ts = np.linspace(0, 25, 26)
        out = solved(
            network_flow(activation="identity"), weights, data, 25.0, controller=PredictiveController(1e-9), ts=ts
        ).ys
        found = (out.output_weight * out.input_weight[:, :, 2]).sum(axis=1)
        s0, top = float((start**2).sum()), lam / stretch
        np.testing.assert_allclose(found, top / (1 + (top / s0 - 1) * np.exp(-2 * lam * ts)), rtol=1e-6)


@pytest.mark.slow
def test_agrees_with_a_high_order_runge_kutta_method() -> None:
    """Losses at every record and weights at the end, at a tight tolerance, against Dopri8 at 1e-10."""
    sweep = changed(FLOW, tolerance=1e-9, until=20.0)
    losses, _, weights = run(sweep)
    data = load_problem("cub1d")
    with jax.enable_x64(True):
        ts = np.array(sweep.loss_steps) * sweep.tick
        for index, seed in enumerate(sweep.seed):
            a, w = drawn(1.0, seed, 30, 2)
            pair = Data(jnp.asarray(data.input), jnp.asarray(data.target))
            path = reference(network_flow(), Weights(jnp.asarray(a), jnp.asarray(w)), pair, 20.0, ts)
            expected = [
                twin.loss("tanh", np.asarray(a), np.asarray(w), data.input, data.target)
                for a, w in zip(*path, strict=True)
            ]
            np.testing.assert_allclose(losses[index], expected, rtol=1e-6)
            np.testing.assert_allclose(weights["output_weight"][index], path.output_weight[-1], rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(weights["input_weight"][index], path.input_weight[-1], rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_descent_tends_to_it_linearly_in_the_learning_rate() -> None:
    sweep = changed(FLOW, tolerance=1e-8, until=8.0)
    flow, _, _ = run(sweep)
    gaps = []
    for rate in (0.04, 0.02, 0.01):
        one = Sweep(TwoLayer(width=30), dynamics=Descent(rate), until=8.0, recording=Recording("every:1000000", 0))
        trainer = trainer_of(one, load_problem("cub1d"), one.programs[0])
        position, _ = trainer.advance(trainer.start(), trainer.record_steps.size, 10**6)
        gaps.append(trainer.ends(position)["final_loss"][0] - flow[0, -1])
    assert 1.9 < gaps[0] / gaps[1] < 2.1
    assert 1.95 < gaps[1] / gaps[2] < 2.05


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "dim"), [*((name, 2) for name in ACTIVATIONS), ("tanh", 7)])
def test_linearisation_is_that_of_jax(activation: str, dim: int) -> None:
    with jax.enable_x64(True):
        random = np.random.default_rng(1)
        x, y = jnp.asarray(random.normal(size=(11, dim))), jnp.asarray(random.normal(size=11))
        weights = Weights(jnp.asarray(random.normal(size=9)), jnp.asarray(random.normal(size=(9, dim))))
        sigma = ACTIVATIONS[activation]

        def residual(weights: Weights) -> jax.Array:
            return weights.output_weight @ sigma(weights.input_weight @ x.T)[0] - y

        flat, unravel = ravel_pytree(weights)
        direction = random.normal(size=flat.size)

        @jax.jit  # once, for each operation would be compiled on its own
        def both(weights: Weights) -> dict[str, tuple[jax.Array, jax.Array]]:
            at = linearise_two_layer(sigma, "float64", weights, Data(x, y))
            general = linearise(residual, "float64", weights)
            jacobian = jax.jacobian(lambda flat: residual(unravel(flat)))(ravel_pytree(weights)[0])
            gradient, known = jacobian.T @ at.residual, residual(weights)
            padded = linearise_two_layer(sigma, "float32", weights, Data(x, y)).explicit()
            return {
                "residual": (at.residual, known),
                "gradient": (ravel_pytree(at.gradient)[0], gradient),
                "gram": (at.gram(), jacobian @ jacobian.T),
                "push": (at.push(unravel(direction)), jacobian @ direction),
                "pull": (ravel_pytree(at.pull(y))[0], jacobian.T @ y),
                "explicit": (at.explicit().jacobian, jacobian),
                "padded": (padded.jacobian, jacobian),
                "general": (general.jacobian, jacobian),
                "general gradient": (ravel_pytree(general.gradient)[0], gradient),
                "velocity": (ravel_pytree(velocity(at))[0], -gradient / y.size),
            }

        found = both(weights)
        tolerances = {"residual": (1e-13, 1e-14), "padded": (1e-5, 1e-5), "velocity": (1e-9, 1e-12)}
        for name, (one, other) in found.items():
            rtol, atol = tolerances.get(name, (1e-10, 1e-12))
            np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, err_msg=name)
        by_hand = twin.gradient(activation, *map(np.asarray, (*weights, x, y)))
        np.testing.assert_allclose(
            found["velocity"][0], -np.concatenate([part.ravel() for part in by_hand]), rtol=1e-9, atol=1e-12
        )


@pytest.mark.slow
@pytest.mark.parametrize("width", [3, 25])
@pytest.mark.parametrize("shift", [1.0, 1e4])
def test_three_ways_to_one_inverse(width: int, shift: float) -> None:
    """Woodbury without J, n x n or P x P with J, and a dense solve; 40 samples and 9 or 75 weights."""
    with jax.enable_x64(True):
        weights, data = setting(width)
        flat, unravel = ravel_pytree(weights)
        direction = unravel(jnp.asarray(np.random.default_rng(2).normal(size=flat.size)))
        *found, narrow, jacobian = inverses(weights, data, direction, jnp.asarray(shift))
        dense = np.eye(flat.size) + shift * np.asarray(jacobian.T @ jacobian)
        expected = np.linalg.solve(dense, ravel_pytree(direction)[0])
        for one in found:
            np.testing.assert_allclose(one, expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(narrow, expected, atol=2e-3)  # of numbers of size 1


@jax.jit
def inverses(weights: Weights, data: Data, direction: Weights, shift: jax.Array) -> list[jax.Array]:
    """(1 + shift J'J)^-1 of a direction in each way, that of float32 the last of them, and J."""
    known = linearise(partial(residuals, data=data), "float64", weights)
    assert isinstance(known, ExplicitLinearisation)
    network = linearise_two_layer(ACTIVATIONS["tanh"], "float64", weights, data)
    narrow = linearise_two_layer(ACTIVATIONS["tanh"], "float32", weights, data)
    ways = (known, network, network.explicit(), narrow)
    return [*(ravel_pytree(at.inverse(shift)(direction))[0] for at in ways), known.jacobian]


@pytest.mark.slow
def test_fewer_weights_than_samples_take_the_other_matrix() -> None:
    sweep = changed(FLOW, width=(5,), seed=(0,), tolerance=1e-8, until=30.0)
    losses, _, _ = run(sweep)
    with jax.enable_x64(True):
        a, w = drawn(1.0, 0, 5, 2)
        data = Data(*(jnp.asarray(part) for part in (load_problem("cub1d").input, load_problem("cub1d").target)))
        end = reference(network_flow(), Weights(jnp.asarray(a), jnp.asarray(w)), data, 30.0)
        expected = jnp.sum(residuals(jax.tree.map(lambda leaf: leaf[0], end), data) ** 2) / 80
    np.testing.assert_allclose(losses[0, -1], expected, rtol=1e-6)


@pytest.mark.slow
def test_one_compilation_a_width_and_none_for_new_values() -> None:
    sweep = changed(FLOW, width=(17,), until=5.0)
    with compilations() as seen:
        run(sweep)
        assert len(seen) == 1
        run(changed(sweep, alpha=(0.7,), seed=(5, 9), until=7.0, stop_at=1e-3, tolerance=2e-4))
        assert len(seen) == 1


@pytest.mark.slow
def test_same_bits_however_the_calls_are_cut() -> None:
    sweep = changed(FLOW, alpha=(0.8, 1.0), seed=(2,))
    losses, ends, weights = run(sweep)
    assert np.isfinite(losses).all()
    for most in (7, 1):
        again, again_ends, again_weights = run(sweep, most=most)
        np.testing.assert_array_equal(again, losses)
        for name in ends:
            np.testing.assert_array_equal(again_ends[name], ends[name])
        np.testing.assert_array_equal(again_weights["input_weight"], weights["input_weight"])


@pytest.mark.slow
def test_a_run_depends_neither_on_its_company_nor_on_what_is_recorded() -> None:
    """Each run has its own steps: beside an easy run or a hard one, with other records, it ends in the same bits."""
    sweep = changed(FLOW, alpha=(1.0, 2.5), seed=(1,))
    _, ends, weights = run(sweep)
    assert ends["accepted_steps"][0] < ends["accepted_steps"][1] - 10
    other = changed(sweep, alpha=(0.6, 2.5), recording=Recording("log:20", 0))
    _, again, own = run(other)
    for name in ("accepted_steps", "rejected_steps", "final_loss"):
        assert again[name][1] == ends[name][1]
    np.testing.assert_array_equal(own["input_weight"][1], weights["input_weight"][1])


@pytest.mark.slow
def test_the_loss_never_rises_and_the_error_follows_the_tolerance() -> None:
    truth, _, _ = run(changed(FLOW, tolerance=1e-9))
    errors = []
    for tolerance in (1e-2, 1e-3, 1e-4, 1e-5):
        losses, ends, _ = run(changed(FLOW, tolerance=tolerance))
        errors.append(np.abs(losses / truth - 1).max())
        assert (np.diff(losses, axis=1) <= 2 * tolerance * losses[0, 0]).all()
        assert (ends["factorisations"] == ends["accepted_steps"] + ends["rejected_steps"]).all()
    ratios = np.array(errors[:-1]) / errors[1:]
    assert (ratios > 4).all()
    assert errors[-1] < 1e-4


@pytest.mark.slow
def test_stop_at_ends_a_run_when_its_loss_is_there() -> None:
    sweep = changed(FLOW, until=40.0, tolerance=1e-5)
    times = np.array(sweep.loss_steps) * sweep.tick
    whole, _, _ = run(sweep)
    stopped, ends, weights = run(changed(sweep, stop_at=0.2))
    assert np.isnan(weights["output_weight"]).all()
    for index in range(2):
        crossing = np.interp(-0.2, -whole[index], times)
        assert ends["status"][index] == RunStatus.STOPPED
        np.testing.assert_allclose(ends["final_loss"][index], 0.2, rtol=1e-9)
        np.testing.assert_allclose(ends["end_time"][index], crossing, rtol=1e-3)
        assert ends["last_step"][index] == int(ends["end_time"][index] / sweep.tick)
        before = times <= ends["end_time"][index]
        np.testing.assert_array_equal(stopped[index, before], whole[index, before])
        assert np.isnan(stopped[index, ~before]).all()
    _, at_once, _ = run(changed(sweep, stop_at=1e9))
    assert at_once["last_step"].tolist() == [0, 0]
    assert (at_once["status"] == RunStatus.STOPPED).all()


@pytest.mark.slow
def test_a_run_that_is_not_finite_is_marked_and_touches_no_other_bit(tmp_path: Path) -> None:
    """Inputs whose square float32 cannot hold: small weights are carried along them, weights of size 1 are not."""
    (tmp_path / "huge.csv").write_text("x,y\n-1e19,-1e-19\n1e19,3e-19\n5e18,-2e-19\n")
    table = Table(tmp_path / "huge.csv", "y", standardise=False, intercept=False)  # type: ignore[arg-type]
    sweep = changed(FLOW, problem=table, activation="relu", dtype="float32", alpha=(12.0, 14.0), seed=(0,), until=5.0)
    losses, _, _ = run(sweep)
    assert np.isfinite(losses).all()
    wild, ends, _ = run(changed(sweep, alpha=(12.0, 0.0)))
    np.testing.assert_array_equal(wild[0], losses[0])
    assert ends["status"].tolist() == [RunStatus.FINISHED, RunStatus.DIVERGED]
    assert ends["last_step"].tolist() == [100_000, 0]
    assert np.isnan(wild[1, 1:]).all()


@pytest.mark.slow
def test_float32_is_near() -> None:
    double, _, _ = run(FLOW)
    single, _, weights = run(changed(FLOW, dtype="float32"))
    assert single.dtype == weights["input_weight"].dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-2)


@pytest.mark.slow
def test_dense_output_of_diffrax_has_its_order() -> None:
    """Between two steps, at a fixed step: the cubic is as good as the steps are."""
    with jax.enable_x64(True):
        weights, data = setting(12)
        ts = np.linspace(0.03, 1.97, 41)
        truth = reference(network_flow(), weights, data, 2.0, ts)
        errors = []
        for count in (16, 32):
            control = diffrax.ConstantStepSize()
            found = solved(network_flow(), weights, data, 2.0, None, control, 2.0 / count, ts).ys
            errors.append(distance(found, truth))
        assert 2.8 < np.log2(errors[0] / errors[1]) < 3.4


@pytest.mark.slow
def test_no_weights_at_all_stay_at_rest() -> None:
    """alpha so large that products of weights underflow: nothing moves, and nothing fails."""
    losses, ends, _ = run(changed(FLOW, alpha=(25.0,), dtype="float32", until=5.0))
    assert ends["status"].tolist() == [RunStatus.FINISHED] * 2
    np.testing.assert_allclose(losses, losses[0, 0], rtol=1e-6)


@pytest.mark.slow
def test_no_loss_rises_between_steps_that_are_far_apart() -> None:
    """Late in training the steps are hundreds of times longer than the residuals take to settle."""
    sweep = changed(FLOW, width=(200,), seed=(0, 2), until=600.0)
    losses, ends, _ = run(sweep)
    assert (ends["accepted_steps"] < 100).all()
    assert (np.diff(losses, axis=1) <= 1e-12 * losses[:, :1]).all()
    exact, _, _ = run(changed(sweep, tolerance=1e-6))
    late = np.array(sweep.loss_steps) * sweep.tick > 300
    np.testing.assert_allclose(losses[:, late], exact[:, late], rtol=0.05)
