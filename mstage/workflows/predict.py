"""What theory says of a sweep, before it is trained or after."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mstage.analysis.theory.constants import problem_constants
from mstage.analysis.theory.predictions import SweepTheory, Theory
from mstage.errors import UsageError
from mstage.simulate.problems import too_large_batch
from mstage.spec import Descent, TwoLayer
from mstage.store.reader import StoredSweep
from mstage.workflows.problems import training_set_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mstage.spec import Sweep

NO_MODEL = "theory is of two-layer networks alone"
SCALED = "the output is multiplied by a power of the width, and theory is of one that is not"
NO_TIME = "theory is of gradient flow and plain gradient descent; {}"


def predict(source: Sweep | str | Path) -> SweepTheory:
    """Predict the stages of a sweep.

    Args:
        source: A sweep, trained or not, or the store of one.

    Returns:
        Exit time, rise, levels and escape time for each alpha, width and learning rate, in gradient-flow time; each
        with its conditions, and a reason where it does not apply.

    Raises:
        InputError: The store or the table cannot be read.
        UsageError: There is no such optimizer, or the batches are larger than the training set.

    Example:
        >>> predict(Sweep(TwoLayer(alpha=1.5, width=1600), "cub1d", until=1.0)).runs[0].exit_time.value
        11.27...
    """
    if isinstance(source, (str, Path)):
        store = StoredSweep(source)
        problem = store.problem()
        return theory_of(store.sweep, problem.attrs, problem)
    data = training_set_of(source.problem)
    for batch in _batch_sizes(source):
        if batch > len(data.target):
            raise UsageError(too_large_batch(batch, data.name, len(data.target)))
    if isinstance(source.dynamics, Descent) and not source.has_time:
        from mstage.simulate.dynamics.optimizers import (
            check_optimizer,  # takes JAX, which plain gradient descent needs not
        )

        check_optimizer(source.dynamics.optimizer)
    about = {"name": data.name, "preparation": data.preparation}
    return theory_of(source, about, {"input": data.input, "target": data.target})


def why_no_theory(sweep: Sweep) -> str:
    """Why theory says nothing of a sweep; empty where it does."""
    if not isinstance(sweep.model, TwoLayer):
        return NO_MODEL
    return SCALED if any(sweep.model.output_exponent or ()) else ""


def theory_of(sweep: Sweep, problem: Mapping[Any, Any], data: Mapping[Any, Any]) -> SweepTheory:
    """The theory of a sweep whose training set is at hand.

    Args:
        sweep: The sweep.
        problem: Its `name` and `preparation`, if there was one.
        data: Its `input` and `target`.

    Raises:
        UsageError: There is none; see `why_no_theory`.
    """
    inputs = np.asarray(data["input"])
    constants = problem_constants(inputs, np.asarray(data["target"]))
    if not isinstance(sweep.model, TwoLayer) or why_no_theory(sweep):
        raise UsageError(why_no_theory(sweep))
    no_flow = "" if sweep.has_time else NO_TIME.format(sweep.dynamics.why_no_time)
    rates = sweep.axes.get("learning_rate", (None,)) if sweep.has_time else (None,)
    outputs = sweep.axes.get("alpha_output", (None,))
    runs = tuple(
        Theory(constants, sweep.model.activation, alpha, int(width), rate, no_flow, output)
        for alpha, width, rate, output in product(sweep.axes["alpha"], sweep.axes["width"], rates, outputs)
    )
    remarks = [f"data: {problem['preparation']}"] if problem.get("preparation") else []
    samples, batches = len(inputs), [size for size in _batch_sizes(sweep) if size < len(inputs)]
    if batches:
        remarks.append(
            f"theory takes the gradient over all {samples} samples; the noise of batches of "
            f"{', '.join(map(str, batches))} is left out"
        )
    return SweepTheory(problem["name"], constants, runs, tuple(remarks))


def _batch_sizes(sweep: Sweep) -> tuple[int, ...]:
    return (isinstance(sweep.dynamics, Descent) and sweep.dynamics.batch_size) or ()
