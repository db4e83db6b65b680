"""How good is the stage finder on curves such as practitioners log, and which laws does it keep?

`exact`: the whole sequence of stages is right. Of such curves: how far boundaries are off, in percent of the run, and
how many 90 % intervals hold the true boundary, and 95 % intervals the true rate (another model does not). `false`:
stages a curve that are not there. `sure`: of the stages with a probability of 0.95 and above, how many are there.
`Brier`: mean squared difference of a stage's probability and of its being there. Nothing was tuned on the seeds that
are reported; the other kinds were looked at, on other seeds, while constants were chosen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from mstage.analysis.stages.detection import stages_of_curve
from mstage.analysis.stages.results import Stage, StageMethod
from mstage.history import Curve
from tests.bench.accuracy import there
from tests.bench.practice import FRESH, KINDS, REPORTING_SEEDS, Practical, cases

SURE = 0.95
NEAR = 0.003  # of the run, by which a stage that is there may lie beside the true one
LOOKS = 20  # at a log that grows
GROUPS = {"kinds that constants were tuned on": KINDS, "kinds that were only looked at": FRESH}


@dataclass(frozen=True)
class Answer:
    """What was found on one curve.

    Attributes:
        exact: Whether the whole sequence is right.
        errors: Of the boundaries of an exact answer, as shares of the run.
        covered: Of these boundaries, whether each lies in its interval.
        rate: Whether the true rate of an exact answer lies in its interval; None where there is no true rate.
        trust: Probability of each stage found, and whether it is there.
        seconds: Time taken.
    """

    exact: bool
    errors: tuple[float, ...]
    covered: tuple[bool, ...]
    rate: bool | None
    trust: tuple[tuple[float, bool], ...]
    seconds: float


def find(clock: np.ndarray, loss: np.ndarray) -> tuple[Stage, ...]:
    """The stages of a curve."""
    return stages_of_curve(Curve({}, clock, loss, False), StageMethod()).stages


def kinds(stages: Iterable[Stage]) -> tuple[str, ...]:
    """Of stages."""
    return tuple(stage.kind for stage in stages)


def answer(case: Practical) -> Answer:
    """The stage finder on a case."""
    begun = time.perf_counter()
    found = find(case.clock, case.loss)
    seconds = time.perf_counter() - begun
    exact = kinds(found) == case.kinds
    span = case.clock[-1] - case.clock[0]
    pairs = [*zip(found, case.boundaries, strict=False)] if exact else []
    ends, true_ends = (
        [case.clock[0], *inner, case.clock[-1]] for inner in ([stage.end for stage in found[:-1]], case.boundaries)
    )
    is_there = there(kinds(found), ends, case.kinds, true_ends, NEAR * span)
    return Answer(
        exact=exact,
        errors=tuple(abs(stage.end - boundary) / span for stage, boundary in pairs),
        covered=tuple(stage.end_low <= boundary <= stage.end_high for stage, boundary in pairs),
        rate=_rate_held(case, found) if exact and case.rate is not None else None,
        trust=tuple(zip((stage.probability for stage in found), is_there, strict=True)),
        seconds=seconds,
    )


def _rate_held(case: Practical, found: tuple[Stage, ...]) -> bool:
    """Whether the interval of the one descent holds the rate of its model."""
    descent = next(stage for stage in found if stage.kind == "descent")
    if case.rate is None or descent.model != case.model or descent.rate_low is None or descent.rate_high is None:
        return False
    return descent.rate_low <= case.rate <= descent.rate_high


def measure(seeds: tuple[int, ...] = REPORTING_SEEDS) -> None:
    """Print how good the stage finder is, by kind."""
    titles = f"{'curves':>7}{'exact':>7}{'error %':>9}{'90 % of':>9}{'held':>6}{'false':>7}{'sure':>6}{'Brier':>7}"
    for title, group in GROUPS.items():
        print(f"  {title:36}{titles}{'rates':>7}{'ms':>5}")
        answers: dict[str, list[Answer]] = {name: [] for name in group}
        for case in cases(seeds, group):
            answers[case.kind].append(answer(case))
        for name, some in [("all", [*chain(*answers.values())]), *answers.items()]:
            _print_row(name, some)


def _print_row(name: str, answers: Sequence[Answer]) -> None:
    errors = 100 * np.array([error for one in answers for error in one.errors])
    covered = [held for one in answers for held in one.covered]
    trust = [pair for one in answers for pair in one.trust]
    probability, is_there = (np.array(column) for column in zip(*trust, strict=True))
    sure = is_there[probability >= SURE]
    rates = [one.rate for one in answers if one.rate is not None]
    median, most = np.quantile(errors, [0.5, 0.9]) if errors.size else (np.nan, np.nan)
    print(
        f"  {name:36}{len(answers):7}{np.mean([one.exact for one in answers]):7.2f}{median:9.2f}{most:9.2f}"
        f"{_share(covered):>6}{np.count_nonzero(~is_there) / len(answers):7.2f}{_share(sure):>6}"
        f"{np.mean((probability - is_there) ** 2):7.3f}{_share(rates):>7}"
        f"{1e3 * np.median([one.seconds for one in answers]):5.0f}"
    )


def _share(held: Sequence[bool] | np.ndarray) -> str:
    return f"{np.mean(held):.2f}" if len(held) else "-"


def measure_laws(seeds: tuple[int, ...] = REPORTING_SEEDS[:5]) -> None:
    """Print in how many curves what must not change the stages does not."""
    for title, group in GROUPS.items():
        curves = list(cases(seeds, group))
        base = [find(case.clock, case.loss) for case in curves]
        changed = {
            "every 5th record kept": [find(case.clock[4::5], case.loss[4::5]) for case in curves],
            "clock counted from a step earlier": [find(case.clock - 1, case.loss) for case in curves],
            "clock and loss rescaled": [find(3e-7 * case.clock, 1e7 * case.loss) for case in curves],
        }
        print(f"  {title}")
        for law, found in changed.items():
            same = [kinds(one) == kinds(other) for one, other in zip(base, found, strict=True)]
            print(f"    {law}: same sequence in {np.mean(same):.3f} of {len(same)}")
        waiting = [(one, longer) for one, longer in zip(base, cases(seeds, group, plateau=4.0), strict=True)
                   if longer.kinds[-1] == "plateau" and len(longer.kinds) > 1]  # fmt: skip
        same = [kinds(one) == kinds(find(longer.clock, longer.loss)) for one, longer in waiting]
        print(f"    last plateau four times as long: same sequence in {np.mean(same):.3f} of {len(same)}")


def measure_growth(seeds: tuple[int, ...] = REPORTING_SEEDS[:2]) -> None:
    """Print how often a stage is taken back when a log is looked at while it grows, and how far ended stages move."""
    for title, group in GROUPS.items():
        curves, looks, moved = [], [], []
        for case in cases(seeds, group):
            seen = list(_looks(case))
            back = [kinds(one)[:-1] != kinds(other)[: len(one) - 1] for one, other in pairwise(seen)]
            curves.append(any(back))
            looks += back
            for one in seen[:-1]:
                if kinds(one)[:-1] == kinds(seen[-1])[: len(one) - 1]:
                    moved += [a.end_low <= b.end <= a.end_high for a, b in zip(one[:-1], seen[-1], strict=False)]
        print(f"  {title}: a stage is taken back in {np.mean(curves):.2f} of {len(curves)} curves,")
        print(f"    at {np.mean(looks):.3f} of {len(looks)} looks;", end=" ")
        print(f"{np.mean(moved):.2f} of {len(moved)} ended boundaries stay within their interval")


def _looks(case: Practical) -> Iterator[tuple[Stage, ...]]:
    """What is found in the first twentieth of the records, the first tenth and so on."""
    for end in np.linspace(0, case.clock.size, LOOKS + 1).astype(int)[1:]:
        yield find(case.clock[:end], case.loss[:end])
