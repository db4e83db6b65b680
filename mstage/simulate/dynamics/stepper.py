"""What moves runs, as the trainer sees it: one protocol for descent and for the gradient flow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

import jax

if TYPE_CHECKING:
    import numpy as np

    from mstage.simulate.models.linearisation import Params
    from mstage.simulate.models.network import Data

Array: TypeAlias = jax.Array
State = TypeVar("State")  # a tree of arrays, each of which leads with the axis of runs

# What tells runs apart, each of shape (runs,) or, of one run, (): its values by the name of their axis, and `horizon`,
# where it is finished on the clock of its stepper; below 0 for a place that no run takes.
Runs: TypeAlias = Mapping[str, Array]


class Plan(NamedTuple):
    """How far to go and what to record on the way, on the clock of the stepper.

    Attributes:
        is_start: Whether the parameters are to be drawn first.
        begin: Where the runs are.
        end: Where to arrive.
        records: When the loss is recorded, shape (records,): ascending, within [begin, end), then a time never met.
        stop_at: Loss at which a run ends.
        most: Steps or attempts of a run after which it returns in any case.
    """

    is_start: Any
    begin: Any
    end: Any
    records: Any
    stop_at: Any
    most: Any


class Stepper(Hashable, Protocol[State]):
    """How the runs of a block move.

    Two equal ones share one compilation. `init` and `advance` are compiled, the rest runs on the host with
    states whose leaves are arrays of all runs.
    """

    state_copies: ClassVar[
        int
    ]  # copies of the state that are there at once, one in a checkpoint or a snapshot among them

    def clock(self, steps: np.ndarray) -> np.ndarray:
        """Steps of the recording clock on the stepper's own."""

    def data(self, inputs: np.ndarray, targets: np.ndarray) -> Data:
        """The training set as `advance` takes it."""

    def init(self, params: Params, run: Runs, data: Data) -> State:
        """The state of one run at the start, with these parameters."""

    def advance(self, runs: Runs, data: Data, plan: Plan, state: State, losses: Array) -> tuple[State, Array]:
        """Take a block of runs as far as a plan says.

        Returns:
            The state, and the losses, shape (runs, records), with those that were met filled in.
        """

    def reached(self, state: State, begin: int, end: int, most: int) -> tuple[int, int]:
        """The step of the recording clock that all runs have reached on their way, and the work done for a run."""

    def read(self, state: State, step: int) -> Params:
        """The parameters at a step that lies within the last one of every run."""

    def ends(self, state: State, step: int) -> dict[str, np.ndarray]:
        """`status`, `last_step` and `final_loss` of every run, and what else there is to tell of its way."""

    def largest_block(self, params: Params, data: Data) -> int:
        """How many runs of such shapes move together at most."""

    def working_bytes(self, params: Params, data: Data) -> int:
        """Memory that the move of one run takes at such shapes."""
