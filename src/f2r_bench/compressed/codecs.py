"""Encode 8-bit frames as people's cameras and phones do: YUV 4:2:0 by x264, x265, VP9, MJPEG."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from f2r.errors import InputError

RATE = 25
"""Frames a second."""
QUALITY_UNIT = 118
"""FFmpeg's unit of a fixed quantiser (FF_QP2LAMBDA)."""


@dataclass(frozen=True)
class Encoding:
    """One encoder at one quality."""

    encoder: str
    """Name in FFmpeg."""
    suffix: str
    """Container, by its extension."""
    options: Mapping[str, str]
    """Options of the encoder."""
    pixel_format: str = "yuv420p"
    """What it gets; yuvj420p has the full range."""
    least: tuple[int, int] = (2, 2)
    """Smallest width and height that are safe."""
    global_quality: int | None = None
    """Fixed quantiser of all frames; None leaves the quality to the options."""


def _x264(crf: int) -> Encoding:
    return Encoding("libx264", ".mkv", {"crf": str(crf)} | _steady())


def _steady() -> dict[str, str]:
    """Keep x264 from AVX-512, with which it makes different streams of the same frames."""
    cpuinfo = Path("/proc/cpuinfo")
    has_avx512 = cpuinfo.exists() and "avx512" in cpuinfo.read_text()
    return {"x264-params": "asm=AVX2"} if has_avx512 else {}


def _x265(crf: int) -> Encoding:
    options = {"crf": str(crf), "x265-params": "log-level=none:pools=none"}
    return Encoding("libx265", ".mkv", options, least=(64, 48))


def _mjpeg(quality: int) -> Encoding:
    return Encoding("mjpeg", ".avi", {}, "yuvj420p", global_quality=quality)


ENCODINGS: Mapping[str, Encoding] = {
    "x264-18": _x264(18),
    "x264-23": _x264(23),
    "x264-28": _x264(28),
    "x265-23": _x265(23),
    "x265-28": _x265(28),
    "vp9-32": Encoding("libvpx-vp9", ".mkv", {"crf": "32", "b": "0", "cpu-used": "4"}),
    "mjpeg-3": _mjpeg(3),
    "mjpeg-5": _mjpeg(5),
}
"""The encoders of the grid by name: crf of x264, x265 and VP9, qscale of MJPEG."""


def encode(path: Path, frames: NDArray[np.uint8], encoding: Encoding) -> None:
    """Write (T, H, W, 3) RGB frames with even sides to a file.

    Raises:
        InputError: the frames are too small for the encoder.
    """
    height, width = frames.shape[1:3]
    if width < encoding.least[0] or height < encoding.least[1]:
        least = "x".join(map(str, encoding.least))
        raise InputError(f"{encoding.encoder}: needs frames of at least {least} pixels")
    with av.open(str(path), "w") as container:
        stream = _add_stream(container, encoding.encoder, encoding.options)
        stream.width, stream.height, stream.pix_fmt = width, height, encoding.pixel_format
        if encoding.global_quality is not None:
            context = stream.codec_context
            context.qmin = context.qmax = encoding.global_quality
            context.options = {"global_quality": str(QUALITY_UNIT * encoding.global_quality)}
            context.flags |= Flags.qscale
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture.reformat(format=encoding.pixel_format)))
        container.mux(stream.encode(None))


def write_lossless(path: Path, pictures: Iterable[av.VideoFrame]) -> None:
    """Write decoded pictures as they are, with their colour tags, by FFV1 to Matroska."""
    with av.open(str(path), "w") as container:
        stream = None
        for picture in map(_plain, pictures):
            if stream is None:
                stream = _add_stream(container, "ffv1", {"level": "3"})
                stream.width, stream.height = picture.width, picture.height
                stream.pix_fmt = picture.format.name
                context = stream.codec_context
                context.color_range, context.colorspace = picture.color_range, picture.colorspace
            picture.pts = None
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def _add_stream(
    container: OutputContainer, encoder: str, options: Mapping[str, str]
) -> av.VideoStream:
    stream = container.add_stream(encoder, rate=RATE, options=dict(options))
    return cast("av.VideoStream", stream)


def _plain(picture: av.VideoFrame) -> av.VideoFrame:
    """Name the full range by its tag, not by the pixel format, which FFV1 does not take."""
    if not picture.format.name.startswith("yuvj"):
        return picture
    name, full = picture.format.name.replace("yuvj", "yuv"), ColorRange.JPEG
    return picture.reformat(format=name, src_color_range=full, dst_color_range=full)
