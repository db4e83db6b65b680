"""Any network under both steppers, against plain loops, diffrax and closed forms; a run depends on no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mstage.simulate.dynamics.descent import DescentStepper
from mstage.simulate.dynamics.flow import FlowStepper
from mstage.simulate.models.network import Network, objective_of
from mstage.simulate.models.two_layer import TwoLayerNetwork
from mstage.simulate.problems import load_problem
from mstage.simulate.trainer import Position, Trainer
from mstage.simulate.trainers import trainer_of
from mstage.spec import Descent, Flow, Optimizer, Recording, Sweep, TwoLayer
from tests.simulate.networks import Perceptron, PlainTwoLayer, Product
from tests.simulate.test_trainer import compilations
from tests.sweeps import changed

DATA = load_problem("cub1d")
X, Y = DATA.input, DATA.target
RUNS = {"alpha": np.array([0.5, 0.9, 0.9]), "seed": np.array([0, 0, 3], np.uint32)}
NETWORKS = [
    Product(),
    pytest.param(Perceptron(5, 2), marks=pytest.mark.slow),
    pytest.param(PlainTwoLayer(TwoLayerNetwork("tanh", 9, 2, "float64")), marks=pytest.mark.slow),
]
TICKS = 1000


def descent(
    network: Network, steps: int, optimizer: str = "sgd", batch: int | None = None, rate: float = 0.1
) -> Trainer:
    whole = objective_of(network, Y.size, has_spare_cores=False)
    part = None if batch is None else objective_of(network, batch, has_spare_cores=False)
    stepper = DescentStepper(whole, part, Optimizer(optimizer), batch or Y.size, Y.size)
    runs = {**RUNS, "learning_rate": np.full(3, rate)}
    return Trainer(network, stepper, (X, Y), runs, np.full(3, steps), np.arange(steps + 1))


def flow(network: Network, until: float, tolerance: float = 1e-9, runs: dict[str, np.ndarray] = RUNS) -> Trainer:
    stepper = FlowStepper(network, "float64", until / TICKS, TICKS)
    count, records = runs["seed"].size, np.arange(0, TICKS + 1, 20)
    return Trainer(
        network, stepper, (X, Y), {**runs, "tolerance": np.full(count, tolerance)}, np.full(count, TICKS), records
    )


def to_the_end(trainer: Trainer, position: Position | None = None) -> tuple[np.ndarray, Position]:
    position, parts = position or trainer.start(), []
    while position.record < trainer.record_steps.size:
        end = min(position.record + 100, trainer.record_steps.size)
        position, losses = trainer.advance(position, end, 10**6)
        parts.append(losses)
    return np.concatenate(parts, axis=1), position


def drawn(network: Network, index: int) -> Any:
    key = jax.random.PRNGKey(int(RUNS["seed"][index]))
    return network.init(key, {"alpha": jnp.asarray(RUNS["alpha"][index])})


def loss_of(network: Network) -> Callable[..., jax.Array]:
    return lambda params, x=X, y=Y: jnp.mean((network.outputs(params, jnp.asarray(x)) - y) ** 2) / 2


@pytest.mark.parametrize(
    ("network", "batch", "optimizer"),
    [
        (Product(), None, "sgd"),
        pytest.param(Perceptron(5, 2), 13, "adam", marks=pytest.mark.slow),
        pytest.param(PlainTwoLayer(TwoLayerNetwork("tanh", 9, 2, "float64")), 13, "sgd", marks=pytest.mark.slow),
    ],
)
def test_descent_equals_a_plain_loop(network: Network, batch: int | None, optimizer: str) -> None:
    trainer, steps = descent(network, 30, optimizer, batch, rate=0.05), 30
    found, _ = to_the_end(trainer)
    orders, position = [], trainer.start()
    for step in range(steps):  # the order of each epoch is the trainer's own
        position, _ = trainer.advance(position, step + 1, 1)
        orders.append(trainer._layout.by_run(position.state.order))
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        loss, rule = loss_of(network), getattr(optax, optimizer)(0.05)

        @jax.jit
        def one_step(params: Any, state: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any, Any]:
            updates, state = rule.update(jax.grad(loss)(params, x, y), state, params)
            return loss(params), optax.apply_updates(params, updates), state

        for index in range(3):
            params, expected = drawn(network, index), []
            state = rule.init(params)
            for step in range(steps + 1):
                place = step % (Y.size // (batch or Y.size))
                rows = np.arange(Y.size) if batch is None else orders[min(step, steps - 1)][index]
                rows = rows[place * (batch or Y.size) :][: batch or Y.size]
                value, params, state = one_step(params, state, X[rows], Y[rows])
                expected.append(float(value))
            np.testing.assert_allclose(found[index], expected, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS[:2])
def test_flow_agrees_with_a_high_order_runge_kutta_method(network: Network) -> None:
    until = 20.0
    trainer = flow(network, until)
    losses, position = to_the_end(trainer)
    weights = trainer.weights(replace(position, step=TICKS))
    with jax.enable_x64(True):
        loss = loss_of(network)
        field = diffrax.ODETerm(lambda _, params, __: jax.tree.map(jnp.negative, jax.grad(loss)(params)))
        for index in range(3):
            path = diffrax.diffeqsolve(
                field, diffrax.Dopri8(), 0.0, until, None, drawn(network, index), max_steps=100_000,
                stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-14),
                saveat=diffrax.SaveAt(ts=jnp.asarray(trainer.record_steps * until / TICKS)),
            ).ys  # fmt: skip
            np.testing.assert_allclose(losses[index], jax.jit(jax.vmap(loss))(path), rtol=1e-6)
            for (name, values), expected in zip(weights.items(), jax.tree.leaves(path), strict=True):
                np.testing.assert_allclose(values[index], expected[-1], rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.slow
def test_flow_of_a_product_keeps_u2_minus_v2() -> None:
    trainer = flow(Product(), 60.0)
    start = trainer.weights(trainer.start())
    _, position = to_the_end(trainer)
    end = trainer.weights(replace(position, step=TICKS))
    np.testing.assert_allclose(end["u"] ** 2 - end["v"] ** 2, start["u"] ** 2 - start["v"] ** 2, rtol=1e-6)
    np.testing.assert_allclose(end["u"] * end["v"], X[:, 0] @ Y / (X[:, 0] @ X[:, 0]), rtol=1e-6)


@pytest.mark.slow
def test_parameters_have_the_names_of_their_tree() -> None:
    trainer = descent(Perceptron(5, 2), 3)
    shapes = {name: values.shape for name, values in trainer.weights(trainer.start()).items()}
    assert shapes == {
        "layers.0.bias": (3, 5), "layers.0.weight": (3, 5, 2), "layers.1.bias": (3, 5), "layers.1.weight": (3, 5, 5),
        "readout": (3, 5),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: descent(Perceptron(5, 2), 5), lambda: flow(Perceptron(5, 2), 5.0)])
def test_one_compilation_and_none_for_new_values(make: Callable[[], Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    to_the_end(make())
    with compilations() as seen:
        monkeypatch.setitem(RUNS, "alpha", np.array([0.1, 0.2, 1.3]))
        monkeypatch.setitem(RUNS, "seed", np.array([5, 6, 7], np.uint32))
        to_the_end(make())
    assert seen == []


@pytest.mark.parametrize("stepper", ["descent", pytest.param("flow", marks=pytest.mark.slow)])
@pytest.mark.parametrize("network", NETWORKS)
def test_memory_holds_the_state_and_the_work(network: Network, stepper: str) -> None:
    trainer = descent(network, 5) if stepper == "descent" else flow(network, 5.0)
    held = sum(leaf.nbytes for leaf in trainer.leaves(trainer.start()))
    assert trainer.memory_bytes() > 3 * held + 2 * (X.nbytes + Y.nbytes)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 7},
        {"optimizer": Optimizer("adam")},
        {"width": 6400, "steps": 5},
        {"dynamics": Flow(), "steps": None, "until": 20.0},
    ],
)
def test_a_run_depends_on_no_other(change: dict[str, Any]) -> None:
    """Alone, in other company, in another order: the same bits.

    Adam once rounded a run alone and a run of a block in two ways, and a large run alone was not cut into tiles.
    """
    recording = Recording("log:50", 0)
    sweep = Sweep(TwoLayer((0.6, 1.0), 23), "cub1d", Descent(0.01), (0, 1, 2, 3), steps=40, recording=recording)
    sweep = changed(sweep, **change)
    program, runs = sweep.programs[0], sweep.runs_of_a_program
    together, position = to_the_end(whole := trainer_of(sweep, DATA, program))
    leaves = whole.leaves(position)
    for some in ([5], [7, 0, 3, 4, 1]):
        part = trainer_of(sweep, DATA, program, [runs[index] for index in some])
        losses, position = to_the_end(part)
        np.testing.assert_array_equal(losses, together[some])
        for leaf, expected in zip(part.leaves(position), leaves, strict=True):
            np.testing.assert_array_equal(leaf, expected[some])


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: descent(Product(), 400), lambda: flow(Product(), 40.0)])
def test_a_checkpoint_goes_on_with_another_number_of_devices(
    make: Callable[[], Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs in the order of the devices were once taken for runs in the order of others, without a word."""
    whole, last = to_the_end(trainer := make())
    position, first = trainer.advance(trainer.start(), 20, 10**6)
    leaves = trainer.leaves(position)
    monkeypatch.setattr("mstage.simulate.devices._devices_for", lambda _: jax.devices()[:1])
    again = make()
    losses, position = to_the_end(again, again.restore(20, leaves))
    np.testing.assert_array_equal(np.concatenate([first, losses], axis=1), whole)
    for leaf, expected in zip(again.leaves(position), trainer.leaves(last), strict=True):
        np.testing.assert_array_equal(leaf, expected)
    with pytest.raises(ValueError, match="another sweep"):
        again.restore(20, leaves[:-1])


@pytest.mark.slow
def test_a_network_of_its_own_form_equals_what_jax_derives() -> None:
    """The flow of more weights than samples; that of fewer, which solves another system, is compared above."""
    for width, make in ((9, lambda network: descent(network, 60)), (30, lambda network: flow(network, 10.0))):
        own = TwoLayerNetwork("tanh", width, 2, "float64")
        (one, _), (other, _) = (to_the_end(make(network)) for network in (own, PlainTwoLayer(own)))
        np.testing.assert_allclose(one, other, rtol=1e-7)
