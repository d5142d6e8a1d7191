"""Denoise a file into a file, with what belongs beside it: report, picture, state of the run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io import EncodeOptions, default_output, open_reader, open_writer
from f2r.io.clip import ClipInfo, Frame, FrameReader, FrameWriter
from f2r.io.output import check_output
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.io.raw.mosaic import Mosaic
from f2r.io.raw.pattern_check import pattern_warning
from f2r.isp.render import render_alike
from f2r.method.networks import Networks, describe_networks, load_networks
from f2r.pictures.before_after import write_before_after
from f2r.run.given_noise import given_noise
from f2r.run.infer import denoise_frames
from f2r.run.prepare import Prepared, prepare
from f2r.run.repair import Repair, repaired
from f2r.run.report import inference_report, scene_cuts
from f2r.run.result import Mark, Result
from f2r.run.resume.kept import load_prepared, save_prepared
from f2r.run.resume.state import RunState, identity_of, state_ledger
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import (
    describe_cuts,
    describe_disk,
    describe_input,
    describe_memory,
    describe_repair,
    expected_memory,
)
from f2r.run.setup import Setup, set_up
from f2r.system.claim import Claim
from f2r.system.device import describe_device
from f2r.system.placing import check_file
from f2r.system.progress import ProgressCallback, StageClock
from f2r.system.report import environment, write_report

Announce = Callable[[str], None]

PIPE = "-"
"""Standard input or output."""


@dataclass(frozen=True)
class FileOptions:
    """How files are read, written and kept."""

    overwrite: bool = False
    """Replace an existing output, and throw away an interrupted run's folder."""
    resume: bool = False
    """Go on from where an interrupted run was killed."""
    skip_corrupt: bool = False
    """Leave damaged video packets out instead of stopping at them."""
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    """How to compress the output."""
    mosaic: Mosaic | None = None
    """What the samples mean, where they are raw and the file does not say so."""


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


def denoise_file(
    source: str,
    output: Path | None,
    config: DenoiseConfig,
    files: FileOptions = FileOptions(),
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Denoise a clip from disk or from a pipe.

    Args:
        source: video file, folder of frames, TIFF stack, `.npy`, or '-'.
        output: where to write; None puts `NAME.f2r.EXT` beside the input.
        config: the user's options.
        files: how files are read, written and kept.
        announce: told in plain sentences what was found and decided.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or options cannot be used.
    """
    target = output or default_output(source)
    has_pipe = PIPE in {source, str(target)}
    if has_pipe and files.resume:
        raise InputError("a pipe cannot be resumed: read from a file and write to a file")
    with _opened(source, target, files) as (reader, claim):
        clock = StageClock(progress)
        setup = set_up(reader.info, given_noise(config, reader.info), config)
        read, repair = repaired(reader, config)
        job = Job(source, target, read, repair, setup, files, clock, announce)
        for sentence in _describe_start(job):
            announce(sentence)
        if has_pipe or claim is None:
            return _run(job, claim, None)
        options = asdict(files.encode) | {"skip": files.skip_corrupt}
        identity = identity_of(source, setup, options)
        with RunState(identity, resume=files.resume, claim=claim, announce=announce) as state:
            sample = sample_bytes(reader.info, config)
            announce(describe_disk(reader.info, state.folder, sample))
            return _run(job, claim, state)


def _describe_start(job: Job) -> Iterator[str]:
    """Say what is known before a frame is looked at."""
    info, setup = job.reader.info, job.setup
    yield describe_input(info)
    warning = pattern_warning(job.reader)
    if warning is not None:
        yield f"warning: {warning}"
    yield describe_memory(setup.memory, sample_bytes(info, setup.config))
    yield f"device: {describe_device(setup.device)}"
    if job.repair is not None:
        yield describe_repair(job.repair)


def _run(job: Job, claim: Claim | None, state: RunState | None) -> Outcome:
    """Prepare the clip, or load what was decided; denoise it; write report and picture."""
    networks = load_networks(job.setup.config.weights, job.setup.device, raw=job.setup.is_raw)
    with _open_writer(job, claim) as writer:
        prepared = _prepared(job, networks, state)
        done = state.spool.marks.copy() if state else []
        if done:
            job.announce(f"going on after frame {len(done)}")
        with job.clock.stage("denoise"):
            marks = _write_frames(job, prepared, writer, state, done)
        for sentence in describe_cuts(scene_cuts(marks)):
            job.announce(sentence)
    report = _report(job, prepared, marks, len(done))
    return _finish(job.target, claim, state, report)


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
                write_before_after(state.picture, *shown_frames(job.reader.info, result))
            marks.append(result.mark)
            behind.submit(partial(_deliver, writer, state, result.denoised, result.mark))
            job.clock.tell("denoise", len(marks) / max(expected or 0, len(marks)))
    return marks


@contextmanager
def _opened(
    source: str, target: Path, files: FileOptions
) -> Iterator[tuple[FrameReader, Claim | None]]:
    """Open the input and hold the output; a pipe is not read before it is known where it goes."""
    read = partial(open_reader, source, skip_corrupt=files.skip_corrupt, mosaic=files.mosaic)
    if source == PIPE:
        with _claim(source, target, files) as claim, read() as reader:
            yield reader, claim
    else:
        with read() as reader, _claim(source, target, files) as claim:
            yield reader, claim


@contextmanager
def _claim(source: str, target: Path, files: FileOptions) -> Iterator[Claim | None]:
    """Hold the output for this run alone, and check every file that is going to be written."""
    if str(target) == PIPE:
        yield None
        return
    origin = None if source == PIPE else Path(source)
    check_output(target, origin, overwrite=True)
    ledger = state_ledger(target) if files.resume else None
    with Claim(target, overwrite=files.overwrite, ledger=ledger, is_shared=True) as claim:
        check_output(target, origin, overwrite=claim.may_replace(target))
        for path in _beside(target)[: 1 if origin is None else 2]:
            check_file(path, overwrite=claim.may_replace(path))
        claim.ledger = state_ledger(target)
        yield claim


def _beside(target: Path) -> tuple[Path, Path]:
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
    config, raw = job.setup.config, job.setup.is_raw
    memory = expected_memory(job.setup.memory, sample_bytes(job.reader.info, config))
    return {
        "input": Path(job.source).name,
        "output": job.target.name,
        "config": asdict(config),
        "memory_planned_gib": memory / 2**30,
        "device": describe_device(job.setup.device),
        "weights": describe_networks(config.weights, raw=raw),
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
    report_path, picture = _beside(target)
    write_report(report_path, report, claim)
    if state is None or not state.picture.exists():
        return Outcome(target, report_path, None, report)
    claim.place(state.picture, picture)
    return Outcome(target, report_path, picture, report)
