"""Medians and ranges against pandas, and what may not be mixed."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from mstage.analysis.samples import Spread
from mstage.analysis.stages.groups import StageGroups
from tests.render.synthetic import NAMES, collected, run, small_sweep, stage, stages_with_ends


def random_runs(seed=0, groups=12, seeds=5):
    """Runs of many groups, some of which diverged, were too short, or went through fewer stages."""
    rng = np.random.default_rng(seed)
    runs = []
    for index in range(groups):
        for one in range(seeds):
            status = rng.choice(["ok", "ok", "ok", "ok", "diverged", "too short"])
            ends = np.cumsum(rng.exponential(size=rng.choice([2, 5])))
            stages = [
                replace(s, level=rng.exponential(), probability=rng.random()) for s in stages_with_ends(*ends.tolist())
            ]
            stages = [
                s if s.kind == "plateau" else replace(s, rate=rng.exponential(), rate_low=0.1, rate_high=9.0)
                for s in stages
            ]
            runs.append(run(index % 4 / 2, 100 * (index // 4), one, *(stages if status == "ok" else ()), status=status))
    return runs


def test_medians_and_ranges_are_those_of_pandas():
    stages = collected(*random_runs())
    rows = [
        dict(one.run) | {"names": "|".join(s.name for s in one.stages), "length": s.end - s.start} | asdict(s)
        for one in stages.runs
        if one.status == "ok"
        for s in one.stages
    ]
    columns = ["start", "end", "length", "level", "probability", "rate"]
    grouped = pd.DataFrame(rows).groupby(["alpha", "width", "names", "name"])[columns]
    expected = {"": grouped.median(), "_least": grouped.min(), "_greatest": grouped.max()}

    found = StageGroups.of(stages).to_dataframe().dropna(subset="number")
    # The sequence of a row, as the names of the stages that have it.
    of_sequence = found.groupby(["alpha", "width", "sequence"]).name.agg("|".join).rename("names")
    found = found.join(of_sequence, on=["alpha", "width", "sequence"]).set_index(["alpha", "width", "names", "name"])

    assert len(found) == len(grouped)
    for suffix, table in expected.items():
        for column in columns:
            np.testing.assert_allclose(
                found[column + suffix].astype(float).sort_index(), table[column].sort_index(), rtol=1e-15
            )
    assert (found.sequence_runs.sort_index() == grouped.size().sort_index()).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_runs_changes_nothing(seed):
    runs = random_runs(seed, groups=6, seeds=4)
    # Ties: as many runs with one sequence as with another, and as many with one model as with the other.
    runs += [run(9.0, 1, 0, *stages_with_ends(1.0, 2.0)), run(9.0, 1, 1, stage("initial plateau", 0.0, 3.0))]
    for one, model in enumerate(("exponential", "power law")):
        runs.append(run(9.5, 1, one, stage("initial descent", 0.0, 3.0, rate=1.0 + one, model=model)))
    shuffled = [runs[index] for index in np.random.default_rng(seed).permutation(len(runs))]
    assert StageGroups.of(collected(*shuffled)) == StageGroups.of(collected(*runs))


def test_runs_of_different_sequences_are_never_mixed():
    groups = StageGroups.of(small_sweep()).groups
    narrow, wide = groups
    assert [sequence.runs for sequence in narrow.sequences] == [3]
    assert narrow.sequences[0].stages[0].end == Spread(3.0, 2.9, 3.1)
    # One run each: the longer sequence comes first, and each end is that of its own run.
    assert [sequence.runs for sequence in wide.sequences] == [1, 1]
    assert [stage.name for stage in wide.sequences[0].stages] == list(NAMES[:3])
    assert [sequence.stages[0].end for sequence in wide.sequences] == [Spread(4.0, 4.0, 4.0), Spread(4.2, 4.2, 4.2)]
    assert wide.statuses == {"diverged": 1, "ok": 2}


def test_the_most_frequent_sequence_comes_first():
    short, long = (stage("initial plateau", 0.0, 5.0),), stages_with_ends(1.0, 2.0, 3.0)
    groups = StageGroups.of(collected(run(1.0, 1, 0, *long), run(1.0, 1, 1, *short), run(1.0, 1, 2, *short)))
    assert [sequence.runs for sequence in groups.groups[0].sequences] == [2, 1]


def test_groups_are_told_apart_by_what_differs_but_not_by_the_seed():
    one_rate = collected(run(1.0, 400, 0, learning_rate=0.1), run(1.0, 400, 1, learning_rate=0.1))
    groups = StageGroups.of(one_rate)
    assert groups.axes == ("alpha", "width")
    assert groups.groups[0].run == {"alpha": 1.0, "width": 400, "learning_rate": 0.1}

    two_rates = collected(run(1.0, 400, 0, learning_rate=0.1), run(1.0, 400, 0, learning_rate=0.05))
    groups = StageGroups.of(two_rates)
    assert groups.axes == ("alpha", "width", "learning_rate")
    assert [group.run["learning_rate"] for group in groups.groups] == [0.05, 0.1]


def bare(coordinates):
    """A run of a log, by its coordinates alone."""
    none = run(0, 0, 0)
    return replace(none, curve=replace(none.curve, run=coordinates))


def test_a_log_without_alpha_and_width_is_grouped_by_its_names():
    runs = [bare({"run": name, "seed": seed}) for name in ("b", "a") for seed in (0, 1)]
    groups = StageGroups.of(collected(*runs))
    assert groups.axes == ("run",)
    assert [(group.run["run"], group.runs) for group in groups.groups] == [("a", 2), ("b", 2)]
    alone = StageGroups.of(collected(bare({})))
    assert (alone.axes, alone.groups[0].runs) == ((), 1)


def test_groups_are_in_ascending_order():
    runs = [run(alpha, width, 0) for alpha in np.linspace(2, 0.5, 30).tolist() for width in range(1000, 0, -100)]
    places = [tuple(group.run.values()) for group in StageGroups.of(collected(*runs)).groups]
    assert len(places) == 300
    assert places == sorted(places)


def test_a_rate_is_that_of_the_most_frequent_model():
    rates = [
        stage("initial descent", 0.0, 1.0, rate=1.0, low=0.5, high=1.5),
        stage("initial descent", 0.0, 1.0, rate=3.0, low=0.7, high=3.5),
        stage("initial descent", 0.0, 1.0, rate=2.0, low=0.6, high=math.inf),
        stage("initial descent", 0.0, 1.0, rate=77.0, model="power law"),
        stage("initial descent", 0.0, 1.0),
    ]
    groups = StageGroups.of(collected(*(run(1.0, 1, seed, one) for seed, one in enumerate(rates))))
    rate = groups.groups[0].sequences[0].stages[0].rate
    assert (rate.model, rate.runs, rate.rate) == ("exponential", 3, Spread(2.0, 1.0, 3.0))
    assert rate.interval == (0.6, 2.5)  # of the two runs whose interval has both ends

    without = StageGroups.of(collected(run(1.0, 1, 0, stage("initial descent", 0.0, 1.0))))
    assert without.groups[0].sequences[0].stages[0].rate is None


def test_the_interval_of_the_end_is_the_median_of_those_of_the_runs():
    ends = (1.0, 2.0, 4.0)
    groups = StageGroups.of(collected(*(run(1.0, 1, k, *stages_with_ends(end)) for k, end in enumerate(ends))))
    assert groups.groups[0].sequences[0].stages[0].end_interval == pytest.approx((1.98, 2.02))


def test_what_is_not_finite_has_no_part_in_a_spread():
    assert Spread.of([math.nan, 3.0, 1.0, math.inf, None, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)
    assert Spread.of([math.nan, None]) is None


def test_every_group_and_every_sequence_has_a_row():
    runs = [
        run(1.0, 1, 0, *stages_with_ends(1.0, 2.0)),
        run(1.0, 1, 1),  # no stage found
        run(2.0, 1, 0, status="diverged"),
        run(3.0, 1, 0, status="too short"),
    ]
    table = StageGroups.of(collected(*runs)).to_dataframe()
    columns = ["alpha", "runs", "diverged", "too_short", "sequence", "sequence_runs", "number", "name"]
    expected = """
    1.0,2,0,0,0,1,0,initial plateau
    1.0,2,0,0,0,1,1,initial descent
    1.0,2,0,0,1,1,,
    2.0,1,1,0,,,,
    3.0,1,0,1,,,,
    """
    assert table[columns].to_csv(index=False, header=False).split("\n") == [
        *expected.replace("    ", "").split("\n")[1:]
    ]
    assert table.rate.dtype == float
