"""The stages that `--until` can wait for are those that a run can have."""

from __future__ import annotations

import pytest

from mstage.analysis.stages.names import stage_names
from mstage.errors import UsageError
from mstage.workflows.conditions import stage_of, what_fails
from tests.render.synthetic import collected, run, stages_with_ends


def test_every_name_of_a_stage_is_understood() -> None:
    """Those after the tenth were once refused."""
    for name in stage_names(["plateau", "descent", "rise"] * 30):
        for said in (name, name.replace(" ", "-"), name.upper().replace(" ", "_")):
            assert stage_of(said) == name


def test_ordinals_may_be_written_as_figures() -> None:
    assert stage_of("1st-plateau") == "initial plateau"
    assert stage_of("2nd-descent") == "secondary descent"
    assert stage_of("10th rise") == "tenth rise"
    assert stage_of("11th-plateau") == "11th plateau"


@pytest.mark.parametrize(
    "said", ["0th-plateau", "11-plateau", "th-plateau", "11th", "11th-hill", "1000th-rise", "²th-rise"]
)
def test_other_names_are_refused(said: str) -> None:
    with pytest.raises(UsageError, match=r"unknown stage.*expected an ordinal"):
        stage_of(said)


def test_since_when_is_on_the_clock_of_the_log() -> None:
    """`since 12` of what?"""
    (line,) = what_fails(collected(run(1.0, 400, 0, *stages_with_ends(3.0)), clock="epoch"), ("plateau",))
    assert line.endswith("since epoch 0")
