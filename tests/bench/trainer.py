"""The trainer beside other ways to train the same networks: microseconds a run and step, alternating in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

import mstage
from mstage.simulate.devices import use_all_cores
from mstage.simulate.problems import load_problem
from mstage.simulate.trainer import MAX_SEGMENT_RECORDS
from mstage.simulate.trainers import trainer_of
from mstage.training_set import TrainingSet
from tests.bench import torch_forms

RUNS, ROUNDS, RATE = 32, 7, 1e-3
SHAPES = (  # width, samples, dim, dtype
    (1600, 40, 2, "float64"),
    (200, 100, 6, "float32"),
)
GRID = (
    (100, 20, 2, "float64", 1), (100, 1000, 5, "float64", 16), (400, 40, 2, "float64", 256),
    (400, 200, 20, "float64", 32), (1600, 100, 10, "float32", 32), (6400, 40, 2, "float64", 8),
    (6400, 40, 50, "float32", 4),
)  # fmt: skip
Step = Callable[[], None]


def networks(width: int, samples: int, dim: int, dtype: str, runs: int) -> tuple[Any, ...]:
    random = np.random.default_rng(0)
    x = random.standard_normal((samples, dim)).astype(dtype)
    y = np.tanh(2 * x[:, 0]).astype(dtype)
    output = (random.standard_normal((runs, width)) / width).astype(dtype)
    return x, y, output, (random.standard_normal((runs, width, dim)) / width).astype(dtype)


def loss(weights: Any, x: Any, y: Any) -> Any:
    output, inputs = weights
    return jnp.mean((output @ jnp.tanh(inputs @ x.T) - y) ** 2) / 2


def descend(weights: Any, x: Any, y: Any, steps: int) -> Any:
    """`steps` updates of one network by reverse mode, in a scan."""

    def step(weights: Any, _: None) -> Any:
        value, gradient = jax.value_and_grad(loss)(weights, x, y)
        return jax.tree.map(lambda w, g: w - RATE * g, weights, gradient), value

    return jax.lax.scan(step, weights, None, steps)[0]


def forms(width: int, samples: int, dim: int, dtype: str, runs: int, steps: int) -> dict[str, Step]:
    """Each takes all runs `steps` updates further and waits for them."""
    x, y, *weights = networks(width, samples, dim, dtype, runs)
    devices = jax.devices()[: np.gcd(runs, len(jax.devices()))]
    mesh = Mesh(np.array(devices), ("runs",))
    split, whole = PartitionSpec("runs"), PartitionSpec()

    def each(weights: Any, x: Any, y: Any) -> Any:
        return jax.vmap(lambda w: descend(w, x, y, steps))(weights)

    def in_turn(weights: Any, x: Any, y: Any) -> Any:
        return jax.lax.map(lambda w: descend(w, x, y, steps), weights)

    shard = partial(jax.shard_map, mesh=mesh, in_specs=(split, whole, whole), out_specs=split, check_vma=False)
    programs = {
        "vmap of value_and_grad": each,
        "  over all cores": shard(each),
        "single runs, all cores": shard(in_turn),
    }
    return {name: program_step(jax.jit(program), tuple(weights), x, y) for name, program in programs.items()} | {
        "mstage": trainer_step(width, x, y, dtype, runs, steps)
    }


def program_step(program: Any, weights: Any, x: Any, y: Any) -> Step:
    jax.block_until_ready(program(weights, x, y))
    return lambda: jax.block_until_ready(program(weights, x, y))


def trainer_step(width: int, x: np.ndarray, y: np.ndarray, dtype: str, runs: int, steps: int) -> Step:
    dataset = TrainingSet("random", x.astype(float), y.astype(float), tuple(f"x{k}" for k in range(x.shape[1])), "y")
    sweep = mstage.Sweep(
        mstage.TwoLayer(width=(width,)),
        dynamics=mstage.Descent(learning_rate=(RATE,)),
        seed=tuple(range(runs)),
        steps=10**8,
        dtype=dtype,
        recording=mstage.Recording("log:200", 0),
    )  # fmt: skip
    trainer = trainer_of(sweep, dataset, sweep.programs[0])
    position = trainer.start()

    def step() -> None:
        nonlocal position
        goal = position.step + steps
        while position.step < goal:
            end = min(position.record + 100, trainer.record_steps.size)
            position, _ = trainer.advance(position, end, goal - position.step)

    step()
    return step


def elementwise_bound(width: int, samples: int, dim: int, dtype: str, runs: int, steps: int) -> Step:
    """tanh and the three matrix products of a step alone, over all cores: what no trainer of this form goes below."""
    x, _, output, inputs = networks(width, samples, dim, dtype, runs)
    mesh = Mesh(np.array(jax.devices()[: np.gcd(runs, len(jax.devices()))]), ("runs",))

    def one(carry: Any) -> Any:
        output, inputs = carry

        def step(_: Any, carry: Any) -> Any:
            output, inputs = carry
            value = jnp.tanh(inputs @ x.T)
            return output + 1e-9 * (value @ (output @ value)), inputs + 1e-9 * (value @ x)

        return jax.lax.fori_loop(0, steps, step, (output, inputs))

    split = PartitionSpec("runs")
    program = jax.jit(jax.shard_map(partial(jax.lax.map, one), mesh=mesh, in_specs=(split,), out_specs=split,
                                    check_vma=False))  # fmt: skip
    jax.block_until_ready(program((output, inputs)))
    return lambda: jax.block_until_ready(program((output, inputs)))


def alternating(steps: dict[str, Step], work: int) -> dict[str, np.ndarray]:
    """Microseconds a run and step of each form, one entry a round."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            times[name].append((time.perf_counter() - begun) / work * 1e6)
    return {name: np.array(values) for name, values in times.items()}


