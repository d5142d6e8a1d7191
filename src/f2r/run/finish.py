"""Files beside the output: report and picture; and the copy of a clip without noise."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from f2r.io import EncodeOptions
from f2r.method.networks import describe_networks
from f2r.quality.estimated_errors import Output
from f2r.run.job import Job, Outcome
from f2r.run.prepare import Prepared
from f2r.run.report import inference_report
from f2r.run.result import Mark
from f2r.run.resume.state import RunState
from f2r.run.sampling import sample_bytes
from f2r.run.sentences import expected_memory
from f2r.system.claim import Claim
from f2r.system.device import describe_device
from f2r.system.environment import environment, write_report


def can_be_copied(job: Job, prepared: Prepared) -> bool:
    """Whether the input can be copied: no noise, no repair, the same container.

    A doubtful input is decoded and written, because it may be damaged or refer to other files.
    """
    source, encode = Path(job.source), job.files.encode
    is_same = source.suffix.lower() == job.target.suffix.lower() and source.is_file()
    is_plain = encode == EncodeOptions() and job.repair is None and not job.setup.is_raw
    doubts = job.reader.info.source.doubts if job.reader.info.source else ()
    if job.files.skip_corrupt or job.files.piece or doubts or not (is_same and is_plain):
        return False
    return all(d.output is Output.NOISY for d in prepared.decisions)


def copy_input(job: Job, prepared: Prepared, claim: Claim) -> Outcome:
    """Copy the input file, which has no noise to remove."""
    job.announce("no noise to remove: the file is copied as it is")
    claim.write(job.target, partial(_copy_bytes, job.source))
    report = report_run(job, prepared, (), 0) | {"frames": job.reader.info.frames, "copied": True}
    return write_beside(job.target, claim, None, report)


def _copy_bytes(source: str, part: Path) -> None:
    shutil.copyfile(source, part)


def beside(target: Path) -> tuple[Path, Path]:
    """Name report and picture."""
    return target.with_name(target.name + ".json"), target.with_name(target.name + ".png")


def report_run(job: Job, prepared: Prepared, marks: Sequence[Mark], resumed: int) -> dict[str, Any]:
    """Put the report together; JSON values."""
    config, source = job.setup.config, job.reader.info.source
    memory = expected_memory(job.setup.memory, sample_bytes(job.reader.info, config))
    return {
        "input": Path(job.source).name,
        "output": job.target.name,
        "input_doubts": list(source.doubts) if source else [],
        "config": config.to_report(),
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


def write_beside(
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
