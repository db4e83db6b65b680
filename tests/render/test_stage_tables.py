"""Tables as they are printed, whole."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from mstage.analysis.stages.groups import StageGroups
from mstage.render.stage_tables import descent_table, plateau_table, stage_table
from tests.render.synthetic import collected, run, small_sweep, stage, stages_with_ends

RATE = {"learning_rate": 0.1}


def printed(table, columns=100, encoding="utf-8"):
    """What a table looks like, less the blanks at the ends of lines."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, newline="") as file:
        Console(file=file, width=columns, markup=False, highlight=False, emoji=False, color_system=None).print(table)
        file.flush()
        text = raw.getvalue().decode(encoding)
    assert all(len(line) <= columns for line in text.split("\n"))
    return "\n" + "\n".join(line.rstrip() for line in text.split("\n"))


GROUPS = StageGroups.of(small_sweep())
ONE_SEED = StageGroups.of(collected(*(one for one in small_sweep().runs if one.run["seed"] == 0)))


def test_stage_table():
    assert (
        printed(stage_table(GROUPS, title="Stages"))
        == """
Stages
                                                       range of end              rate
alpha  width  runs  stage              start    end      over seeds   level  per time
─────────────────────────────────────────────────────────────────────────────────────
    1    400   3/3  initial plateau        0      3  2.900 to 3.100       1
                    initial descent        3  7.100      7 to 7.200  0.5000     0.500
                    secondary plateau  7.100    125      120 to 130  0.2500

    1   1600   1/3  initial plateau        0      4                       1
                    initial descent        4      8                  0.5000     0.500
                    secondary plateau      8    400                  0.2500
               1/3  initial plateau        0  4.200                       1
                    initial descent    4.200  8.500                  0.5000     0.500
               1/3  diverged
"""
    )


def test_stage_table_in_ascii():
    assert (
        printed(stage_table(ONE_SEED), encoding="ascii")
        == """
      |      |                  |      |    | 90 % interval |       |    rate |
alpha |width |stage             |start |end |        of end | level |per time |sure
------+------+------------------+------+----+---------------+-------+---------+----
    1 |  400 |initial plateau   |    0 |  3 |[2.970, 3.030] |     1 |         |97 %
      |      |initial descent   |    3 |  7 |[6.930, 7.070] |0.5000 |   0.500 |97 %
      |      |secondary plateau |    7 |120 |[118.8, 121.2] |0.2500 |         |97 %
------+------+------------------+------+----+---------------+-------+---------+----
    1 | 1600 |initial plateau   |    0 |  4 |[3.960, 4.040] |     1 |         |97 %
      |      |initial descent   |    4 |  8 |[7.920, 8.080] |0.5000 |   0.500 |97 %
      |      |secondary plateau |    8 |400 |    [396, 404] |0.2500 |         |97 %
"""
    )


def test_stage_table_of_single_runs_says_how_sure_they_are():
    assert (
        printed(stage_table(ONE_SEED))
        == """
                                              90 % interval              rate
alpha  width  stage              start  end          of end   level  per time  sure
───────────────────────────────────────────────────────────────────────────────────
    1    400  initial plateau        0    3  [2.970, 3.030]       1            97 %
              initial descent        3    7  [6.930, 7.070]  0.5000     0.500  97 %
              secondary plateau      7  120  [118.8, 121.2]  0.2500            97 %

    1   1600  initial plateau        0    4  [3.960, 4.040]       1            97 %
              initial descent        4    8  [7.920, 8.080]  0.5000     0.500  97 %
              secondary plateau      8  400      [396, 404]  0.2500            97 %
"""
    )


def test_plateau_table():
    assert (
        printed(plateau_table(GROUPS))
        == """
                                           range of length            range of level
plateau    alpha  width  runs      length       over seeds   level        over seeds
────────────────────────────────────────────────────────────────────────────────────
initial        1    400   3/3           3   2.900 to 3.100       1   0.9900 to 1.010
               1   1600   1/3           4                        1
               1   1600   1/3       4.200                        1

secondary      1    400   3/3  over 117.8     113 to 122.9  0.2500  0.2475 to 0.2525
               1   1600   1/3    over 392                   0.2500
"""
    )


