"""Clip and output as browsers play them, side by side.

Files that browsers play are shown as they are. Of all others both sides get a short copy: the same
frames, the same tones.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from secrets import token_hex

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from f2r.app.clip import Pixels
from f2r.io import open_reader
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.isp.show import render_alike
from f2r.pictures.before_after import Tone, choose_tone, resize, to_pixels

PLAYED = {".mp4", ".m4v", ".webm"}
"""Containers that browsers play."""
PROFILES = {"Baseline", "Constrained Baseline", "Main", "High"}
"""Profiles of H.264 that browsers play."""
ENCODERS = {"libx264": ".mp4", "libvpx-vp9": ".webm"}
"""Encoders of the copies, best first, and their containers."""
OPTIONS = {
    "libx264": {"crf": "16", "preset": "veryfast"},
    "libvpx-vp9": {"crf": "20", "b": "0", "deadline": "realtime", "cpu-used": "6"},
}
COPIED_SECONDS = 10
"""Length of a copy."""
COPIED_WIDTH = 1280
"""Width of a copy in pixels, at most."""
USUAL_RATE = Fraction(10)
"""Frames a second of clips without a clock."""


@dataclass(frozen=True)
class Players:
    """What the page plays."""

    before: Path
    """The clip, or a copy."""
    after: Path
    """The output, or a copy."""
    are_copies: bool
    """Whether they are short copies."""


def make_players(clip: Path, output: Path, folder: Path) -> Players:
    """Give what a browser can play of a clip and its output.

    Args:
        clip: the input.
        output: the denoised clip.
        folder: for copies.

    Raises:
        InputError: a clip cannot be read, or the disk is full.
    """
    if is_played(clip) and is_played(output):
        return Players(clip, output, are_copies=False)
    encoder = next(name for name in ENCODERS if name in av.codec.codecs_available)
    word = token_hex(8)
    before, after = (
        folder / f"{word}.{side}{ENCODERS[encoder]}" for side in ("original", "denoised")
    )
    with ExitStack() as stack:
        readers = [
            stack.enter_context(open_reader(path, counts_to_nominal=True))
            for path in (clip, output)
        ]
        writers = [
            stack.enter_context(CopyWriter(path, encoder, readers[0].info))
            for path in (before, after)
        ]
        for pair in _pairs(*readers):
            for writer, pixels in zip(writers, pair, strict=True):
                writer.write(pixels)
    return Players(before, after, are_copies=True)


def is_played(path: Path) -> bool:
    """Whether every current browser plays a file."""
    if path.suffix.lower() not in PLAYED or not path.is_file():
        return False
    try:
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            codec, pixels = context.name, context.pix_fmt
            if codec == "h264":
                return pixels in {"yuv420p", "yuvj420p"} and context.profile in PROFILES
            return pixels == "yuv420p" and codec in {"vp8", "vp9", "libdav1d", "av1"}
    except (av.error.FFmpegError, IndexError):
        return False


def _pairs(before: FrameReader, after: FrameReader) -> Iterator[tuple[Pixels, Pixels]]:
    """Give the first frames of both clips as pixels, in the same tones."""
    count = round(COPIED_SECONDS * (before.info.fps or USUAL_RATE))
    tone: Tone | None = None
    for noisy, clean in islice(zip(before, after, strict=False), count):
        shown, denoised = _shown(before, noisy, clean)
        tone = tone or choose_tone(denoised)
        yield to_pixels(shown, tone), to_pixels(denoised, tone)


def _shown(reader: FrameReader, noisy: Frame, clean: Frame) -> tuple[Frame, Frame]:
    """Render raw frames, both with the exposure of the denoised one."""
    if reader.info.mosaic is None:
        return noisy, clean
    denoised, before = render_alike(reader.info.mosaic, clean, noisy)
    return before, denoised


class CopyWriter:
    """Writes a copy that browsers play; a context manager.

    Args:
        path: the copy.
        encoder: one of `ENCODERS`.
        info: the clip.
    """

    def __init__(self, path: Path, encoder: str, info: ClipInfo) -> None:
        options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
        self._output = av.open(str(path), "w", options=options)
        rate = (info.fps or USUAL_RATE).limit_denominator(1001)
        stream = self._output.add_stream(encoder, rate=rate, options=OPTIONS[encoder])
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.colorspace = Colorspace.ITU709
        self._stream.codec_context.color_range = ColorRange.MPEG
        turned = getattr(info.source, "display_matrix", None)
        if turned is not None and hasattr(self._stream, "set_display_matrix"):
            self._stream.set_display_matrix(turned)
        self._has_size = False

    def write(self, pixels: Pixels) -> None:
        """Append a frame."""
        fitted = _fitted(pixels)
        if not self._has_size:
            self._stream.height, self._stream.width = fitted.shape[:2]
            self._has_size = True
        picture = av.VideoFrame.from_ndarray(fitted, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        self._output.mux(self._stream.encode(picture))

    def __enter__(self) -> "CopyWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None and self._has_size:
                self._output.mux(self._stream.encode(None))
        finally:
            self._output.close()


def _fitted(pixels: Pixels) -> Pixels:
    """Reduce a frame to the width of a copy; both sides become even."""
    height, width = pixels.shape[:2]
    scale = min(1.0, COPIED_WIDTH / width)
    sides = (max(2 * round(scale * side / 2), 2) for side in (height, width))
    rows, columns = sides
    fitted = pixels if (rows, columns) == (height, width) else resize(pixels, (rows, columns))
    return np.ascontiguousarray(fitted)
