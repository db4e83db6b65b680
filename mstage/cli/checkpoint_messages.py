"""Messages of `mstage drift` about checkpoints on stderr: progress, and what was unexpected."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mstage.errors import listed, shown
from mstage.render.numbers import counted, given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from mstage.cli.console import Streams
    from mstage.workflows.checkpoint_drift import CheckpointDrift

MAX_NAMED = 3
LONGEST_NAME = 200
REDRAW_SECONDS = 0.25


@contextmanager
def reading_progress(streams: Streams, what: str = "reading weights") -> Iterator[Callable[[float], None] | None]:
    """A line with the progress of reading, or of what else is done, if stderr is a terminal; it is erased at the end.

    Not a bar of Rich's: that hides the cursor, and an interruption, which ends the process at once, would leave it so.
    """
    if not streams.talks_to_a_terminal:
        yield None
        return
    shown_at = time.monotonic()

    def show(share: float) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at > REDRAW_SECONDS:
            shown_at = time.monotonic()
            with suppress(OSError):  # the terminal has gone
                print(f"\r{what}: {100 * share:.0f} %", end="", file=streams.stderr, flush=True)

    try:
        yield show
    finally:
        with suppress(OSError):
            print("\r" + " " * len(f"{what}: 100 %") + "\r", end="", file=streams.stderr, flush=True)


def remarks(result: CheckpointDrift) -> list[str]:
    """What was read, then what was left out, missing, of another shape or not finite; a line each."""
    distances, table = result.layers.distances, result.to_dataframe()
    steps = [given(step) for step in distances.step.values.tolist()]
    lines = [
        f"{counted(len(result.checkpoints), 'checkpoint')}, steps {steps[0]} to {steps[-1]}; "
        f"{counted(distances.sizes['layer'], 'layer')}."
    ]
    if result.left_out:
        lines.append(f"Left out: {_named(result.left_out)}.")
    by_layer = table.groupby("layer", sort=False)
    lacking = {
        str(name): f"missing from {len(result.checkpoints) - count} of {len(result.checkpoints)} checkpoints"
        for name, count in by_layer.size().items()
        if count < len(result.checkpoints)
    }
    if lacking:
        lines.append(f"Not in every checkpoint: {_named(lacking)}.")
    changed = {str(name): _sizes(one) for name, one in by_layer if one.weights.nunique() > 1 or one.rows.nunique() > 1}
    if changed:
        lines.append(f"Of unequal size, compared by quantiles: {_named(changed)}.")
    spoilt = table[table.not_finite > 0]
    first = {
        str(row.layer): f"{row.not_finite:,} of {row.weights:,} weights at step {given(row.step)}"
        for row in spoilt.drop_duplicates("layer").itertuples()
    }
    if first:
        lines.append(f"Infinite or not a number, and so without distances: {_named(first)}.")
    return lines


def _sizes(layer: pd.DataFrame) -> str:
    return f"{layer.weights.iloc[0]:,} to {layer.weights.iloc[-1]:,} weights"


def _named(reasons: Mapping[str, str]) -> str:
    """The first few names, each with what is said of it, and how many more there are."""
    first = [f"`{shown(name, LONGEST_NAME)}` ({reason})" for name, reason in list(reasons.items())[:MAX_NAMED]]
    return listed(first, len(reasons))
