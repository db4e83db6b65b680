"""Options of the commands at random: values that make sense, and values that do not."""

from __future__ import annotations

import random
from collections.abc import Sequence

FORMATS = ("json", "json", "json", "json", "csv", "table", "JSON ", "yaml", "")
READERS = ("tensorboard", "csv", "jsonl", "json", "text", "numpy", "parquet", "CSV", "", "pickle")
CLOCKS = ("step", "epoch", "tokens", "samples", "seconds", "time", "record", "loss", "", "*", "no such")
PATTERNS = (
    "nanogpt", "modded-nanogpt", "llm.c", "nanoGPT", r"step (?P<step>\d+) loss (?P<loss>\S+)", r"(?P<loss>.*)",
    r"(?P<step>\d+),(?P<loss>[^,]+)", r"(?P<loss>\d", "(", "[", "", ".", r"(?P<1>a)", r"(?P<step>\d+)", r"(?P<loss>)",
    r"(?P<loss>x)?", "\udcff", "(?P<loss>.)" * 3,
)  # fmt: skip
CONDITIONS = ("plateau", "rise", "diverged", "plateau,rise,diverged", "descent", "", ",", "Plateau ", "a\nb")
STAGES = ("secondary-descent", "2nd descent", "initial plateau", "", "0th-plateau", "999th rise", "x" * 500)
STRANGE = (
    "",
    " ",
    "*",
    "[",
    "[!]",
    "?",
    "\n",
    "\x1b[31m",
    "\udc80",
    "-",
    "--",
    "a" * 10_000,
    "loss",
    "*loss*",
    "\u202e",
)


def log_options(chance: random.Random, names: Sequence[str] = ()) -> list[str]:
    """Options of `detect-stages` for a log whose series have these names; mostly none, so that most logs get read."""
    found = ["--format", chance.choice(FORMATS if chance.random() < 0.05 else ("json", "json", "json", "csv", "table"))]
    known = [name for name in names if "\0" not in name]  # which no shell hands over
    for option, values, share in (
        ("--loss", [*known, *known, *known, *STRANGE], 0.15),
        ("--loss", [*known, *STRANGE], 0.03),
        ("--x", [*known, *known, *CLOCKS, "record", *STRANGE], 0.1),
        ("--reader", READERS, 0.03),
        ("--pattern", PATTERNS, 0.03),
        ("--fail-on", CONDITIONS, 0.1),
        ("--until", STAGES, 0.005),
        ("--figure", STRANGE, 0.005),
    ):
        if chance.random() < share:
            found.append(f"{option}={_handed_over(chance.choice(values))}")
    if chance.random() < 0.1:
        found.append("--list")
    return found


def checkpoint_options(chance: random.Random, names: Sequence[str]) -> list[str]:
    """Options of `drift` for checkpoints whose tensors have these names."""
    found = ["--format", chance.choice(FORMATS if chance.random() < 0.05 else ("json", "json", "csv", "table"))]
    steps = (
        "0,1,2",
        "0,10",
        "2,1,0",
        "0:3",
        "0..2",
        "nan,1",
        "inf,0",
        "1e308,-1e308",
        "",
        ",",
        "a",
        "1,1",
        "5e-324,0",
        "0,1,2,3",
    )
    for option, values, share in (
        ("--order", ("1", "2", "2", "2", "2", "2", "2", "0", ""), 0.3),
        ("--layer", [*(name for name in names if "\0" not in name), *STRANGE], 0.1),
        ("--steps", steps, 0.1),
    ):
        if chance.random() < share:
            found.append(f"{option}={_handed_over(chance.choice(values))}")
    if chance.random() < 0.03:
        found.append("--joint")
    return found


def _handed_over(text: str) -> str:
    """A text as Python gets it from a shell, which hands over bytes."""
    return text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="surrogateescape")
