"""What to run: the problem, the sweep and what is recorded of it.

A `Sweep` is everything that decides the numbers of a sweep, as plain values that go into a TOML file, onto the command
line and into the store. It checks itself when it is made, so that whoever holds one need not. Standard library only.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from mstage.errors import InputError, UsageError, unknown_name

PROBLEMS = ("cub1d", "sin1d", "gauss5", "condense5")
ACTIVATIONS = ("tanh", "shifted-tanh", "relu", "gelu", "sin", "identity")
DTYPES = ("float64", "float32")
MAX_RECORDS = 10_000

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
    """

    path: str
    target: str
    features: tuple[str, ...] | None = None
    standardise: bool = True
    intercept: bool = True
    drop_missing: bool = False


@dataclass(frozen=True)
class Optimizer:
    """An Optax optimizer by its name in `optax`, with its options other than the learning rate."""

    name: str = "sgd"
    options: Mapping[str, OptionValue] = field(default_factory=dict)

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
        if self.snapshots < 0:
            raise UsageError(f"snapshots {self.snapshots}: has to be 0 (none) or more")

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
        kind, _, count = self.losses.partition(":")
        if kind not in ("every", "log") or not count.lstrip("-").isdigit():
            raise UsageError(f"record `{self.losses}` is none of auto, every:N and log:N")
        return ("every" if kind == "every" else "log"), int(count)


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
        _check_axes(self)
        _check_horizon(self)
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(f"batch size {self.batch_size}: has to be at least 1")
        if self.stop_at is not None and not (math.isfinite(self.stop_at) and self.stop_at >= 0):
            raise UsageError(f"stop-at {self.stop_at:g}: has to be a finite loss, 0 or more")

    @property
    def run_count(self) -> int:
        """Number of networks."""
        return len(self.alpha) * len(self.width) * len(self.seed) * len(self.learning_rate)

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
        """The sweep as plain values, with the keys of a sweep file; `from_dict` reads it back."""
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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "sweep") -> Self:
        """Make a sweep from the keys of a sweep file.

        Args:
            values: A subset of `SWEEP_KEYS`. An axis is a number, a list of numbers, or text as `parse_axis` reads it.
            source: What to call the origin in errors.

        Raises:
            UsageError: A key is unknown or a value makes no sense.
        """
        values = {key.replace("-", "_"): value for key, value in values.items() if value is not None}
        for key in values:
            if key not in SWEEP_KEYS:
                raise UsageError(f"{source}: {unknown_name('key', key, SWEEP_KEYS)}")
        try:
            return cls(**_sweep_arguments(values))
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from None


SWEEP_KEYS = (
    "problem", "data", "target", "features", "standardise", "intercept", "drop_missing",
    "activation", "alpha", "width", "seed", "seeds", "learning_rate", "optimizer", "batch_size",
    "until", "steps", "stop_at", "record", "snapshots", "dtype",
)  # fmt: skip


def read_sweep_file(path: str | Path) -> dict[str, Any]:
    """The keys of a TOML sweep file, unchecked, for `Sweep.from_dict`; a relative `data` is taken from its folder.

    Raises:
        InputError: The file cannot be read or is not TOML.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Give a sweep file in TOML.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not a TOML file ({error}).") from None
    if isinstance(values.get("data"), str):
        values["data"] = str(path.parent / values["data"])
    return values


def parse_axis(name: str, value: Any, kind: type[int] | type[float]) -> tuple[Any, ...]:
    """The values of an axis from a number, a list of numbers, or text.

    Args:
        name: Name of the axis, for errors.
        value: `3`, `[1, 2]`, `"1,2"`, `"a:b:n"` (n values from a to b, evenly) or `"a:b:n:log"` (evenly in log).
        kind: `int` or `float`; whole numbers are rounded from a range.

    Raises:
        UsageError: The value is none of these.
    """
    expected = "whole number" if kind is int else "number"
    way_out = f"expected a {expected}, a list as 1,2 or a range as from:to:count"
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    if isinstance(value, str) and ":" in value:
        return _axis_range(name, value, kind, way_out)
    return tuple(_number(f"{name} `{part}`", part, kind, way_out) for part in parts)


def _axis_range(name: str, text: str, kind: type[int] | type[float], way_out: str) -> tuple[Any, ...]:
    parts = text.split(":")
    log = len(parts) == 4 and parts[3] == "log"
    if len(parts) != 3 and not log:
        raise UsageError(f"{name} `{text}`: {way_out} (with :log behind it for even steps in log)")
    start, stop = (_number(f"{name} `{text}`", part, float, way_out) for part in parts[:2])
    count = _number(f"{name} `{text}`", parts[2], int, way_out)
    if count < 1:
        raise UsageError(f"{name} `{text}`: the count has to be at least 1")
    if log and not (start > 0 and stop > 0):
        raise UsageError(f"{name} `{text}`: even steps in log need both ends above 0")
    shares = [k / max(count - 1, 1) for k in range(count)]
    values = [start * (stop / start) ** s if log else start + (stop - start) * s for s in shares]
    if kind is int:
        return tuple(round(v) for v in values)
    return tuple(float(f"{v:.12g}") for v in values)  # 0.1:0.3:3 gives 0.2 and not 0.30000000000000004 / 1.5


def _number(what: str, value: Any, kind: type[int] | type[float], way_out: str) -> Any:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = kind(value.strip()) if isinstance(value, str) else kind(value)
        if number != float(value) and kind is int:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{what}: {way_out}") from None
    return number


def _sweep_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `Sweep` from the keys of a sweep file, each turned into its own type."""
    arguments: dict[str, Any] = {}
    for key, kind in (("alpha", float), ("width", int), ("seed", int), ("learning_rate", float)):
        if key in values:
            arguments[key] = parse_axis(key.replace("_", "-"), values[key], kind)
    if "seeds" in values:
        if "seed" in values:
            raise UsageError("both `seed` and `seeds` are given; give the seeds themselves or their number")
        count = _number(f"seeds `{values['seeds']}`", values["seeds"], int, "expected a whole number")
        if count < 1:
            raise UsageError(f"seeds {count}: has to be at least 1")
        arguments["seed"] = tuple(range(count))
    for key, kind in (("batch_size", int), ("until", float), ("steps", int), ("stop_at", float)):
        if key in values:
            name = key.replace("_", "-")
            what = "a whole number" if kind is int else "a number"
            arguments[key] = _number(f"{name} `{values[key]}`", values[key], kind, f"expected {what}")
    for key in ("activation", "dtype"):
        if key in values:
            arguments[key] = _string(key, values[key])
    if "optimizer" in values:
        arguments["optimizer"] = Optimizer.parse(_string("optimizer", values["optimizer"]))
    arguments["problem"] = _problem(values)
    arguments["recording"] = _recording(values)
    return arguments


