"""A result in a notebook: the tables that its command prints, in HTML."""

from __future__ import annotations

from html import escape

from mstage.analysis.observed import Observed
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
from mstage.render.snapshot_tables import condensation_table, observable_table
from mstage.render.stage_tables import stage_table
from mstage.render.table import Table
from mstage.render.theory_tables import constants_table, prediction_table


def html(result: object) -> str:
    """The tables of a result, and the lines between them."""
    parts = parts_of(result)
    return "\n".join(one.html() if isinstance(one, Table) else f"<p>{escape(one)}</p>" for one in parts)


def parts_of(result: object) -> list[Table | str]:
    """What is shown of a result."""
    match result:
        case Stages():
            return [stage_table(StageGroups.of(result))]
        case SweepReport():
            return report_parts(result, str(result.settings.get("problem", "")))
        case SweepTheory():
            return [constants_table(result), prediction_table(result)]
        case Drift():
            return [drift_table(result)]
        case Condensation():
            return [condensation_table(result)]
        case Observed():
            return [observable_table(result)]
        case LayerDrift():
            return [layer_table(result, 1)]
    return [repr(result)]
