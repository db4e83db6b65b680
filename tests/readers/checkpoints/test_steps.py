"""Steps as names tell them, and no answer where they do not."""

from __future__ import annotations

import pytest

from mstage.readers.checkpoints.steps import natural_order, steps_of_names


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (["step_100", "step_20", "step_3"], (100, 20, 3)),
        (["checkpoint-500", "checkpoint-1000"], (500, 1000)),
        (["step-0000000", "step-0001000"], (0, 1000)),
        (["lr0.1-epoch=1-step=100", "lr0.1-epoch=2-step=50"], (100, 50)),  # the step and not the epoch
        (["epoch=1-val_loss=0.53", "epoch=2-val_loss=0.41"], (1, 2)),
        (["epoch_0.5", "epoch_1"], (0.5, 1)),
        (["model_7B_100", "model_7B_200"], (100, 200)),  # the number that differs
        (["resnet50_0", "resnet50_1", "resnet50_10"], (0, 1, 10)),
        (["0", "1", "10"], (0, 1, 10)),
        (["init-0", "later-100"], (0, 100)),
        (["ckpt_1k", "ckpt_20k", "ckpt_1M"], (1000, 20_000, 1_000_000)),
        (["step1000-tokens4B", "step2000-tokens8B"], (1000, 2000)),
        (["Step 5", "Step 10"], (5, 10)),
        (["timestep_a_1", "timestep_a_2"], (1, 2)),
        (["step_100", "step_100"], None),
        (["a1_b1", "a2_b2"], None),  # which of the two?
        (["step_100", "final"], None),
        (["best", "last"], None),
        (["a1_2", "b3"], None),
        (["a_20240101120000123", "a_20240101120500123"], None),  # times
        ([], None),
    ],
)
def test_steps_of_names(names: list[str], steps: tuple[float, ...] | None) -> None:
    assert steps_of_names(names) == steps


def test_natural_order() -> None:
    names = ["layer.10", "layer.2", "layer.2.b", "bias", "10", "9"]
    assert sorted(names, key=natural_order) == ["9", "10", "bias", "layer.2", "layer.2.b", "layer.10"]