def _recording(values: dict[str, Any]) -> Recording:
    snapshots = values.get("snapshots", Recording.snapshots)
    return Recording(
        losses=_string("record", values.get("record", Recording.losses)),
        snapshots=_number(f"snapshots `{snapshots}`", snapshots, int, "expected a whole number"),
    )


def _problem(values: dict[str, Any]) -> str | Table:
    table_keys = [key for key in ("target", "features", "standardise", "intercept", "drop_missing") if key in values]
    if "data" not in values:
        if table_keys:
            raise UsageError(f"`{table_keys[0].replace('_', '-')}` belongs to a table; name it with --data FILE")
        return _string("problem", values.get("problem", "cub1d"))
    if "problem" in values:
        raise UsageError("both `problem` and `data` are given; a sweep learns one of them")
    if "target" not in values:
        raise UsageError(f"data {values['data']}: say which column to predict with --target COLUMN")
    features = values.get("features")
    if isinstance(features, str):
        features = [part.strip() for part in features.split(",")]
    for key in ("standardise", "intercept", "drop_missing"):
        if key in values and not isinstance(values[key], bool):
            raise UsageError(f"{key.replace('_', '-')} `{values[key]}`: expected true or false")
    return Table(
        path=_string("data", values["data"]),
        target=_string("target", values["target"]),
        features=None if features is None else tuple(_string("features", part) for part in features),
        **{key: values[key] for key in ("standardise", "intercept", "drop_missing") if key in values},
    )


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} `{value}`: expected a name")
    return value


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
            raise UsageError(unknown_name(what, found, known))


def _check_axes(sweep: Sweep) -> None:
    for name in ("alpha", "width", "seed", "learning_rate"):
        values = getattr(sweep, name)
        shown = name.replace("_", "-")
        if not values:
            raise UsageError(f"{shown}: the list is empty; a sweep needs at least one value")
        if len(set(values)) < len(values):
            twice = next(v for v in values if values.count(v) > 1)
            raise UsageError(f"{shown}: {twice} is given twice; give each value once")
        for value in values:
            if not math.isfinite(value):
                raise UsageError(f"{shown} {value}: has to be finite")
    for what, bad, rule in (
        ("width", [w for w in sweep.width if w < 1], "at least 1"),
        ("learning-rate", [r for r in sweep.learning_rate if r <= 0], "above 0"),
        ("seed", [s for s in sweep.seed if not 0 <= s < 2**32], "from 0 to 2^32 - 1"),
        ("alpha", [a for a in sweep.alpha if not -10 <= a <= 50], "from -10 to 50"),
    ):
        if bad:
            raise UsageError(f"{what} {bad[0]}: has to be {rule}")


def _check_horizon(sweep: Sweep) -> None:
    if (sweep.until is None) == (sweep.steps is None):
        found = "neither is" if sweep.until is None else "both are"
        raise UsageError(f"{found} given of --until TIME and --steps N; give one of them")
    if sweep.steps is not None and not 1 <= sweep.steps < 2**53:
        raise UsageError(f"steps {sweep.steps}: has to be at least 1")
    if sweep.until is not None and not (math.isfinite(sweep.until) and sweep.until > 0):
        raise UsageError(f"until {sweep.until:g}: has to be a finite time above 0")
    if sweep.until is not None and not sweep.optimizer.is_gradient_descent:
        raise UsageError(f"until {sweep.until:g}: {sweep.optimizer} has steps only, no time; give --steps N")
    if sweep._last >= 2**53:
        raise UsageError(f"until {sweep.until:g}: that is {sweep._last:.1e} steps; take a larger learning rate")
