"""Choice of the part of a frame on which quality is measured.

The middle of a frame shows more detail and motion than its edges, so errors measured there are too
large. The part that is chosen has as much of both as the whole frame.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.io.clip import Frame
from f2r.train.sample import Region

BLOCK = 8
"""Side in pixels of the squares that are averaged before detail is measured, which removes most of
the noise; also the step between the parts that are compared."""

LEAST = 1e-6
"""Added to means before they are compared: frames can be flat."""


def typical_region(frames: Sequence[Frame], size: tuple[int, int]) -> Region:
    """Choose the part whose detail and motion are closest to those of the whole frames.

    Args:
        frames: one or two consecutive (H, W, C) frames of equal size.
        size: rows and columns of the part, at most H and W.
    """
    height, width = frames[0].shape[:2]
    if (height, width) == size:
        return Region(0, 0, *size)
    parts = [_relative_means(measure, size).log().abs() for measure in _measures(frames)]
    misfit = torch.stack(parts).sum(0)
    place = divmod(int(misfit.argmin()), misfit.shape[1])
    top, left = (
        min(BLOCK * start, full - side) // 2 * 2
        for start, full, side in zip(place, (height, width), size, strict=True)
    )
    return Region(top, left, *size)


def _measures(frames: Sequence[Frame]) -> tuple[Tensor, Tensor]:
    """Measure detail and change of block means, (H / BLOCK, W / BLOCK) each."""
    now, later = (_block_means(frames[k]) for k in (0, len(frames) - 1))
    around = functional.avg_pool2d(functional.pad(now, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (now - around).abs()[0], (later - now).abs()[0]


def _block_means(frame: Frame) -> Tensor:
    grey = torch.from_numpy(np.asarray(frame, np.float32)).mean(2)
    return functional.avg_pool2d(grey[None], BLOCK, ceil_mode=True)


def _relative_means(measure: Tensor, size: tuple[int, int]) -> Tensor:
    """Give the mean of every part of `size` pixels relative to that of the whole."""
    part = [
        min(max(side // BLOCK, 1), full) for side, full in zip(size, measure.shape, strict=True)
    ]
    means = functional.avg_pool2d(measure[None], part, stride=1)[0]
    return (means + LEAST) / (measure.mean() + LEAST)


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
