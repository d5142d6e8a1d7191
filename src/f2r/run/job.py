"""Denoise one opened clip into its output, with report and picture beside it."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from f2r.io import EncodeOptions, open_writer
from f2r.io.clip import ClipInfo, Frame, FrameReader, FrameWriter
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.io.raw.mosaic import Mosaic
from f2r.isp.show import render_alike
from f2r.method.networks import Networks, describe_networks, load_networks
from f2r.pictures.before_after import write_before_after
from f2r.quality.estimated_errors import Output
from f2r.run.infer import denoise_frames
from f2r.run.prepare import Prepared, prepare
from f2r.run.repair import Repair
from f2r.run.report import inference_report, scene_cuts
from f2r.run.result import Mark, Result
from f2r.run.resume.kept import load_prepared, save_prepared
from f2r.run.resume.state import RunState
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import describe_cuts, expected_memory
from f2r.run.setup import Setup
from f2r.system.claim import Claim
from f2r.system.device import describe_device
from f2r.system.environment import environment, write_report
from f2r.system.progress import StageClock

Announce = Callable[[str], None]


@dataclass(frozen=True)
class FileOptions:
    """How files are read, written and kept."""

    overwrite: bool = False
    """Replace an existing output, and throw away an interrupted run's folder."""
    resume: bool = False
    """Go on from where an interrupted run was killed."""
    skip_corrupt: bool = False
    """Leave damaged video packets and pictures out instead of stopping at them."""
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    """How to compress the output."""
    mosaic: Mosaic | None = None
    """What the samples mean, where they are raw and the file does not say so."""
    axes: str | None = None
    """Names of the axes of a TIFF or `.npy`, such as 'YXT'."""


@dataclass(frozen=True)
class Outcome:
    """Where everything went."""

    output: Path
    """The denoised clip; '-' is standard output."""
    report_path: Path | None
    """JSON with every decision, figure and time; None for standard output."""
    picture: Path | None
    """Before/after picture of the middle frame; None where a pipe is involved."""
    report: dict[str, Any]
    """Content of the JSON."""


@dataclass(frozen=True)
class Job:
    """One clip on its way from a reader to an output."""

    source: str
    """What is read."""
    target: Path
    """What is written."""
    reader: FrameReader
    """The clip, repaired if the user asked for it."""
    repair: Repair | None
    """What is repaired while it is read."""
    setup: Setup
    """What the run works with."""
    files: FileOptions
    """How files are read, written and kept."""
    clock: StageClock
    """Measures the stages."""
    announce: Announce
    """Told in plain sentences what was found and decided."""


def run_job(job: Job, claim: Claim | None, state: RunState | None) -> Outcome:
    """Prepare the clip, or load what was decided; denoise it; write report and picture."""
    networks = load_networks(job.setup.config.weights, job.setup.device, job.setup.weight_set)
    with _open_writer(job, claim) as writer:
        prepared = _prepared(job, networks, state)
        if claim is not None and _can_be_copied(job, prepared):
            writer.abort()
            return _copy_input(job, prepared, claim)
        done = state.spool.marks.copy() if state else []
        if done:
            job.announce(f"going on after frame {len(done)}")
        with job.clock.stage("denoise"):
            marks = _write_frames(job, prepared, writer, state, done)
        for sentence in describe_cuts(scene_cuts(marks)):
            job.announce(sentence)
    report = _report(job, prepared, marks, len(done))
    return _finish(job.target, claim, state, report)


def _can_be_copied(job: Job, prepared: Prepared) -> bool:
    """Tell whether the output is the input file itself: no noise, no repair, the same container.

    A doubtful input is written anew: it may be damaged or take pages from other files.
    """
    source, encode = Path(job.source), job.files.encode
    is_same = source.suffix.lower() == job.target.suffix.lower() and source.is_file()
    is_plain = encode == EncodeOptions() and job.repair is None and not job.setup.is_raw
    doubts = job.reader.info.source.doubts if job.reader.info.source else ()
    if job.files.skip_corrupt or doubts or not (is_same and is_plain):
        return False
    return all(d.output is Output.NOISY for d in prepared.decisions)


