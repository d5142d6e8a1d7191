"""Have all parts of a clip made by workers, whoever runs them; a dead worker is replaced."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol

from f2r.errors import F2RError
from f2r.run.parts.part import Part
from f2r.run.parts.store import PartTakenError

MOST_DEATHS = 10
"""Workers that may die of one part before the run gives up."""
POLL = 0.5
"""Seconds from one look at the progress to the next."""


class WorkerDiedError(Exception):
    """A worker ended without a word."""


Make = Callable[[Part], None]
"""Makes a part in the process that it is called in."""


class Workers(Protocol):
    """Processes somewhere that make parts."""

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """What a future raises whose worker died: its part is submitted again."""

    @property
    def count(self) -> int:
        """Parts that can be under way at once; >= 1."""

    def parts_for(self, frames: int) -> int:
        """Say into how many parts to cut a clip."""

    def describe(self) -> str:
        """Name the workers for the user."""

    def submit(self, part: Part) -> "Future[None]":
        """Have a part made."""


def make_all(parts: Iterable[Part], workers: Workers, look: Callable[[], None]) -> None:
    """Have parts made.

    Args:
        parts: what to make.
        workers: who makes them.
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
