"""What a run tells people, in plain sentences."""

import math
import shutil
from pathlib import Path
from typing import Any

from f2r.io.clip import ClipInfo
from f2r.method.memory_plan import PROGRAM, MemoryPlan

LEAK_LIMIT = 0.015
"""Correlation of the anchor's error with its frame's noise above which the user is warned."""

LISTED = 20
"""Scene cuts that are listed on the terminal; the report has them all."""


def describe_input(info: ClipInfo) -> str:
    """Say what the clip is."""
    count = "?" if info.frames is None else str(info.frames)
    kind = "colour" if info.is_colour else f"{info.channels} channel(s)"
    if info.mosaic is not None:
        kind = f"raw {info.mosaic.pattern} packed to four channels"
    return f"input: {count} frames, {info.width}x{info.height}, {kind}, {info.bit_depth} bit"


def describe_memory(memory: MemoryPlan, sample: float) -> str:
    """Say how much memory the run is expected to take, before it begins."""
    most = expected_memory(memory, sample)
    pieces = "whole frames" if memory.is_whole else f"tiles of {memory.side} pixels"
    window, work = describe_bytes(memory.window), describe_bytes(memory.work)
    return (
        f"memory: about {describe_bytes(most)} (frames in the window {window}, "
        f"computing {pieces} {work}; before that a sample {describe_bytes(sample)})"
    )


def expected_memory(memory: MemoryPlan, sample: float) -> float:
    """Give the bytes that a run takes at most: for its sample, or for inference after it."""
    return max(memory.total, PROGRAM + sample)


def describe_disk(info: ClipInfo, folder: Path, sample: float) -> str:
    """Say how much space sample and finished frames take until the run ends, and what there is."""
    samples = info.height * info.width * info.channels / (2 if info.chroma_subsampled else 1)
    size = {"uint8": 1, "uint16": 2, "int16": 2, "float32": 4}[info.dtype] * samples
    frames = "" if info.frames is None else f" {describe_bytes(size * info.frames)}"
    free = describe_bytes(shutil.disk_usage(folder.parent).free)
    return (
        f"disk: up to{frames} ({describe_bytes(size)} a frame) in {folder.name} until the run "
        f"ends, before that the sample {describe_bytes(sample)}; {free} are free"
    )


def describe_look(report: dict[str, Any]) -> list[str]:
    """Say what a look at the clip has found."""
    said = [f"device: {report['device']}"]
    if "repaired" in report:
        count, spread = report["repaired"]["hot_pixels"], report["repaired"]["fixed_pattern"]
        said.append(
            f"repaired: {count} hot pixels, a fixed pattern of sd {255 * spread:.2f} of 255"
        )
    for entry in report["noise"]:
        said += describe_noise(entry)
    each, training = report["seconds_per_frame"], report["training_seconds_planned"]
    total = describe_seconds(each * report["frames"])
    first = f", after {describe_seconds(training)} of training" if training else ""
    return [*said, f"time: about {each:.2g} s a frame, {total} for all (measured on one){first}"]


def describe_choice(report: dict[str, Any]) -> list[str]:
    """Say which estimate becomes the output, and how good it is thought to be."""
    said = []
    for entry in report["noise"]:
        if entry.get("estimates", {}).get("used") == "second":
            said.append(f"noise, estimated again from what stage 1 leaves: {entry['text']}")
        if "contradicted_by" in entry:
            said.append(
                f"warning: told {entry['text']}, but it looks like "
                f"{entry['contradicted_by']['text']}: check it, or let it be estimated"
            )
    for entry in report["estimated_psnr"]:
        said.append(f"estimated PSNR in dB: {figures_of(entry)}; output: {entry['output']}")
        if entry["leak"] > LEAK_LIMIT:
            said.append(f"warning: the anchor leaks (correlation {entry['leak']:.3f})")
    return (
        said
        if report["estimated_psnr"]
        else ["no frame has a neighbour: the image prior works alone"]
    )


def figures_of(entry: dict[str, Any]) -> str:
    """Write the estimated PSNRs with their 95 % confidence intervals."""
    parts = []
    for name, (low, high) in entry["interval_95"].items():
        parts.append(f"{name} {entry[name]:.2f} ({low:.2f} to {high:.2f})")
    return ", ".join(parts)


def describe_noise(entry: dict[str, Any]) -> list[str]:
    """Say what was found out about the noise of one plane."""
    said = [f"noise: {entry['text']}"]
    if entry["is_noise_free"]:
        said.append("hardly any noise: the clip is returned as it is; --sigma overrides that")
    if entry["hot_pixels"]:
        count = entry["hot_pixels"]
        said.append(f"{count} hot or dead pixels: --hot-pixels remove repairs them")
    return said


def describe_cuts(report: dict[str, Any]) -> list[str]:
    """Say where scenes change; nothing for a clip of one scene."""
    cuts = report["scene_cuts"]
    if not cuts:
        return []
    more = f" and {len(cuts) - LISTED} more" if len(cuts) > LISTED else ""
    return [f"scene cuts before frames {', '.join(map(str, cuts[:LISTED]))}{more}"]


def describe_bytes(count: float) -> str:
    """Say a size as people do."""
    return f"{count / 2**20:.2g} MiB" if count < 2**30 else f"{count / 2**30:.3g} GiB"


def describe_seconds(seconds: float) -> str:
    """Say a time as people do."""
    if math.isinf(seconds):
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
