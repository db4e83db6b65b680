"""What `plot` draws is the data that it is given, in the axes that it is given."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot
from matplotlib.figure import Figure

import mstage
from mstage.errors import UsageError
from mstage.render.figures.style import SHADES

TIME = np.geomspace(0.01, 100, 500)
LOSS = np.exp(-TIME) + 0.05


def lines(axes):
    return [np.array(one.get_data(), float) for one in axes.get_lines()]


def test_the_stages_of_a_run_are_shaded() -> None:
    axes = Figure().subplots()
    stages = mstage.detect_stages(LOSS, clock=TIME)
    assert stages.plot(axes) is axes
    np.testing.assert_array_equal(lines(axes)[0], [TIME, LOSS])
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    np.testing.assert_allclose(spans, [(stage.start, stage.end) for stage in stages.runs[0].stages])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("clock", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [k for k in SHADES if k != "rise"]


def test_of_several_runs_the_ends_of_stages_are_marked() -> None:
    axes = Figure().subplots()
    stages = mstage.detect_stages(np.stack([LOSS, 2 * LOSS]), clock=TIME)
    mstage.plot(stages, axes)
    drawn = lines(axes)
    np.testing.assert_array_equal(drawn[:2], [[TIME, LOSS], [TIME, 2 * LOSS]])
    marks = [(stage.end, stage.loss_end) for run in stages.runs for stage in run.stages[:-1]]
    np.testing.assert_allclose(np.concatenate(drawn[2:], axis=1).T, marks)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["run 0", "run 1"]


def test_a_history_a_dataset_and_a_tree_are_plotted_alike() -> None:
    loss = xr.DataArray(np.stack([LOSS, LOSS / 2]) - 0.1, {"seed": [0, 1], "step": TIME}, ("seed", "step"))
    whole = xr.Dataset({"loss": loss})
    for what in (loss, whole, xr.DataTree.from_dict({"/": xr.Dataset(), "width_1": whole})):
        axes = mstage.plot(what, Figure().subplots())
        np.testing.assert_array_equal(lines(axes), [[TIME, LOSS - 0.1], [TIME, LOSS / 2 - 0.1]])
        assert axes.get_yscale() == "linear"
    with pytest.raises(UsageError, match="expected stages, a loss history or a sweep"):
        mstage.plot(xr.Dataset())


def test_without_axes_there_is_a_new_figure_of_pyplot() -> None:
    with pyplot.rc_context({"backend": "agg"}):
        axes = mstage.detect_stages(LOSS, clock=TIME).plot()
        assert pyplot.gcf() is axes.figure
        pyplot.close(axes.figure)
