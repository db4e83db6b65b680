"""Messages about a sweep that is not finished or is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.cli.encodings import shell_word
from mstage.errors import ExitCode, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.cli.console import Streams

LINES_TOLD = 3


def say_unfinished(streams: Streams, runs: int, store: str) -> None:
    """Say how many runs have not ended, if any, and how to go on."""
    if runs:
        have = "1 run has" if runs == 1 else f"{runs:,} runs have"
        streams.say(f"{have} not ended. Go on with: mstage train --resume -o {shell_word(store)}")


def say_damage(streams: Streams, damage: Sequence[str], store: str) -> ExitCode:
    """Say what of a sweep is damaged, and return the exit code: `DONE` if nothing is."""
    if not damage:
        return ExitCode.DONE
    told = listed(damage[:LINES_TOLD], len(damage))
    streams.say(f"mstage: {store}: {told}; left out. Restore it from a copy, or train it anew with --overwrite.")
    return ExitCode.INPUT
