"""What does the name of a column say: is it a clock, of which kind, or a loss, and how likely the one that is trained?

A name is split into words, since `train/loss_epoch`, `trainLoss` and `Train loss` mean the same. A clock is known by
its whole name. A loss is known by single words; others in the name tell a held-out loss or a part of the loss, which
are less likely the one that is trained.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from mstage.errors import storable

STEP, EPOCH, TOKENS, SAMPLES, SECONDS, TIME, RECORD = "step", "epoch", "tokens", "samples", "seconds", "time", "record"
CLOCK_KINDS = (STEP, EPOCH, TOKENS, SAMPLES, SECONDS, TIME, RECORD)  # the likeliest clock of a loss first
LONGEST_NAME = 200  # of a series or a run

_CLOCKS = {
    STEP: "step|steps|global step|global steps|current step|current steps|train step|training step|optimizer step|"
    "iter|iters|iteration|iterations|it|global iter|global iteration|n iter|num iter|update|updates|num update|"
    "num updates|n updates|batch|batches|batch idx|batch index|batch id|minibatch|mb",
    EPOCH: "epoch|epochs|ep|current epoch|train epoch|training epoch|epoch idx|epoch id",
    TOKENS: "token|tokens|total tokens|num tokens|n tokens|tokens seen|num tokens seen|num input tokens seen|"
    "input tokens seen|consumed tokens|consumed train tokens|train tokens|tokens processed|tokens total",
    SAMPLES: "sample|samples|consumed samples|consumed train samples|num samples|n samples|samples seen|example|"
    "examples|total samples|num examples|examples seen|images|images seen",
    SECONDS: "runtime|timestamp|time stamp|wall time|walltime|wall clock|unix time|relative time|"
    "relative time process|relative time wall|elapsed|elapsed time|elapsed seconds|elapsed time s|time elapsed|"
    "seconds|time s|time sec|time seconds|total seconds",
    TIME: "time|total time|train time|training time",
}
_KIND_OF = {name: kind for kind, names in _CLOCKS.items() for name in names.split("|")}

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LOSS = {"loss", "losses"}
_LIKE_LOSS = {
    "nll", "cost", "objective", "mse", "ce", "bce", "xent", "crossentropy", "rmse", "mae", "bpb", "bpc", "perplexity",
    "ppl", "error", "err", "elbo",
}  # fmt: skip
_HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev", "holdout", "heldout", "held"}
_NOT_A_LOSS = {"scale", "scaler", "scaling", "weight", "weights", "coef", "coefficient", "lr", "rate", "count"}
_GETS_BETTER = {
    "accuracy", "acc", "rew", "reward", "rewards", "return", "returns", "score", "scores", "f1", "auc", "auroc", "roc",
    "ap", "map", "precision", "recall", "bleu", "sacrebleu", "rouge", "meteor", "cider", "iou", "miou", "dice", "psnr",
    "ssim", "r2", "success", "win", "winrate", "ndcg", "mrr", "mcc", "likelihood", "top1", "top5", "correct",
}  # fmt: skip
_SAYS_NOTHING = _LOSS | {
    "train", "training", "tr", "trn", "total", "step", "epoch", "avg", "average", "mean", "running", "batch", "iter",
    "iteration", "lm", "metrics", "metric", "scalar", "scalars", "overall", "sum", "all", "log", "logs", "raw", "main",
    "final", "current", "cur", "s",
}  # fmt: skip


@lru_cache(maxsize=10_000)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: `train/lossEpoch` has train, loss and epoch; `valloss` has val and loss."""
    found: list[str] = []
    for word in _WORD.findall(re.sub("cross.?entropy", "crossentropy", name[:200], flags=re.IGNORECASE)):
        low = word.lower()
        head = low.removesuffix("loss")
        found += [head, "loss"] if head != low and head in _HELD_OUT | _SAYS_NOTHING else [low]
    return tuple(found)


def clock_kind(name: str) -> str | None:
    """The kind of clock that a column is by its name, None if it is none: `trainer/global_step` is a step.

    What comes before the last slash is the namespace of a tool, and may be anything.
    """
    return _KIND_OF.get(" ".join(words(name.rpartition("/")[2])))


def loss_rank(name: str) -> tuple[bool, int, int] | None:
    """A sort key, the likeliest training loss first; None if the name is not that of a loss.

    Held-out losses come after all others, and what is only like a loss (a mean squared error) after losses. Each word
    that tells one part of a loss from another (as `box` in `train/box_loss`) makes it less likely.
    """
    found = words(name)
    if _NOT_A_LOSS.intersection(found):
        return None
    if _LOSS.intersection(found):
        tier = 0
    elif _LIKE_LOSS.intersection(found):
        tier = 1
    else:
        return None
    known = _SAYS_NOTHING | _HELD_OUT | (_LIKE_LOSS if tier else set())
    return bool(_HELD_OUT.intersection(found)), tier, sum(word not in known for word in found)


def is_maximised(name: str) -> bool:
    """Whether what a name stands for is better the larger it is, as an accuracy, a return, a score."""
    found = words(name)
    joined = {first + second for first, second in pairwise(found) if second.isdigit()}  # f1 and top5 are two words
    joined.add("".join(words(name.rpartition("/")[2])))  # and IoU is
    no_gain = _LOSS | _LIKE_LOSS | _NOT_A_LOSS - {"rate"} | {"neg", "negative", "std", "var", "variance"}
    return not no_gain.intersection(found) and bool(_GETS_BETTER & joined.union(found))


def name_of(text: str) -> str:
    """A name from a file or a user, shortened, with single spaces and none around it.

    Control characters stay in it: whoever prints it makes it printable.
    """
    return shortened(re.sub(" {2,}", " ", text[: 2 * LONGEST_NAME].strip(" \t\r\n\xa0")))


def shortened(text: str) -> str:
    """A name or a path of at most 200 characters that NumPy and pandas can hold."""
    text = storable(text[: LONGEST_NAME + 1])
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 3]}..."
