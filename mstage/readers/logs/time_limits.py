"""How long may a regular expression of the user search?

One as `(a+)+b` takes a time that doubles with every letter of a line, and only a signal stops the search. So the
time of the processor is bounded where signals can be, on the main thread. Elsewhere the search goes on until it ends.
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
    """The time is over."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Bound the processor time of what is done within.

    Raises:
        TooSlowError: It took longer.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if not on_main or signal.getsignal(signal.SIGVTALRM) is not signal.SIG_DFL:  # somebody else's timer
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
