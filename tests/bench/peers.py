"""What a user would reach for instead: ruptures, skchange and a patience rule, on even bins and with the same labels.

Each peer says where the curve bends. Its pieces are fitted by straight lines and labelled by the rule that made the
truth, with its boundaries read off the curve as the tool does it, so that what is compared is the segmentation.
Penalties are in units of the noise that the tool estimated, with its correlation: without that all of them see changes
that are not there.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import ruptures
from skchange.detectors import SeededBinarySegmentation
from skchange.interval_scorers import ContinuousLinearTrendScore

from mstage.analysis.stages.bins import MIN_SIGMA
from mstage.analysis.stages.boundaries import locate_boundaries, ways_of
from mstage.analysis.stages.drawn_curve import DrawnCurve
from mstage.analysis.stages.records import Records
from mstage.analysis.stages.segmentation import Segmentation
from mstage.analysis.stages.sequences import Segment
from tests.bench.staircases import LEAST_DROP, STEEP

BINS = 300
PENALTY = 3.0  # times log(bins), for a change
PATIENCE, IMPROVEMENT = 20, 0.02  # bins, and log loss that counts as one

Bends = Callable[[np.ndarray, np.ndarray], list[int]]


def pelt(_: np.ndarray, value: np.ndarray) -> list[int]:
    """Continuous lines, exact (Killick, Fearnhead, Eckley 2012); ruptures has no clock for it."""
    penalty = PENALTY * np.log(value.size)
    found = ruptures.Pelt(model="clinear", min_size=3, jump=2).fit(value).predict(pen=penalty)
    return [int(at) for at in found[:-1]]


def binary_segmentation(position: np.ndarray, value: np.ndarray) -> list[int]:
    """Lines that need not join."""
    signal = np.column_stack([value, position, np.ones(value.size)])
    penalty = PENALTY * np.log(value.size)
    found = ruptures.Binseg(model="linear", min_size=3, jump=1).fit(signal).predict(pen=penalty)
    return [int(at) for at in found[:-1]]


def narrowest_over_threshold(_: np.ndarray, value: np.ndarray) -> list[int]:
    """Kinks of a continuous trend (Baranowski, Chen, Fryzlewicz 2019)."""
    detector = SeededBinarySegmentation(
        ContinuousLinearTrendScore(), penalty=PENALTY * np.log(value.size), selection_method="narrowest"
    )
    return [int(at) for at in detector.fit(value[:, None]).predict(value[:, None])]


def patience_rule(_: np.ndarray, value: np.ndarray) -> list[int]:
    """Where a rule like ReduceLROnPlateau sees progress stop, and where it sees it set in again."""
    best, since, waiting, found = np.inf, 0, False, []
    for at, one in enumerate(value):
        if one < best - IMPROVEMENT:
            if waiting:
                found.append(at)
            best, since, waiting = one, 0, False
        else:
            since += 1
            if since > PATIENCE and not waiting:
                found.append(at)
                waiting = True
    return found


PEERS: dict[str, Bends] = {
    "ruptures Pelt": pelt,
    "ruptures Binseg": binary_segmentation,
    "skchange NOT": narrowest_over_threshold,
    "patience": patience_rule,
}


def find_stages(bends: Bends, clock: np.ndarray, loss: np.ndarray) -> tuple[list[str], list[float]]:
    """Kinds of the stages that a peer sees in a curve, and their boundaries in log time."""
    records = Records.of(clock, loss, "log")
    position, value, scale = _even_bins(records)
    last = value.size - 1
    edges = [0, *sorted({at for at in bends(position, value / scale) if 0 < at < last}), last]
    segments, line = _labelled(position, value, edges)
    curve = DrawnCurve(records, Segmentation(segments, position, line[None]))
    boundaries = locate_boundaries(curve, ways_of(curve))
    return [one.kind for one in segments], [float(np.log(boundary.position)) for boundary in boundaries]


def _even_bins(records: Records) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean position and median height of bins even in log time, which peers ask for, and the noise of a usual one."""
    away = records.position - records.position[0]
    starts = np.flatnonzero(np.diff(np.floor(away / away[-1] * (BINS - 1e-9)), prepend=-1.0) > 0)
    parts = [slice(first, last) for first, last in pairwise([*starts.tolist(), away.size])]
    position, value = (np.array([of(one[part]) for part in parts])
                       for of, one in ((np.mean, records.position), (np.median, records.value)))  # fmt: skip
    size = float(np.median(np.diff(np.append(starts, away.size))))
    return position, value, float(np.sqrt(np.median(records.sigma) ** 2 * records.noise.inflation / size)) + MIN_SIGMA


def _labelled(position: np.ndarray, value: np.ndarray, edges: list[int]) -> tuple[tuple[Segment, ...], np.ndarray]:
    """The pieces by their slopes, neighbours of a kind made one, and the lines through them."""
    line = value.copy()
    found: list[Segment] = []
    for first, last in pairwise(edges):
        x, y = position[first : last + 1], value[first : last + 1]
        slope = np.polyfit(x, y, 1)[0] if x.size > 2 else (y[-1] - y[0]) / (x[-1] - x[0])
        line[first : last + 1] = y.mean() + slope * (x - x.mean())
        change = slope * (x[-1] - x[0])
        steep = abs(slope) > STEEP and abs(change) > LEAST_DROP
        kind = ("descent" if slope < 0 else "rise") if steep else "plateau"
        if found and found[-1].kind == kind:
            found[-1] = Segment(kind, found[-1].first, last)
        else:
            found.append(Segment(kind, first, last))
    return tuple(found), line
