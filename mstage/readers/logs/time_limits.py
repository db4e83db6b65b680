"""How long may a regular expression of the user search?

An expression as `(a+)+b` can take a time exponential in the length of a line, and only a signal interrupts it. So its
processor time is bounded on the main thread, which alone receives signals; elsewhere the search runs to its end.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class TooSlowError(Exception):
    """The time limit is exceeded."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Bound the processor time of the block.

    Raises:
        TooSlowError: It took longer.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or signal.getsignal(signal.SIGVTALRM) is not signal.SIG_DFL:  # the timer is in use
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - how Python calls a handler
        raise TooSlowError

    signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
