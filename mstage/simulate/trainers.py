"""Which trainer a sweep takes: in steps or in continuous time. Both are driven in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from mstage.simulate.sweep import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mstage.spec import Sweep
    from mstage.training_set import TrainingSet


class AnyPosition(Protocol):
    """Where the runs of one width are.

    Attributes:
        step: The step that all of them have reached.
        record: The record that comes next, an index into the sweep's `loss_steps`.
        work: Steps or attempts that a run has been given.
    """

    @property
    def step(self) -> int: ...  # noqa: D102
    @property
    def record(self) -> int: ...  # noqa: D102
    @property
    def work(self) -> int: ...  # noqa: D102


class AnyTrainer(Protocol):
    """What `sweep.Trainer` and `flow.FlowTrainer` have in common; see them."""

    record_steps: np.ndarray
    run_count: int

    def start(self) -> Any: ...  # noqa: D102
    def advance(self, position: Any, end_record: int, most_steps: int) -> tuple[Any, np.ndarray]: ...  # noqa: D102
    def weights(self, position: Any) -> dict[str, np.ndarray]: ...  # noqa: D102
    def ends(self, position: Any) -> dict[str, np.ndarray]: ...  # noqa: D102
    def leaves(self, position: Any) -> list[np.ndarray]: ...  # noqa: D102
    def restore(self, record: int, leaves: Sequence[np.ndarray]) -> Any: ...  # noqa: D102
    def memory_bytes(self) -> int: ...  # noqa: D102


def trainer_of(sweep: Sweep, dataset: TrainingSet, width: int) -> AnyTrainer:
    """The trainer of the runs of one width.

    Raises:
        UsageError: The optimizer or the batch size does not suit.
    """
    if sweep.dynamics == "flow":
        from mstage.simulate.flow import FlowTrainer  # diffrax takes a second to import

        return FlowTrainer(sweep, dataset, width)
    return Trainer(sweep, dataset, width)
