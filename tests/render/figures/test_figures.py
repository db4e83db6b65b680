"""The figures of a small trained sweep: every line is the data that it stands for, and the files are whole."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import imread

import mstage
from mstage.errors import InputError, UsageError, printable
from mstage.render.figures.losses import loss_curves, plateau_ends
from mstage.render.figures.scaling import scaling_fits
from mstage.render.figures.style import SERIES, SHADES, place
from mstage.render.figures.weights import amplitude_distributions, cosine_maps, distance_v
from mstage.render.figures.write import FIGURES, write_figures
from mstage.render.formats import FigureFormat
from mstage.workflows.figures import collect_figures


@pytest.fixture(scope="module")
def tree():
    return mstage.train(mstage.Sweep(mstage.TwoLayer(alpha=(1.0, 1.5), width=(50, 100)), seed=(0, 1), until=150.0))


@pytest.fixture(scope="module")
def data(tree):
    return collect_figures(tree)


@pytest.fixture(scope="module")
def bare():
    """Of a sweep that has few figures: one run, no weights."""
    alone = mstage.Sweep(mstage.TwoLayer(width=(30,)), until=20.0, recording=mstage.Recording(snapshots=0))
    return collect_figures(mstage.train(alone))


def line_data(axes):
    return [np.array(one.get_data(), float) for one in axes.get_lines()]


def holds_line(axes, x, y):
    return any(one.shape == (2, len(x)) and np.array_equal(one, [x, y], equal_nan=True) for one in line_data(axes))


@pytest.mark.slow
def test_loss_curves_show_runs_stages_and_predictions(data) -> None:
    panels = loss_curves(data).axes
    assert len(panels) == len(data.curves) == 4
    for axes, group in zip(panels, data.curves, strict=True):
        run = group.representative
        assert holds_line(axes, run.curve.clock, run.curve.loss)
        assert all(holds_line(axes, other.clock, other.loss) for other in group.others)
        shaded = sorted(patch.get_x() for patch in axes.patches if patch.get_height() == 1)
        np.testing.assert_allclose(shaded, [stage.start for stage in run.stages])
        assert holds_line(axes, [group.predictions["exit time"].value] * 2, [0, 1])
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_title() == f"alpha {group.run['alpha']:g}, width {group.run['width']}"


@pytest.mark.slow
def test_plateau_ends_stand_at_alpha_log_m(data) -> None:
    left, right = plateau_ends(data).axes
    ends = data.ends
    for axes, abscissa in ((left, ends.alpha * np.log(ends.width)), (right, (2 * ends.alpha - 1) * np.log(ends.width))):
        shown = np.concatenate([one.get_xydata() for one in axes.get_lines() if one.get_marker() not in ("", "None")])
        expected = np.column_stack([abscissa, ends.end])
        np.testing.assert_allclose(shown[np.lexsort(shown.T)], expected[np.lexsort(expected.T)])


@pytest.mark.slow
def test_distance_v_stands_below_the_loss(data) -> None:
    axes = distance_v(data).axes
    count = len(data.distances)
    assert len(axes) == 2 * count
    for column, panel in enumerate(data.distances):
        assert holds_line(axes[column], panel.representative.curve.clock, panel.representative.curve.loss)
        assert len(panel.distances) == 2
        for clock, distance in zip(panel.clocks, panel.distances, strict=True):
            assert holds_line(axes[count + column], clock, distance)


@pytest.mark.slow
def test_distance_v_is_that_of_drift(tree, data) -> None:
    drift = mstage.measure_drift(tree, mstage.DriftMethod(2)).distances
    panel = data.distances[0]
    run = {name: panel.representative.run[name] for name in ("alpha", "width", "seed", "learning_rate")}
    np.testing.assert_allclose(panel.distances[0], drift["output_input"].sel(run).values)


@pytest.mark.slow
def test_amplitudes_over_time_and_beside_chi_squared(data) -> None:
    left, right = amplitude_distributions(data).axes[:2]
    history = data.amplitudes
    later = history.clock > 0
    assert holds_line(left, history.clock[later], history.largest[later])
    assert holds_line(left, history.clock[later], history.quantiles[later, 2])
    mesh = next(one for one in left.collections if isinstance(one, QuadMesh))
    np.testing.assert_allclose(np.ma.filled(mesh.get_array(), 0.0), history.shares[later].T)
    for values in history.normalised:
        assert holds_line(right, values, 1 - np.arange(values.size) / values.size)


@pytest.mark.slow
def test_cosine_maps_before_during_after(data) -> None:
    axes = [one for one in cosine_maps(data).axes if one.get_images()]
    assert len(axes) == len(data.maps.maps) >= 4
    for panel, one in zip(axes, data.maps.maps, strict=True):
        np.testing.assert_array_equal(panel.get_images()[0].get_array(), one.cosines)
        assert " ".join(panel.get_title().split()).startswith(one.moment)


@pytest.mark.slow
def test_scaling_fits_show_points_fit_and_prediction(data) -> None:
    panels = scaling_fits(data).axes
    quantities = list(dict.fromkeys(one.law.quantity for one in data.laws))
    assert len(panels) == len(quantities) == 4
    for one in data.laws:
        axes = panels[quantities.index(one.law.quantity)]
        assert holds_line(axes, one.widths, one.fitted)
        assert holds_line(axes, one.widths, one.predictions)
        assert holds_line(axes, np.tile(one.widths, one.seeds), one.points.ravel())


@pytest.mark.slow
def test_every_axis_has_a_name(data) -> None:
    for draw in (loss_curves, plateau_ends, distance_v, amplitude_distributions, scaling_fits):
        figure = draw(data)
        assert figure.get_suptitle()
        assert all(axes.get_ylabel() for axes in figure.axes[:1])
        assert any(axes.get_xlabel() for axes in figure.axes)


def test_colours_stay_apart_for_the_colour_blind() -> None:
    """Under simulated deuteranopia and protanopia (Vienot, Brettel, Mollon 1999) no two of the first five meet."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = {
        "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
        "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    }
    for colours in (SERIES[:5], tuple(SHADES.values())):
        rgb = np.array([[int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)] for colour in colours]) ** 2.2
        for seen in blind.values():
            shown = np.clip(rgb @ (np.linalg.inv(to_lms) @ seen @ to_lms).T, 0, 1) ** (1 / 2.2)
            distances = np.linalg.norm(shown[:, None] - shown[None], axis=-1)[np.triu_indices(len(colours), 1)]
            assert distances.min() > 0.1


