"""Denoise the frames of a clip and write them, as decided."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from f2r.io.clip import ClipInfo, Frame, FrameWriter
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.isp.show import render_alike
from f2r.pictures.before_after import write_before_after
from f2r.run.infer import denoise_frames
from f2r.run.job import Job
from f2r.run.prepare import Prepared
from f2r.run.result import Mark, Result
from f2r.run.resume.state import RunState


def write_frames(
    job: Job,
    prepared: Prepared,
    writer: FrameWriter,
    state: RunState | None,
    done: Sequence[Mark],
) -> list[Mark]:
    """Denoise and write the frames from `len(done)` on; give the marks of all frames."""
    marks, expected = [*done], job.reader.info.frames
    decided = prepared.decisions, prepared.networks, job.setup, len(done)
    if done:
        job.announce(f"going on after frame {len(done)}")
    share = len(done) / max(expected or 0, len(done), 1)
    stage, reading = job.clock.stage("denoise", share), closing(read_ahead(job.reader))
    with stage, reading as frames, WriteBehind() as behind:
        replayed = _replay(frames, len(done), writer, state, behind)
        for result in denoise_frames(replayed, *decided):
            if state is not None and len(marks) == (expected or 0) // 2:
                state.keep_picture(before_after(job.reader.info, result))
            marks.append(result.mark)
            behind.submit(partial(_deliver, writer, state, result.denoised, result.mark))
            job.clock.tell("denoise", len(marks) / max(expected or 0, len(marks)))
    return marks


def before_after(info: ClipInfo, result: Result) -> Callable[[Path], None]:
    """Give what writes the before/after picture of a frame."""
    noisy, shown = _shown(info, result)
    return partial(write_before_after, noisy=noisy, denoised=shown)


def _shown(info: ClipInfo, result: Result) -> tuple[Frame, Frame]:
    """Give (noisy, denoised) for display; raw frames are rendered with the same settings."""
    if info.mosaic is None:
        return result.noisy, result.denoised
    denoised, noisy = render_alike(info.mosaic, result.denoised, result.noisy)
    return noisy, denoised


def _deliver(writer: FrameWriter, state: RunState | None, frame: Frame, mark: Mark) -> None:
    samples = writer.pack(frame)
    if state is not None:
        state.spool.append(samples, mark)
    writer.put(samples)


def _replay(
    frames: Iterable[Frame],
    done: int,
    writer: FrameWriter,
    state: RunState | None,
    behind: WriteBehind,
) -> Iterator[Frame]:
    """Yield all frames of the input, and write the first `done` from the spool.

    A frame is written after it was decoded, because decoding gives its timestamp.
    """
    for i, frame in enumerate(frames):
        if state is not None and i < done:
            behind.submit(partial(_copy, writer, state, i))
        yield frame


def _copy(writer: FrameWriter, state: RunState, index: int) -> None:
    writer.put(state.spool.read(index))