def _copy_input(job: Job, prepared: Prepared, claim: Claim) -> Outcome:
    """Copy the input file, which has no noise to remove."""
    job.announce("no noise to remove: the file is copied as it is")
    claim.write(job.target, partial(_copy_bytes, job.source))
    report = _report(job, prepared, (), 0) | {"frames": job.reader.info.frames, "copied": True}
    return _finish(job.target, claim, None, report)


def _copy_bytes(source: str, part: Path) -> None:
    shutil.copyfile(source, part)


def _prepared(job: Job, networks: Networks, state: RunState | None) -> Prepared:
    if state is None:
        return prepare(job.reader, networks, job.setup, job.clock, announce=job.announce)
    kept = load_prepared(state.folder, networks, job.clock)
    if kept is not None:
        return kept
    prepared = prepare(job.reader, networks, job.setup, job.clock, state.folder, job.announce)
    save_prepared(state.folder, prepared, job.clock)
    return prepared


def _write_frames(
    job: Job,
    prepared: Prepared,
    writer: FrameWriter,
    state: RunState | None,
    done: Sequence[Mark],
) -> list[Mark]:
    """Denoise and write every frame that is not done; give the marks of all frames."""
    marks, expected = [*done], job.reader.info.frames
    decided = prepared.decisions, prepared.networks, job.setup, len(done)
    with closing(read_ahead(job.reader)) as frames, WriteBehind() as behind:
        replayed = _replay(frames, len(done), writer, state, behind)
        for result in denoise_frames(replayed, *decided):
            if state is not None and len(marks) == (expected or 0) // 2:
                noisy, shown = shown_frames(job.reader.info, result)
                state.keep_picture(partial(write_before_after, noisy=noisy, denoised=shown))
            marks.append(result.mark)
            behind.submit(partial(_deliver, writer, state, result.denoised, result.mark))
            job.clock.tell("denoise", len(marks) / max(expected or 0, len(marks)))
    return marks


def beside(target: Path) -> tuple[Path, Path]:
    """Name report and picture."""
    return target.with_name(target.name + ".json"), target.with_name(target.name + ".png")


def _open_writer(job: Job, claim: Claim | None) -> FrameWriter:
    writer = open_writer(job.target, job.reader.info, options=job.files.encode, claim=claim)
    for loss in writer.losses:
        job.announce(f"cannot be kept: {loss}")
    return writer


def shown_frames(info: ClipInfo, result: Result) -> tuple[Frame, Frame]:
    """Give (noisy, denoised) as they can be shown: raw frames rendered, both alike."""
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
    """Yield all frames of the input; give the writer the first `done` finished ones on the way.

    A frame is written after it was decoded, as ever: decoding tells its timestamp.
    """
    for i, frame in enumerate(frames):
        if state is not None and i < done:
            behind.submit(partial(_copy, writer, state, i))
        yield frame


def _copy(writer: FrameWriter, state: RunState, index: int) -> None:
    writer.put(state.spool.read(index))


def _report(job: Job, prepared: Prepared, marks: Sequence[Mark], resumed: int) -> dict[str, Any]:
    """Put the report together; JSON values."""
    config, source = job.setup.config, job.reader.info.source
    memory = expected_memory(job.setup.memory, sample_bytes(job.reader.info, config))
    return {
        "input": Path(job.source).name,
        "output": job.target.name,
        "input_doubts": list(source.doubts) if source else [],
        "config": asdict(config),
        "memory_planned_gib": memory / 2**30,
        "device": describe_device(job.setup.device),
        "weights": describe_networks(config.weights, job.setup.weight_set),
        **({"repaired": asdict(job.repair)} if job.repair else {}),
        **prepared.report,
        **({"resumed_after_frame": resumed} if resumed else {}),
        **inference_report(marks, job.setup),
        "seconds": job.clock.seconds | {"total": round(job.clock.elapsed, 2)},
        "environment": environment(),
    }


def _finish(
    target: Path, claim: Claim | None, state: RunState | None, report: dict[str, Any]
) -> Outcome:
    """Write the report and the picture beside the output."""
    if claim is None:
        return Outcome(target, None, None, report)
    report_path, picture = beside(target)
    write_report(report_path, report, claim)
    if state is None or not state.picture.exists():
        return Outcome(target, report_path, None, report)
    state.place_picture(picture)
    return Outcome(target, report_path, picture, report)
