"""Tables for the terminal: the stages by alpha and width, and what a report says of a sweep.

What repeats the row above is left blank, an empty line sets groups apart, and nothing is cut: where a table does not
fit, its cells are folded. The stages of a group are told in their order; lengths and rates are told stage by stage, so
that those of one stage stand below each other for every alpha and width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from mstage.errors import printable
from mstage.render.colours import KIND_COLOURS
from mstage.render.numbers import counted, given, interval, middle, number, spread_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

    from mstage.analysis.groups import RateSummary, StageGroup, StageGroups, StageSequence, StageSummary
    from mstage.analysis.summary import SweepReport

MOST_SEQUENCES = 3  # of a group that a table shows; json has them all
MOST_DIVERGED = 20  # runs that a table names one by one; json has them all
MOST_VALUES = 12  # of a setting that are all listed
FEWEST_COUNTED = 50  # steps that a clock goes to, from which they are written whole
RATE_DIGITS = 3  # a fit gives no more
TEXT_AXES = ("log", "run", "series")  # whose values are names


class NamesTable(Table):
    """A table whose cells may hold names from anywhere: each is a line, and what would not be seen is written out."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row, its strings made printable."""
        super().add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def plain_table(names: Sequence[str], *, title: str = "", left: Sequence[str] = ()) -> Table:
    """An empty table in the style of all of them; numbers are set right, the columns `left` left."""
    table = NamesTable(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), title=printable(title) or None,
        title_justify="left", title_style="bold", header_style="bold",
    )  # fmt: skip
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold")
    return table


def stage_table(groups: StageGroups, *, title: str = "") -> Table:
    """Each stage of each group in its order: start, end, level and rate.

    Medians over runs with the range of the end; where every group is a single run, the interval of the end from the
    fit instead, and how sure the stage is.
    """
    several = _several(groups)
    names = [*(["runs"] if several else []), "stage", "start", "end"]
    names += ["range of end", "level", "rate"] if several else ["90 % of end", "level", "rate", "sure"]
    table = plain_table([*_heads(groups), *names], title=title, left=["stage", *TEXT_AXES])
    clock = groups.clock if _counts(groups) else ""
    for group in groups.groups:
        place = _coordinates(groups, group)
        for share, stage, cells in _told_in_order(group, several, clock):
            table.add_row(*place, *([share] if several else []), stage, *cells)
            place = [""] * len(place)
        table.add_section()
    return table


def plateau_table(groups: StageGroups, *, title: str = "") -> Table:
    """Lengths and levels of the plateaus; one that lasts to the end of its run is longer than was seen."""
    several = _several(groups)
    names = ["length", "range of length", "level", "range of level"] if several else ["length", "level"]

    def cells(stage: StageSummary, sequence: StageSequence) -> list[str]:
        length, level = stage.length, stage.level
        lasting = f"{'over ' if stage is sequence.stages[-1] else ''}{middle(length)}"  # the last ends with the run
        if not several:
            return [lasting, middle(level)]
        return [lasting, spread_range(length), middle(level), spread_range(level)]

    return _stage_by_stage(groups, ("plateau",), names, cells, title=title)


def descent_table(groups: StageGroups, *, title: str = "") -> Table:
    """Rates of the descents (and rises), the interval of the fits, and the model that they belong to."""
    several = _several(groups)
    names = ["rate", "95 % interval", *(["range of rate"] if several else []), "model"]

    def cells(stage: StageSummary, sequence: StageSequence) -> list[str]:
        rate = stage.rate
        if rate is None:
            return [*[""] * (len(names) - 1), "none fits"]
        model = f"{rate.model} (exponent)" if rate.model == "power law" else rate.model
        model += f", {rate.runs} of {sequence.runs}" if rate.runs < sequence.runs else ""
        ranges = [spread_range(rate.rate, RATE_DIGITS)] if several else []
        return [middle(rate.rate, RATE_DIGITS), interval(rate.interval, RATE_DIGITS), *ranges, model]

    return _stage_by_stage(groups, ("descent", "rise"), names, cells, title=title)


def final_loss_table(report: SweepReport, *, title: str = "") -> Table:
    """The loss that each group ended at."""
    groups = report.stage_groups
    several = _several(groups)
    names = ["runs", "final loss", "range"] if several else ["final loss"]
    table = plain_table([*_heads(groups), *names], title=title)
    for group, loss in zip(groups.groups, report.final_losses, strict=True):
        share = _share(group.runs - group.statuses.get("diverged", 0), group)
        cells = [share, middle(loss) or "none", spread_range(loss)] if several else [middle(loss) or "none"]
        table.add_row(*_coordinates(groups, group), *cells)
    return table


