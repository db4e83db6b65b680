"""What moves runs, as the trainer sees it: one protocol for descent and for the gradient flow."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import jax

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from jaxtyping import Bool, Float, Int, Integer, PyTree, Real, Shaped

    from mstage.simulate.models.linearisation import Params, Shapes
    from mstage.simulate.models.network import AnyArray, Data

    # What tells runs apart: their values by the name of their axis, and `horizon`, where a run is finished on the clock
    # of its stepper; below 0 for a place that no run takes. Of a single run the arrays are scalars.
    Runs: TypeAlias = Mapping[str, Shaped[jax.Array, "*runs"]]

Array: TypeAlias = jax.Array
State = TypeVar("State")  # a tree of arrays, each of which leads with the axis of runs


class Plan(NamedTuple):
    """How far to go and what to record on the way, on the clock of the stepper.

    Attributes:
        is_start: Whether the parameters are to be drawn first.
        begin: Where the runs are.
        end: Where to arrive.
        records: When the loss is recorded, ascending, within [begin, end), then a time never met.
        stop_at: Loss at which a run ends.
        most: Steps or attempts of a run after which it returns in any case.
    """

    is_start: Bool[AnyArray, ""]
    begin: Real[AnyArray, ""]
    end: Real[AnyArray, ""]
    records: Real[AnyArray, " records"]
    stop_at: Float[AnyArray, ""]
    most: Int[AnyArray, ""]


@runtime_checkable
class Stepper(Hashable, Protocol[State]):
    """How the runs of a block move.

    Equal steppers share one compilation. `init` and `advance` are compiled for a block; the other methods run on the
    host, on the state of all runs.
    """

    # Copies of the state that exist at once, that of a checkpoint or a snapshot included.
    state_copies: ClassVar[int]

    def clock(self, steps: Integer[np.ndarray, "*times"]) -> Real[np.ndarray, "*times"]:
        """Steps of the recording clock on the stepper's own."""

    def data(self, inputs: Float[np.ndarray, "samples dim"], targets: Float[np.ndarray, " samples"]) -> Data:
        """The training set as `advance` takes it."""

    def init(self, params: Params, run: Runs, data: Data) -> State:
        """The state of one run at the start, with these parameters."""

    def advance(
        self, runs: Runs, data: Data, plan: Plan, state: State, losses: Float[Array, "runs records"]
    ) -> tuple[State, Float[Array, "runs records"]]:
        """Take a block of runs as far as a plan says.

        Returns:
            The state, and the losses with those on the way filled in.
        """

    def reached(self, state: State, begin: int, end: int, most: int) -> tuple[int, int]:
        """The step of the recording clock that all runs have reached, and the steps or attempts made so far."""

    def read(self, state: State, step: int) -> PyTree[AnyArray]:
        """The parameters at a step that lies within the last one of every run."""

    def ends(self, state: State, step: int) -> dict[str, Real[np.ndarray, " runs"]]:
        """`status`, `last_step` and `final_loss` of every run, and what else there is to tell of its way."""

    def largest_block(self, params: Shapes, data: Data) -> int:
        """The most runs of such shapes that a block may have."""

    def working_bytes(self, params: Shapes, data: Data) -> int:
        """Working memory of one run of such shapes, in bytes."""
