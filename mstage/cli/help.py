"""Help pages as plain text, options in their panels: Rich would double the time that `--help` takes."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class PanelledCommand(TyperCommand):
    """A command whose help page shows its options under the headings of their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, panels in the order in which they are first met."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            is_argument = parameter.param_type_name == "argument"
            record = parameter.get_help_record(ctx)
            if record is not None:
                if is_argument:  # Typer puts its type behind it, which says nothing
                    record = (parameter.metavar or record[0], record[1])
                default = "Arguments" if is_argument else "Other"
                panels.setdefault(getattr(parameter, "rich_help_panel", None) or default, []).append(record)
        for heading, records in panels.items():
            with formatter.section(heading):
                formatter.write_dl(records, col_max=36)
