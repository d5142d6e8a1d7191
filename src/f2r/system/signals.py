"""Termination signals: they unwind the process as Ctrl-C does, so that state is saved."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED = ("SIGTERM", "SIGHUP")
"""Signals of schedulers and closing terminals; not every system has both."""

GRACE = 30.0
"""Seconds for saving, during which further signals are ignored."""


class StoppedError(KeyboardInterrupt):
    """A signal requested the process to stop.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `StoppedError` in the main thread when a signal of `ASKED` comes.

    Further ones are ignored for `GRACE` seconds, so that saving is not interrupted. A signal that
    this process ignores (nohup) stays ignored; in other threads than the main one
    nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    known = [number for name in ASKED if (number := getattr(signal, name, None)) is not None]
    ours = [n for n in known if is_main and signal.getsignal(n) is signal.SIG_DFL]

    asked = -math.inf

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if time.monotonic() - asked > GRACE:
            asked = time.monotonic()
            raise StoppedError(number)

    try:
        for number in ours:
            signal.signal(number, stop)
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Give the usual exit code of a process that a signal ended: 128 + signal number."""
    return 128 + (interrupt.number if isinstance(interrupt, StoppedError) else signal.SIGINT)


def describe_interrupt(interrupt: KeyboardInterrupt) -> str:
    """Describe the interruption."""
    if isinstance(interrupt, StoppedError):
        return f"stopped by {signal.Signals(interrupt.number).name}"
    return "interrupted"
