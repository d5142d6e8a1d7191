"""Progress and timing of the stages of a run."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a running stage."""

    stage: str
    """Name of the stage."""
    fraction: float
    """Finished share, in [0, 1]."""
    loss: float | None = None
    """Training loss, averaged over the last steps; None outside training."""
    step: int = 0
    """Optimiser steps done."""


ProgressCallback = Callable[[Progress], None]


class StageClock:
    """Measures the stages of a run and reports their progress.

    Args:
        progress: called during the run; None reports nothing.
    """

    def __init__(self, progress: ProgressCallback | None = None) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}
        """Seconds that each finished stage took."""
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self._start

    def go_on(self, seconds: Mapping[str, float], elapsed: float) -> None:
        """Add the time of earlier sessions of a resumed run."""
        self.seconds |= seconds
        self._start -= elapsed

    def tell(self, stage: str, fraction: float) -> None:
        """Report the finished share of a stage."""
        if self.progress:
            self.progress(Progress(stage, fraction))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage; its seconds are rounded to hundredths."""
        start = time.monotonic()
        self.tell(name, 0.0)
        yield
        self.tell(name, 1.0)
        self.seconds[name] = round(time.monotonic() - start, 2)
