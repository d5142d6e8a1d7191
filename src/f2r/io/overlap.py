"""Decode and encode in threads of their own while the networks compute."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from f2r.io.clip import Frame


def read_ahead(frames: Iterable[Frame]) -> Generator[Frame]:
    """Yield the frames while a thread decodes the next one; its errors are raised here."""
    iterator = iter(frames)
    with ThreadPoolExecutor(1, "f2r-read") as thread:
        coming = thread.submit(next, iterator, None)
        while (frame := coming.result()) is not None:
            coming = thread.submit(next, iterator, None)
            yield frame


class WriteBehind:
    """Runs jobs in order in one thread, one at a time, beside the caller.

    At most one job is unfinished, so memory stays bounded. The error of a job is raised by the
    next `submit` or at the end of the `with` block.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "f2r-write")
        self._last: Future[None] | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """Start a job as soon as the one before it is done."""
        self.wait()
        self._last = self._thread.submit(job)

    def wait(self) -> None:
        """Wait for the job under way."""
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown()
