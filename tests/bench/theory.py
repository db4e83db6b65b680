"""What theory predicts, against training, at the sizes for which it is stated."""

from __future__ import annotations

from collections.abc import Callable

from tests import acceptance

CHECKS: tuple[Callable[[], list[acceptance.Check]], ...] = (
    lambda: acceptance.exit_and_level("cub1d"),
    lambda: acceptance.exit_and_level("sin1d"),
    lambda: acceptance.scaling((100, 200, 400, 800, 1600), 5),
    lambda: acceptance.scaling((200, 400, 800, 1600), 5, "shifted-tanh"),
    acceptance.early_flow,
    acceptance.logistic_rise,
    acceptance.participation,
    lambda: acceptance.escape_is_decided_by_the_sign(10_000.0),
    acceptance.escape_does_not_depend_on_alpha,
    acceptance.linear_network,
)


def measure() -> None:
    """Print every check; what is missed says so."""
    for check in CHECKS:
        print(*check(), sep="\n", flush=True)
