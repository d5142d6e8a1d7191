"""Denoise a file into a file: one run from input to output."""

from pathlib import Path

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io import default_output
from f2r.method.networks import load_run
from f2r.run.deliver import write_frames
from f2r.run.finish import can_be_copied, copy_input, report_run, write_beside
from f2r.run.job import PIPE, Announce, FileOptions, Order, Outcome
from f2r.run.opening import job_writer, kept, opened_job, prepared_for
from f2r.run.parts.store import check_undivided
from f2r.run.report import scene_cuts
from f2r.run.resume.state import state_folder
from f2r.run.sentences import describe_cuts
from f2r.system.progress import ProgressCallback


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
    target = output or default_output(source, files.label)
    return denoise_order(Order(source, target, config, files), announce, progress)


def denoise_order(
    order: Order,
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Outcome:
    """Denoise a clip into its output in one piece; see `denoise_file`."""
    config, files = order.config, order.files
    if files.resume and PIPE in {order.source, str(order.target)}:
        raise InputError("a pipe cannot be resumed: read from a file and write to a file")
    if files.resume:
        check_undivided(state_folder(order.target))
    with opened_job(order, announce, progress) as (job, claim), kept(job, claim) as state:
        networks = load_run(config.weights, job.setup.device, job.setup.weight_set)
        with job_writer(job, claim) as writer:
            prepared = prepared_for(job, networks, state)
            if claim is not None and can_be_copied(job, prepared):
                writer.abort()
                return copy_input(job, prepared, claim)
            done = state.spool.marks.copy() if state else []
            marks = write_frames(job, prepared, writer, state, done)
        for sentence in describe_cuts(scene_cuts(marks)):
            announce(sentence)
        report = report_run(job, prepared, marks, len(done))
        return write_beside(order.target, claim, state, report)