def diverged_table(report: SweepReport, *, title: str = "") -> Table:
    """The runs that diverged and the steps, or the times of a flow, at which they did."""
    names = list(report.diverged[0].run) if report.diverged else []
    is_flow = any(one.time is not None for one in report.diverged)
    table = plain_table([*(_head(name) for name in names), f"diverged at {'time' if is_flow else 'step'}"], title=title)
    for one in report.diverged[:MOST_DIVERGED]:
        when = given(one.step) if one.time is None else number(one.time)
        table.add_row(*(given(one.run[name]) for name in names), when)
    if len(report.diverged) > MOST_DIVERGED:
        table.add_row(*[""] * len(names), f"and {len(report.diverged) - MOST_DIVERGED:,} more")
    return table


def settings_table(report: SweepReport, source: str) -> Table:
    """What the sweep is, a line for each setting."""
    table = NamesTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("sweep", source)
    for name, value in report.settings.items():
        table.add_row(_head(name), _values(value) if isinstance(value, (list, tuple)) else given(value))
    if report.preparation:
        table.add_row("data as learnt", report.preparation)
    ended = ", ".join(f"{count:,} {word}" for word, count in report.statuses.items())
    table.add_row("runs", f"{sum(report.statuses.values()):,}: {ended}")
    if report.integration is not None:
        of = report.integration
        each = f"{middle(of.steps)} steps a run ({spread_range(of.steps) or 'each'})"
        table.add_row("integration", f"{each}, {of.rejected:.0%} rejected, {of.factorisations:,} factorisations")
    if report.versions:
        table.add_row("trained with", ", ".join(f"{name} {version}" for name, version in report.versions.items()))
    return table


def _told_in_order(group: StageGroup, several: bool, clock: str) -> Iterator[tuple[str, Text, list[str]]]:
    """Share of the runs (once for each sequence), stage and cells of every row of a group."""
    for sequence in group.sequences[:MOST_SEQUENCES]:
        share = _share(sequence.runs, group)
        if not sequence.stages:
            yield share, Text("no stage found"), []
        for stage in sequence.stages:
            yield share, _name(stage), _stage_cells(stage, several, clock)
            share = ""
    rest = group.sequences[MOST_SEQUENCES:]
    if rest:
        others = counted(len(rest), "other sequence")
        yield _share(sum(sequence.runs for sequence in rest), group), Text(others, "dim"), []
    for status, count in group.statuses.items():
        if status != "ok":
            yield _share(count, group), Text(status, "red"), []


def _counts(groups: StageGroups) -> bool:
    """Whether the clock goes so far that its whole numbers tell enough."""
    stages = [s for group in groups.groups for sequence in group.sequences for s in sequence.stages]
    return max((s.end.greatest for s in stages if s.end), default=0.0) >= FEWEST_COUNTED


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
    several = _several(groups)
    heads = [*_heads(groups), *(["runs"] if several else [])]
    table = plain_table([kinds[0], *heads, *names], title=title, left=[kinds[0], "model"])
    found = [
        (number, stage, sequence, group)
        for group in groups.groups
        for sequence in group.sequences[:MOST_SEQUENCES]
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
                share = [_share(sequence.runs, group)] if several else []
                first = Text(shown, KIND_COLOURS.get(stage.kind, ""))
                table.add_row(first, *_coordinates(groups, group), *share, *cells(stage, sequence))
                shown = ""
        table.add_section()
    if not found:
        table.add_row("none found")
    return table


def _several(groups: StageGroups) -> bool:
    """Whether any group has more than one run, so that there are ranges to show."""
    return any(group.runs > 1 for group in groups.groups)


def _heads(groups: StageGroups) -> list[str]:
    return [printable(axis).replace("_", "\n") for axis in groups.axes]


def _head(name: str) -> str:
    return name.replace("_", " ")


def _coordinates(groups: StageGroups, group: StageGroup) -> list[str]:
    return [given(value) for value in groups.place(group.run)]


def _share(count: int, group: StageGroup) -> str:
    return f"{count}/{group.runs}"


def _name(stage: StageSummary) -> Text:
    return Text(stage.name, KIND_COLOURS.get(stage.kind, ""))


def _values(values: Sequence[object]) -> str:
    """The values of a setting; of very many the first ones, the last and how many there are."""
    texts = [given(value) for value in values]
    if len(texts) <= MOST_VALUES:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])}, ..., {texts[-1]} ({len(texts):,} values)"
