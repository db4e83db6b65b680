"""How a network moves: in steps of an optimizer, or in continuous time along the negative gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

from mstage.errors import UsageError
from mstage.spec.parameters import (
    MaybeWholeNumbers,
    Number,
    Numbers,
    Parameter,
    Plain,
)
from mstage.spec.text import name_and_options, one_name

OptionValue: TypeAlias = bool | int | float | str | None
SHARES = ("momentum", "b1", "b2", "b3", "decay")  # options of optimizers: how much is kept of a running average
NOT_NEGATIVE = ("eps", "eps_root", "weight_decay", "initial_accumulator_value", "eta")
FLOW_TICKS = 100_000  # of the recording clock of a flow, from 0 to its end
FLOW_TOLERANCE = (
    1e-3  # escapes then come out within 0.2 %, losses long after them within 5 %, in 40 to 70 steps on cub1d
)
MIN_TOLERANCE = {"float64": 1e-12, "float32": 1e-6}  # below, rounding is larger than what is asked for


@dataclass(frozen=True)
class Optimizer:
    """An Optax optimizer by its name in `optax`, with its options other than the learning rate.

    Raises:
        UsageError: An option has a value that makes no sense for any optimizer.
    """

    name: str = "sgd"
    options: Mapping[str, OptionValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, value in self.options.items():
            _check_option(f"optimizer {self.name}: {key}={value}", key, value)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def is_gradient_descent(self) -> bool:
        """Whether an update is `-learning_rate * gradient`, so that learning rate x step is a time."""
        return self.name == "sgd" and not self.options.get("momentum")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name` or `name:option=value,option=value`, as in `adam:b1=0.8,nesterov=true`."""
        if "," in text.partition(":")[0]:
            raise UsageError(
                f"optimizer `{text}`: one optimizer is expected, a list is not taken; train a sweep for each"
            )
        name, options = name_and_options("optimizer", text, "adam:b1=0.8")
        return cls(name, {key: _literal(value) for key, value in options.items()})

    def __str__(self) -> str:
        options = ",".join(f"{key}={_text(value)}" for key, value in self.options.items())
        return f"{self.name}:{options}" if options else self.name


@dataclass(frozen=True, kw_only=True)
class _OptimizerName(Parameter[Any, Any]):
    """An optimizer, as text `name:option=value`."""

    def read(self, name: str, value: Any) -> Optimizer:
        return Optimizer.parse(one_name(name, value))

    def checked(self, name: str, value: Any) -> Optimizer:
        if not isinstance(value, Optimizer):
            raise UsageError(f"{name} {value!r}: has to be a mstage.Optimizer")
        return value

    def plain(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class Descent:
    """Descent in steps of an optimizer.

    Attributes:
        learning_rate: Learning rates.
        optimizer: The update rule.
        batch_size: Samples a step, None for all of them; several are an axis. The recorded loss is over all samples
            in either case.

    Raises:
        UsageError: A value makes no sense.
    """

    learning_rate: Numbers = Number(
        help="Learning rate.", metavar="R", meaning="learning rate", is_axis=True, least=0, above=True,
        rule="above 0", default=(0.1,),
    )  # fmt: skip
    optimizer: Plain[Optimizer] = _OptimizerName(
        help="Any of Optax, options behind it, as in adam:b1=0.8,nesterov=true.", metavar="NAME", default=Optimizer(),
    )  # fmt: skip
    batch_size: MaybeWholeNumbers = Number(
        help="Samples a step.", metavar="N", default_text="all of them", meaning="samples a step", whole=True,
        least=1, rule="a whole number of at least 1", is_axis=True, is_static=True, only_varied=True, optional=True,
        default=None,
    )  # fmt: skip

    packages: ClassVar = ("jax", "jaxlib", "optax")  # whose version can change the bits of a run

    @property
    def why_no_time(self) -> str:
        """Why a step is no time, empty where learning rate x step is one."""
        return "" if self.optimizer.is_gradient_descent else f"{self.optimizer} has steps and no gradient-flow time"

    def check_horizon(self, until: float | None, dtype: str) -> None:  # noqa: ARG002, a flow needs it
        """Refuse an end that these dynamics do not have.

        Raises:
            UsageError: `until` is given without a time, or is too many steps away.
        """
        if until is None:
            return
        if self.why_no_time:
            raise UsageError(f"until {until:g}: {self.optimizer} has steps only, no time; give --steps N")
        most = until / min(self.learning_rate)
        if most >= 2**53:
            raise UsageError(f"until {until:g}: that is {most:.1e} steps; take a larger learning rate")

    def last_step(self, learning_rate: float, until: float | None, steps: int | None) -> int:
        """Step at which a run of that learning rate ends if nothing ends it before."""
        return steps if steps is not None else max(1, math.ceil((until or 0) / learning_rate * (1 - 1e-12)))

    def last_steps(self, until: float | None, steps: int | None) -> tuple[int, ...]:
        """`last_step` of each learning rate."""
        return tuple(self.last_step(rate, until, steps) for rate in self.learning_rate)


@dataclass(frozen=True)
class Flow:
    """Gradient flow, in continuous time; its steps are ticks of the clock that it is recorded by.

    Attributes:
        tolerance: Error allowed in a step of the integrator, relative to the size of the weights, each the largest
            number among them, or along the motion to the time; several are an axis.

    Raises:
        UsageError: The tolerance makes no sense.
    """

    tolerance: Numbers = Number(
        help="Error of a step of the flow, relative to the weights or, along the motion, to the time.", metavar="E",
        meaning="error allowed in a step of the flow", least=1e-12, most=0.1, rule="from 1e-12 to 0.1 in float64",
        is_axis=True, is_static=True, only_varied=True, default=(FLOW_TOLERANCE,),
    )  # fmt: skip

    packages: ClassVar = ("jax", "jaxlib", "diffrax")

    @property
    def why_no_time(self) -> str:
        """Empty: a flow has a time."""
        return ""

    def check_horizon(self, until: float | None, dtype: str) -> None:
        """Refuse an end that these dynamics do not have, and a tolerance that a `dtype` cannot meet.

        Raises:
            UsageError: `until` is not given, or the tolerance is too small.
        """
        if until is None:
            raise UsageError("steps: a gradient flow chooses its own steps; say how long with --until TIME")
        least = MIN_TOLERANCE[dtype]
        if min(self.tolerance) < least:
            raise UsageError(f"tolerance {min(self.tolerance)}: has to be from {least:g} to 0.1 in {dtype}")

    def last_steps(self, until: float | None, steps: int | None) -> tuple[int, ...]:  # noqa: ARG002, descent needs them
        """The last tick."""
        return (FLOW_TICKS,)


Dynamics: TypeAlias = Descent | Flow
DYNAMICS: dict[str, type[Descent] | type[Flow]] = {"descent": Descent, "flow": Flow}


def _check_option(what: str, key: str, value: OptionValue) -> None:
    """Refuse an option that no optimizer can have; Optax takes it and trains nonsense."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        if key in SHARES and value is not None:
            raise UsageError(f"{what}: expected a number of at least 0 and below 1")
        return
    if not math.isfinite(value):
        raise UsageError(f"{what}: has to be finite")
    if key in SHARES and not 0 <= value < 1:
        raise UsageError(f"{what}: has to be at least 0 and below 1")
    if key in NOT_NEGATIVE and value < 0:
        raise UsageError(f"{what}: has to be 0 or more")


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
