"""Choice of the part of a frame on which quality is measured.

The middle of a frame shows more detail and motion than its edges, so errors measured there are too
large. The part that is chosen has as much of both as the whole frame.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from f2r.io.clip import Frame
from f2r.train.sample import Region

BLOCK = 8
"""Side in pixels of the squares that are averaged before detail is measured, which removes most of
the noise; also the step between the parts that are compared."""


def typical_region(frames: Sequence[Frame], size: tuple[int, int]) -> Region:
    """Choose the part whose detail and motion are closest to those of the whole frames.

    Args:
        frames: one or two consecutive (H, W, C) frames of equal size.
        size: rows and columns of the part, at most H and W.
    """
    height, width = frames[0].shape[:2]
    if (height, width) == size:
        return Region(0, 0, *size)
    misfit = sum(np.abs(np.log(_relative_means(measure, size))) for measure in _measures(frames))
    row, column = np.unravel_index(int(np.argmin(misfit)), np.shape(misfit))
    top, left = (
        min(BLOCK * int(place), full - side) // 2 * 2
        for place, full, side in zip((row, column), (height, width), size, strict=True)
    )
    return Region(top, left, *size)


def _measures(frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
    """Measure detail and change of block means, (H / BLOCK, W / BLOCK) each."""
    now, later = (_block_means(frames[k]) for k in (0, len(frames) - 1))
    detail = np.abs(now - cv2.blur(now, (3, 3)))
    return [detail, np.abs(later - now)]


def _block_means(frame: Frame) -> NDArray[np.float32]:
    grey = np.asarray(frame, np.float32).mean(2)
    size = (max(grey.shape[1] // BLOCK, 1), max(grey.shape[0] // BLOCK, 1))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _relative_means(measure: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    """Give the mean of every part of `size` pixels relative to that of the whole."""
    rows, columns = (
        min(max(side // BLOCK, 1), full) for side, full in zip(size, measure.shape, strict=True)
    )
    total = cv2.integral(measure)
    sums = (
        total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns]
        + total[:-rows, :-columns]
    )  # fmt: skip
    least = 1e-6
    return (sums / (rows * columns) + least) / (float(measure.mean()) + least)


def surrounding(region: Region, size: tuple[int, int], whole: tuple[int, int]) -> Region:
    """Grow a region to `size` rows and columns, as far as possible to all sides alike.

    Args:
        region: part of a frame; at most as large as `size`.
        size: rows and columns of the result.
        whole: rows and columns of the frame.
    """
    starts = (region.top, region.left)
    top, left = (
        min(max(start - (side - inner) // 2, 0), full - side) // 2 * 2
        for start, inner, side, full in zip(starts, region[2:], size, whole, strict=True)
    )
    return Region(top, left, *size)
