"""Denoise a file into a file, with what belongs beside it: report, picture, state of the run."""

from collections.abc import Callable, Iterable, Iterator
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
from f2r.noise.models import NoiseModel
from f2r.pictures.before_after import write_before_after
from f2r.run.denoiser import Denoiser
from f2r.run.result import Result
from f2r.run.resume.prepared import load_prepared, save_prepared
from f2r.run.resume.spool import Mark
from f2r.run.resume.state import RunState, identity_of, state_ledger
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import (
    describe_choice,
    describe_cuts,
    describe_disk,
    describe_input,
    describe_look,
    describe_memory,
    expected_memory,
)
from f2r.system.allocator import keep_freed_memory
from f2r.system.claim import Claim
from f2r.system.placing import check_file
from f2r.system.report import environment, write_report
from f2r.train.loop import ProgressCallback

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


def denoise_file(
    source: str,
    output: Path | None,
    noise: NoiseModel | None,
    config: DenoiseConfig,
    files: FileOptions = FileOptions(),
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Denoise a clip from disk or from a pipe.

    Args:
        source: video file, folder of frames, TIFF stack, `.npy`, or '-'.
        output: where to write; None puts `NAME.f2r.EXT` beside the input.
        noise: noise model; None estimates it.
        config: the user's choices.
        files: how files are read, written and kept.
        announce: told in plain sentences what was decided.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or options cannot be used.
    """
    target = output or default_output(source)
    has_pipe = PIPE in {source, str(target)}
    if has_pipe and files.resume:
        raise InputError("a pipe cannot be resumed: read from a file and write to a file")
    with _opened(source, target, files) as (reader, claim):
        announce(describe_input(reader.info))
        suspicion = pattern_warning(reader)
        if suspicion is not None:
            announce(f"warning: {suspicion}")
        run = Denoiser(reader, noise, config, progress=progress)
        if run.memory.is_whole:
            keep_freed_memory()
        sample = sample_bytes(reader.info, config)
        announce(describe_memory(run.memory, sample))
        job = _Job(run, run.reader, announce)
        if has_pipe or claim is None:
            with _open_writer(target, reader, files, announce, claim) as writer:
                job.denoise(writer, None)
            return _finish(source, target, claim, None, run)
        identity = identity_of(source, run, asdict(files.encode) | {"skip": files.skip_corrupt})
        with RunState(identity, resume=files.resume, claim=claim, announce=announce) as state:
            run.checkpoints = state.folder
            announce(describe_disk(reader.info, state.folder, sample))
            with _open_writer(target, reader, files, announce, claim) as writer:
                job.denoise(writer, state)
            return _finish(source, target, claim, state, run)


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


def _open_writer(
    target: Path,
    reader: FrameReader,
    files: FileOptions,
    announce: Announce,
    claim: Claim | None,
) -> FrameWriter:
    writer = open_writer(target, reader.info, options=files.encode, claim=claim)
    for loss in writer.losses:
        announce(f"cannot be kept: {loss}")
    return writer


@dataclass
class _Job:
    """One clip on its way from reader to writer."""

    run: Denoiser
    reader: FrameReader
    announce: Announce

    def denoise(self, writer: FrameWriter, state: RunState | None) -> None:
        """Prepare and denoise the clip, or go on where `state` ends."""
        done = state.spool.marks.copy() if state else []
        if state is None or not load_prepared(state.folder, self.run):
            self._prepare()
            if state is not None:
                save_prepared(state.folder, self.run)
        elif done:
            self.announce(f"going on after frame {len(done)}")
            self.run.report["resumed_after_frame"] = len(done)
        with closing(read_ahead(self.reader)) as frames, WriteBehind() as behind:
            replayed = _replay(frames, len(done), writer, state, behind)
            middle = self.run.report["frames"] // 2
            for i, result in enumerate(self.run.results(replayed, done), start=len(done)):
                if state is not None and i == middle:
                    write_before_after(state.picture, *shown_frames(self.reader.info, result))
                behind.submit(partial(_deliver, writer, state, result.denoised, result.mark))
        for sentence in describe_cuts(self.run.report):
            self.announce(sentence)

    def _prepare(self) -> None:
        self.run.look()
        for sentence in describe_look(self.run.report):
            self.announce(sentence)
        self.run.train()
        for sentence in describe_choice(self.run.report):
            self.announce(sentence)


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


def _finish(
    source: str, target: Path, claim: Claim | None, state: RunState | None, run: Denoiser
) -> Outcome:
    planned = expected_memory(run.memory, sample_bytes(run.reader.info, run.config))
    report = {
        "input": source,
        "output": str(target),
        "config": asdict(run.config),
        "memory_planned_gib": planned / 2**30,
        **run.report,
        "environment": environment(),
    }
    if claim is None:
        return Outcome(target, None, None, report)
    report_path, picture = _beside(target)
    write_report(report_path, report, claim)
    if state is None or not state.picture.exists():
        return Outcome(target, report_path, None, report)
    claim.place(state.picture, picture)
    return Outcome(target, report_path, picture, report)
