"""The report of a sweep: the order of its tables, and the tables that only the report has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.render.numbers import given, middle, number, spread_range
from mstage.render.stage_tables import (
    descent_table,
    group_heads,
    group_place,
    has_ranges,
    plateau_table,
    share_of,
    stage_table,
)
from mstage.render.table import Table
from mstage.render.theory_tables import comparison_table, scaling_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.analysis.summary.report import SweepReport

MAX_DIVERGED = 20  # runs that a table names one by one; json has them all
MAX_VALUES = 12  # of a setting that are all listed


def report_parts(report: SweepReport, source: str) -> list[Table | str]:
    """The report as tables, with a line for each part that is missing.

    Args:
        report: The sweep summed up.
        source: What the user calls it.
    """
    groups, over = report.stage_groups, "medians over seeds"
    parts: list[Table | str] = [
        settings_table(report, source),
        stage_table(groups, title=f"Stages as detected, in units of {groups.clock} ({over})"),
        plateau_table(groups, title="Plateaus as detected"),
        descent_table(groups, title="Descents as detected"),
    ]
    if report.comparisons:
        remarks = report.theory.remarks if report.theory else ()
        parts.append(comparison_table(groups, report.comparisons, remarks))
    if report.laws:
        parts.append(scaling_table(report.laws))
    parts.append(final_loss_table(report, title="Final losses"))
    if report.diverged:
        parts.append(diverged_table(report, title="Diverged"))
    if report.missing:
        lines = (f"{name[0].upper()}{name[1:]}: none, because {why}." for name, why in report.missing.items())
        parts.append("\n".join(lines))
    return parts


def settings_table(report: SweepReport, source: str) -> Table:
    """What the sweep is, a line for each setting."""
    table = Table()
    table.add_row("sweep", source)
    for name, value in report.settings.items():
        table.add_row(name.replace("_", " "), _values(value) if isinstance(value, (list, tuple)) else given(value))
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


def final_loss_table(report: SweepReport, *, title: str = "") -> Table:
    """The loss that each group ended at."""
    groups = report.stage_groups
    several = has_ranges(groups)
    names = ["runs", "final loss", "range over seeds"] if several else ["final loss"]
    table = Table([*group_heads(groups), *names], title=title)
    for group, loss in zip(groups.groups, report.final_losses, strict=True):
        share = share_of(group.runs - group.statuses.get("diverged", 0), group)
        cells = [share, middle(loss) or "none", spread_range(loss)] if several else [middle(loss) or "none"]
        table.add_row(*group_place(groups, group), *cells)
    return table


def diverged_table(report: SweepReport, *, title: str = "") -> Table:
    """The runs that diverged and the steps, or the times of a flow, at which they did."""
    names = list(report.diverged[0].run) if report.diverged else []
    is_flow = any(one.time is not None for one in report.diverged)
    table = Table(
        [*(name.replace("_", " ") for name in names), f"diverged at {'time' if is_flow else 'step'}"], title=title
    )
    for one in report.diverged[:MAX_DIVERGED]:
        when = given(one.step) if one.time is None else number(one.time)
        table.add_row(*(given(one.run[name]) for name in names), when)
    if len(report.diverged) > MAX_DIVERGED:
        table.add_row(*[""] * len(names), f"and {len(report.diverged) - MAX_DIVERGED:,} more")
    return table


def _values(values: Sequence[object]) -> str:
    """The values of a setting; of very many the first ones, the last and how many there are."""
    texts = [given(value) for value in values]
    if len(texts) <= MAX_VALUES:
        return ", ".join(texts)
    return f"{', '.join(texts[:3])}, ..., {texts[-1]} ({len(texts):,} values)"
