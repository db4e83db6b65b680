"""What to run: a model, a problem, a dynamics, how long, and what is recorded of it.

A `Sweep` is everything that decides the numbers of a sweep, as plain values that go into a TOML file, onto the command
line and into the store. It checks itself when it is made, so that whoever holds one need not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from mstage.errors import UsageError, printable, shown, unknown_name
from mstage.spec.dynamics import DYNAMICS, FLOW_TICKS, Descent, Dynamics
from mstage.spec.models import MODELS, Model, TwoLayer
from mstage.spec.parameters import (
    Choice,
    Field,
    Maybe,
    Number,
    Plain,
    WholeNumbers,
    axes_of,
    declared,
    plain_values,
    read_parameters,
)
from mstage.spec.problems import BuiltIn, Problem, Table
from mstage.spec.recording import Recording
from mstage.spec.text import MAX_VALUES, one_name, one_number, spelled

DTYPES = ("float64", "float32")
MAX_RECORDS_OF_A_RUN = 1_000_000  # more is a slip of the keyboard, and would fill the memory before the disk
FAMILIES: Mapping[str, Mapping[str, type]] = {"model": MODELS, "dynamics": DYNAMICS}  # the first is the default


@dataclass(frozen=True, kw_only=True)
class _Part(Field[Any, Any]):
    """A part of a sweep that has parameters of its own; a problem may be given by its name.

    Attributes:
        kinds: What it may be.
        expected: The same in words.
    """

    kinds: Collection[type]
    expected: str

    def checked(self, name: str, value: Any) -> Any:
        value = BuiltIn(value) if isinstance(value, str) and BuiltIn in self.kinds else value
        if not isinstance(value, tuple(self.kinds)):
            raise UsageError(f"{name} {value!r}: has to be {self.expected}")
        return value


@dataclass(frozen=True)
class Sweep:
    """Networks that are trained together: one for each combination of values of its axes.

    The loss is 1/(2n) sum_i (f(x_i) - y_i)^2 over n samples.

    Attributes:
        model: The network f.
        problem: What it learns; a built-in problem may be given by its name.
        dynamics: How it moves.
        seed: Seeds of initialization and of the order of batches; a seed draws the same normals for every alpha.
        until: Time at which a run ends (learning rate x step in a descent); only where there is a time.
        steps: Number of updates after which a run ends. Exactly one of `until` and `steps` is given.
        stop_at: Loss at or below which a run ends early.
        recording: What is kept.
        dtype: `float64` or `float32`.

    Raises:
        UsageError: A value makes no sense, or two of them do not go together.
    """

    model: Field[Model, Model] = _Part(
        default=TwoLayer(), kinds=MODELS.values(), expected="a model, as mstage.TwoLayer()"
    )
    problem: Field[Problem, Problem | str] = _Part(
        default=BuiltIn(), kinds=(BuiltIn, Table), expected="the name of a problem or a mstage.Table"
    )
    dynamics: Field[Dynamics, Dynamics] = _Part(
        default=Descent(), kinds=DYNAMICS.values(), expected="mstage.Descent() or mstage.Flow()"
    )
    seed: WholeNumbers = Number(
        help="Seeds themselves.",
        metavar="S",
        meaning="seed of initialization and of the order of batches",
        is_axis=True,
        whole=True,
        least=0,
        most=2**32 - 1,
        rule="from 0 to 2^32 - 1",
        default=(0,),
    )
    until: Maybe[float] = Number(
        help="Time at which a run ends: learning rate x step (of plain sgd).",
        metavar="TIME",
        least=0,
        above=True,
        rule="a finite time above 0",
        optional=True,
        default=None,
    )
    steps: Maybe[int] = Number(
        help="Updates after which a run ends.",
        metavar="N",
        whole=True,
        least=1,
        most=2**53 - 1,
        rule="a whole number from 1 to 2^53 - 1",
        optional=True,
        default=None,
    )
    stop_at: Maybe[float] = Number(
        help="Loss at which a run ends early.",
        metavar="LOSS",
        least=0,
        rule="a finite loss, 0 or more",
        optional=True,
        default=None,
    )
    recording: Field[Recording, Recording] = _Part(
        default=Recording(), kinds=(Recording,), expected="a mstage.Recording"
    )
    dtype: Plain[str] = Choice(
        help=f"{', '.join(DTYPES)}.",
        metavar="NAME",
        known=DTYPES,
        default="float64",
    )

    def __post_init__(self) -> None:
        self.model.check_dtype(self.dtype)
        if (self.until is None) == (self.steps is None):
            found = "neither is" if self.until is None else "both are"
            raise UsageError(f"{found} given of --until TIME and --steps N; give one of them")
        self.dynamics.check_horizon(self.until, self.dtype)
        self._check_records()

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """The axes of every result, by name in their order, each with its values."""
        return axes_of(self.model, self, self.problem, self.dynamics)

    @property
    def run_count(self) -> int:
        """Number of networks."""
        return math.prod(map(len, self.axes.values()))

    @property
    def has_time(self) -> bool:
        """Whether a step of a run is a time."""
        return not self.dynamics.why_no_time

    @property
    def tick(self) -> float:
        """Time between two steps of a flow, which are ticks of the clock that it is recorded by."""
        return (self.until or 0) / FLOW_TICKS

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 8 if self.dtype == "float64" else 4

    @property
    def snapshot_steps(self) -> list[int]:
        """Steps whose weights are kept, on the axis that all runs share."""
        return self.recording.snapshot_steps(max(self.last_steps))

    @property
    def loss_steps(self) -> list[int]:
        """Steps whose loss is kept: those asked for, those of the snapshots, and the last of every learning rate."""
        asked = self.recording.loss_steps(max(self.last_steps))
        return sorted({*asked, *self.snapshot_steps, *self.last_steps})

    @property
    def last_steps(self) -> tuple[int, ...]:
        """Step at which a run ends if nothing ends it before, of each learning rate; of a flow its last tick."""
        return self.dynamics.last_steps(self.until, self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain values, with the keys of a sweep file; `from_dict` reads it back."""
        names = {"model": _name_of("model", self.model), "dynamics": _name_of("dynamics", self.dynamics)}
        parts = (self.model, self.problem, self.dynamics, self, self.recording)
        return names | {key: value for part in parts for key, value in plain_values(part).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "sweep") -> Self:
        """Make a sweep from the keys of a sweep file.

        Args:
            values: A subset of `sweep_keys()`. An axis is a number, a list of numbers, or text as `text.parse_axis`
                reads it.
            source: What to call the origin in errors.

        Raises:
            UsageError: A key is unknown or a value makes no sense.
        """
        given = {key: value for key, value in values.items() if value is not None}
        known = {key.replace("-", "_"): value for key, value in given.items()}
        try:
            for key in known:
                if key not in sweep_keys():
                    raise UsageError(unknown_name("key", key, sweep_keys()))
            if len(known) < len(given):
                twice = next(key for key in given if "-" in key and key.replace("-", "_") in given)
                raise UsageError(f"`{twice}` and `{twice.replace('-', '_')}` are the same key; give one of them")
            return cls(**_arguments(known))
        except UsageError as error:
            raise UsageError(f"{source}: {printable(str(error))}") from None

    def _check_records(self) -> None:
        last = max(self.last_steps)
        for what, count in (
            (f"record `{self.recording.losses}`", self.recording.loss_count(last)),
            (f"snapshots {self.recording.snapshots}", min(self.recording.snapshots, last + 1)),
        ):
            if count > MAX_RECORDS_OF_A_RUN:
                raise UsageError(
                    f"{what}: that is {count} records of a run; take fewer than {MAX_RECORDS_OF_A_RUN}, as log:10000"
                )


