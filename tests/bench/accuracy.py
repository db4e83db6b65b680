"""How good is the stage finder on curves whose stages are known, beside its rivals and beside what can be known?

`exact`: the whole sequence of stages is right. `F1`: of borders within 0.15 decades, of the same kind. `two points`:
how often the likelihood ratio tells the true sequence from the nearest wrong one (`oracle`). `family`: in how many
curves a fit of the family that each is drawn from has the true sequence (`true_family`), which says what the noise
leaves to be seen by who knows the family. Nothing was tuned on the seeds that are reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import RunStages, Stage, StageMethod
from mstage.history import Curve
from tests.bench import oracle, true_family
from tests.bench.peers import PEERS, find_stages
from tests.bench.staircases import REPORTING_SEEDS, Case, cases

NEAR = 0.15 * np.log(10)
PROBABILITIES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0 + 1e-12)


@dataclass(frozen=True)
class Answer:
    """What was found on one curve.

    Attributes:
        exact: Whether the whole sequence is right.
        matched: Borders that are right.
        found: Borders found.
        true: Borders there are.
        covered: Of the borders of an exact answer, whether each lies in its interval.
        rates: Of the descents of an exact answer, whether the rate of the curve without noise lies in its interval.
        trust: Probability of each stage found, and whether it is there.
        seconds: Time taken.
    """

    exact: bool
    matched: int
    found: int
    true: int
    covered: tuple[bool, ...]
    rates: tuple[bool, ...]
    trust: tuple[tuple[float, bool], ...]
    seconds: float


def answer(case: Case) -> tuple[Answer, RunStages]:
    """The stage finder on a case."""
    begun = time.perf_counter()
    found = stages_of_curve(Curve({}, case.clock, case.loss, False), StageMethod())
    seconds = time.perf_counter() - begun
    kinds = [stage.kind for stage in found.stages]
    borders = [float(np.log(stage.end)) for stage in found.stages[:-1]]
    exact = tuple(kinds) == case.truth.kinds
    covered = tuple(
        stage.end_low <= np.exp(border) <= stage.end_high
        for stage, border in zip(found.stages, case.truth.borders, strict=False)
        if exact
    )
    first, last = case.truth.position[[0, -1]].tolist()
    is_there = there(kinds, [first, *borders, last], case.truth.kinds, [first, *case.truth.borders, last])
    trust = tuple(zip((stage.probability for stage in found.stages), is_there, strict=True))
    matched = _matched(case, kinds, borders)
    rates = _rates(case, found.stages) if exact else ()
    return Answer(exact, matched, len(borders), len(case.truth.borders), covered, rates, trust, seconds), found


def answer_of_peer(name: str, case: Case) -> Answer:
    """A peer on a case."""
    begun = time.perf_counter()
    kinds, borders = find_stages(PEERS[name], case.clock, case.loss)
    seconds = time.perf_counter() - begun
    exact = tuple(kinds) == case.truth.kinds
    return Answer(exact, _matched(case, kinds, borders), len(borders), len(case.truth.borders), (), (), (), seconds)


def _rates(case: Case, stages: tuple[Stage, ...]) -> tuple[bool, ...]:
    """Whether the rate of the curve without noise, at the same records, lies in the interval of each descent.

    Descents for which another of the two models was chosen are left out: the two rates have different units. So are
    curves whose stages are not seen without their noise.
    """
    clean = stages_of_curve(Curve({}, case.clock, case.clean, False), StageMethod()).stages
    if [one.kind for one in clean] != [one.kind for one in stages]:
        return ()
    pairs = [(one, true) for one, true in zip(stages, clean, strict=True) if one.kind == "descent"]
    return tuple(
        one.rate_low <= true.rate <= one.rate_high
        for one, true in pairs
        if None not in (one.rate, one.rate_low, one.rate_high, true.rate) and one.model == true.model
    )


def _matched(case: Case, kinds: list[str], borders: list[float]) -> int:
    """Borders near a true one at which a stage of the same kind ends, each true one used once."""
    free = list(zip(case.truth.kinds, case.truth.borders, strict=False))
    count = 0
    for kind, border in zip(kinds, borders, strict=False):
        near = [entry for entry in free if entry[0] == kind and abs(entry[1] - border) < NEAR]
        if near:
            free.remove(min(near, key=lambda entry: abs(entry[1] - border)))
            count += 1
    return count


def there(
    kinds: Sequence[str],
    ends: Sequence[float],
    true_kinds: Sequence[str],
    true_ends: Sequence[float],
    near: float = 0.0,
) -> list[bool]:
    """Of each stage found, whether it is the one that shares most with a true stage of its kind, and half of it.

    Args:
        kinds: Of the stages found.
        ends: Where these begin and the last ends, one more.
        true_kinds: Of the true stages.
        true_ends: The same of them.
        near: How far beside the true stage one may lie, so that one shorter than that can be there.
    """
    shared = np.array(
        [
            [min(ends[i + 1], true_ends[j + 1] + near) - max(ends[i], true_ends[j] - near) if kind == true else 0.0
             for j, true in enumerate(true_kinds)]
            for i, kind in enumerate(kinds)
        ]
    ).clip(min=0)  # fmt: skip
    of = shared.argmax(axis=1)
    return [
        bool(shared[i, j] > 0 and shared[:, j].argmax() == i and shared[i, j] >= (ends[i + 1] - ends[i]) / 2)
        for i, j in enumerate(of)
    ]


def f1(answers: Iterable[Answer]) -> float:
    """F1 of the borders of many answers."""
    answers = list(answers)
    total = sum(one.found + one.true for one in answers)
    return 2 * sum(one.matched for one in answers) / total if total else 1.0


def groups(of: list[Case]) -> Iterator[tuple[str, list[int]]]:
    """The cases by what they are made of: names, and indices into the list."""
    yield "all", list(range(len(of)))
    for name in of[0].properties:
        for value in dict.fromkeys(case.properties[name] for case in of):
            yield f"{name} {value}", [i for i, case in enumerate(of) if case.properties[name] == value]


def measure(seeds: tuple[int, ...] = REPORTING_SEEDS) -> None:
    """Print the accuracy of the stage finder by what the curves are made of."""
    every = [case for seed in seeds for case in cases(seed)]
    chances = np.array([oracle.chance(case) for case in every])
    named = np.array([true_family.names_stages(case) for case in every])
    answers = [answer(case)[0] for case in every]
    titles = f"{'':18}{'curves':>7}{'exact':>14}{'two points':>12}{'family':>8}{'F1':>6}"
    print(f"  {titles}{'borders in 90 %':>19}{'rates in 95 %':>18}")
    for name, members in groups(every):
        exact = np.array([answers[i].exact for i in members])
        shares = ([one for i in members for one in getattr(answers[i], what)] for what in ("covered", "rates"))
        held = (f"{np.mean(share):10.2f} of {len(share):4}" for share in shares if share)
        print(
            f"  {name:18}{exact.size:7}{exact.mean():7.2f} +- {_error(exact):.2f}{chances[members].mean():12.2f}"
            f"{named[members].mean():8.2f}{f1(answers[i] for i in members):6.2f}" + " ".join(held)
        )
    spent = 1e3 * np.array([one.seconds for one in answers])
    print(f"  {np.median(spent):.0f} ms a curve (median; 90 % under {np.quantile(spent, 0.9):.0f} ms)")
    _print_reliability([pair for one in answers for pair in one.trust])


def measure_peers(seeds: tuple[int, ...] = REPORTING_SEEDS[:1]) -> None:
    """Print exact, F1 and time of the stage finder and of its peers, side by side on the same curves."""
    every = [case for seed in seeds for case in cases(seed)]
    methods: dict[str, Callable[[Case], Answer]] = {"mstage": lambda case: answer(case)[0]}
    methods |= {name: lambda case, name=name: answer_of_peer(name, case) for name in PEERS}
    for name, method in methods.items():
        answers = [method(case) for case in every]
        exact = np.array([one.exact for one in answers])
        spent = 1e3 * np.median([one.seconds for one in answers])
        print(
            f"  {name:16} exact {exact.mean():.2f} +- {_error(exact):.2f}, F1 {f1(answers):.2f}, {spent:.0f} ms a curve"
        )


def _error(shares: np.ndarray) -> float:
    return float(np.sqrt(shares.mean() * (1 - shares.mean()) / shares.size))


def _print_reliability(trust: list[tuple[float, bool]]) -> None:
    """The probabilities of stages beside how often such stages are there."""
    probability, there = (np.array(column) for column in zip(*trust, strict=True))
    for low, high in pairwise(PROBABILITIES):
        inside = (probability >= low) & (probability < high)
        if inside.any():
            print(
                f"  probability {low:.2f} to {min(high, 1):.2f}: mean {probability[inside].mean():.3f}, "
                f"there {there[inside].mean():.3f} of {inside.sum()}"
            )
