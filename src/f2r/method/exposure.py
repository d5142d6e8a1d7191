"""Exposure that changes from frame to frame: matched before frames are compared or averaged."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median

import numpy as np

from f2r.io.clip import Frame

REACH = 4
"""Frames on either side whose mean exposure a frame is matched to."""

FLICKER = 0.02
"""Exposure changes below 2 % are left to the networks."""

DARKEST = 1e-3
"""Levels below this count as this."""

QUANTILES = (0.2, 0.35, 0.5)
"""Levels that tell the exposure: highlights may be cut off at white."""


def exposure_of(frame: Frame) -> float:
    """Give the mean logarithm of the middle levels of a frame."""
    levels = np.quantile(frame, QUANTILES)
    return float(np.log(np.maximum(levels, DARKEST)).mean())


def flickers(frames: Sequence[Frame]) -> bool:
    """Tell whether the exposure of consecutive frames alternates, rather than drifts or cuts."""
    levels = [exposure_of(frame) for frame in frames]
    bends = [
        abs(now - (before + after) / 2)
        for before, now, after in zip(levels, levels[1:], levels[2:], strict=False)
    ]
    return bool(bends) and median(bends) > FLICKER


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
        if len(waiting) > REACH:
            yield _matched(waiting.popleft(), levels, len(levels) - 1 - REACH)
    while waiting:
        yield _matched(waiting.popleft(), levels, len(levels) - 1 - len(waiting))


def _matched(frame: Frame, levels: Sequence[float], index: int) -> tuple[Frame, float]:
    around = levels[max(index - REACH, 0) : index + REACH + 1]
    factor = math.exp(fmean(around) - levels[index])
    return frame * np.float32(factor), factor
