"""What is tried with a seed: which command or function, on what."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tests.fuzz.arrays import made_history
from tests.fuzz.checkpoints import made_checkpoints
from tests.fuzz.mutations import mutated
from tests.fuzz.options import checkpoint_options, log_options
from tests.fuzz.stores import made_store
from tests.fuzz.written import written_log
from tests.readers.writers import WRITERS, staircase


@dataclass(frozen=True)
class Case:
    """Something to try.

    Attributes:
        kind: What it is, in words.
        seed: That it was made from.
        arguments: Of the command line; none for a call of a function.
        call: The function, in place of a command.
    """

    kind: str
    seed: int
    arguments: tuple[str, ...] = ()
    call: Callable[[], Any] | None = None


def made_case(seed: int, folder: Path) -> Case:
    """The case of a seed; its files are written into an empty folder."""
    chance = random.Random(seed)
    share = seed % 20
    if share < 8:
        return _mutated_log(chance, seed, folder)
    if share < 14:
        log = written_log(chance, folder)
        return Case(
            f"made-up {log.path.suffix[1:]}", seed, ("detect-stages", str(log.path), *log_options(chance, log.names))
        )
    if share < 16:
        sources, names = made_checkpoints(chance, folder)
        return Case("checkpoints", seed, ("drift", *sources, *checkpoint_options(chance, names)))
    if share < 18:
        return Case("array", seed, call=partial(_stages_of, made_history(chance)))
    arguments = made_store(chance, folder)
    return Case(f"{arguments[0]} of a store", seed, tuple(arguments))


@lru_cache(maxsize=1)
def valid_logs() -> dict[str, bytes]:
    """A valid log of each kind."""
    losses = [float(loss) for loss in staircase(60)]
    return {kind: row[0](losses) for kind, row in WRITERS.items()}


def _mutated_log(chance: random.Random, seed: int, folder: Path) -> Case:
    valid = valid_logs()
    kind = chance.choice(sorted(valid))
    path = folder / "mutated"
    path.write_bytes(mutated(chance, valid[kind], list(valid.values())))
    options = log_options(chance, ("loss", "train_loss")) if chance.random() < 0.5 else []
    return Case(f"mutated {kind}", seed, ("detect-stages", str(path), *options))


def _stages_of(history: Any) -> Any:
    import mstage

    return mstage.detect_stages(history)
