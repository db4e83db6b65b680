"""The distribution of amplitudes: shares, quantiles and moments against NumPy by hand."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mstage.analysis.weights.amplitudes import SHARES, amplitude_history
from tests.analysis.weights.test_cosine_maps import TIMES, weights
from tests.render.synthetic import stages_with_ends


def test_against_numpy() -> None:
    output, inputs = weights(50)
    found = amplitude_history({"alpha": 1.0}, "time", output, inputs, stages_with_ends(3.2, 6.5, 110.0, 600.0))
    assert found is not None
    rho = np.abs(output.values) * np.sqrt((inputs.values**2).sum(axis=-1))
    np.testing.assert_array_equal(found.clock, TIMES)
    np.testing.assert_allclose(found.largest, rho.max(axis=1))
    np.testing.assert_allclose(found.quantiles, np.quantile(rho, SHARES, axis=1).T)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)  # what is below the lowest bin is in it
    bins = np.clip(np.searchsorted(found.edges, rho[3], side="right") - 1, 0, len(found.edges) - 2)
    np.testing.assert_allclose(found.shares[3], np.bincount(bins, minlength=len(found.edges) - 1) / 50)
    assert found.boundaries == (3.2, 6.5, 110.0)
    assert dict(found.moments) == {
        "end of the initial plateau": 3.0, "end of the initial descent": 7.0,
        "end of the secondary plateau": 100.0, "last snapshot": 600.0,
    }  # fmt: skip
    np.testing.assert_allclose(found.normalised[1], np.sort(rho[3]) / rho[3].mean())


def test_rescaling_moves_the_bins_and_no_share() -> None:
    output, inputs = weights(40)
    one = amplitude_history({}, "time", output, inputs, ())
    other = amplitude_history({}, "time", output * 1e-3, inputs, ())
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other.edges, one.edges * 1e-3)
    np.testing.assert_allclose(other.shares, one.shares)
    np.testing.assert_allclose(other.normalised, one.normalised)


def test_no_finite_snapshot_no_history() -> None:
    output, inputs = weights(4)
    assert amplitude_history({}, "time", output * np.nan, inputs, ()) is None
    assert amplitude_history({}, "time", xr.zeros_like(output), inputs, ()) is None
