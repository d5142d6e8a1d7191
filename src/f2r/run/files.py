"""Denoise a file into a file: one run from input to output."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.clip import FrameReader, FrameWriter
from f2r.io.output import check_output
from f2r.io.raw.pattern_check import pattern_warning
from f2r.method.networks import Networks, load_networks
from f2r.run.deliver import write_frames
from f2r.run.finish import beside, can_be_copied, copy_input, report_run, write_beside
from f2r.run.given_noise import given_noise
from f2r.run.job import Announce, FileOptions, Job, Outcome
from f2r.run.prepare import Prepared, prepare
from f2r.run.repair import repaired
from f2r.run.report import scene_cuts
from f2r.run.resume.kept import load_prepared, save_prepared
from f2r.run.resume.state import RunState, identity_of, state_ledger
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import (
    describe_cuts,
    describe_disk,
    describe_input,
    describe_memory,
    describe_repair,
)
from f2r.run.setup import set_up
from f2r.system.claim import Claim
from f2r.system.device import describe_device
from f2r.system.placing import check_file
from f2r.system.progress import ProgressCallback, StageClock

PIPE = "-"
"""Standard input or output."""


def denoise_file(
    source: str,
    output: Path | None,
    config: DenoiseConfig,
    files: FileOptions = FileOptions(),  # noqa: B008 - frozen
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Denoise a clip from disk or from a pipe.

    Args:
        source: video file, folder of frames, TIFF stack, `.npy`, or '-'.
        output: where to write; None puts `NAME.f2r.EXT` beside the input.
        config: the user's options.
        files: how files are read, written and kept.
        announce: receives sentences on what was found and decided.
        progress: called with `Progress` reports.

    Raises:
        InputError: input, output or options cannot be used.
    """
    target = output or default_output(source, is_piece=files.piece is not None)
    if files.resume and PIPE in {source, str(target)}:
        raise InputError("a pipe cannot be resumed: read from a file and write to a file")
    with _opened(source, target, files) as (reader, claim):
        clock = StageClock(progress)
        setup = set_up(reader.info, given_noise(config, reader.info), config)
        read, repair = repaired(reader, config)
        job = Job(source, target, read, repair, setup, files, clock, announce)
        for sentence in _describe_start(job):
            announce(sentence)
        with _kept(job, claim) as state:
            networks = load_networks(config.weights, setup.device, setup.weight_set)
            with _writer(job, claim) as writer:
                prepared = _prepared(job, networks, state)
                if claim is not None and can_be_copied(job, prepared):
                    writer.abort()
                    return copy_input(job, prepared, claim)
                done = state.spool.marks.copy() if state else []
                marks = write_frames(job, prepared, writer, state, done)
            for sentence in describe_cuts(scene_cuts(marks)):
                announce(sentence)
            return write_beside(target, claim, state, report_run(job, prepared, marks, len(done)))


def _describe_start(job: Job) -> Iterator[str]:
    """Describe input, memory, device and repair."""
    info, setup = job.reader.info, job.setup
    yield describe_input(info)
    for doubt in info.source.doubts if info.source else ():
        yield f"warning: {doubt}"
    warning = pattern_warning(job.reader)
    if warning is not None:
        yield f"warning: {warning}"
    yield describe_memory(setup.memory, sample_bytes(info, setup.config))
    yield f"device: {describe_device(setup.device)}"
    if job.repair is not None:
        yield describe_repair(job.repair)


@contextmanager
def _kept(job: Job, claim: Claim | None) -> Iterator[RunState | None]:
    """Keep the state of the run, from which it can be resumed; a pipe has none."""
    if claim is None or job.source == PIPE:
        yield None
        return
    files, info = job.files, job.reader.info
    options = asdict(files.encode) | {"skip": files.skip_corrupt, "axes": files.axes}
    options["piece"] = asdict(files.piece) if files.piece else None
    options["mosaic"] = asdict(files.mosaic) if files.mosaic else None
    identity = identity_of(job.source, job.setup, options)
    with RunState(identity, resume=files.resume, claim=claim, announce=job.announce) as state:
        sample = sample_bytes(info, job.setup.config)
        job.announce(describe_disk(info, state.folder, sample))
        yield state


def _prepared(job: Job, networks: Networks, state: RunState | None) -> Prepared:
    """Load what an interrupted run decided, or decide it."""
    if state is None:
        return prepare(job.reader, networks, job.setup, job.clock, announce=job.announce)
    kept = load_prepared(state.folder, networks, job.clock)
    if kept is not None:
        return kept
    prepared = prepare(job.reader, networks, job.setup, job.clock, state.folder, job.announce)
    save_prepared(state.folder, prepared, job.clock)
    return prepared


def _writer(job: Job, claim: Claim | None) -> FrameWriter:
    writer = open_writer(job.target, job.reader.info, options=job.files.encode, claim=claim)
    for loss in writer.losses:
        job.announce(f"cannot be kept: {loss}")
    return writer


@contextmanager
def _opened(
    source: str, target: Path, files: FileOptions
) -> Iterator[tuple[FrameReader, Claim | None]]:
    """Open the input and claim the output; a pipe is read after its output is claimed."""
    read = partial(
        open_reader,
        source,
        skip_corrupt=files.skip_corrupt,
        mosaic=files.mosaic,
        axes=files.axes,
        piece=files.piece,
        counts_to_nominal=True,
    )
    if source == PIPE:
        with _claim(source, target, files) as claim, read() as reader:
            yield reader, claim
    else:
        with read() as reader, _claim(source, target, files) as claim:
            yield reader, claim


@contextmanager
def _claim(source: str, target: Path, files: FileOptions) -> Iterator[Claim | None]:
    """Claim the output for this run, and check every file that will be written."""
    if str(target) == PIPE:
        yield None
        return
    origin = None if source == PIPE else Path(source)
    check_output(target, origin, overwrite=True)
    ledger = state_ledger(target) if files.resume else None
    with Claim(target, overwrite=files.overwrite, ledger=ledger, is_shared=True) as claim:
        check_output(target, origin, overwrite=claim.may_replace(target))
        for path in beside(target)[: 1 if origin is None else 2]:
            check_file(path, overwrite=claim.may_replace(path))
        claim.ledger = state_ledger(target)
        yield claim
