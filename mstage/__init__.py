"""mstage: the stages of training, found, measured and set beside what theory predicts.

The commands are functions here, on xarray objects and without printing:

    >>> import mstage
    >>> sweep = mstage.Sweep(mstage.TwoLayer(alpha=(1.0, 1.5), width=400), "cub1d", seed=(0, 1, 2), until=400.0)
    >>> mstage.predict(sweep).to_dataframe()
    >>> tree = mstage.train(sweep)
    >>> stages = mstage.detect_stages(tree)
    >>> stages.plot()
    >>> mstage.report(tree).stages

Names are imported when they are first used, so that `import mstage` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mstage.analysis.observed import Observed
    from mstage.analysis.stages.method import SegmentationMethod
    from mstage.analysis.stages.results import RunStages, Stage, StageMethod, Stages
    from mstage.analysis.summary.figure_data import FigureData
    from mstage.analysis.summary.report import SweepReport
    from mstage.analysis.theory.predictions import SweepTheory, Theory
    from mstage.analysis.weights.condensation import Condensation, CondensationMethod
    from mstage.analysis.weights.drift import Drift, DriftMethod
    from mstage.analysis.weights.layer_drift import LayerDrift
    from mstage.errors import InputError, MstageError, UsageError
    from mstage.readers.logs.log import Log, Series
    from mstage.render.figures.plot import plot
    from mstage.render.figures.write import draw_figure, write_figures
    from mstage.spec import MLP, BuiltIn, Descent, Diagonal, Flow, Linear, Optimizer, Recording, Sweep, Table, TwoLayer
    from mstage.store.reader import open_sweep
    from mstage.workflows.checkpoint_drift import CheckpointDrift, measure_checkpoint_drift
    from mstage.workflows.condensation import measure_condensation
    from mstage.workflows.detect_stages import detect_stages
    from mstage.workflows.drift import measure_drift
    from mstage.workflows.estimate import Estimate, estimate
    from mstage.workflows.figures import collect_figures
    from mstage.workflows.logs import open_log
    from mstage.workflows.models import ModelList, list_models
    from mstage.workflows.observe import observe
    from mstage.workflows.predict import predict
    from mstage.workflows.report import report
    from mstage.workflows.train import Progress, train

_HOMES = {
    "mstage.analysis.observed": ("Observed",),
    "mstage.analysis.weights.condensation": ("Condensation", "CondensationMethod"),
    "mstage.analysis.weights.drift": ("Drift", "DriftMethod"),
    "mstage.analysis.weights.layer_drift": ("LayerDrift",),
    "mstage.analysis.theory.predictions": ("SweepTheory", "Theory"),
    "mstage.analysis.stages.method": ("SegmentationMethod",),
    "mstage.analysis.stages.results": ("RunStages", "Stage", "StageMethod", "Stages"),
    "mstage.analysis.summary.report": ("SweepReport",),
    "mstage.errors": ("InputError", "MstageError", "UsageError"),
    "mstage.spec": (
        "MLP",
        "BuiltIn",
        "Descent",
        "Diagonal",
        "Flow",
        "Linear",
        "Optimizer",
        "Recording",
        "Sweep",
        "Table",
        "TwoLayer",
    ),
    "mstage.store.reader": ("open_sweep",),
    "mstage.analysis.summary.figure_data": ("FigureData",),
    "mstage.readers.logs.log": (
        "Log",
        "Series",
    ),
    "mstage.render.figures.plot": ("plot",),
    "mstage.render.figures.write": (
        "draw_figure",
        "write_figures",
    ),
    "mstage.workflows.figures": ("collect_figures",),
    "mstage.workflows.logs": ("open_log",),
    "mstage.workflows.checkpoint_drift": ("CheckpointDrift", "measure_checkpoint_drift"),
    "mstage.workflows.condensation": ("measure_condensation",),
    "mstage.workflows.detect_stages": ("detect_stages",),
    "mstage.workflows.drift": ("measure_drift",),
    "mstage.workflows.estimate": ("Estimate", "estimate"),
    "mstage.workflows.models": ("ModelList", "list_models"),
    "mstage.workflows.observe": ("observe",),
    "mstage.workflows.predict": ("predict",),
    "mstage.workflows.report": ("report",),
    "mstage.workflows.train": ("Progress", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "MLP",
    "BuiltIn",
    "CheckpointDrift",
    "Condensation",
    "CondensationMethod",
    "Descent",
    "Diagonal",
    "Drift",
    "DriftMethod",
    "Estimate",
    "FigureData",
    "Flow",
    "InputError",
    "LayerDrift",
    "Linear",
    "Log",
    "ModelList",
    "MstageError",
    "Observed",
    "Optimizer",
    "Progress",
    "Recording",
    "RunStages",
    "SegmentationMethod",
    "Series",
    "Stage",
    "StageMethod",
    "Stages",
    "Sweep",
    "SweepReport",
    "SweepTheory",
    "Table",
    "Theory",
    "TwoLayer",
    "UsageError",
    "collect_figures",
    "detect_stages",
    "draw_figure",
    "estimate",
    "list_models",
    "measure_checkpoint_drift",
    "measure_condensation",
    "measure_drift",
    "observe",
    "open_log",
    "open_sweep",
    "plot",
    "predict",
    "report",
    "train",
    "write_figures",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mstage")
    if name not in _HOME_OF:
        raise AttributeError(f"module `mstage` has no attribute `{name}`")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value  # a package's submodule of that name would otherwise be found first next time
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
