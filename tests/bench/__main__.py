"""`make bench`: what is claimed of speed and accuracy, measured; each comparison side by side and with its spread."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import xarray as xr

import mstage
from mstage.simulate.blocks import processors
from tests import curves
from tests.bench import accuracy, drift, flow, in_practice, theory, trainer


def help_against_imports(rounds: int = 12) -> None:
    """`mstage --help` beside the imports that any such tool pays for."""
    commands = {"help": ["-m", "mstage", "--help"], "imports": ["-c", "import typer, rich"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
            times[name].append(time.perf_counter() - begun)
    ratios = np.array(times["help"]) / np.array(times["imports"])
    print(f"  {np.median(ratios):.2f} times (from {ratios.min():.2f} to {ratios.max():.2f}); goal: under 2")


def speed_of_stages(runs: int = 1000, records: int = 2000, rounds: int = 2) -> None:
    """A sweep's worth of curves on all cores, and one log of a million points."""
    clock = np.geomspace(0.05, 300, records)
    clean = curves.staircase((1.0, 0.1))(clock)
    for name, decades in (("without noise", 0.0), ("with noise", 0.03)):
        loss = np.stack([clean * curves.noise("white", records, decades, seed) for seed in range(runs)])
        data = xr.DataArray(loss, dims=("seed", "step"), coords={"seed": np.arange(runs), "step": clock})
        seconds = min(_seconds(lambda data=data: mstage.detect_stages(data)) for _ in range(rounds))
        print(f"  {name}: {seconds:.1f} s for {runs:,} runs of {records:,} records on {processors()} cores; goal: 10 s")
    clock = np.arange(1, 1_000_001)
    loss = curves.staircase((1.0, 0.1))(clock * 3e-4) * curves.noise("white", clock.size, 0.03, 0)
    data = xr.DataArray(loss, dims="step", coords={"step": clock})
    print(
        f"  1e6 records: {min(_seconds(lambda: mstage.detect_stages(data)) for _ in range(3)):.2f} s; goal: under 1 s"
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def memory_of_a_large_sweep() -> None:
    """Peak memory of 256 runs of width 1,600, short and long."""
    code = (
        "import resource, sys, mstage;"
        "sweep = mstage.Sweep(width=(1600,), seed=tuple(range(256)), steps=int(sys.argv[1]),"
        "  recording=mstage.Recording('log:1000', 4));"
        "mstage.train(sweep, sys.argv[2], progress=None);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    )
    from tempfile import TemporaryDirectory

    for steps in (20, 200):
        with TemporaryDirectory() as folder:
            arguments = [sys.executable, "-c", code, str(steps), f"{folder}/sweep"]
            peak = float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
        print(f"  {steps} steps: {peak:.2f} GiB; goal: under 2 GiB however long")


SECTIONS: dict[str, Callable[[], None]] = {
    "mstage --help, in units of `import typer, rich`": help_against_imports,
    "detect-stages: speed": speed_of_stages,
    "detect-stages: accuracy on known curves": accuracy.measure,
    "detect-stages: beside its rivals": accuracy.measure_peers,
    "detect-stages: on curves such as practitioners log": in_practice.measure,
    "detect-stages: what must not change the stages": in_practice.measure_laws,
    "detect-stages: a log that grows": in_practice.measure_growth,
    "theory: sweeps against prediction": theory.measure,
    "drift: speed on sweeps": drift.speed_on_sweeps,
    "drift: speed and memory on checkpoints": drift.speed_on_checkpoints,
    "train: beside other forms": trainer.measure,
    "train: recording, progress and commits": trainer.overhead,
    "train: from the command to its end, one step": trainer.start,
    "flow: a batch with a hard run in it": flow.batch,
    "flow: steps, accuracy and time to twice the escape": flow.cost,
    "train: memory of 256 runs of width 1,600": memory_of_a_large_sweep,
}

if __name__ == "__main__":
    for title, section in SECTIONS.items():
        print(title, flush=True)
        section()
