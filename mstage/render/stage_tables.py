"""Tables of the stages by alpha and width.

Cells that repeat the row above are blank, and an empty line separates groups. The stages of a group stand in their
order; lengths and rates are grouped by stage, so that those of one stage can be compared over alpha and width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.analysis.samples import Spread
from mstage.errors import printable
from mstage.render.colours import KIND_COLOURS
from mstage.render.numbers import counted, fit_interval, given, interval, middle, number, spread_range
from mstage.render.table import Cell, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mstage.analysis.stages.groups import RateSummary, StageGroup, StageGroups, StageSequence, StageSummary

MAX_SEQUENCES = 3  # of a group that a table shows; json has them all
MIN_COUNTED = 50  # end of a clock that counts, from which its values are written as whole numbers
RATE_DIGITS = 3  # a fit gives no more
TEXT_AXES = ("log", "run", "series")  # whose values are names


def stage_table(groups: StageGroups, *, title: str = "") -> Table:
    """Each stage of each group in its order: start, end, level and rate.

    Medians over runs with the range of the end; where every group is a single run, the interval of the end from the
    fit instead, and how sure the stage is.
    """
    several = has_ranges(groups)
    names = [*(["runs"] if several else []), "stage", "start", "end"]
    rate = f"rate\nper {printable(groups.clock)}"
    around = ["range of end\nover seeds"] if several else ["90 % interval\nof end"]
    names += [*around, "level", rate, *([] if several else ["sure"])]
    table = Table([*group_heads(groups), *names], title=title, left=["stage", *TEXT_AXES])
    clock = groups.clock if _counts(groups) else ""
    for group in groups.groups:
        for share, stage, cells in _told_in_order(group, several, clock):
            table.add_row_of(group_place(groups, group), *([share] if several else []), stage, *cells)
    return table


def plateau_table(groups: StageGroups, *, title: str = "") -> Table:
    """Lengths and levels of the plateaus; one that lasts to the end of its run gives a lower bound."""
    several = has_ranges(groups)
    over = "range of {}\nover seeds"
    names = ["length", over.format("length"), "level", over.format("level")] if several else ["length", "level"]

    def cells(stage: StageSummary, sequence: StageSequence) -> list[str]:
        length, level = stage.length, stage.level
        lasting = f"{'over ' if stage is sequence.stages[-1] else ''}{middle(length)}"  # the last ends with the run
        if not several:
            return [lasting, middle(level)]
        return [lasting, spread_range(length), middle(level), spread_range(level)]

    return _stage_by_stage(groups, ("plateau",), names, cells, title=title)


def descent_table(groups: StageGroups, *, title: str = "") -> Table:
    """Rates of the descents (and rises), the interval of the fits, and the model that they belong to.

    Of a power law the rate is t^-2, and interval and range are of its exponent.
    """
    several = has_ranges(groups)
    rate, over = f"rate\nper {printable(groups.clock)}", ["range of rate\nover seeds"] if several else []
    names = [rate, "95 % of\nthe fit", *over, "model"]

    def cells(stage: StageSummary, sequence: StageSequence) -> list[str]:
        rate = stage.rate
        if rate is None:
            return [*[""] * (len(names) - 1), "none fits"]
        model, ends, spread = rate.model, rate.interval, rate.rate
        if model == "power law":  # t^-2 has the exponent 2
            ends, spread = ends and (-ends[1], -ends[0]), Spread(-spread.median, -spread.greatest, -spread.least)
        model += f", {rate.runs} of {sequence.runs}" if rate.runs < sequence.runs else ""
        ranges = [spread_range(spread, RATE_DIGITS)] if several else []
        return [_rate(rate), fit_interval(ends, RATE_DIGITS), *ranges, model]

    return _stage_by_stage(groups, ("descent", "rise"), names, cells, title=title)


def _told_in_order(group: StageGroup, several: bool, clock: str) -> Iterator[tuple[str, Cell, list[str]]]:
    """Share of the runs (once for each sequence), stage and cells of every row of a group."""
    for sequence in group.sequences[:MAX_SEQUENCES]:
        share = share_of(sequence.runs, group)
        if not sequence.stages:
            yield share, Cell("no stage found"), []
        for stage in sequence.stages:
            yield share, _name(stage), _stage_cells(stage, several, clock)
            share = ""
    rest = group.sequences[MAX_SEQUENCES:]
    if rest:
        others = counted(len(rest), "other sequence")
        yield share_of(sum(sequence.runs for sequence in rest), group), Cell(others, "dim"), []
    for status, count in group.statuses.items():
        if status != "ok":
            yield share_of(count, group), Cell(status, "red"), []


def _counts(groups: StageGroups) -> bool:
    """Whether the clock goes far enough to be written in whole numbers."""
    stages = [s for group in groups.groups for sequence in group.sequences for s in sequence.stages]
    return max((s.end.greatest for s in stages if s.end), default=0.0) >= MIN_COUNTED


def _rate(rate: RateSummary | None) -> str:
    """A rate per unit of the clock, or the power of it that the loss follows: `t^-0.58`."""
    if rate is None:
        return ""
    if rate.model == "power law":
        return f"t^{number(-rate.rate.median, RATE_DIGITS)}"
    return middle(rate.rate, RATE_DIGITS)


def _stage_cells(stage: StageSummary, several: bool, clock: str) -> list[str]:
    start, end, level = middle(stage.start, clock=clock), middle(stage.end, clock=clock), middle(stage.level)
    rate = _rate(stage.rate)
    if several:
        return [start, end, spread_range(stage.end, clock=clock), level, rate]
    sure = f"{100 * stage.probability.median:.0f} %" if stage.probability else ""
    ends = stage.end_interval
    around = interval(ends, clock=clock) if ends and ends[0] < ends[1] else ""  # the last one ends with the run
    return [start, end, around, level, rate, sure]


def _stage_by_stage(
    groups: StageGroups,
    kinds: Sequence[str],
    names: Sequence[str],
    cells: Callable[[StageSummary, StageSequence], list[str]],
    *,
    title: str,
) -> Table:
    """A table of the stages of some kinds, one after the other, each with its cells for every group that has it.

    The first kind is the head of the first column and is not repeated below it.
    """
    several = has_ranges(groups)
    heads = [*group_heads(groups), *(["runs"] if several else [])]
    table = Table([kinds[0], *heads, *names], title=title, left=[kinds[0], "model"])
    found = [
        (number, stage, sequence, group)
        for group in groups.groups
        for sequence in group.sequences[:MAX_SEQUENCES]
        for number, stage in enumerate(sequence.stages)
        if stage.kind in kinds
    ]
    earliest: dict[str, int] = {}
    for place, stage, _, _ in found:
        earliest[stage.name] = min(place, earliest.get(stage.name, place))
    for name in sorted(earliest, key=lambda name: earliest[name]):
        shown = name.removesuffix(f" {kinds[0]}")
        for _, stage, sequence, group in found:
            if stage.name == name:
                share = [share_of(sequence.runs, group)] if several else []
                first = Cell(shown, KIND_COLOURS.get(stage.kind, ""))
                table.add_row(first, *group_place(groups, group), *share, *cells(stage, sequence))
                shown = ""
        table.add_section()
    if not found:
        table.add_row("none found")
    return table


def has_ranges(groups: StageGroups) -> bool:
    """Whether any group has more than one run, so that there are ranges to show."""
    return any(group.runs > 1 for group in groups.groups)


def group_heads(groups: StageGroups) -> list[str]:
    """The columns that tell groups apart."""
    return [printable(axis).replace("_", "\n") for axis in groups.axes]


def group_place(groups: StageGroups, group: StageGroup) -> list[str]:
    """The values of a group in these columns."""
    return [given(value) for value in groups.place(group.run)]


def share_of(count: int, group: StageGroup) -> str:
    """So many of the runs of a group, as `2/3`."""
    return f"{count}/{group.runs}"


def _name(stage: StageSummary) -> Cell:
    return Cell(stage.name, KIND_COLOURS.get(stage.kind, ""))
