"""How does a sweep become a trainer? Its model becomes a network, its dynamics a stepper, its axes those of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mstage.errors import UsageError
from mstage.simulate.devices import has_spare_cores, use_all_cores
from mstage.simulate.dynamics.descent import DescentStepper
from mstage.simulate.dynamics.optimizers import check_optimizer
from mstage.simulate.models.built_in import network_of
from mstage.simulate.models.network import objective_of
from mstage.simulate.problems import too_large_batch
from mstage.simulate.trainer import Trainer
from mstage.spec import Flow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jax import Array
    from jaxtyping import PyTree

    from mstage.simulate.dynamics.flow import FlowStepper
    from mstage.simulate.dynamics.stepper import Stepper
    from mstage.simulate.models.network import Network
    from mstage.spec import Optimizer, Sweep
    from mstage.training_set import TrainingSet


def trainer_of(
    sweep: Sweep, dataset: TrainingSet, program: Mapping[str, float], runs: Sequence[Mapping[str, float]] | None = None
) -> Trainer:
    """The trainer of runs that share a compilation.

    How a gradient is computed and how many runs a block holds depends on the sweep and not on `runs`; so the numbers of
    a run are the same to the bit whichever others are trained with it.

    Args:
        sweep: What to train.
        dataset: The training set of its problem.
        program: The values of the static parameters, one of `sweep.programs`.
        runs: Which runs, each as its values by name; all of `sweep.runs_of_a_program` when None.

    Raises:
        UsageError: The optimizer or the batch size does not suit.
    """
    use_all_cores()
    whole = sweep.runs_of_a_program
    runs = whole if runs is None else runs
    network = network_of(sweep.model, program, dataset.input.shape[1], sweep.dtype)
    columns = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    columns["seed"] = columns["seed"].astype(np.uint32)
    dynamics = sweep.dynamics
    if isinstance(dynamics, Flow):
        stepper: Stepper[PyTree[Array]] = _flow(sweep, program["tolerance"], network)
        columns["tolerance"] = np.full(len(runs), program["tolerance"])
        last_steps = np.full(len(runs), sweep.last_steps[0])
    else:
        stepper = _descent(
            dynamics.optimizer, program.get("batch_size"), network, dataset, is_spare=has_spare_cores(len(whole))
        )
        rates = columns["learning_rate"].tolist()
        last_steps = np.array([dynamics.last_step(rate, sweep.until, sweep.steps) for rate in rates])
        columns["learning_rate"] = columns["learning_rate"].astype(sweep.dtype)
    samples = dataset.input.astype(sweep.dtype), dataset.target.astype(sweep.dtype)
    stop_at = -np.inf if sweep.stop_at is None else sweep.stop_at
    record_steps = np.array(sweep.loss_steps, np.int64)
    return Trainer(network, stepper, samples, columns, last_steps, record_steps, stop_at, total_runs=len(whole))


def _descent(
    optimizer: Optimizer, batch_size: float | None, network: Network, dataset: TrainingSet, *, is_spare: bool
) -> DescentStepper:
    check_optimizer(optimizer)
    samples, size = dataset.target.shape[0], None if batch_size is None else int(batch_size)
    if size is not None and size > samples:
        raise UsageError(too_large_batch(size, dataset.name, samples))
    objective = objective_of(network, samples, has_spare_cores=is_spare)
    batch = None if size is None else objective_of(network, size, has_spare_cores=is_spare)
    return DescentStepper(objective, batch, optimizer, size or samples, samples)


def _flow(sweep: Sweep, tolerance: float, network: Network) -> FlowStepper:
    from mstage.simulate.dynamics.flow import NARROW_TOLERANCE, FlowStepper  # diffrax takes a second to import

    products = "float32" if tolerance >= NARROW_TOLERANCE else sweep.dtype
    return FlowStepper(network, products, sweep.tick, sweep.last_steps[-1])
