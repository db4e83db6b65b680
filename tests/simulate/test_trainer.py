"""The compiled trainer against a plain NumPy loop, against Optax used by hand, and against its own laws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mstage.errors import UsageError
from mstage.history import RunStatus
from mstage.simulate.blocks import tiles
from mstage.simulate.devices import Layout
from mstage.simulate.problems import load_problem
from mstage.simulate.trainers import trainer_of
from mstage.spec import Descent, Optimizer, Recording, Sweep, TwoLayer
from mstage.workflows.problems import training_set_of
from tests import twin
from tests.sweeps import changed

EVERY_STEP = Recording(losses="every:1", snapshots=0)


def run(
    sweep: Sweep, width: int | None = None, most_steps: int = 10**6
) -> tuple[np.ndarray, dict[str, np.ndarray], dict]:
    """Losses (runs, records), the ends and the last weights of a sweep's width."""
    trainer = trainer_of(sweep, training_set_of(sweep.problem), sweep.programs[0] | ({"width": width} if width else {}))
    position, parts = trainer.start(), []
    total = trainer.record_steps.size
    while position.record < total:
        position, losses = trainer.advance(position, min(position.record + 256, total), most_steps)
        parts.append(losses)
    weights = dict(zip(("a", "w"), trainer.leaves(position)[:2], strict=True))
    return np.concatenate(parts, axis=1), trainer.ends(position), weights


