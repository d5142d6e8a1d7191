"""Matching of exposures that alternate between frames."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from f2r.io.clip import Frame

EXPOSURE_REACH = 4
"""Frames on either side whose mean exposure a frame is matched to."""

FLICKER = 0.02
"""Exposure changes below 2 % are left to the networks."""

TILES = 4
"""Rows and columns of tiles whose levels are compared to tell exposure from motion."""

AGREEMENT = 0.8
"""Share of the tiles that an exposure brightens or darkens alike."""

DARKEST = 1e-3
"""Levels below this count as this."""

EXPOSURE_QUANTILES = (0.2, 0.35, 0.5)
"""Quantiles that measure the exposure; higher ones may be clipped at white."""


def exposure_of(frame: Frame) -> float:
    """Give the mean logarithm of the middle levels of a frame."""
    levels = np.quantile(frame, EXPOSURE_QUANTILES)
    return float(np.log(np.maximum(levels, DARKEST)).mean())


def flickers(frames: Sequence[Frame]) -> bool:
    """Detect an exposure that alternates from frame to frame; drifts and cuts do not count.

    Motion also changes the levels of a frame, but not those of all its parts alike.

    Args:
        frames: consecutive frames, (H, W, C).
    """
    levels = [_levels_of_tiles(frame) for frame in frames]
    bends = [
        _common_bend(now - (before + after) / 2)
        for before, now, after in zip(levels, levels[1:], levels[2:], strict=False)
    ]
    return bool(bends) and median(bends) > FLICKER


def _levels_of_tiles(frame: Frame) -> NDArray[np.float64]:
    """Give the logarithm of the mean level of each tile; noise does not change the mean."""
    tiles = (
        tile
        for rows in np.array_split(frame, TILES, axis=0)
        for tile in np.array_split(rows, TILES, axis=1)
        if tile.size
    )
    levels = np.array([float(tile.mean()) for tile in tiles])
    return np.asarray(np.log(np.maximum(levels, DARKEST)))


def _common_bend(bends: NDArray[np.float64]) -> float:
    """Give the change of level that the tiles have in common; 0 where they do not agree."""
    agree = max(float((bends > 0).mean()), float((bends < 0).mean()))
    return abs(float(np.median(bends))) if agree >= AGREEMENT else 0.0


def match_exposure(frames: Iterable[Frame]) -> Iterator[tuple[Frame, float]]:
    """Multiply each frame so that it has the mean exposure of its surroundings.

    Yields:
        The multiplied frame and its factor.
    """
    waiting: deque[Frame] = deque()
    levels: list[float] = []
    for frame in frames:
        waiting.append(frame)
        levels.append(exposure_of(frame))
        if len(waiting) > EXPOSURE_REACH:
            yield _matched(waiting.popleft(), levels, len(levels) - 1 - EXPOSURE_REACH)
    while waiting:
        yield _matched(waiting.popleft(), levels, len(levels) - 1 - len(waiting))


def _matched(frame: Frame, levels: Sequence[float], index: int) -> tuple[Frame, float]:
    around = levels[max(index - EXPOSURE_REACH, 0) : index + EXPOSURE_REACH + 1]
    factor = math.exp(fmean(around) - levels[index])
    return frame * np.float32(factor), factor
