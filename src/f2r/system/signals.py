"""Signals that ask a process to stop: they unwind it as Ctrl-C does, so that state is saved."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED = ("SIGTERM", "SIGHUP")
"""Signals that schedulers and closing terminals send; not every system knows both."""

GRACE = 30.0
"""Seconds that saving may take before another signal is heard."""


class StoppedError(KeyboardInterrupt):
    """A signal has asked the process to stop.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `StoppedError` in the main thread when a signal of `ASKED` comes.

    For `GRACE` seconds further ones do nothing, so that none cuts the saving short. A signal that
    this process was told to ignore (nohup) stays ignored; in other threads than the main one
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
    """Give the exit code that shells give a process that a signal has ended: 128 and its number."""
    return 128 + (interrupt.number if isinstance(interrupt, StoppedError) else signal.SIGINT)


def describe(interrupt: KeyboardInterrupt) -> str:
    """Say what has ended the process."""
    if isinstance(interrupt, StoppedError):
        return f"stopped by {signal.Signals(interrupt.number).name}"
    return "interrupted"
