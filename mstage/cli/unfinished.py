"""What is said of a sweep that has not been trained to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.cli.encodings import shell_word

if TYPE_CHECKING:
    from mstage.cli.console import Streams


def say_unfinished(streams: Streams, runs: int, store: str) -> None:
    """Say how many runs have not ended, if any, and how to go on."""
    if runs:
        have = "1 run has" if runs == 1 else f"{runs:,} runs have"
        streams.say(f"{have} not ended. Go on with: mstage train --resume -o {shell_word(store)}")
