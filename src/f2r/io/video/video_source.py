"""Content of a video file besides its frames, which a writer carries over."""

import struct
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Source
from f2r.io.video.codings import lossy_coding
from f2r.io.video.pixels import UNSPECIFIED, Colour, PixelLayout, parse_layout
from f2r.io.video.timeline import PieceOfTimeline, Timeline

NOT_METADATA = {
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "duration",
    "alpha_mode",
}
"""Metadata that describe the file itself rather than the clip."""

OF_PIECES = {"audio", "subtitle", "attachment"}
"""Kinds of streams that a piece of a clip keeps."""


@dataclass(frozen=True)
class OtherStream:
    """A stream that is copied, not decoded."""

    index: int
    kind: str
    """audio, subtitle, data, attachment or video (a second picture)."""
    codec: str


@dataclass(frozen=True, kw_only=True)
class VideoSource(Source):
    """Everything of a video file that a writer can carry over."""

    codec: str
    """Name of the decoder."""
    layout: PixelLayout
    colour: Colour
    aspect: Fraction | None = None
    """Width of a sample divided by its height."""
    display_matrix: tuple[int, ...] | None = None
    """FFmpeg's 3x3 matrix of rotation and flips."""
    mastering: tuple[Fraction, ...] | None = None
    """HDR mastering display: x, y of red, green, blue and white, then minimum and maximum
    luminance."""
    light_level: tuple[int, int] | None = None
    """HDR content light level: maximum and mean."""
    stream_index: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    stream_metadata: dict[str, str] = field(default_factory=dict)
    chapters: tuple[Any, ...] = ()
    others: tuple[OtherStream, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    """When each frame is shown."""

    def piece(self, frames: range) -> "VideoSource":
        """Describe some consecutive frames; the first is shown at time 0."""
        others = tuple(other for other in self.others if other.kind in OF_PIECES)
        is_whole = len(others) == len(self.others) and not self.chapters
        left_out = ("A piece of a clip is written without chapters and data streams.",)
        return replace(
            self,
            unread=self.unread + (() if is_whole else left_out),
            chapters=(),
            others=others,
            timeline=PieceOfTimeline(self.timeline, frames),
            gaps=self.gaps.from_frame(frames.start),
        )


def interlaced(path: Path) -> InputError:
    """Refuse interlaced video."""
    return InputError(
        f"{path}: is interlaced: deinterlace it first, for example with ffmpeg -i INPUT "
        "-vf bwdif -c:v ffv1 OUTPUT.mkv"
    )


def describe_source(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    timeline: Timeline,
) -> VideoSource:
    """Collect what a writer can carry over.

    Raises:
        InputError: the video is interlaced.
    """
    if first.interlaced_frame:
        raise interlaced(path)
    layout = parse_layout(first.format.name)
    has_alpha = layout.has_alpha or _has_hidden_alpha(stream)
    side_data = _side_data(first)
    context = stream.codec_context
    return VideoSource(
        path=path,
        unread=("Transparency (the alpha channel) is left out.",) if has_alpha else (),
        codec=context.name,
        layout=layout,
        colour=_colour(context, first),
        aspect=_positive(stream.sample_aspect_ratio) or _positive(context.sample_aspect_ratio),
        display_matrix=_display_matrix(side_data.get("DISPLAYMATRIX")),
        mastering=_mastering(side_data.get("MASTERING_DISPLAY_METADATA")),
        light_level=_light_level(side_data.get("CONTENT_LIGHT_LEVEL")),
        stream_index=stream.index,
        metadata=_clip_metadata(container.metadata),
        stream_metadata=_clip_metadata(stream.metadata),
        chapters=tuple(container.chapters()),
        others=tuple(_other(s) for s in container.streams if s.index != stream.index),
        timeline=timeline,
    )


def _colour(context: VideoCodecContext, first: av.VideoFrame) -> Colour:
    return Colour(
        int(context.color_primaries),
        int(context.color_trc),
        int(context.colorspace) or UNSPECIFIED,
        int(first.color_range) or int(context.color_range),
    )


def describe(source: VideoSource, stream: VideoStream, first: av.VideoFrame) -> ClipInfo:
    """Describe the clip."""
    layout = source.layout
    return ClipInfo(
        frames=len(source.timeline) or None,
        height=first.height,
        width=first.width,
        channels=layout.channels,
        is_colour=layout.channels == 3,
        bit_depth=layout.depth,
        dtype="uint8" if layout.depth == 8 else "uint16",
        scale=float(layout.peak),
        chroma_subsampled=layout.subsampling != (1, 1),
        coding=lossy_coding(source.codec),
        fps=_positive(stream.average_rate) or _positive(stream.guessed_rate),
        time_base=stream.time_base,
        source=source,
    )


def _has_hidden_alpha(stream: VideoStream) -> bool:
    """Whether WebM holds transparency as a second picture, which the decoder ignores."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return tags.get("alpha_mode", "0") not in {"", "0"}


def _positive(value: Fraction | None) -> Fraction | None:
    return value if value else None


def _other(stream: Any) -> OtherStream:
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    return OtherStream(stream.index, stream.type, codec)


def _clip_metadata(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in NOT_METADATA and not key.startswith("_STATISTICS")
    }


def _side_data(picture: av.VideoFrame) -> dict[str, bytes]:
    entries: Any = picture.side_data  # a container, though PyAV declares a dict of another type
    found = (entries[i] for i in range(len(entries)))
    return {entry.type.name: bytes(entry) for entry in found}


def _display_matrix(data: bytes | None) -> tuple[int, ...] | None:
    return struct.unpack("=9i", data[:36]) if data else None


def _mastering(data: bytes | None) -> tuple[Fraction, ...] | None:
    """Read AVMasteringDisplayMetadata: 3x2 primaries, white point, luminances, two flags."""
    if data is None:
        return None
    numbers = struct.unpack("=22i", data[:88])
    if not (numbers[20] and numbers[21]):
        return None
    return tuple(Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2))


def _light_level(data: bytes | None) -> tuple[int, int] | None:
    return struct.unpack("=2I", data[:8]) if data else None
