"""The steps of a divided run: prepare, make parts (`make.py`), join; or all three by workers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from f2r.method.networks import RunNetworks, load_run
from f2r.run.finish import can_be_copied, copy_input, report_run, write_beside
from f2r.run.job import Announce, Job, Order, Outcome
from f2r.run.opening import identity_of_job, job_writer, kept, opened_job, prepared_for
from f2r.run.parts.drive import Make, Workers, make_all
from f2r.run.parts.join import describe_workers, whole_parts, write_parts
from f2r.run.parts.make import check_order, count_frames_of, make_part
from f2r.run.parts.part import Part, parts_of
from f2r.run.parts.prepared import check_prepared
from f2r.run.parts.store import PartStore
from f2r.run.prepare import Prepared
from f2r.run.report import scene_cuts
from f2r.run.resume.state import RunState, state_folder
from f2r.run.sentences import describe_cuts
from f2r.system.claim import Claim
from f2r.system.progress import ProgressCallback

Hire = Callable[[Job, Make], AbstractContextManager[Workers]]
"""Gives workers for a clip, which call the second argument."""


def prepare_file(order: Order, announce: Announce, progress: ProgressCallback | None) -> Path:
    """Prepare a clip and save the decisions.

    Returns:
        The folder that parts are made from.

    Raises:
        InputError: input, output or options cannot be used.
    """
    check_order(order)
    with opened_job(order, announce, progress) as (job, claim), kept(job, claim) as state:
        assert state is not None
        total = count_frames_of(job)
        job_writer(job, claim).abort()
        prepared = prepared_for(job, _networks(job), state)
        looked = prepared.report["frames_trained_on"]
        announce(f"prepared from {looked} of {total} frames: {state.folder}")
        state.stay()
        return state.folder


def join_file(order: Order, announce: Announce, progress: ProgressCallback | None) -> Outcome:
    """Write the output from its finished parts, which are removed then.

    Raises:
        InputError: the clip is not prepared or is another one; parts are missing or damaged.
    """
    check_order(order)
    order = replace(order, files=replace(order.files, resume=True))
    with opened_job(order, announce, progress) as (job, claim):
        assert claim is not None
        folder = state_folder(order.target)
        identity = identity_of_job(job)
        check_prepared(folder, identity)
        with RunState(identity, resume=True, claim=claim, announce=_nothing) as state:
            return _join(job, claim, state, prepared_for(job, _networks(job), state))


def denoise_in_parts(
    order: Order, hire: Hire, announce: Announce, progress: ProgressCallback | None
) -> Outcome:
    """Prepare a clip, have its parts made by workers, and join them.

    Args:
        order: the options of the user.
        hire: gives the workers, when the clip is known.
        announce: receives sentences on what was found and decided.
        progress: called with reports.

    Raises:
        InputError: input, output or options cannot be used.
    """
    check_order(order)
    with (
        opened_job(order, announce, progress) as (job, claim),
        hire(job, partial(_make_quietly, order)) as workers,
        kept(job, claim) as state,
    ):
        assert claim is not None
        assert state is not None
        total = count_frames_of(job)
        job_writer(job, claim).abort()
        prepared = prepared_for(job, _networks(job), state)
        if not can_be_copied(job, prepared):
            _make_parts(job, workers, PartStore(state.folder), total)
        return _join(job, claim, state, prepared)


def _make_quietly(order: Order, part: Part) -> None:
    """Make a part in a worker, without display."""
    make_part(order, part, _nothing, None)


def _make_parts(job: Job, workers: Workers, store: PartStore, total: int) -> None:
    """Make the unfinished parts; interrupted ones are resumed."""
    count = next(iter(store.counts()), workers.parts_for(total))
    parts, known = parts_of(count), dict[Path, tuple[int, int]]()
    left = [part for part in parts if store.state_of(part) is not None]
    done = sum(len(part.frames(total)) for part in set(parts) - set(left))
    job.announce(f"{len(left)} of {count} parts to make, {workers.describe()}")

    def look() -> None:
        made = sum(store.progress(part, known) for part in left)
        job.clock.tell("denoise", min((done + made) / total, 1.0))

    with job.clock.stage("denoise", min(done / total, 1.0)):
        make_all(left, workers, look)


def _join(job: Job, claim: Claim, state: RunState, prepared: Prepared) -> Outcome:
    """Write the output, report and picture."""
    if can_be_copied(job, prepared):
        return copy_input(job, prepared, claim)
    store = PartStore(state.folder)
    parts = whole_parts(store)
    for sentence in describe_workers(store, parts):
        job.announce(sentence)
    with job_writer(job, claim) as writer:
        marks = write_parts(job, writer, store, parts)
    for sentence in describe_cuts(scene_cuts(marks)):
        job.announce(sentence)
    seconds = sum(store.read(part).seconds for part in parts)
    report = report_run(job, prepared, marks, 0)
    report["parts"] = {"count": len(parts), "seconds": round(seconds, 2)}
    return write_beside(job.target, claim, state, report)


def _networks(job: Job) -> RunNetworks:
    return load_run(job.setup.config.weights, job.setup.device, job.setup.weight_set)


def _nothing(_: str) -> None:
    """Announce nothing."""
