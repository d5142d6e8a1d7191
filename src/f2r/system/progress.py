"""Progress and timing of the stages of a run."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace


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
    left: float | None = None
    """Expected seconds until the run ends, or until the stage does where only that is known; None
    where nothing is."""


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
        self._coming: dict[str, float] = {}
        self._running, self._since, self._done = "", self._start, 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self._start

    @property
    def coming(self) -> dict[str, float]:
        """Planned seconds of the stages that have not ended."""
        return dict(self._coming)

    def go_on(self, seconds: Mapping[str, float], elapsed: float) -> None:
        """Add the time of earlier sessions of a resumed run."""
        self.seconds |= seconds
        self._start -= elapsed

    def expect(self, coming: Mapping[str, float]) -> None:
        """Plan the rest of the run: expected seconds of each stage to come, infinite if unknown."""
        self._coming = dict(coming)

    def tell(self, stage: str, fraction: float) -> None:
        """Report the finished share of a stage."""
        self.pass_on(Progress(stage, fraction))

    def pass_on(self, report: Progress) -> None:
        """Report with the time that the whole run still takes."""
        if self.progress:
            self.progress(replace(report, left=self._left(report)))

    @contextmanager
    def stage(self, name: str, done: float = 0.0) -> Iterator[None]:
        """Measure a stage; its seconds are rounded to hundredths.

        Args:
            name: of the stage.
            done: share of it that earlier sessions have finished, in [0, 1].
        """
        self._running, self._since, self._done = name, time.monotonic(), done
        self.tell(name, done)
        yield
        self.tell(name, 1.0)
        self.seconds[name] = round(time.monotonic() - self._since, 2)
        self._coming.pop(name, None)

    def _left(self, report: Progress) -> float | None:
        """Add what is left of the running stage to the stages after it.

        A stage begins with its planned time and ends with that of its measured pace. Parts of a
        stage under other names tell nothing about its pace, but may know what is left of it. While
        a stage of unknown length lies ahead, the rest is unknown.
        """
        if self._running not in self._coming or math.inf in self._coming.values():
            return report.left
        whole, spent = self._coming[self._running], time.monotonic() - self._since
        later, planned = sum(self._coming.values()) - whole, (1 - self._done) * whole
        if report.left is not None:
            return later + report.left
        if report.stage != self._running or report.fraction <= self._done:
            return later + max(planned - spent, 0.0)
        done = (report.fraction - self._done) / (1 - self._done)
        return later + (1 - done) * ((1 - done) * planned + spent)
