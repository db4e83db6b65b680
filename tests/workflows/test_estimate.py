"""What is said of memory before training is what training takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from pathlib import Path
from mstage.simulate.trainers import trainer_of
from mstage.spec import Descent, Flow, Optimizer, Recording, Sweep, TwoLayer
from mstage.store.layout import Layout
from mstage.workflows.estimate import memory_bytes
from mstage.workflows.train import train
from mstage.workflows.problems import training_set_of

sweep = {sweep}
data = training_set_of(sweep.problem)
layout = Layout.of(sweep, *data.input.shape)
shard = layout.shards[0]
said = memory_bytes(layout, shard, trainer_of(sweep, data, shard.program(sweep), shard.runs_of(sweep)))
train(sweep, sys.argv[1], commit_seconds=0.1)
status = Path("/proc/self/status").read_text().split()  # what getrusage says holds that of the process before it, too
print(1024 * int(status[status.index("VmHWM:") + 1]) / said)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of a process")
@pytest.mark.parametrize(
    "sweep",
    [
        "Sweep(TwoLayer(width=20000), seed=tuple(range(60)), steps=25, recording=Recording('auto', 6), "
        "dynamics=Descent(optimizer=Optimizer('adam')))",
        "Sweep(TwoLayer(width=200), seed=tuple(range(8000)), steps=25, recording=Recording('auto', 6))",
        "Sweep(TwoLayer(width=4000), seed=tuple(range(100)), until=1.0, recording=Recording('auto', 6), "
        "dynamics=Flow())",
    ],
)
def test_memory_is_what_training_takes(sweep: str, tmp_path: object) -> None:
    """1,000 runs of width 200,000 once passed as 9 GiB and took more than three times as much."""
    run = [sys.executable, "-c", CODE.format(sweep=sweep), f"{tmp_path}/sweep"]
    share = float(subprocess.run(run, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert 0.5 < share < 1.02
