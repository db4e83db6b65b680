"""Conditions on stages for scripts: has a run entered a stage, and does one end in a state to fail on?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mstage.analysis.stages.broken_lines import KINDS
from mstage.analysis.stages.names import ORDINALS, stage_names
from mstage.errors import UsageError, shown, unknown_name
from mstage.nearness import nearest

if TYPE_CHECKING:
    from mstage.analysis.stages.results import RunStages, Stages

CONDITIONS = ("plateau", "rise", "diverged")
FIGURE = re.compile(r"0*([1-9]\d{0,2})(?:st|nd|rd|th)")


def conditions_of(text: str) -> tuple[str, ...]:
    """The conditions that `--fail-on` names, separated by commas.

    Raises:
        UsageError: One of them is unknown.
    """
    names = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for name in names:
        if name not in CONDITIONS:
            raise UsageError(f"--fail-on: {unknown_name('condition', shown(name), CONDITIONS)}")
    if not names:
        raise UsageError(f"--fail-on is empty; expected one or several of {', '.join(CONDITIONS)}")
    return names


def stage_of(text: str) -> str:
    """The name of the stage that `--until` waits for: `secondary-descent` and `2nd-descent` are `secondary descent`.

    Raises:
        UsageError: No stage has that name.
    """
    name = " ".join(text.lower().replace("-", " ").replace("_", " ").split())
    ordinal, _, kind = name.partition(" ")
    for known_kind in KINDS:
        if kind == known_kind and (figure := FIGURE.fullmatch(ordinal)):
            return stage_names([known_kind] * int(figure[1]))[-1]
    if ordinal not in ORDINALS or kind not in KINDS:
        near = nearest(text, [f"{one}-{kind}" for one in ORDINALS for kind in KINDS])
        hint = f" Did you mean `{near}`?" if near else ""
        raise UsageError(
            f"--until: unknown stage `{shown(text)}`; expected an ordinal ({', '.join(ORDINALS[:3])}, ...) and a kind "
            f"({', '.join(KINDS)}), as in secondary-descent.{hint}"
        )
    return name


def has_entered(stages: Stages, name: str) -> bool:
    """Whether a run has come to a stage."""
    return any(stage.name == name for one in stages.runs for stage in one.stages)


def what_fails(stages: Stages, conditions: tuple[str, ...]) -> list[str]:
    """The runs that fulfil a condition, a line each: that end on a plateau or in a rise, or have diverged."""
    return [
        f"{name_of(one)} {how}" for one in stages.runs for name in conditions if (how := _how(one, name, stages.clock))
    ]


def not_judged(stages: Stages) -> list[str]:
    """The runs without any stage, for which no condition can be decided."""
    return [f"{name_of(one)} is {one.status}" for one in stages.runs if not one.stages]


def name_of(run: RunStages) -> str:
    """A run by its coordinates."""
    return " ".join(f"{value}" if isinstance(value, str) else f"{name} {value}" for name, value in run.run.items())


def _how(run: RunStages, condition: str, clock: str) -> str:
    """How a run fulfils a condition; empty if it does not."""
    if condition == "diverged":
        return "has diverged" if run.status == "diverged" else ""
    if not run.stages or run.stages[-1].kind != condition:
        return ""
    last = run.stages[-1]
    since = f"{last.start:,.0f}" if last.start >= 1000 else f"{last.start:.4g}"
    return f"ends {'on' if condition == 'plateau' else 'in'} its {last.name}, since {clock} {since}"
