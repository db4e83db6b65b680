"""Tables of theory: the constants of a problem, its predictions, and these beside what was measured and detected.

Numbered notes below the table say why a prediction is missing or how far it can be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import printable
from mstage.history import shown_axes
from mstage.render.numbers import band, counted, fit_interval, given, middle, number, spread_range
from mstage.render.table import Cell, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.analysis.measured.quantity import OverRuns
    from mstage.analysis.scaling.laws import ScalingLaw
    from mstage.analysis.stages.groups import StageGroups
    from mstage.analysis.summary.comparison import Comparison
    from mstage.analysis.theory.predictions import SweepTheory

RATES = ("initial growth",)  # quantities per unit of the clock
DETECTED = "detected: the end of the stage, or the median of its losses; of all runs unless a share follows"


class Notes:
    """Remarks, each with a number by which a table refers to it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, remark: str) -> str:
        """`[2]` for a remark, the same for the same; nothing for none."""
        return f"[{self._numbers.setdefault(remark, len(self._numbers) + 1)}]" if remark else ""

    def lines(self, more: Sequence[str] = ()) -> list[str]:
        """All the remarks, a line each, and more of them that no row refers to."""
        numbered = [f"[{index}] {remark}" for remark, index in self._numbers.items()]
        return [printable(line) for line in [*numbered, *more]]


def constants_table(theory: SweepTheory) -> Table:
    """The constants of the training set, in a row."""
    values = theory.constants.to_dict()
    table = Table(list(values), title=f"{theory.problem}: constants of its {theory.constants.samples} samples")
    table.add_row(*(number(value) for value in values.values()))
    return table


def prediction_table(theory: SweepTheory) -> Table:
    """Every prediction of every alpha, width, learning rate and alpha_output."""
    axes = [name for name in theory.runs[0].run if name != "learning_rate" or several_rates(theory)]
    heads = [name.replace("_", " ") for name in axes]
    table = Table(
        [*heads, "prediction", "", "value", "theory's band", "note"], title="Predictions", left=["prediction", ""]
    )
    notes = Notes()
    for one in theory.runs:
        place = [given(one.run[name]) for name in axes]
        for prediction in one.predictions:
            value = number(prediction.value) if prediction.applies else "none"
            allowed, name = band(prediction.low, prediction.high), named(prediction.name, "time")
            table.add_row_of(place, name, prediction.symbol, value, allowed, notes.mark(prediction.why))
    table.notes = notes.lines(theory.remarks)
    return table


def several_rates(theory: SweepTheory) -> bool:
    """Whether its runs differ in the learning rate."""
    return len({one.learning_rate for one in theory.runs}) > 1


def comparison_table(groups: StageGroups, comparisons: tuple[Comparison, ...], remarks: tuple[str, ...] = ()) -> Table:
    """Predicted, measured by definition and detected side by side, with the runs that each stands for.

    How far off the prediction is, is told by what is measured by definition. A group has a row of its own above its
    quantities. What is missing of some runs is in the notes; what is detected of some alone has their share behind it.
    """
    several = any(group.runs > 1 for group in groups.groups)
    ranges = ["range\nover seeds", "runs"] if several else []
    title = f"Predicted, measured by definition, and detected, in units of {groups.clock}"
    columns = ["quantity", "predicted", "off by", "measured", *ranges, "detected", "note"]
    table = Table(columns, title=title, left=["quantity"])
    notes, last = Notes(), ""
    for one in comparisons:
        here = ", ".join(f"{axis.replace('_', ' ')} {given(one.run.get(axis, ''))}" for axis in groups.axes)
        if here != last:
            table.add_section()
            table.add_row(Cell(here, "bold"))
            last = here
        predicted = number(one.prediction.value) if one.prediction.applies else "none"
        off = f"{100 * one.deviation:+.1f} %" if one.deviation is not None else ""
        measured = [middle(one.measured.spread) or not_by(one.measured)]
        measured += [spread_range(one.measured.spread), share(one.measured)] if several else []
        marks = notes.mark(one.prediction.why) + "".join(notes.mark(line) for line in absences(one.measured))
        name = named(one.prediction.name, groups.clock)
        table.add_row(name, predicted, off, *measured, _detected(one.detected), marks)
    table.notes = notes.lines([DETECTED, *remarks] if comparisons else remarks)
    return table


def _detected(found: OverRuns | None) -> str:
    """The median of what is detected, with the share of the runs where some lack it."""
    if found is None:
        return ""
    return middle(found.spread) + (f" ({share(found)})" if found.spread and found.absent else "") or "none"


def named(quantity: str, clock: str) -> str:
    """A quantity with the unit of a rate."""
    return f"{quantity} per {clock}" if quantity in RATES else quantity


def share(over: OverRuns) -> str:
    """How many of the runs have a quantity, as `2/3`."""
    return f"{over.runs}/{over.members}"


def absences(over: OverRuns) -> list[str]:
    """Why runs have no value, a line for each reason."""
    lines = []
    for one in over.absent:
        by = "" if one.not_by is None else f" by {number(one.not_by)}"
        which = f"{one.runs} of {counted(over.members, 'run')}: " if over.members > 1 else ""
        lines.append(f"{which}{one.why}{by}")
    return lines


def not_by(over: OverRuns) -> str:
    """`not by 800` of what may still come, `none` of what will not."""
    return "none" if over.not_by is None else f"not by {number(over.not_by)}"


def scaling_table(laws: tuple[ScalingLaw, ...]) -> Table:
    """Slope of each scaling law, its interval over seeds, and the predicted slope."""
    axes = shown_axes([one.run for one in laws])
    heads = [name.replace("_", " ") for name in axes]
    names = ["widths", "seeds", "slope", "95 % of the fit", "predicted", "note"]
    title = "Scaling with the width m, of what is measured by definition"
    table = Table([*heads, "law", *names], title=title, left=["law"])
    notes = Notes()
    for one in laws:
        place = [given(one.run.get(name, "")) for name in axes]
        spread = fit_interval((one.low, one.high), 3) if one.low is not None and one.high is not None else ""
        predicted = number(one.predicted, 3) if one.predicted is not None else "none"
        widths, seeds = f"{one.widths[0]} to {one.widths[-1]}", f"{one.seeds}/{one.all_seeds}"
        slope, mark = number(one.slope, 3), notes.mark(one.why)
        table.add_row_of(place, one.law.form, widths, seeds, slope, spread, predicted, mark)
    table.notes = notes.lines()
    return table
