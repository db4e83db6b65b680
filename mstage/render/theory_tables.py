"""Tables of theory: the constants of a problem, its predictions, and these beside what was measured.

Numbered notes below the table say why a prediction is missing or how far it can be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import printable
from mstage.history import shown_axes
from mstage.render.numbers import given, interval, number, spread_range
from mstage.render.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.analysis.scaling.laws import ScalingLaw
    from mstage.analysis.stages.groups import StageGroups
    from mstage.analysis.stages.unreached import Unreached
    from mstage.analysis.theory.comparison import Comparison
    from mstage.analysis.theory.predictions import SweepTheory


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
    """Every prediction of every alpha, width and learning rate."""
    rates = len({one.learning_rate for one in theory.runs}) > 1
    heads = ["alpha", "width", *(["learning rate"] if rates else [])]
    table = Table([*heads, "prediction", "", "value", "range", "note"], title="Predictions", left=["prediction", ""])
    notes = Notes()
    for one in theory.runs:
        place = [given(value) for value in (one.alpha, one.width, *([one.learning_rate] if rates else []))]
        for prediction in one.predictions:
            low, high = prediction.low, prediction.high
            spread = interval((low, high)) if low is not None and high is not None and low < high else ""
            value = number(prediction.value) if prediction.applies else "none"
            table.add_row_of(place, prediction.name, prediction.symbol, value, spread, notes.mark(prediction.why))
    table.notes = notes.lines(theory.remarks)
    return table


def comparison_table(groups: StageGroups, comparisons: tuple[Comparison, ...], remarks: tuple[str, ...] = ()) -> Table:
    """Prediction, measurement and deviation side by side, with notes on what the predictions leave out."""
    heads = [axis.replace("_", " ") for axis in groups.axes]
    several = any(group.runs > 1 for group in groups.groups)
    names = ["predicted", "measured", *(["range"] if several else []), "off by", "note"]
    table = Table(
        [*heads, "quantity", *names], title=f"Theory beside measurement, in units of {groups.clock}", left=["quantity"]
    )
    notes = Notes()
    for one in comparisons:
        place = [given(one.run.get(axis, "")) for axis in groups.axes]
        predicted = number(one.prediction.value) if one.prediction.applies else "none"
        measured = number(one.measured.median) if one.measured else not_by(one.missing)
        off = f"{100 * one.deviation:+.1f} %" if one.deviation is not None else ""
        ranges = [spread_range(one.measured)] if several else []
        mark = notes.mark(one.prediction.why) + notes.mark(one.missing.why if one.missing else "")
        table.add_row_of(place, one.prediction.name, predicted, measured, *ranges, off, mark)
    table.notes = notes.lines(remarks)
    return table


def not_by(missing: Unreached | None) -> str:
    """`not by 800` for what may still happen after the run, `none` for what will not."""
    return "none" if missing is None or missing.not_by is None else f"not by {number(missing.not_by)}"


def scaling_table(laws: tuple[ScalingLaw, ...]) -> Table:
    """Slope of each scaling law, its interval over seeds, and the predicted slope."""
    axes = shown_axes([one.run for one in laws])
    heads = [name.replace("_", " ") for name in axes]
    names = ["widths", "seeds", "slope", "95 % over seeds", "predicted", "note"]
    table = Table([*heads, "law", *names], title="Scaling with the width m", left=["law"])
    notes = Notes()
    for one in laws:
        place = [given(one.run.get(name, "")) for name in axes]
        spread = interval((one.low, one.high), 3) if one.low is not None and one.high is not None else ""
        predicted = number(one.predicted, 3) if one.predicted is not None else "none"
        widths = f"{one.widths[0]} to {one.widths[-1]}"
        slope, mark = number(one.slope, 3), notes.mark(one.why)
        table.add_row_of(place, one.law.form, widths, str(one.seeds), slope, spread, predicted, mark)
    table.notes = notes.lines()
    return table
