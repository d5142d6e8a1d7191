"""Open what a run needs: input, claim of the output, state, decisions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from f2r.io import open_reader, open_writer
from f2r.io.clip import FrameReader, FrameWriter
from f2r.io.output import check_output
from f2r.io.raw.pattern_check import pattern_warning
from f2r.method.networks import RunNetworks
from f2r.run.finish import beside
from f2r.run.given_noise import given_noise
from f2r.run.job import PIPE, Announce, Job, Order
from f2r.run.prepare import Prepared, prepare
from f2r.run.repair import repaired
from f2r.run.resume.kept import load_prepared, save_prepared
from f2r.run.resume.state import RunState, identity_of, state_ledger
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import describe_disk, describe_input, describe_memory, describe_repair
from f2r.run.setup import set_up
from f2r.system.claim import Claim
from f2r.system.device import describe_device
from f2r.system.placing import check_file
from f2r.system.progress import ProgressCallback, StageClock


@contextmanager
def opened_job(
    order: Order, announce: Announce, progress: ProgressCallback | None, *, writes: bool = True
) -> Iterator[tuple[Job, Claim | None]]:
    """Open the input and claim the output.

    Args:
        order: what the user asks for.
        announce: receives sentences on what was opened.
        progress: called with `Progress` reports.
        writes: whether the output is claimed.
    """
    with _opened(order, writes=writes) as (reader, claim):
        clock = StageClock(progress)
        setup = set_up(reader.info, given_noise(order.config, reader.info), order.config)
        read, repair = repaired(reader, order.config)
        job = Job(order.source, order.target, read, repair, setup, order.files, clock, announce)
        for sentence in _describe_start(job):
            announce(sentence)
        yield job, claim


def identity_of_job(job: Job) -> dict[str, Any]:
    """Identify a run by its input, weights and options."""
    files = job.files
    options = asdict(files.encode) | {"skip": files.skip_corrupt, "axes": files.axes}
    options["piece"] = asdict(files.piece) if files.piece else None
    options["mosaic"] = asdict(files.mosaic) if files.mosaic else None
    return identity_of(job.source, job.setup, options)


@contextmanager
def kept(job: Job, claim: Claim | None) -> Iterator[RunState | None]:
    """Keep the state of the run, from which it can be resumed; a pipe has none."""
    if claim is None or job.source == PIPE:
        yield None
        return
    identity, resume = identity_of_job(job), job.files.resume
    with RunState(identity, resume=resume, claim=claim, announce=job.announce) as state:
        sample = sample_bytes(job.reader.info, job.setup.config)
        job.announce(describe_disk(job.reader.info, state.folder, sample))
        yield state


def prepared_for(job: Job, networks: RunNetworks, state: RunState | None) -> Prepared:
    """Load what an interrupted run decided, or decide it."""
    if state is None:
        return prepare(job.reader, networks, job.setup, job.clock, announce=job.announce)
    kept = load_prepared(state.folder, networks, job.clock)
    if kept is not None:
        return kept
    prepared = prepare(job.reader, networks, job.setup, job.clock, state.folder, job.announce)
    save_prepared(state.folder, prepared, job.clock)
    return prepared


def job_writer(job: Job, claim: Claim | None) -> FrameWriter:
    """Open the output; say what it cannot keep."""
    writer = open_writer(job.target, job.reader.info, options=job.files.encode, claim=claim)
    for loss in writer.losses:
        job.announce(f"cannot be kept: {loss}")
    return writer


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
def _opened(order: Order, *, writes: bool) -> Iterator[tuple[FrameReader, Claim | None]]:
    """Open the input and claim the output; a pipe is read after its output is claimed."""
    source, files = order.source, order.files
    read = partial(
        open_reader,
        source,
        skip_corrupt=files.skip_corrupt,
        mosaic=files.mosaic,
        axes=files.axes,
        piece=files.piece,
        counts_to_nominal=True,
    )
    if not writes:
        with read() as reader:
            yield reader, None
    elif source == PIPE:
        with _claim(order) as claim, read() as reader:
            yield reader, claim
    else:
        with read() as reader, _claim(order) as claim:
            yield reader, claim


@contextmanager
def _claim(order: Order) -> Iterator[Claim | None]:
    """Claim the output for this run, and check every file that will be written."""
    source, target, files = order.source, order.target, order.files
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
