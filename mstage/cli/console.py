"""The two streams of a command: stdout for data, stderr for talk.

The commands are handed this object, and nothing else writes to either stream. Rich is imported when something is
drawn and not before: `--help` and an error cost nothing.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from mstage.cli.encodings import fitted
from mstage.errors import printable
from mstage.render.formats import Format, csv_text, json_text
from mstage.render.table import Table as ResultTable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from mstage.render.formats import Result

PIPED_COLUMNS = 100


class Streams:
    """Where a command writes.

    Args:
        stdout: Stream for data; that of the process if None.
        stderr: Stream for talk; that of the process if None.
    """

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.stdout = stdout or sys.stdout or _nowhere()
        self.stderr = stderr or sys.stderr or _nowhere()

    def write(self, text: str) -> None:
        """Write data that are made for it: JSON, CSV."""
        self.stdout.write(text)

    def say(self, text: str) -> None:
        """Print a line on stderr, which may be closed."""
        with suppress(OSError):
            print(printable(text), file=self.stderr, flush=True)

    def put(self, result: Result, source: str, chosen: Format) -> bool:
        """Write a result if its format is JSON or CSV, and say whether it was; tables are up to each command."""
        if chosen is Format.JSON:
            self.write(json_text(source, result.to_dict()))
        elif chosen is Format.CSV:
            self.write(csv_text(result.to_dataframe()))
        return chosen in (Format.JSON, Format.CSV)

    def show(self, part: RenderableType, chosen: Format = Format.TABLE) -> None:
        """Print a table, or lines, on stdout: as wide as it needs where no screen sets a limit, or as markdown."""
        if chosen is Format.MARKDOWN:
            self.write(part.markdown() if isinstance(part, ResultTable) else f"{part}\n")
            return
        from rich.measure import Measurement
        from rich.protocol import rich_cast
        from rich.table import Table
        from rich.text import Text

        renderable = Text(part) if isinstance(part, str) else rich_cast(part)
        console = self._console(self.stdout)
        needed = Measurement.get(console, console.options.update(max_width=10_000), renderable).maximum
        if not console.is_terminal:
            console.width = max(needed, PIPED_COLUMNS)
        elif needed > console.width and isinstance(renderable, Table):
            renderable.padding = (0, 0, 0, 0)
        console.print(renderable)

    def draw(self, text: Text) -> None:
        """Print a text that was made for `columns`."""
        self._console(self.stdout).print(text, soft_wrap=True, end="")

    @property
    def columns(self) -> int:
        """Width of the screen, or of what a pipe gets."""
        console = self._console(self.stdout)
        return console.width if console.is_terminal else PIPED_COLUMNS

    @property
    def unicode(self) -> bool:
        """Whether stdout takes more than ASCII."""
        return _encoding(self.stdout).lower().startswith("utf")

    @property
    def talks_to_a_terminal(self) -> bool:
        """Whether somebody may be watching stderr."""
        return self.stderr.isatty()

    def talking_console(self) -> Console:
        """A Rich console on stderr, for progress bars."""
        return self._console(self.stderr)

    def _console(self, file: TextIO) -> Console:
        from rich.console import Console

        class HonestConsole(Console):
            """Lets a broken pipe through; Rich's own ends the process."""

            def on_broken_pipe(self) -> None:
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

            def render_str(self, text: str, **options: Any) -> Text:
                """Replaces what the stream cannot encode; Rich measures and draws every string here."""
                lines = (fitted(printable(line), _encoding(file)) for line in text.split("\n"))
                return super().render_str("\n".join(lines), **options)

        return HonestConsole(file=file, markup=False, highlight=False, emoji=False)


def _encoding(file: TextIO) -> str:
    return getattr(file, "encoding", None) or "utf-8"


def _nowhere() -> TextIO:
    """What stands in for a stream that the shell has closed."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as the process
