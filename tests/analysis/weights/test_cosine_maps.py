"""Cosine maps: ordered, of the snapshots at the borders of stages, of a part of the neurons where there are many."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mstage.analysis.weights.cosine_maps import MAX_NEURONS, cosine_maps, cosine_matrix
from tests.render.synthetic import stages_with_ends

RANDOM = np.random.default_rng(5)
TIMES = np.array([0.0, 1.0, 3.0, 7.0, 20.0, 100.0, 600.0])


def weights(neurons: int) -> tuple[xr.DataArray, xr.DataArray]:
    clock = {"snapshot": (TIMES * 10).astype(int), "snapshot_time": ("snapshot", TIMES)}
    output = RANDOM.standard_normal((TIMES.size, neurons))
    inputs = RANDOM.standard_normal((TIMES.size, neurons, 3))
    return (
        xr.DataArray(output, clock, ("snapshot", "neuron")),
        xr.DataArray(inputs, clock, ("snapshot", "neuron", "dim")),
    )


def test_cosine_matrix_is_ordered() -> None:
    groups = np.repeat([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0]], 8, axis=0) + 0.01 * RANDOM.standard_normal((24, 3))
    shuffled = groups[RANDOM.permutation(24)]
    matrix = cosine_matrix(np.ones(24), shuffled)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(np.diag(matrix), 1)
    blocks = np.abs(np.diff(matrix, axis=1)).max(axis=0) > 0.5
    assert blocks.sum() <= 3  # neighbours differ at the borders of the groups alone


def test_permuting_neurons_changes_nothing() -> None:
    output, inputs = RANDOM.standard_normal(30), RANDOM.standard_normal((30, 3))
    order = RANDOM.permutation(30)
    np.testing.assert_allclose(cosine_matrix(output, inputs), cosine_matrix(output[order], inputs[order]), atol=1e-12)


def test_maps_are_of_the_borders() -> None:
    output, inputs = weights(20)
    found = cosine_maps({"alpha": 1.0}, "time", output, inputs, stages_with_ends(3.2, 6.5, 110.0, 600.0))
    assert [(one.moment, one.clock) for one in found.maps] == [
        ("before training", 0.0), ("end of the initial plateau", 3.0), ("end of the initial descent", 7.0),
        ("end of the secondary plateau", 100.0), ("last snapshot", 600.0),
    ]  # fmt: skip
    np.testing.assert_allclose(found.maps[1].cosines, cosine_matrix(output.values[2], inputs.values[2]))
    steps = cosine_maps({}, "step", output, inputs, ())
    assert [one.clock for one in steps.maps] == [0.0, 6000.0]


def test_of_many_neurons_some_are_shown() -> None:
    output, inputs = weights(MAX_NEURONS + 150)
    found = cosine_maps({}, "time", output, inputs, ())
    assert found.neurons == MAX_NEURONS + 150
    whole = cosine_matrix(output.values[0], inputs.values[0])
    part = found.maps[0].cosines
    assert part.shape == (MAX_NEURONS, MAX_NEURONS)
    rows = np.linspace(0, MAX_NEURONS + 149, MAX_NEURONS).round().astype(int)
    np.testing.assert_allclose(part, whole[np.ix_(rows, rows)])


def test_snapshots_after_the_end_of_a_run_are_left_out() -> None:
    output, inputs = weights(5)
    inputs[3:] = np.nan
    assert [one.clock for one in cosine_maps({}, "time", output, inputs, ()).maps] == [0.0, 3.0]
    assert cosine_maps({}, "time", output, inputs * np.nan, ()).maps == ()