def test_descent_table():
    first = stage("initial descent", 0.0, 5.0, rate=0.5)
    others = [
        replace(first, rate=0.25, rate_low=0.2, rate_high=0.3),
        stage("initial descent", 0.0, 5.0, rate=2.0, model="power law"),
    ]
    rise = stage("initial rise", 5.0, 6.0, rate=-1.5, low=-1.75, high=-1.25)
    runs = [run(1.0, 400, seed, one, rise) for seed, one in enumerate([first, *others])]
    runs += [run(1.5, 400, seed, stage("initial descent", 0.0, 5.0), replace(rise, rate=-1.0)) for seed in range(3)]
    assert (
        printed(descent_table(StageGroups.of(collected(*runs))))
        == """
                                      rate         95 % of   range of rate
descent       alpha  width  runs  per time         the fit      over seeds  model
───────────────────────────────────────────────────────────────────────────────────────────────
initial           1    400   3/3     0.375  (0.325, 0.425)  0.250 to 0.500  exponential, 2 of 3
                1.5    400   3/3                                            none fits

initial rise      1    400   3/3     -1.50  (-1.75, -1.25)                  exponential
                1.5    400   3/3        -1  (-1.75, -1.25)                  exponential
"""
    )


def test_a_sweep_without_stages():
    runs = [run(1.0, 1, 0, status="too short"), run(1.0, 1, 1, status="diverged"), run(1.0, 1, 2)]
    groups = StageGroups.of(collected(*runs))
    assert (
        printed(stage_table(groups))
        == """
                                                range of end             rate
alpha  width  runs  stage           start  end    over seeds  level  per time
─────────────────────────────────────────────────────────────────────────────
    1      1   1/3  no stage found
               1/3  diverged
               1/3  too short
"""
    )
    assert "none found" in printed(plateau_table(groups))
    assert "none found" in printed(descent_table(groups))


def test_rare_sequences_are_counted():
    runs = [run(1.0, 1, k, *stages_with_ends(*range(1, k // 3 + 2))) for k in range(15)]
    text = printed(stage_table(StageGroups.of(collected(*runs))))
    assert "6/15  2 other sequences" in text


def many_groups():
    """Three alphas, one width and two learning rates of three seeds, numbers of all sizes."""
    rng = np.random.default_rng(0)
    return StageGroups.of(
        collected(
            *(
                run(alpha, width, seed, *stages_with_ends(*np.cumsum(rng.exponential(100, 5)).tolist(), scale=scale),
                    learning_rate=rate)
                for alpha, scale in ((0.75, 1e-3), (1.0, 1e-7), (1.5, 1.0))
                for width in (1600,)
                for rate in (0.1, 0.001)
                for seed in range(3)
            )
        )
    )  # fmt: skip


@pytest.mark.parametrize("columns", [40, 60, 80, 100])
@pytest.mark.parametrize("table", [stage_table, plateau_table, descent_table])
def test_a_table_that_does_not_fit_is_folded_and_loses_nothing(table, columns):
    narrow, wide = (sorted(re.sub(r"[\s─]", "", printed(table(many_groups()), width))) for width in (columns, 200))
    assert narrow == wide


def test_three_hundred_groups_are_all_there():
    runs = [run(k / 100, 400, seed, *stages_with_ends(1.0 + k, 2000.0)) for k in range(300) for seed in (0, 1)]
    text = printed(plateau_table(StageGroups.of(collected(*runs))), 100)
    assert text.count("2/2") == 300


def test_a_power_law_is_told_from_a_rate_per_unit():
    both = collected(
        run(1.0, 400, 0, stage("initial descent", 0.0, 30.0, rate=0.58, model="power law")),
        run(1.0, 800, 0, stage("initial descent", 0.0, 30.0, rate=0.0254)),
        run(1.0, 900, 0, stage("initial rise", 0.0, 30.0, rate=-1.5, model="power law")),
    )
    text = printed(stage_table(StageGroups.of(both)))
    assert " t^-0.580 " in text
    assert " 0.0254 " in text
    assert " t^1.50 " in text
    text = printed(descent_table(StageGroups.of(both)))
    assert "t^-0.580  (-0.638, -0.522)" in text
    assert "0.0254  (0.0229, 0.0279)" in text


def test_a_clock_of_few_steps_or_of_fractions_is_not_rounded_away():
    for factor, shown in ((1e-3, " 0.003000 "), (1.0, " 3 "), (1e3, " 3,000 ")):
        ends = (3.0 * factor, 7.0 * factor, 40.0 * factor)
        text = printed(stage_table(StageGroups.of(collected(run(1.0, 400, 0, *stages_with_ends(*ends)), clock="step"))))
        assert shown in text


def test_what_a_run_had_before_it_diverged_is_told():
    one = collected(run(1.0, 400, 0, *stages_with_ends(3.0, 7.0), status="diverged"))
    text = printed(stage_table(StageGroups.of(one)))
    assert "initial descent" in text
    assert "diverged" in text
