"""Denoise a file into a file, with what belongs beside it: report, picture, state of the run."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
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
from f2r.run.resume.state import RunState, identity_of, is_finishing
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
    with open_reader(
        source,
        skip_corrupt=files.skip_corrupt,
        mosaic=files.mosaic,
        axes=files.axes,
        counts_to_nominal=True,
    ) as reader:
        announce(describe_input(reader.info))
        doubts = reader.info.source.doubts if reader.info.source else ()
        for doubt in doubts:
            announce(f"warning: {doubt}")
        suspicion = pattern_warning(reader)
        if suspicion is not None:
            announce(f"warning: {suspicion}")
        run = Denoiser(reader, noise, config, progress=progress)
        run.report["input_doubts"] = list(doubts)
        if run.memory.is_whole:
            keep_freed_memory()
        sample = sample_bytes(reader.info, config)
        announce(describe_memory(run.memory, sample))
        job = _Job(run, run.reader, announce)
        if has_pipe:
            with _open_writer(target, reader, files, announce) as writer:
                job.denoise(writer, None)
            return _finish(source, target, None, run)
        overwrites = files.overwrite or (files.resume and is_finishing(target))
        check_output(target, Path(source), overwrite=overwrites)
        options = asdict(files.encode) | {"skip": files.skip_corrupt, "axes": files.axes}
        identity = identity_of(source, run, options)
        with RunState(
            target, identity, resume=files.resume, overwrite=files.overwrite, announce=announce
        ) as state:
            run.checkpoints = state.folder
            announce(describe_disk(reader.info, state.folder, sample))
            with _open_writer(target, reader, files, announce, overwrites) as writer:
                job.denoise(writer, state)
                state.mark_finishing()
            return _finish(source, target, state, run)


def _open_writer(
    target: Path,
    reader: FrameReader,
    files: FileOptions,
    announce: Announce,
    overwrite: bool = False,
) -> FrameWriter:
    overwrite = overwrite or files.overwrite
    writer = open_writer(target, reader.info, overwrite=overwrite, options=files.encode)
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


def _finish(source: str, target: Path, state: RunState | None, run: Denoiser) -> Outcome:
    planned = expected_memory(run.memory, sample_bytes(run.reader.info, run.config))
    report = {
        "input": source,
        "output": str(target),
        "config": asdict(run.config),
        "memory_planned_gib": planned / 2**30,
        **run.report,
        "environment": environment(),
    }
    if str(target) == PIPE:
        return Outcome(target, None, None, report)
    report_path, picture = (target.with_name(target.name + end) for end in (".json", ".png"))
    write_report(report_path, report)
    if state is None or not state.picture.exists():
        return Outcome(target, report_path, None, report)
    state.picture.replace(picture)
    return Outcome(target, report_path, picture, report)
