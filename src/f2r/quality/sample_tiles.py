"""Choice of the frames and parts that are judged."""

import math
from collections.abc import Sequence

import torch

from f2r.method.prepared_clip import PreparedClip

JUDGED = 6
"""Frames that are judged."""

JUDGED_SIDE = 512
"""Largest side of the part of a frame that is judged, in pixels."""

CELL = 256
"""Largest side of the parts whose scatter tells the error of the mean, in pixels."""


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


def views(
    targets: int, size: tuple[int, int], generator: torch.Generator
) -> list[tuple[int, tuple[slice, slice]]]:
    """Choose frames evenly, and a part of each in turn, so that no frame counts twice.

    Args:
        targets: number of frames to choose from.
        size: rows and columns of a frame.
        generator: where to begin.

    Returns:
        Indices of frames and rows and columns of their parts.
    """
    places, first = parts(size, JUDGED_SIDE), float(torch.rand(1, generator=generator))
    count, turn = min(JUDGED, targets), int(first * len(places))
    return [
        (int((k + first) * targets / count), places[(k + turn) % len(places)]) for k in range(count)
    ]


def visits(
    targets: Sequence[int], size: tuple[int, int], generator: torch.Generator, most: int, side: int
) -> list[tuple[int, tuple[slice, slice]]]:
    """Choose frames and parts of them evenly.

    Args:
        targets: frames to choose from.
        size: rows and columns of a frame.
        generator: where to begin.
        most: parts to choose, at most.
        side: largest side of a part in pixels.
    """
    places = parts(size, side)
    total = len(targets) * len(places)
    count, first = min(most, total), float(torch.rand(1, generator=generator))
    chosen = []
    for k in range(count):
        part, step = divmod(int((k + first) * total / count), len(targets))
        chosen.append((targets[(step + part) % len(targets)], places[part]))
    return chosen


def visited_pixels(targets: int, size: tuple[int, int], most: int, side: int) -> int:
    """Count the pixels of the parts that `visits` chooses."""
    places = parts(size, side)
    return min(most, targets * len(places)) * _pixels(places[0])


def viewed_pixels(targets: int, size: tuple[int, int], reach: int) -> int:
    """Count the pixels of the parts that `views` chooses, `reach` pixels around each included."""
    rows, columns = parts(size, JUDGED_SIDE)[0]
    height = min(rows.stop - rows.start + 2 * reach, size[0])
    width = min(columns.stop - columns.start + 2 * reach, size[1])
    return min(JUDGED, targets) * height * width


def _pixels(place: tuple[slice, slice]) -> int:
    return math.prod(part.stop - part.start for part in place)


def parts(size: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Cut rows and columns into parts of at most `side` pixels a side."""
    rows, columns = (_cut_evenly(length, side) for length in size)
    return [(row, column) for row in rows for column in columns]


def _cut_evenly(whole: int, most: int) -> list[slice]:
    """Cut a side into parts of at most `most` pixels, multiples of 8; the last may overlap."""
    count = -(-whole // most)
    length = -(-whole // count // 8) * 8
    starts = (min(k * length, whole - length) for k in range(count))
    return [slice(start, start + length) for start in starts]
