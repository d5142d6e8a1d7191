"""The files that all methods read and write: 8-bit YUV 4:4:4 without loss."""

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from f2r_bench.compressed.lossless import write_lossless


def write_clip(path: Path, frames: NDArray[np.uint8]) -> None:
    """Write (T, H, W, 3) RGB frames by FFV1 to Matroska, BT.709, limited range."""
    write_lossless(path, map(_picture, frames))


def _picture(frame: NDArray[np.uint8]) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return picture.reformat(
        format="yuv444p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