@pytest.mark.slow
def test_files_are_whole_and_the_same_again(data, tmp_path) -> None:
    formats = FigureFormat.parse("png, PDF,svg,png")
    assert formats == ("png", "pdf", "svg")
    written = write_figures(data, tmp_path / "a" / "b", formats)
    assert [path.name for path in written] == [f"{name}.{one}" for name in FIGURES for one in formats]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == sorted(path.name for path in written)
    for path in written:
        if path.suffix == ".png":
            assert imread(path).shape[1] == 1400
        elif path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"%PDF-")
            assert path.read_bytes().rstrip().endswith(b"%%EOF")
    again = write_figures(data, tmp_path / "c", formats)
    for one, other in zip(written, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_what_there_is_none_of_has_a_reason(bare, tmp_path) -> None:
    assert set(bare.missing) == {"distances", "amplitudes", "maps", "laws"}
    assert "--snapshots" in bare.missing["maps"]
    assert [path.name for path in write_figures(bare, tmp_path)] == ["loss_curves.png", "plateau_ends.png"]


@pytest.mark.slow
def test_a_run_that_diverged_does_not_flatten_the_others(data) -> None:
    group = data.curves[0]
    curve = group.representative.curve
    wild = replace(group.representative, curve=replace(curve, loss=np.geomspace(1.0, 1e80, curve.loss.size)))
    figure = loss_curves(replace(data, curves=(group, replace(group, representative=wild))))
    assert figure.axes[0].get_ylim()[1] <= 30


@pytest.mark.slow
def test_refusals(data, tmp_path) -> None:
    with pytest.raises(UsageError, match="--figure-format jpg: expected one or several of png, pdf, svg"):
        FigureFormat.parse("jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_figures(data, tmp_path / "file")


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["write_bytes", "replace"])
def test_a_figure_that_fails_leaves_nothing(data, fails, tmp_path, monkeypatch) -> None:
    def full(path, *_):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"pathlib.Path.{fails}", full)
    with pytest.raises(InputError, match=r"loss_curves\.png: cannot be written \(No space left on device\)"):
        write_figures(data, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_processes_do_not_share_the_unfinished_file(bare, tmp_path, monkeypatch) -> None:
    names = set()
    for process in (1, 2):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        monkeypatch.setattr("pathlib.Path.replace", lambda path, _: names.add(path.name))
        written = write_figures(bare, tmp_path)
    assert len(names) == 2 * len(written) == 4


def test_names_are_labels_and_no_mathematics():
    """Names that matplotlib would typeset, fail at or warn of."""
    for name in ("a$x_$b", "$\\frac$", "\\$", "tab\t\x1b\u202e", "界", "\udcff", "$"):
        figure = Figure()
        text = figure.suptitle(place({"run_name": name}))
        held = BytesIO()
        figure.savefig(held, format="svg")
        ElementTree.fromstring(held.getvalue())
        seen, is_mathematics = text._preprocess_math(text.get_text())
        assert not is_mathematics
        assert seen == "run name " + printable(name).replace("界", r"\u754c")
