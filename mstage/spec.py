"""What to run: the problem, the sweep and what is recorded of it.

A `Sweep` is everything that decides the numbers of a sweep, as plain values that go into a TOML file, onto the command
line and into the store. It checks itself when it is made, so that whoever holds one need not. Standard library only.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, TypeAlias

from mstage.errors import UsageError, unknown_name
from mstage.spec_checks import axis_values, check_sweep, check_table

PROBLEMS = ("cub1d", "sin1d", "gauss5", "condense5")
ACTIVATIONS = ("tanh", "shifted-tanh", "relu", "gelu", "sin", "identity")
DTYPES = ("float64", "float32")
MAX_RECORDS = 10_000

_AXES: dict[str, type[int] | type[float]] = {"alpha": float, "width": int, "seed": int, "learning_rate": float}
_NUMBERS: dict[str, type[int] | type[float]] = {"batch_size": int, "until": float, "steps": int, "stop_at": float}

OptionValue: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class Table:
    """A user's own table as the problem.

    Attributes:
        path: CSV, TSV, Parquet or npz file.
        target: Column to predict.
        features: Columns to predict it from; every other column when None.
        standardise: Whether each column is shifted to mean 0 and scaled to standard deviation 1.
        intercept: Whether a column of ones is appended to the features.
        drop_missing: Whether rows with missing values are left out instead of refused.

    Raises:
        UsageError: The target is among the features, or a feature is named twice.
    """

    path: str
    target: str
    features: tuple[str, ...] | None = None
    standardise: bool = True
    intercept: bool = True
    drop_missing: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", os.fspath(self.path) if isinstance(self.path, os.PathLike) else self.path)
        if self.features is not None:
            features = (self.features,) if isinstance(self.features, str) else tuple(self.features)
            object.__setattr__(self, "features", features)
        check_table(self)


@dataclass(frozen=True)
class Optimizer:
    """An Optax optimizer by its name in `optax`, with its options other than the learning rate."""

    name: str = "sgd"
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def is_gradient_descent(self) -> bool:
        """Whether an update is `-learning_rate * gradient`, so that learning rate x step is a time."""
        return self.name == "sgd" and not self.options.get("momentum")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name` or `name:option=value,option=value`, as in `adam:b1=0.8,nesterov=true`."""
        name, _, rest = text.partition(":")
        options: dict[str, OptionValue] = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not equals or not key.strip() or not value.strip():
                raise UsageError(f"optimizer option `{part}` is not of the form option=value, as in adam:b1=0.8")
            if key.strip() in options:
                raise UsageError(f"optimizer option `{key.strip()}` is given twice; give it once")
            options[key.strip()] = _literal(value.strip())
        return cls(name.strip(), options)

    def __str__(self) -> str:
        options = ",".join(f"{key}={_text(value)}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True)
class Recording:
    """Which steps of a run are kept.

    Attributes:
        losses: `auto` (every step up to 10,000 records, else 10,000 records evenly in log time), `every:N` (each
            N-th step and the last) or `log:N` (N records evenly in log time).
        snapshots: How many times the weights are kept, evenly in log time, the first and the last step among them.
    """

    losses: str = "auto"
    snapshots: int = 60

    def __post_init__(self) -> None:
        _, count = self._parsed()
        if count < 1:
            raise UsageError(f"record `{self.losses}`: the number has to be at least 1")
        if not isinstance(self.snapshots, int) or isinstance(self.snapshots, bool) or self.snapshots < 0:
            raise UsageError(f"snapshots {self.snapshots}: has to be a whole number, 0 (none) or more")

    def loss_count(self, last: int) -> int:
        """Length of `loss_steps`."""
        kind, count = self._parsed()
        return -(-last // count) + 1 if kind == "every" else min(count, last + 1)

    def loss_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose loss is kept, without those of the snapshots."""
        kind, count = self._parsed()
        if kind == "every":
            return sorted({*range(0, last + 1, count), last})
        return log_spaced_steps(last, count)

    def snapshot_steps(self, last: int) -> list[int]:
        """Steps from 0 to `last` whose weights are kept."""
        return log_spaced_steps(last, self.snapshots)

    def _parsed(self) -> tuple[Literal["every", "log"], int]:
        if self.losses == "auto":
            return "log", MAX_RECORDS
        match = re.fullmatch(r"(every|log):(-?[0-9]{1,15})", str(self.losses))
        if match is None:
            raise UsageError(f"record `{self.losses}` is none of auto, every:N and log:N")
        return ("every" if match[1] == "every" else "log"), int(match[2])


def log_spaced_steps(last: int, count: int) -> list[int]:
    """`count` distinct steps from 0 to `last`, evenly in log time: each of the first ones, then ever sparser.

    Whole steps cannot be evenly spaced in log time near 0, so the first `dense` of them are all taken and the rest grow
    by a constant factor; `dense` is the largest for which both parts have the same density where they meet.

    Args:
        last: Last step, taken whenever `count` is not 0.
        count: How many; all of them when there are no more than that.
    """
    if count >= last + 1:
        return list(range(last + 1))
    if count <= 0:
        return []
    if count == 1:
        return [last]
    low, high = 1.0, float(last)  # number of steps an e-fold; (1 + log(last / density)) * density + 1 = count
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * (1 + math.log(last / middle)) + 1 < count else (low, middle)
    dense = min(int(low), count - 2)
    rest = count - 1 - dense
    steps = list(range(dense + 1))
    for k in range(1, rest + 1):
        even = round(max(dense, 1) * (last / max(dense, 1)) ** (k / rest))
        steps.append(min(max(even, steps[-1] + 1), last - (rest - k)))
    return steps


@dataclass(frozen=True)
class Sweep:
    """Networks that are trained together: one for each alpha, width, seed and learning rate.

    The network is f(x) = sum_k a_k sigma(w_k . x) over `width` hidden neurons with a_k, w_k ~ N(0, width^(-2 alpha)),
    the loss 1/(2n) sum_i (f(x_i) - y_i)^2 over n samples.

    Attributes:
        problem: Name of a built-in problem, or a table.
        activation: sigma.
        alpha: Initialization scales.
        width: Numbers of hidden neurons.
        seed: Seeds of initialization and of the order of batches; a seed draws the same normals for every alpha.
        learning_rate: Learning rates.
        optimizer: The update rule.
        batch_size: Samples a step, None for all of them. The recorded loss is over all samples in either case.
        until: Time at which a run ends (learning rate x step); only where the optimizer has a time.
        steps: Number of updates after which a run ends. Exactly one of `until` and `steps` is given.
        stop_at: Loss at or below which a run ends early.
        recording: What is kept.
        dtype: `float64` or `float32`.

    Raises:
        UsageError: A value makes no sense, or two of them do not go together.
    """

    problem: str | Table = "cub1d"
    activation: str = "tanh"
    alpha: tuple[float, ...] = (1.0,)
    width: tuple[int, ...] = (400,)
    seed: tuple[int, ...] = (0,)
    learning_rate: tuple[float, ...] = (0.1,)
    optimizer: Optimizer = Optimizer()
    batch_size: int | None = None
    until: float | None = None
    steps: int | None = None
    stop_at: float | None = None
    recording: Recording = Recording()
    dtype: str = "float64"

    def __post_init__(self) -> None:
        _check_names(self)
        for name, kind in _AXES.items():
            object.__setattr__(self, name, axis_values(name, getattr(self, name), kind))
        check_sweep(self)
        for name, kind in _NUMBERS.items():  # plain numbers, whatever library they came from, so that they are stored
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else kind(value))

    @property
    def run_count(self) -> int:
        """Number of networks."""
        return len(self.alpha) * len(self.width) * len(self.seed) * len(self.learning_rate)

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 8 if self.dtype == "float64" else 4

    def last_step(self, learning_rate: float) -> int:
        """Step at which a run of that learning rate ends if nothing ends it before."""
        if self.steps is not None:
            return self.steps
        if self.until is None:  # unreachable: __post_init__ has seen to it
            raise UsageError("neither --until nor --steps is given")
        return max(1, math.ceil(self.until / learning_rate * (1 - 1e-12)))

    @property
    def snapshot_steps(self) -> list[int]:
        """Steps whose weights are kept, on the axis that all runs share."""
        return self.recording.snapshot_steps(self._last)

    @property
    def loss_steps(self) -> list[int]:
        """Steps whose loss is kept: those asked for, those of the snapshots, and the last of every learning rate."""
        lasts = {self.last_step(rate) for rate in self.learning_rate}
        return sorted({*self.recording.loss_steps(self._last), *self.snapshot_steps, *lasts})

    @property
    def _last(self) -> int:
        return max(self.last_step(rate) for rate in self.learning_rate)

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain values, with the keys of a sweep file; `sweepfile.sweep_from_dict` reads it back."""
        out: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            match value:
                case Table():
                    table = asdict(value)
                    out |= {"data": table.pop("path")} | {k: v for k, v in table.items() if v is not None}
                case Recording():
                    out |= {"record": value.losses, "snapshots": value.snapshots}
                case Optimizer():
                    out[item.name] = str(value)
                case None:
                    pass
                case _:
                    out[item.name] = value
        return {key: list(value) if isinstance(value, tuple) else value for key, value in out.items()}


def _literal(text: str) -> OptionValue:
    """A number, true, false, none, or the text itself."""
    words: dict[str, OptionValue] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(value: OptionValue) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _check_names(sweep: Sweep) -> None:
    if isinstance(sweep.problem, str) and sweep.problem not in PROBLEMS:
        raise UsageError(f"{unknown_name('problem', sweep.problem, PROBLEMS)} For a table, give --data FILE.")
    for what, found, known in (("activation", sweep.activation, ACTIVATIONS), ("dtype", sweep.dtype, DTYPES)):
        if found not in known:
            raise UsageError(unknown_name(what, str(found), known))
    for what, kind in (("problem", str | Table), ("optimizer", Optimizer), ("recording", Recording)):
        if not isinstance(getattr(sweep, what), kind):
            raise UsageError(
                f"{what} {getattr(sweep, what)!r}: has to be a mstage.{what.replace('problem', 'Table').title()}"
            )
