"""What to run: a model, a problem, a dynamics, how long, and what is recorded of it.

A `Sweep` is everything that decides the numbers of a sweep, as plain values that go into a TOML file, onto the command
line and into the store. It checks itself when it is made, so that whoever holds one need not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Self

from mstage.errors import UsageError, printable, unknown_name
from mstage.spec.dynamics import DYNAMICS, FLOW_TICKS, Descent, Dynamics
from mstage.spec.keys import FAMILIES, name_of, parameters_of_parts, parts_of, with_model_spelled_out
from mstage.spec.models import MODELS, Model, at_program
from mstage.spec.models.two_layer import TwoLayer
from mstage.spec.parameters import (
    Choice,
    Field,
    Maybe,
    Number,
    Parameter,
    Part,
    Plain,
    WholeNumbers,
    declared,
    numbers_of,
    plain_values,
    read_parameters,
)
from mstage.spec.problems import BuiltIn, Problem, ProblemPart, Table
from mstage.spec.recording import Recording

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mstage.training_set import TrainingSet

DTYPES = ("float64", "float32")
ARRAYS = "arrays"  # the key of the digest of a problem that is arrays
MAX_RECORDS_OF_A_RUN = 1_000_000  # more is a slip of the keyboard, and would fill the memory before the disk


@dataclass(frozen=True)
class Sweep:
    """Networks that are trained together: one for each combination of values of its axes.

    The loss is 1/(2n) sum_i (f(x_i) - y_i)^2 over n samples.

    Attributes:
        model: The network f.
        problem: What it learns: the name of a built-in problem, a table, or arrays `(inputs, target)` of shapes
            (n, dim) and (n,), which are taken as they are.
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

    model: Field[Model, Model] = Part(
        default=TwoLayer(), kinds=MODELS.values(), expected="a model, as mstage.TwoLayer()",
    )  # fmt: skip
    problem: Field[Problem, Problem | str | tuple[ArrayLike, ArrayLike]] = ProblemPart(
        default=BuiltIn(), kinds=(), expected="the name of a problem, a mstage.Table or arrays (inputs, target)",
    )  # fmt: skip
    dynamics: Field[Dynamics, Dynamics] = Part(
        default=Descent(), kinds=DYNAMICS.values(), expected="mstage.Descent() or mstage.Flow()",
    )  # fmt: skip
    seed: WholeNumbers = Number(
        help="Seeds themselves.", metavar="S", meaning="seed of initialization and of the order of batches",
        is_axis=True, whole=True, least=0, most=2**32 - 1, rule="from 0 to 2^32 - 1", default=(0,),
    )  # fmt: skip
    until: Maybe[float] = Number(
        help="Time at which a run ends: learning rate x step (of plain sgd).", metavar="TIME", least=0, above=True,
        rule="a finite time above 0", optional=True, default=None,
    )  # fmt: skip
    steps: Maybe[int] = Number(
        help="Updates after which a run ends.", metavar="N", whole=True, least=1, most=2**53 - 1,
        rule="a whole number from 1 to 2^53 - 1", optional=True, default=None,
    )  # fmt: skip
    stop_at: Maybe[float] = Number(
        help="Loss at which a run ends early.", metavar="LOSS", least=0, rule="a finite loss, 0 or more",
        optional=True, default=None,
    )  # fmt: skip
    recording: Field[Recording, Recording] = Part(
        default=Recording(), kinds=(Recording,), expected="a mstage.Recording",
    )  # fmt: skip
    dtype: Plain[str] = Choice(
        help=f"{', '.join(DTYPES)}.", metavar="NAME", known=DTYPES, default="float64",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self.model.check_dtype(self.dtype)
        if (self.until is None) == (self.steps is None):
            found = "neither is" if self.until is None else "both are"
            raise UsageError(f"{found} given of --until TIME and --steps N; give one of them")
        self.dynamics.check_horizon(self.until, self.dtype)
        self._check_records()

    @cached_property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """The axes of every result, by name in their order, each with its values."""
        return {name: values for name, (known, values) in self._numbers.items() if known.spans(values)}

    @cached_property
    def programs(self) -> list[dict[str, float]]:
        """What is compiled on its own: the values of the static parameters, by name, those first that vary last."""
        return _combinations({name: values for name, (known, values) in self._numbers.items() if known.is_static})

    @cached_property
    def runs_of_a_program(self) -> list[dict[str, float]]:
        """The runs of each program: the values of all other parameters by name, in the order of the axes."""
        return _combinations({name: values for name, (known, values) in self._numbers.items() if not known.is_static})

    @cached_property
    def static_axes(self) -> tuple[str, ...]:
        """The axes along which programs differ."""
        numbers = self._numbers
        return tuple(name for name in self.axes if numbers[name][0].is_static)

    @cached_property
    def shapes(self) -> list[dict[str, float]]:
        """Where the shapes of weights differ: values on the static axes of the model, by name."""
        static = (name for name in self.static_axes if name in declared(self.model))
        return _combinations({name: self.axes[name] for name in static})

    def weights(self, shape: Mapping[str, float], inputs: int) -> dict[str, dict[str, int]]:
        """The weights of a network by name, each with the sizes of its axes.

        Args:
            shape: One of `shapes`.
            inputs: How many numbers an input has.
        """
        return at_program(self.model, {**self.programs[0], **shape}).shapes(inputs)

    @cached_property
    def meanings(self) -> dict[str, str]:
        """What each axis is, in words."""
        numbers = self._numbers
        return {name: numbers[name][0].meaning for name in self.axes}

    @cached_property
    def _numbers(self) -> dict[str, tuple[Number, tuple[Any, ...]]]:
        return numbers_of(self.model, self, self.problem, self.dynamics)

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

    @cached_property
    def snapshot_steps(self) -> list[int]:
        """Steps whose weights are kept, on the axis that all runs share."""
        return self.recording.snapshot_steps(max(self.last_steps))

    @cached_property
    def loss_steps(self) -> list[int]:
        """Steps whose loss is kept: those asked for, those of the snapshots, and the last of every learning rate."""
        asked = self.recording.loss_steps(max(self.last_steps))
        return sorted({*asked, *self.snapshot_steps, *self.last_steps})

    @cached_property
    def last_steps(self) -> tuple[int, ...]:
        """Step at which a run ends if nothing ends it before, of each learning rate; of a flow its last tick."""
        return self.dynamics.last_steps(self.until, self.steps)

    @property
    def arrays(self) -> TrainingSet | None:
        """The problem, where it is arrays."""
        return None if isinstance(self.problem, BuiltIn | Table) else self.problem

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain values, with the keys of a sweep file; `from_dict` reads it back."""
        arrays = {} if self.arrays is None else {ARRAYS: self.arrays.digest}
        return (
            plain_values(self.problem)
            | arrays
            | {"model": name_of("model", self.model)}
            | plain_values(self.model)
            | {"dynamics": name_of("dynamics", self.dynamics)}
            | plain_values(self.dynamics)
            | plain_values(self)
            | plain_values(self.recording)
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "sweep", arrays: TrainingSet | None = None) -> Self:
        """Make a sweep from the keys of a sweep file.

        Args:
            values: A subset of `sweep_keys()`. An axis is a number, a list of numbers, or text as `text.parse_axis`
                reads it.
            source: What to call the origin in errors.
            arrays: What is learnt where the values tell of arrays, whose digest alone they hold.

        Raises:
            UsageError: A key is unknown or a value makes no sense.
        """
        given = {key: value for key, value in values.items() if value is not None}
        holds_arrays = given.pop(ARRAYS, None) is not None
        known = {key.replace("-", "_"): value for key, value in given.items()}
        try:
            if holds_arrays and arrays is None:
                raise UsageError(
                    "it learns arrays, which no file of keys holds; name another problem, as --problem cub1d"
                )
            keys = sweep_keys()
            for key in known:
                if key not in keys:
                    raise UsageError(unknown_name("key", key, keys))
            if len(known) < len(given):
                twice = next(key for key in given if "-" in key and key.replace("-", "_") in given)
                raise UsageError(f"`{twice}` and `{twice.replace('-', '_')}` are the same key; give one of them")
            known = with_model_spelled_out(known)
            parts = parts_of(known) | ({"problem": arrays} if holds_arrays else {})
            return cls(**parts, **read_parameters(cls, known))
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


def _combinations(values: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def sweep_parameters() -> dict[str, Parameter[Any, Any]]:
    """The parameters of all sweeps, by key."""
    return parameters_of_parts() | declared(Sweep)


def sweep_keys() -> list[str]:
    """The keys of a sweep file, which are the options of `mstage train` that describe a sweep."""
    return [*FAMILIES, "seeds", *sweep_parameters()]
