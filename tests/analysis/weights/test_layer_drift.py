"""Distances of layers against SciPy, POT and a grid of quantiles; their laws; layers that come, go and change size."""

from __future__ import annotations

import tracemalloc
from math import gcd

import numpy as np
import ot
import pytest
from scipy.stats import wasserstein_distance

from mstage.analysis.weights import layer_drift
from mstage.analysis.weights.layer_drift import LayerSnapshot, measure_layer_drift, quantile_distance
from mstage.errors import InputError

RANDOM = np.random.default_rng(0)


def snapshot(step: float, values: np.ndarray, rows: int = 2) -> LayerSnapshot:
    """A layer that is read two rows at a time."""

    def parts():
        if not values.ndim:
            yield values.reshape(1)
        else:
            yield from (values[begin : begin + rows] for begin in range(0, len(values), rows))

    return LayerSnapshot(step, values.shape, parts)


def by_repeating(one: np.ndarray, other: np.ndarray, order: int) -> float:
    """W_p from samples that are repeated until they are equally many: the definition, where these are few."""
    count = one.size * other.size // gcd(one.size, other.size)
    gaps = np.abs(np.repeat(np.sort(one), count // one.size) - np.repeat(np.sort(other), count // other.size))
    return float(np.mean(gaps**order) ** (1 / order))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (6, 4), (1, 9), (9, 1), (50, 49), (64, 96), (300, 17)])
@pytest.mark.parametrize("block", [1, 5, 1 << 16])
def test_quantile_distance(n: int, m: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_drift, "BLOCK", block)
    one, other = np.sort(RANDOM.standard_normal(n)), np.sort(RANDOM.standard_normal(m) * 2 + 0.3)
    first, second = quantile_distance(one, other)
    for order, value in ((1, first), (2, second)):
        assert value == pytest.approx(by_repeating(one, other, order), rel=1e-12)
        assert value == pytest.approx(float(ot.wasserstein_1d(one, other, p=order)) ** (1 / order), rel=1e-10)
        assert value == pytest.approx(float(quantile_distance(other, one, (order,))[0]), rel=1e-12)
    assert first == pytest.approx(wasserstein_distance(one, other), rel=1e-12)


def test_laws_of_the_distance() -> None:
    one, other, third = (np.sort(RANDOM.standard_normal(n)) for n in (100, 70, 33))
    assert quantile_distance(one, one).tolist() == [0, 0]
    assert quantile_distance(np.repeat(one, 3), one) == pytest.approx([0, 0], abs=1e-15)
    assert quantile_distance(one, one + 0.7) == pytest.approx([0.7, 0.7])
    direct, detour = quantile_distance(one, third), quantile_distance(one, other) + quantile_distance(other, third)
    assert (direct <= detour + 1e-12).all()
    assert direct[0] <= direct[1]
    assert np.isnan(quantile_distance(one, one[:0])).all()


def test_small_differences_of_large_float32_values_are_kept() -> None:
    one = np.full(10**6, 1000.0, np.float32)
    other = np.nextafter(one, np.float32(2000))
    step = float(other[0]) - 1000.0
    assert quantile_distance(one, other) == pytest.approx([step, step], rel=1e-12)


@pytest.mark.parametrize("shape", [(6, 4), (5, 3, 2, 2), (9,), ()])
def test_layers_against_the_formula(shape: tuple[int, ...]) -> None:
    values = [RANDOM.standard_normal(shape).astype(np.float32) if shape else np.float32(k) for k in range(4)]
    found = measure_layer_drift({"w": [snapshot(10 * k, np.asarray(one)) for k, one in enumerate(values)]})
    table = found.to_dataframe()
    assert table["step"].tolist() == [0, 10, 20, 30]
    for k, row in table.iterrows():
        for origin, before in (("first", values[0]), ("previous", values[k - 1] if k else None)):
            for order in (1, 2):
                got = row[f"magnitude_from_{origin}_w{order}"], row[f"row_norm_from_{origin}_w{order}"]
                if before is None:
                    assert np.isnan(got).all()
                    continue
                one, other = (np.abs(np.asarray(v, float)).ravel() for v in (values[k], before))
                assert got[0] == pytest.approx(by_repeating(one, other, order), rel=1e-6, abs=1e-12)
                if len(shape) < 2:
                    assert np.isnan(got[1])
                    continue
                one, other = (np.linalg.norm(v.reshape(len(v), -1).astype(float), axis=1) for v in (values[k], before))
                assert got[1] == pytest.approx(by_repeating(one, other, order), rel=1e-6, abs=1e-12)
        assert row.mean_magnitude == pytest.approx(np.abs(values[k]).mean(), rel=1e-6)
        assert (row.weights, row.rows) == (values[k].size, shape[0] if len(shape) > 1 else 0)