def sweep_keys() -> list[str]:
    """The keys of a sweep file, which are the options of `mstage train` that describe a sweep."""
    parts = (BuiltIn, Table, *MODELS.values(), *DYNAMICS.values(), Sweep, Recording)
    return ["model", "dynamics", "seeds", *dict.fromkeys(key for part in parts for key in declared(part))]


def foreign_keys(values: Mapping[str, Any]) -> dict[str, str]:
    """Keys that belong to other models or dynamics than some values name -> the option that has them."""
    found: dict[str, str] = {}
    for family, members in FAMILIES.items():
        chosen = values.get(family, next(iter(members)))
        own = declared(members[chosen]) if chosen in members else sweep_keys()
        for name, member in members.items():
            found |= {key: f"--{family} {name}" for key in declared(member) if key not in own}
    return found


def _arguments(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `Sweep` from the keys of a sweep file, each turned into its own type."""
    arguments: dict[str, Any] = {}
    chosen = {family: _member(family, values) for family in FAMILIES}
    for key, option in foreign_keys(values).items():
        if key in values:
            raise UsageError(
                f"{spelled(key)} `{shown(values[key])}`: belongs to {option}; leave it out, or give {option}"
            )
    for family, member in chosen.items():
        arguments[family] = member(**read_parameters(member, values))
    arguments["problem"] = _problem(values)
    arguments["recording"] = Recording(**read_parameters(Recording, values))
    arguments |= read_parameters(Sweep, values)
    if "seeds" in values:
        if "seed" in values:
            raise UsageError("both `seed` and `seeds` are given; give the seeds themselves or their number")
        count = one_number("seeds", values["seeds"], int)
        if not 1 <= count <= MAX_VALUES:
            raise UsageError(f"seeds {count}: has to be from 1 to {MAX_VALUES}")
        arguments["seed"] = tuple(range(count))
    return arguments


def _problem(values: dict[str, Any]) -> Problem:
    if "data" not in values:
        others = [key for key in declared(Table) if key in values]
        if others:
            raise UsageError(f"`{spelled(others[0])}` belongs to a table; name it with --data FILE")
        return BuiltIn(**read_parameters(BuiltIn, values))
    if "problem" in values:
        raise UsageError("both `problem` and `data` are given; a sweep learns one of them")
    if "target" not in values:
        raise UsageError(f"data {values['data']}: say which column to predict with --target COLUMN")
    return Table(**read_parameters(Table, values))


def _member(family: str, values: Mapping[str, Any]) -> type:
    """The model or the dynamics that some values name, the first of its family if they name none."""
    members = FAMILIES[family]
    name = one_name(family, values.get(family, next(iter(members))))
    if name not in members:
        raise UsageError(unknown_name(family, name, members))
    return members[name]


def _name_of(family: str, one: object) -> str:
    return next(name for name, member in FAMILIES[family].items() if member is type(one))