def ratios(of: np.ndarray, over: np.ndarray) -> str:
    """Median and range of a ratio, round by round."""
    each = of / over
    return f"{np.median(each):.2f} ({each.min():.2f} to {each.max():.2f})"


def measure() -> None:
    """Print the two shapes in full, then the best other form on a grid of shapes."""
    use_all_cores()
    with jax.enable_x64(True):
        for width, samples, dim, dtype in SHAPES:
            steps = max(int(6e7 / (width * samples * RUNS)), 5)
            shape = (width, samples, dim, dtype, RUNS, steps)
            rivals = forms(*shape) | {"bound": elementwise_bound(*shape)}
            if torch_forms.IS_INSTALLED:
                rivals |= torch_forms.forms(networks(*shape[:-1]), RATE, steps)
            measured = alternating(rivals, RUNS * steps)
            print(f"  {dtype}, m {width}, n {samples}, d {dim}, {RUNS} runs: microseconds a run and step")
            for name, times in measured.items():
                print(
                    f"    {name:25} {times.min():7.1f}   {ratios(times, measured['mstage'])} times mstage", flush=True
                )
        if not torch_forms.IS_INSTALLED:
            print("  PyTorch is not installed, and not measured; see `make torch`")
        for width, samples, dim, dtype, runs in GRID:
            steps = max(int(6e7 / (width * samples * runs)), 5)
            measured = alternating(forms(width, samples, dim, dtype, runs, steps), runs * steps)
            others = {name: times for name, times in measured.items() if name != "mstage"}
            best = min(others, key=lambda name: float(np.median(others[name])))
            ratio = ratios(others[best], measured["mstage"])
            where = f"{dtype}, m {width}, n {samples}, d {dim}, {runs} runs"
            print(f"  {where}: best other ({best.strip()}) {ratio} times mstage", flush=True)


def overhead(rounds: int = 15, steps: int = 9_000) -> None:
    """A sweep that is recorded, shown and committed, just before or after its steps alone, in time of the processors.

    Other programs take turns on the processors and change what a round costs by more than what is looked for; so the
    two are a round apart at most, and the middle of many rounds counts.
    """
    sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.0, 1.5), width=(400,)), seed=tuple(range(8)), steps=steps)
    trainer = trainer_of(sweep, load_problem("cub1d"), sweep.programs[0])

    def alone() -> None:
        position = trainer.start()
        while position.record < trainer.record_steps.size:
            end = min(position.record + MAX_SEGMENT_RECORDS, trainer.record_steps.size)
            position, _ = trainer.advance(position, end, 10**9)

    seconds: dict[Step, list[float]] = {}
    with TemporaryDirectory() as folder:
        names = iter(range(10**6))

        def whole() -> None:
            mstage.train(sweep, f"{folder}/{next(names)}", progress=lambda _: None)

        for k in range(rounds + 1):
            for form in (alone, whole) if k % 2 else (whole, alone):
                begun = time.process_time()
                form()
                seconds.setdefault(form, []).append(time.process_time() - begun)
    steps_alone, all_of_it = (np.array(seconds[form][1:]) for form in (alone, whole))  # the first round compiled
    shares = np.sort(all_of_it / steps_alone - 1)
    low, high = np.quantile(shares, (0.25, 0.75))
    print(f"  {np.median(shares):.1%} (half of {rounds} rounds in {low:.1%} to {high:.1%}, all in {shares[0]:.1%} to "
          f"{shares[-1]:.1%}) on {np.median(steps_alone):.1f} s of steps; goal: under 5 %", flush=True)  # fmt: skip


def start(rounds: int = 3) -> None:
    """`mstage train` of a single step: the first time, and when what it compiles is in the cache."""
    with TemporaryDirectory() as folder:
        command = ["-m", "mstage", "train", "--width", "400", "--steps", "1", "--overwrite", "-o", f"{folder}/sweep"]
        seconds = []
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *command], env=os.environ | {"XDG_CACHE_HOME": folder}, check=True,
                           capture_output=True)  # fmt: skip
            seconds.append(time.perf_counter() - begun)
    later = seconds[1:]
    print(f"  {seconds[0]:.1f} s the first time, then {np.median(later):.1f} s "
          f"({min(later):.1f} to {max(later):.1f}); goal: under 4 s")  # fmt: skip


if __name__ == "__main__":
    measure()
