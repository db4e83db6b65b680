"""Which of the known names may somebody have meant?

One that is really near: the same but for case and hyphens, a beginning of it, the same words in another order, another
word for the same thing, or a slip or two of the keyboard. What is only a little alike is not offered: a wrong hint is
worse than none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LETTERS_A_SLIP = 4  # of a name for each slip that is forgiven, and one slip for names of three
MIN_PREFIX = 3  # letters that a beginning has to have
MAX_BEHIND = 3  # letters behind a known name, as in `dataset`
SYNONYMS: Mapping[str, tuple[str, ...]] = {  # what other tools call it, in plain letters
    "alpha": ("initscale", "initializationscale", "initialisationscale", "scale"),
    "width": ("hidden", "hiddensize", "hiddenwidth", "neurons", "units", "hiddenunits"),
    "learning rate": ("lr", "rate", "stepsize", "eta"),
    "batch size": ("bs", "minibatch", "minibatchsize"),
    "steps": ("epochs", "iterations", "iters", "updates", "maxsteps", "numsteps", "nsteps"),
    "until": ("time", "tmax", "maxtime", "horizon"),
    "seeds": ("numseeds", "nseeds", "runs", "repeats"),
    "output": ("out", "outdir", "outputdir", "savedir"),
    "dtype": ("precision",),
    "format": ("json", "csv", "outputformat"),
    "features": ("columns", "inputs"),
    "target": ("label", "labelcolumn"),
    "x": ("clock", "xaxis"),
    "sgd": ("gd", "gradientdescent"),
    "flow": ("gradientflow", "gf", "continuous"),
    "float32": ("f32", "single"),
    "float64": ("f64", "double"),
    "identity": ("linear", "none"),
    "parquet": ("pq",),
    "tensorboard": ("tb", "tfevents", "events"),
    "numpy": ("npz", "npy"),
    "text": ("txt",),
    "sharpness": ("lambdamax", "maxeigenvalue", "topeigenvalue", "hessiantop", "hessianmax"),
    "hessian trace": ("tracehessian",),
    "gradient norm": ("gradnorm", "gradientsize"),
    "kernel top": ("ntk", "ntktop", "kernel"),
    "relative distance": ("distance", "movement"),
    "inactive share": ("deadneurons", "dead", "sparsity"),
}


def nearest(found: str, known: Iterable[str]) -> str | None:
    """The known name that is really near to another, None if there is none.

    Args:
        found: What was given, as `--widht`; hyphens and case do not matter.
        known: The names that would have been understood.
    """
    plain, asked = _plain(found), _words(found)
    best: tuple[int, int, str] | None = None
    for name in known:
        one = _plain(name)
        if not plain or not one or name == found:
            continue
        if plain == one:
            rank = 0
        elif plain in SYNONYMS.get(" ".join(_words(name)), ()):
            rank = 1
        elif (slips := _few_slips(plain, one)) is not None:
            rank = 1 + slips
        elif asked and (_words(name) == asked or set(asked) == set(_words(name))):
            rank = 2
        elif _begins(plain, one):
            rank = 10
        elif len(plain) >= MIN_PREFIX and set(asked) < set(_words(name)):
            rank = 11
        else:
            continue
        best = min(best or (rank, len(name), name), (rank, len(name), name))
    return None if best is None else best[2]


def allowed_slips(length: int) -> int:
    """How many slips of the keyboard are forgiven in a name of so many letters."""
    return 0 if length < MIN_PREFIX else max(1, length // LETTERS_A_SLIP)


def slips_between(one: str, other: str) -> int:
    """Letters to put in, take out, change or swap with their neighbour, to make one text the other.

    References:
        Damerau 1964, "A technique for computer detection and correction of spelling errors" (here each letter is
    touched once: the optimal string alignment).
    """
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, against in enumerate(other, 1):
            cost = min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def _few_slips(one: str, other: str) -> int | None:
    """The slips between two names, None if there are more than is forgiven."""
    allowed = allowed_slips(min(len(one), len(other)))
    if abs(len(one) - len(other)) > allowed or len(set(one) ^ set(other)) > 2 * allowed:
        return None  # which is so for most of thousands of names, and found in no time
    slips = slips_between(one, other)
    return slips if slips <= allowed else None


def _begins(found: str, known: str) -> bool:
    """Whether one name is the beginning of the other, of a known one with little behind it."""
    if min(len(found), len(known)) < MIN_PREFIX:
        return False
    return known.startswith(found) or (found.startswith(known) and len(found) - len(known) <= MAX_BEHIND)


def _plain(name: str) -> str:
    """A name without case, hyphens and what else sets its words apart."""
    return re.sub(r"[\W_]+", "", name[:100]).lower()


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name[:100].lower()) if word]
