"""Sentences for the user about a run."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from f2r.io.clip import ClipInfo
from f2r.method.memory_plan import PROGRAM, MemoryPlan
from f2r.quality.estimated_errors import Errors
from f2r.run.decide import PlaneDecision
from f2r.run.judge import PlaneJudgement
from f2r.run.look import PlaneLook
from f2r.run.repair import Repair
from f2r.run.time_plan import TimePlan

LEAK_LIMIT = 0.015
"""Leak above which a warning is given."""

MOST_LISTED = 20
"""Scene cuts that are listed on the terminal; the report has them all."""


def describe_input(info: ClipInfo) -> str:
    """Describe the clip."""
    count = "?" if info.frames is None else str(info.frames)
    kind = "colour" if info.is_colour else f"{info.channels} channel(s)"
    if info.mosaic is not None:
        kind = f"raw {info.mosaic.pattern} packed to four channels"
    return f"input: {count} frames, {info.width}x{info.height}, {kind}, {info.bit_depth} bit"


def describe_memory(memory: MemoryPlan, sample: float) -> str:
    """Give the expected memory of the run."""
    most = expected_memory(memory, sample)
    pieces = "whole frames" if memory.is_whole else f"tiles of {memory.side} pixels"
    window, work = describe_bytes(memory.window), describe_bytes(memory.work)
    return (
        f"memory: about {describe_bytes(most)} (window {window}, "
        f"{pieces} {work}; sample {describe_bytes(sample)})"
    )


def expected_memory(memory: MemoryPlan, sample: float) -> float:
    """Give the peak memory in bytes: that of the sample or of inference."""
    return max(memory.total, PROGRAM + sample)


def describe_disk(info: ClipInfo, folder: Path, sample: float) -> str:
    """Give the disk space of sample and finished frames, and the free space."""
    samples = info.height * info.width * info.channels / (2 if info.chroma_subsampled else 1)
    size = {"uint8": 1, "uint16": 2, "int16": 2, "uint32": 4, "float32": 4}[info.dtype] * samples
    frames = "" if info.frames is None else f" {describe_bytes(size * info.frames)}"
    free = describe_bytes(shutil.disk_usage(folder.parent).free)
    return (
        f"disk: up to{frames} in {folder.name} during the run ({describe_bytes(size)} per frame, "
        f"sample {describe_bytes(sample)}); {free} free"
    )


def describe_looks(looks: Sequence[PlaneLook], plan: TimePlan) -> list[str]:
    """Describe noise and expected time."""
    said = [sentence for look in looks for sentence in describe_noise(look)]
    if all(look.is_noise_free for look in looks):
        return said
    per_frame = f"{plan.per_frame:.2g} s per frame"
    if math.isinf(plan.training):
        return [*said, f"time: about {per_frame}, after a number of training steps"]
    training = f", {describe_seconds(plan.training)} of it training" if plan.training else ""
    return [*said, f"time: about {describe_seconds(plan.total)} in total{training}; {per_frame}"]


def describe_noise(look: PlaneLook) -> list[str]:
    """Describe the noise of one plane."""
    if look.is_noise_free:
        return ["noise: too weak to remove; the clip is returned unchanged; --sigma overrides this"]
    said = [_describe_model(look)]
    if look.hot_pixels:
        said.append(f"{look.hot_pixels} hot or dead pixels: repair them by --hot-pixels remove")
    return said


def _describe_model(look: PlaneLook) -> str:
    """Name the noise; for coded video, that before encoding and the share of repeated blocks."""
    if look.coded is None:
        return f"noise: {look.noise.describe()}"
    return f"noise: {look.coding}: {look.coded.describe()}"


def describe_repair(repair: Repair) -> str:
    """Describe the repairs."""
    spread = 255 * repair.fixed_pattern
    return f"repaired: {repair.hot_pixels} hot pixels, a fixed pattern of sd {spread:.2f} of 255"


def describe_judgements(judgements: Sequence[PlaneJudgement]) -> list[str]:
    """Describe the noise estimate from the residual of the anchors."""
    said = []
    for one in judgements:
        if one.revision is not None and one.revision.takes_second:
            text = one.look.noise.describe()
            said.append(f"noise, second estimate from the residual of stage 1: {text}")
        if one.contradiction is not None:
            said.append(
                f"warning: the given noise is {one.look.noise.describe()}, measured is "
                f"{one.contradiction.describe()}: check the option, or leave it out"
            )
    return said


def describe_quality(
    decisions: Sequence[PlaneDecision], judgements: Sequence[PlaneJudgement]
) -> list[str]:
    """Name the chosen estimate and its estimated quality."""
    said = []
    for decision, one in zip(decisions, judgements, strict=True):
        if decision.shifts:
            said.append(_describe_shifts(decision))
        if not one.look.is_measurable and one.shots:
            why = "the exposure flickers" if one.look.flickers else "a codec has altered the noise"
            said.append(f"estimated PSNR: unknown, because {why}; no training on this clip")
        if one.errors is None:
            continue
        said.append(f"estimated PSNR in dB: {figures_of(one.errors)}; output: {decision.output}")
        if one.errors.leak > LEAK_LIMIT:
            said.append(f"warning: leak of the anchor {one.errors.leak:.3f}, above {LEAK_LIMIT}")
    if all(one.look.is_noise_free for one in judgements) or any(one.shots for one in judgements):
        return said
    return [*said, "no frame has a neighbour: only the image prior is used"]


def _describe_shifts(decision: PlaneDecision) -> str:
    """Say that the noise is one-sided, and its shift at a middle level."""
    shift = 255 * decision.shifts[len(decision.shifts) // 2] / decision.scale
    change = "brightens" if shift > 0 else "darkens"
    return f"the noise {change} the picture by about {abs(shift):.0f} of 255; this is corrected"


def describe_draft(
    decisions: Sequence[PlaneDecision], judgements: Sequence[PlaneJudgement]
) -> list[str]:
    """Say that the quality of a draft is not estimated; nothing about a clip that is copied."""
    if all(one.look.is_noise_free for one in judgements):
        return []
    return [f"estimated PSNR: unknown for a draft; output: {decisions[0].output}"]


def figures_of(errors: Errors) -> str:
    """Write the estimated PSNRs with their 95 % confidence intervals."""
    estimates = errors.psnr()
    return ", ".join(
        f"{name} {estimates[name]:.2f} ({low:.2f} to {high:.2f})"
        for name, (low, high) in errors.intervals().items()
    )


def describe_cuts(cuts: Sequence[int]) -> list[str]:
    """List scene cuts; empty for a clip of one scene."""
    if not cuts:
        return []
    more = f" and {len(cuts) - MOST_LISTED} more" if len(cuts) > MOST_LISTED else ""
    return [f"scene cuts before frames {', '.join(map(str, cuts[:MOST_LISTED]))}{more}"]


def describe_bytes(count: float) -> str:
    """Format a size with a suitable unit."""
    if count < 10 * 2**20:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**20:.0f} MiB" if count < 2**30 else f"{count / 2**30:.1f} GiB"


def describe_seconds(seconds: float) -> str:
    """Format a time with a suitable unit."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
