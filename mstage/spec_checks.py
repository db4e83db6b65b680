"""What makes no sense in the description of a sweep, said in one line before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from mstage.errors import UsageError

if TYPE_CHECKING:
    from mstage.spec import Sweep, Table

SHARES = ("momentum", "b1", "b2", "b3", "decay")  # options of optimizers: how much is kept of a running average
NOT_NEGATIVE = ("eps", "eps_root", "weight_decay", "initial_accumulator_value", "eta")
MOST_RECORDS = 1_000_000  # of a run; more is a slip of the keyboard, and would fill the memory before the disk


def axis_values(name: str, values: Any, kind: type[int] | type[float]) -> tuple[Any, ...]:
    """The values of an axis as plain numbers, whatever sequence of whatever numbers they come in.

    Raises:
        UsageError: They are no sequence, or not numbers of that kind.
    """
    shown = name.replace("_", "-")
    expected = "whole numbers" if kind is int else "numbers"
    values = values.tolist() if hasattr(values, "tolist") else values  # a NumPy array
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise UsageError(f"{shown} {values!r}: expected a tuple of {expected}, as ({1 if kind is int else 1.0},)")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
            raise UsageError(f"{shown} {value!r}: expected {expected}")
    return tuple(kind(value) for value in values)


def check_table(table: Table) -> None:
    """Refuse a table whose columns contradict each other, without a look at the file.

    Raises:
        UsageError: They do.
    """
    features = table.features or ()
    for name, value in (("data", table.path), ("target", table.target), *(("features", part) for part in features)):
        if not isinstance(value, str) or not value:
            raise UsageError(f"{name} {value!r}: expected a name")
    if table.features == ():
        raise UsageError(f"{table.path}: the list of features is empty; leave it out to take every other column")
    if table.target in features:
        raise UsageError(
            f"{table.path}: the target `{table.target}` is among the features, which would tell the answer; "
            f"leave it out of --features"
        )
    if len(set(features)) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise UsageError(f"{table.path}: feature `{twice}` is given twice; give each column once in --features")
    for option in ("standardise", "intercept", "drop_missing"):
        if not isinstance(getattr(table, option), bool):
            raise UsageError(f"{option.replace('_', '-')} {getattr(table, option)!r}: expected true or false")


def check_sweep(sweep: Sweep) -> None:
    """Refuse a sweep whose numbers make no sense.

    Raises:
        UsageError: A value is out of its range, or two of them do not go together.
    """
    _check_axes(sweep)
    if sweep.batch_size is not None and (not _is_whole(sweep.batch_size) or sweep.batch_size < 1):
        raise UsageError(f"batch-size {sweep.batch_size}: has to be a whole number of at least 1")
    if sweep.stop_at is not None and not (_is_finite(sweep.stop_at) and sweep.stop_at >= 0):
        raise UsageError(f"stop-at {sweep.stop_at}: has to be a finite loss, 0 or more")
    _check_tolerance(sweep)
    _check_horizon(sweep)
    _check_records(sweep)


def check_flow(sweep: Sweep, no_rate: tuple[float, ...]) -> None:
    """Refuse what has no meaning in a gradient flow.

    Args:
        sweep: A flow.
        no_rate: The learning rates of a sweep that was given none.

    Raises:
        UsageError: It is given.
    """
    for name, given in (
        ("learning-rate", sweep.learning_rate not in ((), no_rate)),
        ("optimizer", str(sweep.optimizer) != "sgd"),
        ("batch-size", sweep.batch_size is not None),
    ):
        if given:
            raise UsageError(no_descent(name))
    if sweep.steps is not None:
        raise UsageError("steps: a gradient flow chooses its own steps; say how long with --until TIME")


def no_descent(name: str) -> str:
    """One line for an option of descent that is given for a flow."""
    return f"{name}: a gradient flow has none; leave it out, or descend in steps with --dynamics descent"


def _check_tolerance(sweep: Sweep) -> None:
    tolerance = sweep.tolerance
    if tolerance is None:
        return
    if sweep.dynamics != "flow":
        raise UsageError(f"tolerance {tolerance}: belongs to a gradient flow; give --dynamics flow with it")
    least = 1e-12 if sweep.dtype == "float64" else 1e-6  # below, rounding is larger than what is asked for
    if not (_is_finite(tolerance) and least <= tolerance <= 0.1):
        raise UsageError(f"tolerance {tolerance}: has to be from {least:g} to 0.1 in {sweep.dtype}")


def _check_axes(sweep: Sweep) -> None:
    for name in ("alpha", "width", "seed", "learning_rate"):
        values = getattr(sweep, name)
        shown = name.replace("_", "-")
        if not values and (name != "learning_rate" or sweep.dynamics != "flow"):
            raise UsageError(f"{shown}: the list is empty; a sweep needs at least one value")
        if len(set(values)) < len(values):
            twice = next(v for v in values if values.count(v) > 1)
            raise UsageError(f"{shown}: {twice} is given twice; give each value once")
        for value in values:
            if not math.isfinite(value):
                raise UsageError(f"{shown} {value}: has to be finite")
    for what, bad, rule in (
        ("width", [w for w in sweep.width if not 1 <= w < 2**31], "from 1 to 2^31 - 1"),
        ("learning-rate", [r for r in sweep.learning_rate if r <= 0], "above 0"),
        ("seed", [s for s in sweep.seed if not 0 <= s < 2**32], "from 0 to 2^32 - 1"),
        (
            "alpha", [a for a in sweep.alpha if not 0 <= a <= 50],
            "from 0 (weights of standard deviation 1, whatever the width) to 50: weights start at width^-alpha",
        ),
    ):  # fmt: skip
        if bad:
            raise UsageError(f"{what} {bad[0]}: has to be {rule}")
    alpha, width = max(sweep.alpha), max(sweep.width)
    least = -307 if sweep.dtype == "float64" else -37
    if -alpha * math.log10(width) < least:
        raise UsageError(
            f"alpha {alpha:g} at width {width}: weights of standard deviation width^-alpha are 0 in {sweep.dtype}; "
            f"take a smaller alpha"
        )


def check_optimizer_options(name: str, options: Mapping[str, object]) -> None:
    """Refuse options of an optimizer that no optimizer can have; Optax takes them and trains nonsense.

    Raises:
        UsageError: A number is not finite, or a share is not from 0 to 1.
    """
    for key, value in options.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            if key in SHARES and value is not None:
                raise UsageError(f"optimizer {name}: {key}={value}: expected a number of at least 0 and below 1")
            continue
        if not math.isfinite(value):
            raise UsageError(f"optimizer {name}: {key}={value}: has to be finite")
        if key in SHARES and not 0 <= value < 1:
            raise UsageError(f"optimizer {name}: {key}={value:g}: has to be at least 0 and below 1")
        if key in NOT_NEGATIVE and value < 0:
            raise UsageError(f"optimizer {name}: {key}={value:g}: has to be 0 or more")


def _check_horizon(sweep: Sweep) -> None:
    until, steps = sweep.until, sweep.steps
    if (until is None) == (steps is None):
        found = "neither is" if until is None else "both are"
        raise UsageError(f"{found} given of --until TIME and --steps N; give one of them")
    if steps is not None and not (_is_whole(steps) and 1 <= steps < 2**53):
        raise UsageError(f"steps {steps}: has to be a whole number from 1 to 2^53 - 1")
    if until is None:
        return
    if not (_is_finite(until) and until > 0):
        raise UsageError(f"until {until}: has to be a finite time above 0")
    if sweep.dynamics == "flow":
        return
    if not sweep.optimizer.is_gradient_descent:
        raise UsageError(f"until {until:g}: {sweep.optimizer} has steps only, no time; give --steps N")
    most = until / min(sweep.learning_rate)
    if most >= 2**53:
        raise UsageError(f"until {until:g}: that is {most:.1e} steps; take a larger learning rate")


def _check_records(sweep: Sweep) -> None:
    last = max(sweep.last_steps)
    for what, count in (
        (f"record `{sweep.recording.losses}`", sweep.recording.loss_count(last)),
        (f"snapshots {sweep.recording.snapshots}", min(sweep.recording.snapshots, last + 1)),
    ):
        if count > MOST_RECORDS:
            raise UsageError(f"{what}: that is {count} records of a run; take fewer than {MOST_RECORDS}, as log:10000")


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
