"""A result in a notebook: the tables that its command prints, in HTML."""

from __future__ import annotations

from functools import singledispatch
from html import escape

from mstage.analysis.stages.groups import StageGroups
from mstage.analysis.stages.results import Stages
from mstage.analysis.summary.report import SweepReport
from mstage.analysis.theory.predictions import SweepTheory
from mstage.analysis.weights.condensation import Condensation
from mstage.analysis.weights.drift import Drift
from mstage.analysis.weights.layer_drift import LayerDrift
from mstage.render.drift_tables import drift_table
from mstage.render.layer_tables import layer_table
from mstage.render.report import report_parts
from mstage.render.snapshot_tables import condensation_table
from mstage.render.stage_tables import stage_table
from mstage.render.table import Table
from mstage.render.theory_tables import constants_table, prediction_table


def html(result: object) -> str:
    """The tables of a result, and the lines between them."""
    parts = parts_of(result)
    return "\n".join(one.html() if isinstance(one, Table) else f"<p>{escape(one)}</p>" for one in parts)


@singledispatch
def parts_of(result: object) -> list[Table | str]:
    """What is shown of a result."""
    return [repr(result)]


@parts_of.register
def _(result: Stages) -> list[Table | str]:
    return [stage_table(StageGroups.of(result))]


@parts_of.register
def _(result: SweepReport) -> list[Table | str]:
    return report_parts(result, str(result.settings.get("problem", "")))


@parts_of.register
def _(result: SweepTheory) -> list[Table | str]:
    return [constants_table(result), prediction_table(result)]


@parts_of.register
def _(result: Drift) -> list[Table | str]:
    return [drift_table(result)]


@parts_of.register
def _(result: Condensation) -> list[Table | str]:
    return [condensation_table(result)]


@parts_of.register
def _(result: LayerDrift) -> list[Table | str]:
    return [layer_table(result, 1)]
