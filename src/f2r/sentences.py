"""What a run tells people, in plain sentences."""

from typing import Any

from f2r.io.clip import ClipInfo

LEAK_LIMIT = 0.015
"""Correlation of the anchor's error with its frame's noise above which the user is warned."""

LISTED = 20
"""Scene cuts that are listed on the terminal; the report has them all."""


def describe_input(info: ClipInfo) -> str:
    """Say what the clip is."""
    count = "?" if info.frames is None else str(info.frames)
    kind = "colour" if info.is_colour else f"{info.channels} channel(s)"
    return f"input: {count} frames, {info.width}x{info.height}, {kind}, {info.bit_depth} bit"


def describe_look(report: dict[str, Any]) -> list[str]:
    """Say what a look at the clip has found."""
    said = [f"device: {report['device']}"]
    said += [f"noise: {entry['text']}" for entry in report["noise"]]
    each = report["seconds_per_frame"]
    said.append(
        f"time: about {each:.2g} s a frame, {describe_seconds(each * report['frames'])} for all, "
        "after training"
    )
    return said


def describe_choice(report: dict[str, Any]) -> list[str]:
    """Say which estimate becomes the output, and how good it is thought to be."""
    said = []
    for entry in report["estimated_psnr"]:
        figures = ", ".join(f"{k} {entry[k]:.2f}" for k in ("prior", "anchor", "refined"))
        said.append(f"estimated PSNR in dB: {figures}; output: {entry['output']}")
        if entry["leak"] > LEAK_LIMIT:
            said.append(f"warning: the anchor leaks (correlation {entry['leak']:.3f})")
    return said or ["no frame has a neighbour: the image prior works alone"]


def describe_cuts(report: dict[str, Any]) -> list[str]:
    """Say where scenes change; nothing for a clip of one scene."""
    cuts = report["scene_cuts"]
    if not cuts:
        return []
    more = f" and {len(cuts) - LISTED} more" if len(cuts) > LISTED else ""
    return [f"scene cuts before frames {', '.join(map(str, cuts[:LISTED]))}{more}"]


def describe_seconds(seconds: float) -> str:
    """Say a time as people do."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
