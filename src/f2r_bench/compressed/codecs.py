"""Encode 8-bit frames as people's cameras and phones do: YUV 4:2:0 by x264, x265, VP9, MJPEG."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r_bench.core import Coding, constant_quantiser, encode


@dataclass(frozen=True)
class Encoding:
    """One encoder at one quality, and its container."""

    coding: Coding
    """Encoder and settings."""
    suffix: str = ".mkv"
    """Container, by its extension."""
    least: tuple[int, int] = (2, 2)
    """Smallest width and height that are safe."""


def _x264(crf: int) -> Encoding:
    return Encoding(_by_crf("libx264", crf, _steady()))


def _steady() -> dict[str, str]:
    """Keep x264 from AVX-512, with which it makes different streams of the same frames."""
    cpuinfo = Path("/proc/cpuinfo")
    has_avx512 = cpuinfo.exists() and "avx512" in cpuinfo.read_text()
    return {"x264-params": "asm=AVX2"} if has_avx512 else {}


def _x265(crf: int) -> Encoding:
    options = {"x265-params": "log-level=none:pools=none"}
    return Encoding(_by_crf("libx265", crf, options), least=(64, 48))


def _by_crf(encoder: str, crf: int, options: Mapping[str, str]) -> Coding:
    return Coding(encoder, {"crf": str(crf), **options}, threads=0)


def _mjpeg(quality: int) -> Encoding:
    return Encoding(constant_quantiser("mjpeg", quality, "yuvj420p"), ".avi")


ENCODINGS: Mapping[str, Encoding] = {
    "x264-18": _x264(18),
    "x264-23": _x264(23),
    "x264-28": _x264(28),
    "x265-23": _x265(23),
    "x265-28": _x265(28),
    "vp9-32": Encoding(_by_crf("libvpx-vp9", 32, {"b": "0", "cpu-used": "4"})),
    "mjpeg-3": _mjpeg(3),
    "mjpeg-5": _mjpeg(5),
}
"""The encoders of the grid by name: crf of x264, x265 and VP9, qscale of MJPEG."""


def encode_file(path: Path, frames: NDArray[np.uint8], encoding: Encoding) -> None:
    """Write (T, H, W, 3) RGB frames with even sides to a file.

    Raises:
        InputError: the frames are too small for the encoder.
    """
    height, width = frames.shape[1:3]
    if width < encoding.least[0] or height < encoding.least[1]:
        least = "x".join(map(str, encoding.least))
        raise InputError(f"{encoding.coding.encoder}: needs frames of at least {least} pixels")
    encode(str(path), frames, encoding.coding)
