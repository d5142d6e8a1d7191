"""Clips through a video encoder and back, in memory: what a codec makes of a camera's noise."""

import io
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from f2r.errors import InputError

ENCODERS = {
    "x264": "libx264",
    "x265": "libx265",
    "vp9": "libvpx-vp9",
    "mpeg4": "mpeg4",
    "mjpeg": "mjpeg",
}
"""Names of the encoders in FFmpeg."""

QUALITIES = {"x264": (16, 32), "x265": (20, 32), "vp9": (25, 45), "mpeg4": (2, 8), "mjpeg": (2, 8)}
"""Lowest and highest quality number that is met with: crf, or the quantiser of MPEG-4 and MJPEG."""

PRESETS = {
    "x264": ("veryfast", "fast", "medium"),
    "x265": ("ultrafast", "superfast", "veryfast"),
}
"""Quick settings of the encoders that have several; the first is used unless another is named."""

RATE = 25
"""Frames a second; encoders weigh it when they spend bits."""


@dataclass(frozen=True)
class Coding:
    """How a clip is coded."""

    codec: str
    """'x264', 'x265', 'vp9', 'mpeg4' or 'mjpeg'."""
    quality: int
    """crf of x264, x265 and VP9, quantiser of MPEG-4 and MJPEG; higher is coarser."""
    preset: str = ""
    """Preset of x264 and x265; empty takes the first of PRESETS."""

    def __post_init__(self) -> None:
        if self.codec not in ENCODERS:
            raise InputError(f"codec must be one of {', '.join(ENCODERS)}, not {self.codec}")

    @property
    def options(self) -> dict[str, str]:
        """Options of the encoder; one thread, no messages."""
        quality = str(self.quality)
        if self.codec in {"mpeg4", "mjpeg"}:
            return {"qmin": quality, "qmax": quality}
        if self.codec == "vp9":
            return {"crf": quality, "b": "0", "deadline": "realtime", "cpu-used": "5"}
        options = {"crf": quality, "preset": self.preset or PRESETS[self.codec][0]}
        if self.codec == "x265":
            options["x265-params"] = "log-level=none:pools=none:frame-threads=1"
        return options

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the samples that are coded: 4:2:0, MJPEG in full range."""
        return "yuvj420p" if self.codec == "mjpeg" else "yuv420p"


@dataclass(frozen=True)
class CodecMix:
    """Which codecs clips go through, and how often each comes up."""

    shares: dict[str, float] = field(
        default_factory=lambda: {"x264": 0.45, "x265": 0.2, "mjpeg": 0.15, "mpeg4": 0.1, "vp9": 0.1}
    )
    """Relative frequency by codec; >= 0."""

    def draw(self, generator: torch.Generator) -> Coding:
        """Draw a codec, its preset, and a quality that is even over the codec's usual range."""
        names = list(self.shares)
        weights = torch.tensor([self.shares[name] for name in names])
        codec = names[int(torch.multinomial(weights, 1, generator=generator))]
        low, high = QUALITIES[codec]
        quality = int(torch.randint(low, high + 1, (), generator=generator))
        presets = PRESETS.get(codec, ("",))
        preset = presets[int(torch.randint(0, len(presets), (), generator=generator))]
        return Coding(codec, quality, preset)


def encode_decode(frames: np.ndarray, coding: Coding) -> np.ndarray:
    """Encode a clip and decode it again.

    Args:
        frames: (T, H, W, 3) RGB uint8, T >= 1, sides even.
        coding: codec and quality.

    Returns:
        (T, H, W, 3) RGB uint8, what a player shows, in the same order.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise InputError("frames to encode must be (T, H, W, 3) uint8")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise InputError("frames to encode must have even sides")
    import av

    with io.BytesIO() as file:
        _encode(frames, coding, file)
        file.seek(0)
        with av.open(file, "r") as container:
            container.streams.video[0].codec_context.thread_count = 1
            shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if len(shown) != len(frames):
        raise InputError(f"{coding.codec}: {len(shown)} of {len(frames)} frames came back")
    return np.stack(shown)


def _encode(frames: np.ndarray, coding: Coding, file: io.BytesIO) -> None:
    """Write a Matroska file; every one of the codecs fits in."""
    import av

    with av.open(file, "w", format="matroska") as container:
        stream: Any = container.add_stream(ENCODERS[coding.codec], RATE, options=coding.options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = coding.pixels
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, RATE)
        for t, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = t, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())  # what the encoder still holds back
