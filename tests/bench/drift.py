"""Speed of `mstage drift`, beside loops over the packages that one would otherwise write them with."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import ot
import xarray as xr
from safetensors.numpy import load_file, save_file
from scipy.stats import chi2, wasserstein_distance

from mstage.analysis.weights.drift import measure_weight_drift


def speed_on_sweeps(runs: int = 1000, snapshots: int = 60, neurons: int = 1000, part: int = 100) -> None:
    """A thousand runs, a hundred at a time; each rival on one run of the same, just before and just after."""
    random = np.random.default_rng(0)
    axes = ("seed", "snapshot", "neuron")
    output = random.standard_normal((part, snapshots, neurons))
    inputs = random.standard_normal((part, snapshots, neurons, 2))
    weights = xr.DataArray(output, dims=axes), xr.DataArray(inputs, dims=(*axes, "dim"))
    rivals: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "SciPy": wasserstein_distance,
        "POT": lambda one, other: float(ot.wasserstein_1d(one, other)),
    }
    naive: dict[str, list[float]] = {name: [] for name in rivals}
    seconds = 0.0
    for _ in range(runs // part):
        begun = time.perf_counter()
        measure_weight_drift(*weights)
        seconds += time.perf_counter() - begun
        for name, distance in rivals.items():
            begun = time.perf_counter()
            _by_hand(output[0], inputs[0], distance)
            naive[name].append((time.perf_counter() - begun) * part)
    print(f"  {runs:,} runs of {snapshots} snapshots of {neurons:,} neurons: {seconds:.1f} s; goal: under 10 s")
    for name, values in naive.items():
        ratios = np.array(values) * runs / part / seconds
        print(f"  a loop over {name}: {np.median(ratios):.1f} times as long ({ratios.min():.1f} to {ratios.max():.1f})")


def _by_hand(output: np.ndarray, inputs: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """The four distances at each snapshot of a run."""
    count = output.shape[-1]
    sample = chi2.ppf((np.arange(count) + 0.5) / count, 1)
    sizes, norms = np.abs(output), np.linalg.norm(inputs, axis=-1)
    amplitudes = sizes * norms
    for k, amplitude in enumerate(amplitudes):
        distance(sizes[k], norms[k])
        distance(amplitude, amplitudes[0])
        distance(amplitude, amplitudes[max(k - 1, 0)])
        distance(amplitude / amplitude.mean(), sample)


def speed_on_checkpoints(checkpoints: int = 10, rows: int = 25_000) -> None:
    """About a gigabyte of float32: ten checkpoints of an embedding and twelve layers; the rival has two of them."""
    random = np.random.default_rng(0)
    shapes = {"embed": (rows, 512), **{f"layers.{k}": (1024, 1024) for k in range(12)}}
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"step_{step}.safetensors") for step in range(checkpoints)]
        for path in paths:
            save_file({name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}, path)
        size = sum(Path(path).stat().st_size for path in paths)
        seconds, memory = min(
            _in_a_process(f"import mstage; mstage.measure_checkpoint_drift({paths})") for _ in range(3)
        )
        two = f"({paths[:2]})"
        ours, naive = [], []
        for _ in range(2):
            ours.append(_in_a_process(f"import mstage; mstage.checkpoint_drift{two}"))
            naive.append(_in_a_process(f"from tests.bench.drift import load_and_sort; load_and_sort{two}"))
    print(f"  {size / 1e9:.2f} GB in {checkpoints} checkpoints: {seconds:.1f} s, {memory:.2f} GiB at most")
    ratios = np.array([one[0] for one in naive]) / np.array([one[0] for one in ours])
    print(
        f"  on two, loading each whole and W1 by SciPy: {np.mean(ratios):.1f} times as long ({ratios.min():.1f} to "
        f"{ratios.max():.1f}), {min(naive)[1]:.2f} GiB against {min(ours)[1]:.2f}"
    )


def load_and_sort(paths: list[str]) -> None:
    """W1 of each layer's magnitudes and row norms from the first checkpoint, the plain way."""
    first = load_file(paths[0])
    for path in paths[1:]:
        for name, weights in load_file(path).items():
            wasserstein_distance(np.abs(weights).ravel(), np.abs(first[name]).ravel())
            wasserstein_distance(np.linalg.norm(weights, axis=1), np.linalg.norm(first[name], axis=1))


def _in_a_process(code: str) -> tuple[float, float]:
    """Seconds and peak GiB of some Python."""
    begun = time.perf_counter()
    peak = f"{code}; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    done = subprocess.run([sys.executable, "-c", peak], capture_output=True, text=True, check=True)
    return time.perf_counter() - begun, float(done.stdout)
