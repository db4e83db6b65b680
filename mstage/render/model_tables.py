"""The table of what may be set of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.render.table import Table

if TYPE_CHECKING:
    from mstage.spec.models.descriptions import ModelDescription


def model_table(model: ModelDescription) -> Table:
    """A row a parameter, with what else there is to say of the model and its papers below."""
    names = ["option", "default", "axis", "meaning"]
    papers = f"Papers: {model.references}" if model.references else ""
    table = Table(names, left=names, notes=[one for one in (model.notes, papers) if one] or None)
    for one in model.parameters:
        table.add_row(one.option, one.default_text, "yes" if one.is_axis else "", one.meaning)
    return table
