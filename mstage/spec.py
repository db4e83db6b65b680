"""What to run: the problem, the sweep and what is recorded of it.

A `Sweep` is everything that decides the numbers of a sweep, as plain values that go into a TOML file, onto the command
line and into the store. It checks itself when it is made, so that whoever holds one need not. Standard library only.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self, TypeAlias

from mstage.errors import UsageError, unknown_name
from mstage.recording import Recording
from mstage.spec_checks import axis_values, check_flow, check_optimizer_options, check_sweep, check_table

PROBLEMS = ("cub1d", "sin1d", "gauss5", "condense5")
ACTIVATIONS = ("tanh", "jax-tanh", "shifted-tanh", "relu", "gelu", "sin", "identity")
DTYPES = ("float64", "float32")
DYNAMICS = ("descent", "flow")
FLOW_TICKS = 100_000  # of the recording clock of a flow, from 0 to its end
FLOW_TOLERANCE = (
    1e-3  # escapes then come out within 0.2 %, losses long after them within 5 %, in 40 to 70 steps on cub1d
)

_AXES: dict[str, type[int] | type[float]] = {"alpha": float, "width": int, "seed": int, "learning_rate": float}
_NUMBERS: dict[str, type[int] | type[float]] = {
    "batch_size": int, "until": float, "steps": int, "stop_at": float,
    "tolerance": float,
}  # fmt: skip

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
        if "," in name:
            raise UsageError(
                f"optimizer `{text}`: one optimizer is expected, a list is not taken; train a sweep for each"
            )
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
        dynamics: `descent` in steps of an optimizer, or gradient `flow` in continuous time.
        learning_rate: Learning rates; none in a flow.
        optimizer: The update rule of a descent.
        batch_size: Samples a step, None for all of them. The recorded loss is over all samples in either case.
        tolerance: Error that a flow allows itself in a step, relative to the size of the weights, each the largest
            number among them, or along the motion to the time; None in a descent.
        until: Time at which a run ends (learning rate x step in a descent); only where there is a time.
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
    dynamics: str = "descent"
    tolerance: float | None = None
    until: float | None = None
    steps: int | None = None
    stop_at: float | None = None
    recording: Recording = Recording()  # noqa: RUF009, it is frozen
    dtype: str = "float64"

    def __post_init__(self) -> None:
        _check_names(self)
        if self.dynamics == "flow":
            check_flow(self, Sweep.learning_rate)
            object.__setattr__(self, "learning_rate", ())
            object.__setattr__(self, "tolerance", FLOW_TOLERANCE if self.tolerance is None else self.tolerance)
        check_optimizer_options(self.optimizer.name, self.optimizer.options)
        for name, kind in _AXES.items():
            object.__setattr__(self, name, axis_values(name, getattr(self, name), kind))
        check_sweep(self)
        for name, kind in _NUMBERS.items():  # plain numbers, whatever library they came from, so that they are stored
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else kind(value))

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """The axes of every result, by name in their order, each with its values; a flow has no learning rate."""
        return {name: getattr(self, name) for name in _AXES if getattr(self, name)}

    @property
    def run_count(self) -> int:
        """Number of networks."""
        return math.prod(map(len, self.axes.values()))

    @property
    def has_time(self) -> bool:
        """Whether a step of a run is a time."""
        return self.dynamics == "flow" or self.optimizer.is_gradient_descent

    @property
    def tick(self) -> float:
        """Time between two steps of a flow, which are ticks of the clock that it is recorded by."""
        return (self.until or 0) / FLOW_TICKS

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
        return sorted({*self.recording.loss_steps(self._last), *self.snapshot_steps, *self.last_steps})

    @property
    def last_steps(self) -> tuple[int, ...]:
        """`last_step` of each learning rate; of a flow, which has none, its last tick."""
        return tuple(map(self.last_step, self.learning_rate)) or (FLOW_TICKS,)

    @property
    def _last(self) -> int:
        return max(self.last_steps)

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain values, with the keys of a sweep file; `sweepfile.sweep_from_dict` reads it back."""
        out: dict[str, Any] = {}
        descent_only = {"learning_rate", "optimizer"} if self.dynamics == "flow" else {"dynamics"}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in descent_only:
                continue
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
    for what, found, known in (("activation", sweep.activation, ACTIVATIONS), ("dtype", sweep.dtype, DTYPES),
                               ("dynamics", sweep.dynamics, DYNAMICS)):  # fmt: skip
        if found not in known:
            raise UsageError(unknown_name(what, str(found), known))
    for what, kind in (("problem", str | Table), ("optimizer", Optimizer), ("recording", Recording)):
        if not isinstance(getattr(sweep, what), kind):
            raise UsageError(
                f"{what} {getattr(sweep, what)!r}: has to be a mstage.{what.replace('problem', 'Table').title()}"
            )
