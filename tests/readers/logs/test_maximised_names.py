"""Which names are told to be of what gets better the larger it is?"""

from __future__ import annotations

import pytest

from mstage.readers.logs.names import is_maximised


@pytest.mark.parametrize(
    "name",
    ["accuracy", "val_acc", "train/top5", "eval/mean_reward", "rollout/ep_rew_mean", "episodeReturn", "f1",
     "test_auc", "BLEU", "mIoU", "success_rate", "r2"],
)  # fmt: skip
def test_better_the_larger(name: str) -> None:
    assert is_maximised(name)


@pytest.mark.parametrize(
    "name",
    ["loss", "train_loss", "reward_loss", "reward_scale", "accuracy_error", "negative_log_likelihood", "perplexity",
     "step", "learning_rate", "reward_std", "f2", "value"],
)  # fmt: skip
def test_better_the_smaller_or_neither(name: str) -> None:
    assert not is_maximised(name)
