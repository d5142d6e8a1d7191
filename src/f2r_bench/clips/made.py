"""Noisy videos that are made by formula: a moving texture with noise of sd 20, FFV1, 4:2:0."""

import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError

STRENGTH = 20
"""Standard deviation of the noise in 8-bit units."""
BORDER = 64
"""How much larger than a frame the field is from which its noise is cut."""
RATE = 25
"""Frames a second."""


def sizes_of(case: str) -> tuple[int, int, int]:
    """Read width, height and number of frames from WIDTHxHEIGHTxFRAMES.

    Raises:
        InputError: the text is no such thing.
    """
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", case)
    if match is None:
        raise InputError(f"'{case}' is no clip: give WIDTHxHEIGHTxFRAMES, for example 480x270x100")
    return int(match[1]), int(match[2]), int(match[3])


def write_made_clip(
    path: Path, width: int, height: int, frames: int, *, is_correlated: bool = False
) -> None:
    """Write a clip to a Matroska file; the same call makes the same clip."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for samples in _planes(width, height, frames, is_correlated):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(samples, format="yuv420p")))
        output.mux(stream.encode(None))


def write_made_mosaic(path: Path, width: int, height: int, frames: int) -> None:
    """Write a clip as a mosaic of colour filters, black 0 and white 255, to a `.npy` file."""
    lumas = [planes[:height] for planes in _planes(width, height, frames, False)]
    np.save(path, np.stack(lumas).astype(np.uint16))


def _planes(
    width: int, height: int, frames: int, is_correlated: bool
) -> Iterator[NDArray[np.uint8]]:
    """Give luma above grey chroma; the noise is cut from one field at random places."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, : width + 2 * frames].astype(np.float32)
    scene = (118 + 50 * np.sin(columns / 9) * np.cos(rows / 13)).astype(np.float32)
    noise = rng.normal(0, STRENGTH, (height + BORDER, width + BORDER)).astype(np.float32)
    if is_correlated:
        noise += np.roll(noise, 1, 0)
        noise += np.roll(noise, 1, 1)
        noise /= 2
    grey = np.full((height // 2, width), 128, np.float32)
    for t in range(frames):
        top, left = rng.integers(0, BORDER, 2)
        noisy = scene[:, 2 * t : 2 * t + width] + noise[top : top + height, left : left + width]
        yield np.vstack((noisy, grey)).round().clip(16, 235).astype(np.uint8)
