"""Make all parts of a clip by workers; a part of a failed worker is submitted again."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol

from f2r.errors import F2RError
from f2r.run.parts.part import Part
from f2r.run.parts.store import PartTakenError

MOST_DEATHS = 10
"""Failures of workers on one part before the run ends with an error."""
POLL = 0.5
"""Seconds between updates of the progress."""


class WorkerDiedError(Exception):
    """A worker ended without a result."""


Make = Callable[[Part], None]
"""Makes a part in the calling process."""


class Workers(Protocol):
    """Processes that make parts."""

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """Error of a future whose worker ended; its part is submitted again."""

    @property
    def count(self) -> int:
        """Largest number of concurrent parts; >= 1."""

    def parts_for(self, frames: int) -> int:
        """Choose the number of parts of a clip."""

    def describe(self) -> str:
        """Name the workers for the user."""

    def submit(self, part: Part) -> "Future[None]":
        """Submit a part."""


def make_all(parts: Iterable[Part], workers: Workers, look: Callable[[], None]) -> None:
    """Make parts by workers.

    Args:
        parts: the parts.
        workers: the processes.
        look: called every half second.

    Raises:
        F2RError: a part cannot be made; the others are not waited for.
    """
    waiting, running, died = deque(parts), dict[Future[None], Part](), Counter[Part]()
    while waiting or running:
        while waiting and len(running) < workers.count:
            part = waiting.popleft()
            running[workers.submit(part)] = part
        finished, _ = wait(running, POLL, FIRST_COMPLETED)
        look()
        for future in finished:
            part, error = running.pop(future), future.exception()
            if error is None:
                continue
            if isinstance(error, workers.deaths):
                died[part] += 1
            elif not isinstance(error, PartTakenError):
                raise error
            if died[part] >= MOST_DEATHS:
                raise F2RError(
                    f"part {part} cost {MOST_DEATHS} workers ({error}): give each more memory, or "
                    "pass --memory"
                )
            waiting.append(part)
