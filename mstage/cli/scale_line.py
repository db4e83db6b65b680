"""What is said of curves whose stages were not seen on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import listed, shown

if TYPE_CHECKING:
    from mstage.analysis.stages.results import Stages
    from mstage.cli.console import Streams

NAMES_LISTED = 6


def say_scale(streams: Streams, stages: Stages) -> None:
    """Say which series were seen on a straight scale, on which steepness and rates mean something else."""
    straight = [one for one in stages.runs if one.value_scale == "linear"]
    if not straight:
        return
    names = list(dict.fromkeys(str(one.run["series"]) for one in straight if "series" in one.run))
    what = listed([f"`{shown(name)}`" for name in names[:NAMES_LISTED]], len(names))
    if not names:
        what = "the run" if len(stages.runs) == 1 else f"{len(straight):,} of {len(stages.runs):,} runs"
    streams.say(f"On a straight scale and not a logarithmic one (--goal): {what}.")
