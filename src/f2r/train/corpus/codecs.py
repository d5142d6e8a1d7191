"""Encoding and decoding of clips by real encoders, for training on compressed video."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from f2r.io.clip import Frame

Options = dict[str, str]
"""Options of an FFmpeg encoder."""


@dataclass(frozen=True)
class Coding:
    """One encoder with its settings."""

    encoder: str
    """FFmpeg's name of the encoder."""
    options: Options = field(default_factory=dict)
    """Its options."""
    pixel_format: str = "yuv420p"
    """Pixel format that the encoder receives; yuvj420p has the full range."""
    threads: int = 1
    """Threads of the encoder; 0 leaves the number to it."""


def constant_quantiser(encoder: str, quantiser: int, pixel_format: str = "yuv420p") -> Coding:
    """Make a coding whose blocks all have one quantiser, as MJPEG and the old MPEG codecs take."""
    fixed = {"qmin": str(quantiser), "qmax": str(quantiser)}
    return Coding(encoder, fixed, pixel_format)


def draw_coding(rng: np.random.Generator) -> Coding:
    """Draw an encoder by its usage: mostly H.264, at all usual qualities."""
    makers = list(DRAWS)
    shares = np.array([share for _, share in makers])
    make, _ = makers[int(rng.choice(len(makers), p=shares / shares.sum()))]
    return make(rng)


def code(frames: np.ndarray, coding: Coding) -> list[Frame]:
    """Encode a clip and decode it again.

    Args:
        frames: (T, H, W, 3) RGB uint8; H and W are even, x265 needs at least 48 x 64.
        coding: encoder and settings.

    Returns:
        T frames (H, W, 3), nominal RGB in float32, as F2R reads them from a file.
    """
    file = io.BytesIO()
    encode(file, frames, coding, "matroska")
    file.seek(0)
    return list(_decode(file))


def encode(
    target: str | io.BytesIO, frames: np.ndarray, coding: Coding, container_name: str | None = None
) -> None:
    """Encode a clip.

    Args:
        target: file to write, or memory.
        frames: (T, H, W, 3) RGB uint8; H and W are even.
        coding: encoder and settings.
        container_name: container in FFmpeg's words; None takes that of the file's extension.
    """
    import av

    os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 writes past FFmpeg's log
    with av.open(target, "w", format=container_name) as container:
        stream: Any = container.add_stream(coding.encoder, rate=25, options=dict(coding.options))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = coding.pixel_format
        stream.thread_count = coding.threads
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture.reformat(format=coding.pixel_format)))
        container.mux(stream.encode(None))


def _decode(file: io.BytesIO) -> Iterator[Frame]:
    import av

    from f2r.io.video.pixels import UNSPECIFIED, Colour, decode_frame, parse_layout

    with av.open(file, "r") as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for picture in container.decode(stream):
            matrix = int(stream.codec_context.colorspace) or UNSPECIFIED
            colour = Colour(matrix=matrix, range=int(picture.color_range))
            yield decode_frame(picture, parse_layout(picture.format.name), colour)


def _choose(rng: np.random.Generator, *choices: str) -> str:
    return str(rng.choice(list(choices)))


def _key_frames(rng: np.random.Generator) -> Options:
    """Draw the distance of key frames; short ones show all frame types in a short clip."""
    return {"g": _choose(rng, "1", "4", "8", "12", "250", "250", "250")}


def _x264(rng: np.random.Generator) -> Coding:
    options = {"crf": str(int(rng.integers(14, 35))), "mbtree": "0"} | _key_frames(rng)
    options["preset"] = _choose(rng, "ultrafast", "veryfast", "fast", "medium", "medium", "slow")
    tune = _choose(rng, "", "", "", "film", "grain", "zerolatency", "animation")
    return Coding("libx264", options | ({"tune": tune} if tune else {}))


def _x265(rng: np.random.Generator) -> Coding:
    options = {"crf": str(int(rng.integers(16, 34))), "x265-params": "log-level=none:pools=none"}
    options["preset"] = _choose(rng, "ultrafast", "superfast", "veryfast", "fast", "medium")
    return Coding("libx265", options | _key_frames(rng))


def _vp9(rng: np.random.Generator) -> Coding:
    speed = _choose(rng, "3", "4", "5", "6", "8")
    options = {"crf": str(int(rng.integers(16, 48))), "b": "0", "cpu-used": speed}
    return Coding("libvpx-vp9", options | {"deadline": _choose(rng, "good", "realtime")})


def _av1(rng: np.random.Generator) -> Coding:
    options = {"crf": str(int(rng.integers(18, 50))), "preset": _choose(rng, "9", "10", "11")}
    return Coding("libsvtav1", options | {"svtav1-params": "lp=1"})


def _mjpeg(rng: np.random.Generator) -> Coding:
    sampling = _choose(rng, "yuvj420p", "yuvj420p", "yuvj422p", "yuvj444p")
    return constant_quantiser("mjpeg", int(rng.integers(2, 11)), sampling)


def _mpeg(rng: np.random.Generator) -> Coding:
    encoder = _choose(rng, "mpeg4", "mpeg4", "mpeg2video")
    return constant_quantiser(encoder, int(rng.integers(2, 11)))


def _prores(rng: np.random.Generator) -> Coding:
    return Coding("prores_ks", {"profile": _choose(rng, "0", "1", "2")}, "yuv422p10le")


DRAWS: tuple[tuple[Callable[[np.random.Generator], Coding], float], ...] = (
    (_x264, 0.46),
    (_x265, 0.14),
    (_vp9, 0.1),
    (_av1, 0.04),
    (_mjpeg, 0.14),
    (_mpeg, 0.09),
    (_prores, 0.03),
)
"""How to draw each encoder, with its share."""
