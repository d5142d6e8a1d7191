"""Workers on this machine: one process per part under way, each with its share of the cores."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import cv2
import torch

from f2r.errors import F2RError
from f2r.run.job import Job
from f2r.run.parts.drive import Make, WorkerDiedError
from f2r.run.parts.part import Part
from f2r.system.allocator import keep_freed_memory
from f2r.system.memory import free_memory

LEAST_FRAMES = 32
"""Least number of frames of a part for the automatic number of workers. Starting a worker takes as
long as a few frames, and the frames around a part are computed twice."""


def hire(wanted: int | None, job: Job, make: Make) -> "LocalWorkers":
    """Give processes of this machine.

    Args:
        wanted: how many; None chooses by cores, GPUs, free memory and frames.
        job: the clip.
        make: makes one part; it is sent to the processes.
    """
    count = choose_count(job) if wanted is None else wanted
    return LocalWorkers(make, count, max(torch.get_num_threads() // count, 1))


def choose_count(job: Job) -> int:
    """Choose the number of processes: one per GPU, or one per core within free memory."""
    most = max((job.reader.info.frames or 0) // LEAST_FRAMES, 1)
    if job.setup.device.type != "cpu":
        return min(torch.cuda.device_count() if job.setup.device.type == "cuda" else 1, most)
    free = free_memory()
    fitting = most if free is None else int(free // job.setup.memory.total)
    return max(min(torch.get_num_threads(), fitting, most), 1)


class LocalWorkers:
    """A number of processes that make parts.

    Args:
        make: makes one part; it is sent to the processes.
        count: processes at a time.
        threads: threads of each for computing.
    """

    def __init__(self, make: Make, count: int, threads: int) -> None:
        self.count, self.deaths = count, (WorkerDiedError,)
        self._make, self._threads = make, threads
        self._slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(count):
            self._slots.put(slot)
        self._context = multiprocessing.get_context("spawn")
        self._running: set[BaseProcess] = set()
        self._is_stopping = False
        self._pool = ThreadPoolExecutor(count, "f2r-worker")

    def parts_for(self, frames: int) -> int:
        """Cut a clip into a part for each process."""
        return max(min(self.count, frames), 1)

    def describe(self) -> str:
        """Name the workers for the user."""
        return f"{self.count} processes of {self._threads} thread(s)"

    def submit(self, part: Part) -> "Future[None]":
        """Make a part as soon as a process is free."""
        return self._pool.submit(self._run, part)

    def _run(self, part: Part) -> None:
        """Make a part in a separate process, and wait for it.

        Raises:
            WorkerDiedError: the process was killed.
        """
        slot = self._slots.get()
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_work, args=(self._make, part, slot, self._threads, sender), daemon=True
        )
        try:
            process.start()
            self._running.add(process)
            if self._is_stopping:
                process.terminate()
            sender.close()
            error = receiver.recv()
        except EOFError:
            process.join()
            raise WorkerDiedError(f"exit code {process.exitcode}") from None
        finally:
            self._running.discard(process)
            self._slots.put(slot)
        process.join()
        if error is not None:
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop running processes; their frames are on the disk."""
        self._is_stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self._running):
            process.terminate()
        self._pool.shutdown()


def _work(make: Make, part: Part, slot: int, threads: int, sender: Connection) -> None:
    """Make a part in this process, and send the error or None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["LOCAL_RANK"] = str(slot)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    keep_freed_memory()
    try:
        make(part)
    except (F2RError, OSError, MemoryError, RuntimeError) as failure:
        sender.send(failure)
    else:
        sender.send(None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
