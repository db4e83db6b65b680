"""What a name says."""

from __future__ import annotations

import numpy as np
import pytest

from mstage.errors import InputError
from mstage.readers.logs.log import Column, Columns, Log, series_of
from mstage.readers.logs.names import clock_kind, loss_rank
from mstage.readers.logs.selection import likeliest_loss


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("step", "step Step _step global_step trainer/global_step train/global_step iter Iteration current_steps it"),
        ("step", "num_updates globalStep batch_idx iters"),
        ("epoch", "epoch Epoch train/epoch current_epoch epochs"),
        ("tokens", "tokens total_tokens num_input_tokens_seen consumed_tokens tokens_seen train/num_tokens"),
        ("samples", "samples consumed_samples consumed_train_samples"),
        ("seconds", "_runtime _timestamp wall_time elapsed_time seconds time/elapsed"),
        ("time", "time total_time"),
        (None, "loss total_steps steps_per_second step_time epoch_time lr val_step_loss timesteps_loss"),
    ],
)
def test_clocks(kind: str | None, names: str) -> None:
    assert {name: clock_kind(name) for name in names.split()} == dict.fromkeys(names.split(), kind)
    assert clock_kind("Wall time") == clock_kind("Relative Time (Process)") == "seconds"


# Names as some program logs them; the first is the training loss.
LOGS = [
    "loss val_loss accuracy val_accuracy lr",
    "train_loss valid_loss accuracy",
    "train/loss eval/loss train/learning_rate train/grad_norm",
    "total_loss loss_cls loss_box_reg loss_rpn_cls loss_mask lr",
    "loss eval_loss eval_g0_loss eval_runtime",
    "loss/train loss/val",
    "Train_Loss Val_Loss Test_Loss",
    "trainLoss valLoss",
    "lm_loss grad_norm loss_scale",
    "train/box_loss train/cls_loss train/dfl_loss val/box_loss",
    "training_loss validation_loss",
    "train_loss train_rmse val_rmse val_loss",
    "policy_loss entropy reward",
    "train_nll val_nll acc",
    "mse val_mse",
    "val_loss val_accuracy",
    "Loss/total Loss/kl_aux Loss/test",
    "train-logloss eval-logloss",
    "cross_entropy accuracy",
]


@pytest.mark.parametrize("names", LOGS)
def test_the_first_is_the_training_loss(names: str) -> None:
    for order in (names.split(), names.split()[::-1]):
        columns = {name: Column.whole(np.ones(20)) for name in order}
        if names.split()[1] != "train/cls_loss":  # parts of a loss are alike: the first of them is taken
            assert likeliest_loss(Log("log", "", series_of(Columns(columns, 20)))) == names.split()[0]


def test_of_two_alike_the_one_with_more_values() -> None:
    columns = {"train_loss_step": Column.whole(np.ones(30)), "train_loss_epoch": Column.whole(np.ones(40))}
    assert likeliest_loss(Log("log", "", series_of(Columns(columns, 40)))) == "train_loss_epoch"


def test_a_summary_of_one_value_is_no_curve() -> None:
    columns = {"train_loss": Column.whole(np.ones(1)), "eval_loss": Column.whole(np.ones(40))}
    assert likeliest_loss(Log("log", "", series_of(Columns(columns, 40)))) == "eval_loss"


@pytest.mark.parametrize("name", ["val_acc", "episode_return", "perplexity", "column 2"])
def test_the_one_series_there_is_is_taken(name: str) -> None:
    """Whatever it is called: there is nothing to choose."""
    assert likeliest_loss(Log("log", "", series_of(Columns({name: Column.whole(np.ones(40))}, 40)))) == name


@pytest.mark.parametrize("name", ["learning_rate", "loss_scale", "loss_weight", "train/return", "accuracy", "reward"])
def test_no_losses(name: str) -> None:
    assert loss_rank(name) is None
    columns = {name: Column.whole(np.ones(20)), "other": Column.whole(np.ones(20))}
    with pytest.raises(InputError, match=f"no series that is a loss by its name; it has `{name}`, `other`. Choose"):
        likeliest_loss(Log("log", "", series_of(Columns(columns, 20))))
