"""What to run: frozen dataclasses that list their own parameters, and nothing but the standard library."""

from mstage.spec.dynamics import FLOW_TICKS, Descent, Flow, Optimizer
from mstage.spec.models.diagonal import Diagonal
from mstage.spec.models.linear import Linear
from mstage.spec.models.mlp import MLP
from mstage.spec.models.two_layer import TwoLayer
from mstage.spec.problems import BuiltIn, Problem, Table
from mstage.spec.recording import Recording
from mstage.spec.sweep import Sweep

__all__ = [
    "FLOW_TICKS",
    "MLP",
    "BuiltIn",
    "Descent",
    "Diagonal",
    "Flow",
    "Linear",
    "Optimizer",
    "Problem",
    "Recording",
    "Sweep",
    "Table",
    "TwoLayer",
]
