"""What do the figures of a sweep show?

Everything a figure shows is collected here, so that drawing computes nothing: curves of groups, ends of plateaus, the
V of the Wasserstein distance, amplitudes and cosine maps of the representative run, and the scaling laws. What cannot
be shown has a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mstage.analysis.measured.sweep import SweepMeasurements
from mstage.analysis.samples import evenly
from mstage.analysis.scaling.plateau_ends import PlateauEnds, plateau_ends
from mstage.analysis.summary.group_curves import GroupCurves, group_curves
from mstage.analysis.weights.amplitudes import AmplitudeHistory, amplitude_history
from mstage.analysis.weights.cosine_maps import CosineMaps, cosine_maps
from mstage.analysis.weights.drift import DriftMethod, measure_weight_drift
from mstage.history import snapshot_clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from mstage.analysis.scaling.laws import ScalingLaw
    from mstage.analysis.stages.results import RunStages
    from mstage.analysis.summary.report import SweepReport

MAX_CURVES = 12
MAX_DISTANCES = 3
MAX_SETTINGS = 4
NO_WEIGHTS = "the sweep kept no weights; train with --snapshots 60"


@dataclass(frozen=True)
class DistancePanel:
    """The V of a group: W2 between the distributions of |a| and of |w|, and the loss of its representative run.

    Attributes:
        run: The coordinates that tell the group from others.
        representative: The run.
        clocks: Of the snapshots, one array for each run of the group, that one first.
        distances: W2 at these.
    """

    run: Mapping[str, float | int | str]
    representative: RunStages
    clocks: tuple[np.ndarray, ...]
    distances: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class FigureData:
    """What the figures of a sweep show; None or empty where there is nothing to show.

    Attributes:
        clock: What times are measured in.
        groups: How many groups of runs there are.
        curves: Up to twelve of them.
        ends: Of the initial plateaus.
        distances: Of up to three groups.
        amplitudes: Of the representative run.
        maps: Of the same run.
        laws: Over the widths, of up to four settings of alpha and learning rate.
        law_settings: How many settings there are.
        missing: Why a figure has nothing to show, by the name of its field.
    """

    clock: str
    groups: int
    curves: tuple[GroupCurves, ...]
    ends: PlateauEnds
    distances: tuple[DistancePanel, ...]
    amplitudes: AmplitudeHistory | None
    maps: CosineMaps | None
    laws: tuple[ScalingLaw, ...]
    law_settings: int
    missing: Mapping[str, str]


def collect_figure_data(report: SweepReport, weights: Mapping[int, tuple[xr.DataArray, xr.DataArray]]) -> FigureData:
    """Collect what the figures of a sweep show.

    Args:
        report: The sweep summed up.
        weights: Output and input weights by width; empty if there are none.
    """
    groups, clock = report.stage_groups, report.stage_groups.clock
    curves = group_curves(groups, report.theory, report.measured, MAX_CURVES)
    ends = plateau_ends(report.measured or SweepMeasurements(clock, ()), report.theory)
    distances: tuple[DistancePanel, ...] = ()
    amplitudes, maps = None, None
    if weights:
        kept = tuple(group for group in curves if int(group.representative.run["width"]) in weights)
        panels = (_distances(group, clock, weights) for group in evenly(kept, MAX_DISTANCES))
        distances = tuple(panel for panel in panels if any(one.size for one in panel.clocks))
    chosen_run = report.representative
    if chosen_run is not None and int(chosen_run.run["width"]) in weights:
        one = _select(weights[int(chosen_run.run["width"])], chosen_run.run)
        amplitudes = amplitude_history(chosen_run.run, clock, *one, chosen_run.stages)
        maps = cosine_maps(chosen_run.run, clock, *one, chosen_run.stages)
    settings = tuple(dict.fromkeys(tuple(law.run.items()) for law in report.laws))
    chosen = evenly(settings, MAX_SETTINGS)
    missing = {
        "curves": "no run has stages" if not curves else "",
        "ends": "no run has left its initial plateau" if not ends.end.size else "",
        "laws": report.missing.get("scaling", "") if not report.laws else "",
    }
    reason = "no run has stages" if weights else NO_WEIGHTS
    missing |= {"distances": reason if not distances else "", "amplitudes": reason if amplitudes is None else ""}
    missing |= {"maps": reason if maps is None or not maps.maps else ""}
    return FigureData(
        clock=clock,
        groups=len(groups.groups),
        curves=curves,
        ends=ends,
        distances=distances,
        amplitudes=amplitudes,
        maps=maps,
        laws=tuple(law for law in report.laws if tuple(law.run.items()) in chosen),
        law_settings=len(settings),
        missing={name: why for name, why in missing.items() if why},
    )


def _distances(
    group: GroupCurves, clock: str, weights: Mapping[int, tuple[xr.DataArray, xr.DataArray]]
) -> DistancePanel:
    """The V of a group, all its seeds."""
    run = group.representative.run
    output, inputs = weights[int(run["width"])]
    seeds = output.coords["seed"].values.tolist() if "seed" in output.dims else [run.get("seed")]
    clocks, distances = [], []
    for seed in sorted(seeds, key=lambda seed: seed != run.get("seed")):
        one = _select((output, inputs), dict(run) | {"seed": seed})
        distance = measure_weight_drift(*one, DriftMethod(2)).distances["output_input"].values
        whole = np.isfinite(distance)
        clocks.append(snapshot_clock(one[0], clock)[whole])
        distances.append(distance[whole])
    return DistancePanel(group.run, group.representative, tuple(clocks), tuple(distances))


def _select(
    weights: tuple[xr.DataArray, xr.DataArray], run: Mapping[str, float | int | str | None]
) -> tuple[xr.DataArray, xr.DataArray]:
    """The weights of one run."""
    place = {name: value for name, value in run.items() if name in weights[0].dims}
    return weights[0].sel(place).load(), weights[1].sel(place).load()
