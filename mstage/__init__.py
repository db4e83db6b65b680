"""mstage: the stages of training, found, measured and set beside what theory predicts.

The commands are functions here, on xarray objects and without printing:

    >>> import mstage
    >>> sweep = mstage.Sweep(problem="cub1d", alpha=(1.0, 1.5), width=(400,), seed=(0, 1, 2), until=400.0)
    >>> mstage.predict(sweep).to_dataframe()
    >>> tree = mstage.train(sweep)
    >>> stages = mstage.detect_stages(tree)
    >>> mstage.report(tree).stages

Names are imported when they are first used, so that `import mstage` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mstage.analysis.condensation import Condensation, CondensationMethod
    from mstage.analysis.drift import Drift, DriftMethod
    from mstage.analysis.layer_drift import LayerDrift
    from mstage.analysis.predictions import SweepTheory, Theory
    from mstage.analysis.segmentation import SegmentationMethod
    from mstage.analysis.stages import StageMethod, Stages
    from mstage.analysis.summary import SweepReport
    from mstage.errors import InputError, MstageError, UsageError
    from mstage.recording import Recording
    from mstage.spec import Optimizer, Sweep, Table
    from mstage.store.reader import open_sweep
    from mstage.workflows.checkpoint_drift import CheckpointDrift, checkpoint_drift
    from mstage.workflows.condensation import condensation
    from mstage.workflows.detect_stages import detect_stages
    from mstage.workflows.drift import drift
    from mstage.workflows.estimate import Estimate, estimate
    from mstage.workflows.predict import predict
    from mstage.workflows.report import report
    from mstage.workflows.train import Progress, train

_HOMES = {
    "mstage.analysis.condensation": ("Condensation", "CondensationMethod"),
    "mstage.analysis.drift": ("Drift", "DriftMethod"),
    "mstage.analysis.layer_drift": ("LayerDrift",),
    "mstage.analysis.predictions": ("SweepTheory", "Theory"),
    "mstage.analysis.segmentation": ("SegmentationMethod",),
    "mstage.analysis.stages": ("StageMethod", "Stages"),
    "mstage.analysis.summary": ("SweepReport",),
    "mstage.errors": ("InputError", "MstageError", "UsageError"),
    "mstage.recording": ("Recording",),
    "mstage.spec": ("Optimizer", "Sweep", "Table"),
    "mstage.store.reader": ("open_sweep",),
    "mstage.workflows.checkpoint_drift": ("CheckpointDrift", "checkpoint_drift"),
    "mstage.workflows.condensation": ("condensation",),
    "mstage.workflows.detect_stages": ("detect_stages",),
    "mstage.workflows.drift": ("drift",),
    "mstage.workflows.estimate": ("Estimate", "estimate"),
    "mstage.workflows.predict": ("predict",),
    "mstage.workflows.report": ("report",),
    "mstage.workflows.train": ("Progress", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CheckpointDrift",
    "Condensation",
    "CondensationMethod",
    "Drift",
    "DriftMethod",
    "Estimate",
    "InputError",
    "LayerDrift",
    "MstageError",
    "Optimizer",
    "Progress",
    "Recording",
    "SegmentationMethod",
    "StageMethod",
    "Stages",
    "Sweep",
    "SweepReport",
    "SweepTheory",
    "Table",
    "Theory",
    "UsageError",
    "checkpoint_drift",
    "condensation",
    "detect_stages",
    "drift",
    "estimate",
    "open_sweep",
    "predict",
    "report",
    "train",
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
