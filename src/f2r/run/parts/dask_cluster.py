"""Workers of a Dask cluster; needs the extra `frames2residual[dask]`.

Dask starts the workers and replaces those that fail.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from f2r.errors import InputError, reason
from f2r.run.job import Job, Order
from f2r.run.parts.drive import Make, WorkerDiedError
from f2r.run.parts.part import Part

FRAMES, PER_WORKER, LEAST_WORKERS = 64, 4, 4
"""Frames of a part that pay; parts per worker; workers that are expected to come, at least."""

PATIENCE = "10 s"
"""Seconds to wait for a scheduler."""

_ONE_AT_A_TIME = threading.Lock()
"""Two parts at once in one worker would take twice the memory."""


class DaskWorkers:
    """The workers of a cluster.

    Args:
        client: connected to the scheduler.
        make: makes one part; it is sent to the workers.
    """

    def __init__(self, client: Any, make: Make) -> None:
        from distributed import KilledWorker

        self._client, self._make = client, make
        self._executor = client.get_executor(pure=False, retries=0)
        self.deaths = (WorkerDiedError, KilledWorker)
        """Error of a future whose worker ended."""

    def parts_for(self, frames: int) -> int:
        """Cut a clip into some parts for each worker, because workers come, go and differ."""
        base = max(self.count, LEAST_WORKERS)
        return max(min(max(self.count, frames // FRAMES), PER_WORKER * base), 1)

    def describe(self) -> str:
        """Name the workers for the user."""
        return f"{self.count} Dask workers now"

    @property
    def count(self) -> int:
        """Current number of workers; at least 1."""
        return max(len(self._client.scheduler_info(n_workers=-1)["workers"]), 1)

    def submit(self, part: Part) -> "Future[None]":
        """Make a part on a free worker."""
        future: Future[None] = self._executor.submit(partial(_work, self._make), part)
        return future


@contextmanager
def hire(address: str, _: Job, make: Make) -> Iterator[DaskWorkers]:
    """Connect to a scheduler and its workers.

    Args:
        address: such as `tcp://host:8786`, or the scheduler's file.
        make: makes one part; it is sent to the workers.

    Raises:
        InputError: Dask is not installed, or the scheduler does not answer.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "--dask needs a further library: pip install 'frames2residual[dask]'"
        ) from error
    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**place, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"--dask {address}: no scheduler answers there ({reason(error)}): start one by "
            "dask scheduler, and name its address"
        ) from error
    with client:
        yield DaskWorkers(client, make)


def with_whole_paths(order: Order) -> Order:
    """Give absolute paths, because workers may have another working directory."""
    config = order.config
    if config.weights is not None:
        config = replace(config, weights=str(Path(config.weights).absolute()))
    if Path(config.noise).is_file():
        config = replace(config, noise=str(Path(config.noise).absolute()))
    source, target = str(Path(order.source).absolute()), order.target.absolute()
    return replace(order, source=source, target=target, config=config)


def _work(make: Make, part: Part) -> None:
    """Make a part in this worker, with as many threads as the worker has."""
    import cv2
    import torch
    from distributed import get_worker

    with _ONE_AT_A_TIME:
        threads = get_worker().state.nthreads
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        make(part)
