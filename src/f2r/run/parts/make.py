"""Make one part of a prepared clip."""

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from f2r.errors import InputError
from f2r.io import open_writer
from f2r.io.clip import Frame, FrameWriter
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.method.networks import load_run
from f2r.run.deliver import before_after
from f2r.run.finish import can_be_copied
from f2r.run.infer import denoise_frames, frames_before
from f2r.run.job import PIPE, Announce, Job, Order
from f2r.run.opening import identity_of_job, opened_job
from f2r.run.parts.part import Part
from f2r.run.parts.prepared import check_prepared
from f2r.run.parts.store import PartStore
from f2r.run.prepare import Prepared
from f2r.run.result import Mark
from f2r.run.resume.kept import load_prepared
from f2r.run.resume.spool import FrameSpool
from f2r.run.resume.state import PICTURE_FILE, seal_picture, state_folder
from f2r.system.device import describe_device
from f2r.system.progress import ProgressCallback


def make_part(
    order: Order, part: Part, announce: Announce, progress: ProgressCallback | None
) -> None:
    """Denoise the frames of one part and store them beside the output.

    An interrupted part is resumed; a finished one is not changed.

    Raises:
        InputError: the clip is not prepared, or differs from what was prepared; another process
            makes this part; the disk is full.
    """
    check_order(order)
    with opened_job(order, _nothing, progress, writes=False) as (job, _):
        folder, total = state_folder(order.target), count_frames_of(job)
        check_prepared(folder, identity_of_job(job))
        store = PartStore(folder)
        with store.working_on(part) as spool:
            if spool is None:
                announce(f"part {part} is finished")
                return
            networks = load_run(order.config.weights, job.setup.device, job.setup.weight_set)
            prepared = load_prepared(folder, networks, job.clock)
            assert prepared is not None
            if can_be_copied(job, prepared):
                announce("no noise to remove: nothing to do for parts")
                return
            work = PartWork(job, prepared, part.frames(total), part.number == part.count, spool)
            if len(spool):
                announce(f"going on after frame {len(spool)} of the part")
            start = time.monotonic()
            work.run(folder / PICTURE_FILE, total // 2)
            store.seal(part, spool, time.monotonic() - start, describe_worker(job))
        announce(f"part {part}: {len(spool)} frames from {part.frames(total).start + 1} on")


@dataclass(frozen=True)
class PartWork:
    """One part and its spool."""

    job: Job
    """The clip."""
    prepared: Prepared
    """Decisions and networks."""
    frames: range
    """Its frames, counted from 0."""
    is_last: bool
    """Whether it ends with the clip, even if the file's frame count is wrong."""
    spool: FrameSpool
    """Receives the frames; holds the first of them if the part was interrupted."""

    def run(self, picture: Path, pictured: int) -> None:
        """Denoise the frames that the spool lacks.

        Args:
            picture: receives the before/after picture.
            pictured: frame that it shows.
        """
        done, decided = len(self.spool), (self.prepared.decisions, self.prepared.networks)
        start = self.frames.start + done
        first = max(start - frames_before(*decided), 0)
        left = None if self.is_last else len(self.frames) - done
        packer, info = packer_of(self.job), self.job.reader.info
        reading = closing(read_ahead(self.job.reader.starting_at(first)))
        with reading as source, WriteBehind() as behind:
            results = denoise_frames(source, *decided, self.job.setup, start, first)
            for number, result in enumerate(islice(results, left), start=start):
                if number == pictured:
                    seal_picture(picture, before_after(info, result))
                behind.submit(partial(self._append, packer, result.denoised, result.mark))
                share = (number + 1 - self.frames.start) / max(len(self.frames), 1)
                self.job.clock.tell("denoise", min(share, 1.0))

    def _append(self, packer: FrameWriter, frame: Frame, mark: Mark) -> None:
        self.spool.append(packer.pack(frame), mark)


def check_order(order: Order) -> None:
    """Refuse pipes.

    Raises:
        InputError: input or output is a pipe.
    """
    if PIPE in {order.source, str(order.target)}:
        raise InputError("a pipe has no parts: read from a file and write to a file")


def count_frames_of(job: Job) -> int:
    """Give the number of frames in the metadata of a clip.

    Raises:
        InputError: the file does not hold it.
    """
    if job.reader.info.frames is None:
        raise InputError(f"{job.source}: does not say how many frames it has: denoise it whole")
    return job.reader.info.frames


def packer_of(job: Job) -> FrameWriter:
    """Give a closed writer of the output, which only packs frames."""
    with TemporaryDirectory(prefix="f2r-") as folder:
        target = Path(folder) / job.target.name
        if job.target.is_dir():
            target.mkdir()
        writer = open_writer(target, job.reader.info, overwrite=True, options=job.files.encode)
        writer.abort()
    return writer


def describe_worker(job: Job) -> str:
    """Describe device, processor and threads, which can change the last bits of a result."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{describe_device(job.setup.device)}, {capability}, torch {torch.__version__}"


def _nothing(_: str) -> None:
    """Announce nothing; the preparation announced it."""
