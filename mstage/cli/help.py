"""The commands' own class: help pages as plain text, and options that are given twice.

Help shows the options in their panels; Rich would double the time that it takes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand

from mstage.cli.sweep_options import list_keys
from mstage.errors import UsageError

LISTS = {*list_keys(), "fail_on", "figure_format"}  # options that take several values


class PanelledCommand(TyperCommand):
    """A command whose help page shows its options under the headings of their `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; of an option given twice Click would take the last without a word.

        Raises:
            UsageError: An option that holds one value is given twice.
        """
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for parameter, times in Counter(given).items():
            if times > 1 and parameter.param_type_name == "option" and not parameter.multiple:
                name = max(parameter.opts, key=len)
                many = "; write a list with commas, as 1,2" if parameter.name in LISTS else ""
                raise UsageError(f"{name} is given {times} times; give it once{many}")
        return list(super().parse_args(ctx, args))

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
