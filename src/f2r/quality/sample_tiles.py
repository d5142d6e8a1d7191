"""Choice of the frames and parts that are judged."""

from collections.abc import Sequence

import torch

from f2r.method.prepared_clip import PreparedClip

CROP = 256
"""Largest side of the part of a frame that is judged, in pixels."""

VISITS = 24
"""Parts of frames that are judged."""


def typical_targets(clip: PreparedClip, frames: int) -> list[int]:
    """Choose targets such that as many lack a neighbour as in the whole clip.

    Frames at the ends of a stretch are harder to predict, and a long clip has few of them.

    Args:
        clip: a stretch of a clip of one shot.
        frames: frames of the whole clip.
    """
    complete = [t for t in clip.targets if all(clip.present[t])]
    ends = [t for t in clip.targets if t not in complete]
    inside = max(frames - len(clip.offsets), 0)
    if not complete or not inside:
        return clip.targets
    count = min(round(len(complete) * len(clip.offsets) / inside), len(ends))
    chosen = [ends[(2 * k + 1) * len(ends) // (2 * count)] for k in range(count)]
    return sorted([*complete, *chosen])


def visits(
    targets: Sequence[int],
    size: tuple[int, int],
    generator: torch.Generator,
    most: int = VISITS,
    side: int = CROP,
) -> list[tuple[int, tuple[slice, slice]]]:
    """Choose frames and parts of them evenly.

    Args:
        targets: frames to choose from.
        size: rows and columns of a frame.
        generator: where to begin.
        most: parts to choose, at most.
        side: largest side of a part in pixels.
    """
    rows, columns = (_parts(length, side) for length in size)
    total = len(targets) * len(rows) * len(columns)
    count, first = min(most, total), float(torch.rand(1, generator=generator))
    chosen = []
    for k in range(count):
        part, step = divmod(int((k + first) * total / count), len(targets))
        row, column = divmod(part, len(columns))
        chosen.append((targets[(step + part) % len(targets)], (rows[row], columns[column])))
    return chosen


def _parts(whole: int, most: int) -> list[slice]:
    """Cut a side into parts of at most `most` pixels, multiples of 8; the last may overlap."""
    count = -(-whole // most)
    length = -(-whole // count // 8) * 8
    starts = (min(k * length, whole - length) for k in range(count))
    return [slice(start, start + length) for start in starts]