def drawn(alpha: float, seed: int, width: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The initial weights, drawn as the definition says and not by the package."""
    with jax.enable_x64(True):
        output_key, input_key = jax.random.split(jax.random.PRNGKey(seed))
        a = np.asarray(jax.random.normal(output_key, (width,), "float64"))
        w = np.asarray(jax.random.normal(input_key, (width, dim), "float64"))
    return a * width**-alpha, w * width**-alpha


@contextmanager
def compilations() -> Iterator[list[str]]:
    """The programs that XLA compiles inside."""
    seen: list[str] = []

    def listen(event: str, *_: object, **__: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "problem"), [("relu", "cub1d"), ("sin", "cub1d"), ("tanh", "gauss5")])
def test_equals_a_plain_numpy_loop(activation: str, problem: str) -> None:
    """The gradients of all activations are compared in `test_networks`."""
    sweep = Sweep(
        TwoLayer(activation=activation, alpha=(0.6, 1.0), width=(23,)),
        problem=problem,
        dynamics=Descent(learning_rate=(0.05, 0.1)),
        seed=(0, 7),
        steps=100,
        recording=EVERY_STEP,
    )
    data = load_problem(problem)
    losses, _, weights = run(sweep)
    cases = [
        (alpha, seed, rate)
        for alpha in sweep.model.alpha
        for seed in sweep.seed
        for rate in sweep.dynamics.learning_rate
    ]
    for index, (alpha, seed, rate) in enumerate(cases):
        a, w = drawn(alpha, seed, 23, data.input.shape[1])
        expected, a, w = twin.descend(activation, a, w, data.input, data.target, rate, 100)
        np.testing.assert_allclose(losses[index], expected, rtol=1e-12)
        np.testing.assert_allclose(weights["a"][index], a, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(weights["w"][index], w, rtol=1e-10, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    ["sgd:momentum=0.9,nesterov=true", "adamw:b1=0.8,weight_decay=0.01", "lion", "adagrad", "lbfgs"],
)
def test_equals_optax_used_by_hand(optimizer: str) -> None:
    spec = Optimizer.parse(optimizer)
    sweep = Sweep(
        TwoLayer(alpha=(1.0,), width=(11,)),
        dynamics=Descent(learning_rate=(0.001, 0.002), optimizer=spec),
        steps=40,
        recording=EVERY_STEP,
    )
    data = load_problem("cub1d")
    losses, _, _ = run(sweep)

    def loss(weights: dict) -> jax.Array:
        residual = weights["a"] @ jnp.tanh(weights["w"] @ data.input.T) - data.target
        return jnp.mean(residual**2) / 2

    def rule_of(rate: jax.Array) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(getattr(optax, spec.name)(rate, **spec.options))

    @jax.jit
    def step(weights: dict, state: object, rate: jax.Array) -> tuple:
        value, gradient = jax.value_and_grad(loss)(weights)
        extra = {"value": value, "grad": gradient, "value_fn": loss}
        updates, state = rule_of(rate).update(gradient, state, weights, **extra)
        return value, optax.apply_updates(weights, updates), state

    for index, rate in enumerate(sweep.dynamics.learning_rate):
        with jax.enable_x64(True):
            a, w = drawn(1.0, 0, 11, 2)
            weights = {"a": jnp.asarray(a), "w": jnp.asarray(w)}
            state, expected = rule_of(jnp.asarray(rate)).init(weights), []
            for _ in range(41):
                value, weights, state = step(weights, state, jnp.asarray(rate))
                expected.append(float(value))
        # A line search takes its decisions on differences of losses, so rounding shows earlier there.
        np.testing.assert_allclose(losses[index], expected, rtol=1e-6 if spec.name == "lbfgs" else 1e-10)


@pytest.mark.slow
def test_one_compilation_a_width_and_none_for_new_values() -> None:
    sweep = Sweep(
        TwoLayer(alpha=(0.8, 1.0), width=(17, 19)), dynamics=Descent(learning_rate=(0.1,)), seed=(0, 1), until=5.0
    )
    jax.clear_caches()  # so that what earlier tests have compiled is counted too: the samples once took four programs
    with compilations() as seen:
        run(sweep, 17)
        assert len(seen) == 1
        run(sweep, 19)
        assert len(seen) == 2
        other = changed(sweep, alpha=(0.7, 1.3), seed=(5, 9), learning_rate=(0.05,), until=7.0, stop_at=1e-3)
        run(other, 17)
        run(other, 19)
        assert len(seen) == 2


@pytest.mark.slow
def test_same_spec_same_bits_however_the_calls_are_cut() -> None:
    sweep = Sweep(TwoLayer(alpha=(0.8, 1.0), width=(40,)), seed=(0, 1, 2), until=60.0, recording=Recording("log:90", 0))
    losses, ends, weights = run(sweep)
    for most_steps in (10**6, 7, 1):
        again, again_ends, again_weights = run(sweep, most_steps=most_steps)
        np.testing.assert_array_equal(again, losses)
        np.testing.assert_array_equal(again_ends["final_loss"], ends["final_loss"])
        np.testing.assert_array_equal(again_weights["w"], weights["w"])


@pytest.mark.slow
def test_a_diverging_run_is_marked_and_touches_no_other_bit() -> None:
    calm = Sweep(
        TwoLayer(activation="relu", alpha=(0.6, 1.0), width=(30,)),
        dynamics=Descent(learning_rate=(0.1, 0.11)),
        seed=(0, 1),
        steps=300,
        recording=EVERY_STEP,
    )
    wild = changed(calm, learning_rate=(0.1, 50.0))
    losses, ends, weights = run(calm)
    wild_losses, wild_ends, wild_weights = run(wild)
    kept = slice(0, 8, 2)
    np.testing.assert_array_equal(wild_losses[kept], losses[kept])
    np.testing.assert_array_equal(wild_weights["w"][kept], weights["w"][kept])
    assert (ends["status"] == RunStatus.FINISHED).all()
    assert (wild_ends["status"] == [RunStatus.FINISHED, RunStatus.DIVERGED] * 4).all()
    for index in range(1, 8, 2):
        last = wild_ends["last_step"][index]
        assert 0 < last < 300
        assert np.isfinite(wild_losses[index, :last]).all()
        assert not np.isfinite(wild_losses[index, last])
        assert np.isnan(wild_losses[index, last + 1 :]).all()


def test_stop_at_ends_a_run_at_the_first_loss_below_it() -> None:
    sweep = Sweep(TwoLayer(alpha=(0.75,), width=(50,)), seed=(0, 1, 2), steps=400, recording=EVERY_STEP)
    losses, _, _ = run(sweep)
    stopped, ends, _ = run(changed(sweep, stop_at=0.15))
    for index in range(3):
        first = int(np.argmax(losses[index] <= 0.15))
        assert 0 < first < 400
        assert ends["status"][index] == RunStatus.STOPPED
        assert ends["last_step"][index] == first
        assert ends["final_loss"][index] == losses[index, first]
        np.testing.assert_array_equal(stopped[index, : first + 1], losses[index, : first + 1])
        assert np.isnan(stopped[index, first + 1 :]).all()


@pytest.mark.slow
def test_each_learning_rate_ends_at_its_own_step_of_the_same_time() -> None:
    sweep = Sweep(TwoLayer(alpha=(1.0,), width=(20,)), dynamics=Descent(learning_rate=(0.05, 0.1)), until=10.0)
    losses, ends, _ = run(sweep)
    assert ends["last_step"].tolist() == [200, 100]
    assert np.isfinite(losses[0]).all()
    assert np.isfinite(losses[1, :101]).all()
    assert np.isnan(losses[1, 101:]).all()


@pytest.mark.slow
def test_batches_go_once_through_the_samples_each_epoch() -> None:
    sweep = Sweep(
        TwoLayer(alpha=(0.6,), width=(9,)), dynamics=Descent(batch_size=13), seed=(3,), steps=30, recording=EVERY_STEP
    )
    data = load_problem("cub1d")
    losses, _, _ = run(sweep)
    a, w = drawn(0.6, 3, 9, 2)
    expected, unseen = [], list(range(40))
    trainer = trainer_of(sweep, data, sweep.programs[0])
    position = trainer.start()
    for step in range(30):
        expected.append(twin.loss("tanh", a, w, data.input, data.target))
        position, _ = trainer.advance(position, step + 1, 1)
        order = np.asarray(position.state.order)[0]
        if step % 3 == 0:
            unseen = sorted(order)
            assert unseen == list(range(40))
        rows = order[13 * (step % 3) : 13 * (step % 3) + 13]
        da, dw = twin.gradient("tanh", a, w, data.input[rows], data.target[rows])
        a, w = a - 0.1 * da, w - 0.1 * dw
    np.testing.assert_allclose(losses[0, :30], expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"batch_size": 33, "dtype": "float32"}, {"optimizer": Optimizer("lbfgs")}])
def test_tiles_change_no_run(change: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of 33 ends in a tile with zeros; the line search differentiates the loss of all tiles."""
    sweep = Sweep(TwoLayer(alpha=(0.6, 1.0), width=(101,)), steps=20, recording=EVERY_STEP)
    sweep, data, found = changed(sweep, **change), load_problem("cub1d"), []
    monkeypatch.setattr("mstage.simulate.blocks.second_level_cache", lambda: 2**14)
    assert tiles(40, 101, 2, sweep.dtype).number > 1
    for cores in (1, 10**6):  # with cores to spare there are no tiles
        monkeypatch.setattr("mstage.simulate.devices.processors", lambda cores=cores: cores)
        found.append(run(sweep))
    (losses, _, weights), (whole, _, whole_weights) = found
    assert any((weights[name] != whole_weights[name]).any() for name in weights)  # their sums were rounded anew
    np.testing.assert_allclose(losses, whole, rtol=1e-5 if sweep.dtype == "float32" else 1e-10)
    if not change:
        expected, a, w = twin.descend("tanh", *drawn(1.0, 0, 101, 2), data.input, data.target, 0.1, 20)
        np.testing.assert_allclose(losses[1], expected, rtol=1e-12)
        np.testing.assert_allclose(weights["a"][1], a, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(weights["w"][1], w, rtol=1e-10, atol=1e-14)


@pytest.mark.slow
def test_float32_starts_from_the_weights_of_float64() -> None:
    sweep = Sweep(TwoLayer(alpha=(1.0,), width=(60,)), steps=50, recording=EVERY_STEP)
    double, _, _ = run(sweep)
    single, _, weights = run(changed(sweep, dtype="float32"))
    assert single.dtype == np.float32
    assert weights["w"].dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-5)


@pytest.mark.parametrize("largest", [1, 3, 16])
@pytest.mark.parametrize("runs", [1, 2, 3, 5, 9, 18, 64, 255])
def test_layout_wastes_no_block(runs: int, largest: int) -> None:
    jax.devices()
    layout = Layout.of(runs, largest)
    devices = layout.mesh.devices.size
    assert layout.size >= runs
    assert layout.size % (devices * layout.block) == 0
    assert layout.size - runs < devices
    assert layout.block <= largest
    names = np.arange(runs)
    assert layout.places(names).shape == (layout.size,)
    np.testing.assert_array_equal(layout.by_run(layout.places(names)), names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": Optimizer("sdg")}, "unknown optimizer `sdg`"),
        ({"optimizer": Optimizer("adam", {"beta": 0.9})}, "unknown option `beta`"),
        ({"optimizer": Optimizer("adam", {"mu_dtype": "high"})}, "Optax refuses it"),
        ({"optimizer": Optimizer("adam", {"learning_rate": 0.1})}, "axis of its own"),
        ({"batch_size": 41}, "cub1d has 40 samples"),
    ],
)
def test_refuses_what_cannot_be_trained(change: dict, message: str) -> None:
    sweep = changed(Sweep(steps=10), **change)
    with pytest.raises(UsageError, match=message):
        trainer_of(sweep, load_problem("cub1d"), sweep.programs[0])