def test_permuting_rows_changes_nothing_and_scaling_scales() -> None:
    one, other = RANDOM.standard_normal((2, 20, 8))
    names = ["magnitude_from_first", "row_norm_from_first"]

    def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        found = measure_layer_drift({"w": [snapshot(0, first), snapshot(1, second)]}).distances
        return found[names].to_array().values[..., 1]

    before = distances(one, other)
    np.testing.assert_allclose(distances(RANDOM.permutation(one), other), before, rtol=1e-12)
    np.testing.assert_allclose(distances(-3 * one, 3 * other), 3 * before, rtol=1e-12)


def test_a_layer_that_comes_late_goes_and_changes_its_size() -> None:
    early, larger = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((7, 3))
    found = measure_layer_drift(
        {
            "whole": [snapshot(step, early) for step in (0, 1, 2, 3)],
            "late": [snapshot(1, early), snapshot(3, larger)],
        }
    )
    table = found.to_dataframe().set_index(["layer", "step"])
    assert table.loc["late"].index.tolist() == [1, 3]
    assert table.loc[("late", 1), "magnitude_from_first_w1"] == 0
    assert table.loc[("late", 3), "rows"] == 7
    expected = by_repeating(np.abs(larger).ravel(), np.abs(early).ravel(), 2)
    assert table.loc[("late", 3), "magnitude_from_previous_w2"] == pytest.approx(expected)
    assert (table.loc["whole", "magnitude_from_first_w1"] == 0).all()
    assert found.farthest(1) == ("late",)


def test_weights_that_are_not_finite_have_no_distance() -> None:
    values = [RANDOM.standard_normal((4, 3)) for _ in range(4)]
    values[2][1, 1], values[2][0, 0] = np.nan, np.inf
    table = measure_layer_drift({"w": [snapshot(k, one) for k, one in enumerate(values)]}).to_dataframe()
    assert table.not_finite.tolist() == [0, 0, 2, 0]
    assert np.isfinite(table.magnitude_from_first_w1).tolist() == [True, True, False, True]
    assert np.isfinite(table.row_norm_from_previous_w2).tolist() == [False, True, False, False]
    assert np.isfinite(table.mean_magnitude).tolist() == [True, True, False, True]


def test_farthest_in_units_of_where_a_layer_began() -> None:
    one = np.ones((3, 3))
    layers = {
        "still": (one, one), "small": (0.1 * one, 0.2 * one), "large": (10 * one, 11 * one), "bias": (0 * one, one),
        "lost": (one, np.nan * one), "zero": (0 * one, 0 * one),
    }  # fmt: skip
    found = measure_layer_drift({k: [snapshot(0, a), snapshot(1, b)] for k, (a, b) in layers.items()})
    assert found.farthest(3) == ("small", "bias", "large")
    assert set(found.farthest(9)) == set(layers)


def test_huge_weights_are_no_warning() -> None:
    huge = np.full((2, 2), 1e200)
    found = measure_layer_drift({"w": [snapshot(0, huge), snapshot(1, -2 * huge)]}).distances
    assert float(found.magnitude_from_first.sel(order=1)[0, 1]) == pytest.approx(1e200)


@pytest.mark.slow
def test_a_layer_is_in_memory_at_three_checkpoints_at_most() -> None:
    count, rows = 25, 4096

    def parts():
        for begin in range(0, rows, 64):
            yield np.full((64, 256), begin, np.float32)

    layers = {name: [LayerSnapshot(step, (rows, 256), parts) for step in range(count)] for name in "ab"}
    tracemalloc.start()
    measure_layer_drift(layers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one = rows * 256 * 4
    assert 3 * one < peak < 3.7 * one


def test_no_layer() -> None:
    with pytest.raises(InputError, match="no layer"):
        measure_layer_drift({})


@pytest.mark.parametrize("unit", [2.0**1015, 2.0**-1000])
def test_weights_of_any_size(unit: float) -> None:
    """Squares beyond 1e154 were infinite, below 1e-154 nothing, and so were W2 and the norms of rows."""
    one, other = RANDOM.uniform(1, 2, (6, 4)), RANDOM.uniform(1, 2, (6, 4))

    def tables(size: float):
        return measure_layer_drift({"w": [snapshot(0, one * size), snapshot(1, other * size)]}).distances

    plain, large = tables(1.0), tables(unit)
    for name in (*layer_drift.DISTANCES, "mean_magnitude", "mean_row_norm"):
        np.testing.assert_allclose(large[name], plain[name] * unit, rtol=1e-9)


def test_distances_of_samples_of_the_largest_floats() -> None:
    largest = np.full(5, np.finfo(float).max)
    np.testing.assert_allclose(quantile_distance(np.zeros(5), largest) / largest[0], [1, 1])


def test_the_farthest_layer_may_have_begun_at_the_smallest_float() -> None:
    """Its distance over its mean was an overflow that leaked as a warning."""
    tiny, one = np.full(4, 5e-324), np.ones(4)
    layers = {"near": [snapshot(0, one), snapshot(1, 2 * one)], "far": [snapshot(0, tiny), snapshot(1, one)]}
    assert measure_layer_drift(layers).farthest(2) == ("far", "near")
