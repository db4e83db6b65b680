"""Ctrl-C and SIGTERM: an end at once while nothing is being written, and at the next safe point while something is.

Python would raise KeyboardInterrupt between any two instructions. Within an import or a garbage collection of JAX that
is lost, printed as a traceback or ends in a segmentation fault, and within a write it leaves half of it.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from mstage.errors import ExitCode

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class Interrupts:
    """What the signals do while this is entered: they end the process, unless `hold` has been called.

    A signal that is ignored when this is entered, as under nohup, stays ignored. Outside the main thread, where Python
    takes no signals, nothing is changed.
    """

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._meet)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """From here on a signal waits for `check`; a second one does not wait."""
        self._held = True

    def check(self) -> None:
        """Go on, unless a signal has come.

        Raises:
            KeyboardInterrupt: One has.
        """
        if self._asked:
            raise KeyboardInterrupt

    def _meet(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - how Python calls a handler
        if not self._held:
            with suppress(OSError):  # stderr itself, as the code that was interrupted may be in the middle of a print
                os.write(2, b"mstage: interrupted\n")
            os._exit(ExitCode.INTERRUPTED)
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
