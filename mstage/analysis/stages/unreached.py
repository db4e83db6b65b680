"""What is said of a stage that runs have not shown: not by when, or why not at all.

A stage that may still come has a time by which it has not come; one that was passed over, or whose run diverged before,
has none, and a reason instead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mstage.analysis.stages.results import RunStages

IN_ORDER = ("initial plateau", "initial descent", "secondary plateau", "secondary descent")


@dataclass(frozen=True)
class Unreached:
    """That a stage, or its end, was not seen.

    Attributes:
        not_by: The clock of the run that was watched least, where it may still come; None where it was missed.
        why: The reason, in words.
    """

    not_by: float | None
    why: str


def unreached(runs: Sequence[RunStages], name: str) -> Unreached:
    """Why a stage or its end is missing from some runs, none of which has it.

    Args:
        runs: The runs of a group.
        name: One of `IN_ORDER`.
    """
    staged = [one for one in runs if one.stages]
    if not staged:
        how = Counter(one.status for one in runs)
        return Unreached(None, f"no stages were found ({', '.join(how) or 'no runs'})")
    finite = [one for one in staged if one.status != "diverged"]
    if not finite:
        return Unreached(None, f"diverged before the end of a {name}")
    last = [one.stages[-1].name for one in finite]
    known = [IN_ORDER.index(one) if one in IN_ORDER else len(IN_ORDER) for one in last]
    if max(known) > IN_ORDER.index(name):
        return Unreached(None, f"no {name} was found")
    by = min(one.stages[-1].end for one in finite)
    where = " or ".join(dict.fromkeys(last))
    return Unreached(by, f"{'the run ends in its' if len(last) == 1 else 'the runs end in their'} {where}")
