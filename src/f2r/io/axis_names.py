"""Names of the axes of a stack, and check of guessed axes."""

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError

KNOWN_AXES = "TZCYXS"
NARROW = 4
"""An axis so many times shorter than both others counts frames."""
SMOOTHER = 0.9
"""Neighbours along time differ less than along rows and columns, by this factor of their energy."""


def parse_axes(text: str | None) -> str | None:
    """Check names such as 'YXT', in small or capital letters.

    Raises:
        InputError: a letter is unknown or given twice, or Y or X is missing.
    """
    if text is None:
        return None
    axes = text.strip().upper()
    if set(axes) - set(KNOWN_AXES) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise InputError(
            f"--axes {text}: name every axis of the file once, in its order: T time, Y rows, X "
            "columns, Z, C or S for channels, such as YXT"
        )
    return axes


def no_axes(name: object) -> InputError:
    """Refuse names of axes."""
    return InputError(f"{name}: --axes goes with a TIFF or .npy only: leave it out")


def doubt_guess(sample: NDArray[np.generic], shape: tuple[int, ...]) -> tuple[str, ...]:
    """Warn if another axis than the first is probably time; one sentence or none.

    Args:
        sample: (n, h, w), neighbouring frames as guessed.
        shape: (T, H, W) of the whole clip as guessed.
    """
    likely = _by_shape(shape)
    if likely is None and min(sample.shape) > 2:
        likely = _by_content(sample.astype(np.float32), shape)
    if likely is None:
        return ()
    names = "YX"[:likely] + "T" + "YX"[likely:]
    return (
        f"the axes are taken for TYX, {shape[0]} frames of {shape[2]}x{shape[1]}, which is "
        f"unlikely: if the frames are counted by another axis, pass for example --axes {names}",
    )


def _by_shape(shape: tuple[int, ...]) -> int | None:
    shortest = int(np.argmin(shape))
    others = [side for axis, side in enumerate(shape) if axis != shortest]
    is_narrow = shape[shortest] > 1 and min(others) >= NARROW * shape[shortest]
    return shortest if is_narrow and shortest > 0 else None


def _by_content(sample: NDArray[np.float32], shape: tuple[int, ...]) -> int | None:
    with np.errstate(all="ignore"):
        energy = [float(np.nanmean(np.diff(sample, axis=axis) ** 2)) for axis in range(3)]
    smooth = int(np.argmin(energy))
    others = [value for axis, value in enumerate(energy) if axis != smooth]
    is_shortest = shape[smooth] == min(shape)
    if smooth == 0 or not is_shortest or not energy[smooth] < SMOOTHER * min(others):
        return None
    return smooth
