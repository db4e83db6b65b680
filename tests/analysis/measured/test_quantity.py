"""Summaries over seeds: every run is counted, with a value or with a reason."""

from __future__ import annotations

import json

from mstage.analysis.measured.quantity import Absence, Measured, OverRuns
from mstage.analysis.samples import Spread


def test_every_run_is_counted() -> None:
    runs = [Measured(3.0), Measured.none("not escaped", 400.0), Measured(5.0), Measured.none("not escaped", 300.0),
            Measured.none("diverged before")]  # fmt: skip
    found = OverRuns.of(runs)
    assert (found.spread, found.runs, found.members) == (Spread(4.0, 3.0, 5.0), 2, 5)
    assert found.absent == (Absence("not escaped", 2, 300.0), Absence("diverged before", 1, None))
    assert found.not_by is None  # some have
    assert OverRuns.of(runs[1::2]).not_by == 300.0
    assert OverRuns.of(runs[4:]).not_by is None
    assert json.loads(json.dumps(found.to_dict()))["of"] == 5
    assert OverRuns.of([]).spread is None
