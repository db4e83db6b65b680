"""The drawn curve: whole drawings of a small case, and what holds for every other."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.text import Text

from mstage.analysis.stages.results import RunStages, Stage
from mstage.history import Curve
from mstage.render.curve import draw_curve
from tests.render.synthetic import stage, stages_with_ends

RUN = {"alpha": 1.0, "width": 400, "seed": 0, "learning_rate": 0.1}


def curve(clock, loss, *stages: Stage, run=RUN, clock_name="time"):
    """What `draw_curve` draws: a run with its stages, and the name of its clock."""
    return RunStages(Curve(run, np.asarray(clock, float), np.asarray(loss, float), False), "ok", stages), clock_name


def staircase():
    """1 until 1, then down to 0.1 at 10, and there until 100."""
    clock = np.linspace(0, 100, 1001)
    return curve(clock, np.clip(1 / np.maximum(clock, 1e-9), 0.1, 1.0), *stages_with_ends(1.0, 10.0, 100.0))


def lines(drawing: Text):
    return [line.rstrip() for line in drawing.plain.split("\n")]


UNICODE = """
One run: loss (log) against time (log), alpha 1,
width 400, seed 0, learning rate 0.1
  1 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠳⣄            ┊
    │               ┊ ⠈⠳⢤⡀         ┊
    │               ┊    ⠙⢦⣀       ┊
    │               ┊      ⠈⠳⢤⡀    ┊
    │               ┊         ⠙⢦⣀  ┊
0.1 ┤               ┊           ⠈⠳⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
    └┬──────────────┬──────────────┬─────────────┬
    0.1             1              10          100
            A       ┊      B       ┊      C
A initial plateau   B initial descent
C secondary plateau
"""

ASCII = """
One run: loss (log) against time (log), alpha 1,
width 400, seed 0, learning rate 0.1
  1 +******************            :
    |               : ****         :
    |               :    ***       :
    |               :      ****    :
    |               :         ***  :
0.1 +               :           ******************
    ++--------------+--------------+-------------+
    0.1             1              10          100
            A       :      B       :      C
A initial plateau   B initial descent
C secondary plateau
"""


def test_a_drawing_in_braille():
    assert lines(draw_curve(*staircase(), 50, rows=6)) == UNICODE.split("\n")[1:]


def test_a_drawing_in_ascii():
    drawing = draw_curve(*staircase(), 50, rows=6, unicode=False)
    assert lines(drawing) == ASCII.split("\n")[1:]
    assert drawing.plain.isascii()


CLOCK = np.arange(1001.0)
NOISY = np.exp(-CLOCK / 300) * (1 + 0.1 * np.random.default_rng(0).standard_normal(1001))
TWENTY = [stage(f"stage {k} {('plateau', 'descent')[k % 2]}", 50.0 * k, 50.0 * k + 50) for k in range(20)]
CASES = {
    "staircase": staircase(),
    "no stages": curve(CLOCK, NOISY),
    "twenty stages": curve(CLOCK, NOISY, *TWENTY),
    "a rise": curve(CLOCK, NOISY[::-1], stage("initial plateau", 0, 100), stage("initial rise", 100, 1000)),
    "negative losses": curve(CLOCK, NOISY - 0.5, stage("initial descent", 0, 1000)),
    "a loss of 0": curve(CLOCK, np.maximum(1 - CLOCK / 500, 0), stage("initial descent", 0, 1000)),
    "missing losses": curve(CLOCK, np.where(CLOCK % 3, NOISY, np.nan), stage("initial descent", 0, 1000)),
    "an infinite loss": curve(CLOCK, np.where(CLOCK < 900, NOISY, np.inf), stage("initial descent", 0, 900)),
    "two records": curve([0, 1], [2, 1], stage("initial descent", 0, 1)),
    "out of order": curve(CLOCK[::-1], NOISY[::-1], stage("initial descent", 0, 1000)),
    "negative clock": curve(CLOCK - 500, NOISY, stage("initial descent", -500, 500)),
    "constant": curve(CLOCK, np.full(1001, 0.29), stage("initial plateau", 0, 1000)),
    "constant but for rounding": curve(CLOCK, np.where(CLOCK % 2, 0.29, np.nextafter(0.29, 1)), *TWENTY[:1]),
    "huge and tiny": curve(CLOCK * 1e12, NOISY * 1e-290, *TWENTY[:3]),
    "long names": curve(CLOCK, NOISY, *TWENTY[:3], clock_name="trainer/global_step", run={"run": "r" * 30}),
    "nameless": curve(CLOCK, NOISY, *TWENTY[:3], run={}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_row_fits_and_the_curve_goes_all_the_way(name, columns, unicode):
    drawing = draw_curve(*CASES[name], columns, unicode=unicode)
    assert max(map(len, lines(drawing))) <= min(columns, 100)
    assert drawing.plain.endswith("\n")
    plot = [re.split(r"[│┤|]| \+", line, maxsplit=1)[-1] for line in drawing.plain.split("\n")]
    marked = {k for line in plot for k, cell in enumerate(line) if cell == "*" or "\u2800" < cell <= "\u28ff"}
    assert marked == set(range(max(marked) + 1))


def test_every_stage_is_in_the_legend_in_the_colour_of_its_kind():
    drawing = draw_curve(*staircase(), 80)
    assert lines(drawing)[-2] == "A initial plateau   B initial descent   C secondary plateau"
    legend = drawing.split("\n")[-1]
    styles = [str(span.style) for span in legend.spans]
    assert styles[0] == styles[2] != styles[1]


def test_a_run_of_one_colour_is_one_piece():
    assert len(draw_curve(*staircase(), 100).spans) < 120  # and not one a character


def test_the_order_of_records_changes_nothing():
    order = np.random.default_rng(0).permutation(1001)
    shuffled = curve(CLOCK[order], NOISY[order], *TWENTY)
    assert draw_curve(*shuffled, 80) == draw_curve(*CASES["twenty stages"], 80)


@pytest.mark.parametrize(
    ("clock", "loss"),
    [([], []), ([0.0], [1.0]), ([3.0, 3.0], [1.0, 2.0]), ([0.0, 1.0], [np.nan, 1.0]), ([0.0, 1.0], [np.inf, np.nan])],
)
def test_a_curve_of_less_than_two_records_is_not_drawn(clock, loss):
    assert draw_curve(*curve(clock, loss, *stages_with_ends(1.0)), 80).plain == "too few records to draw\n"
