"""Video files through PyAV: what they hold, and their frames."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from f2r.errors import InputError, reason
from f2r.io.clip import ClipInfo, Closing, Frame, Source, check_frame_size
from f2r.io.video.codings import lossy_coding
from f2r.io.video.pixels import UNSPECIFIED, Colour, PixelLayout, decode_frame, parse_layout
from f2r.io.video.timeline import Timeline, scan
from f2r.io.video.whole import check_whole

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,yuv4mpegpipe,mpegts,mpeg,asf,flv,mxf,gif,ogg,ivf,"
    "h264,hevc,obu,dv,nut,mpegvideo,m4v"
)
"""Containers that may be opened. FFmpeg would also take text for video and follow playlists."""
NOT_METADATA = {
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "duration",
    "alpha_mode",
}
"""Metadata that describe the file itself rather than the clip."""


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


def open_video(path: Path) -> InputContainer:
    """Open a container for reading.

    Raises:
        InputError: it is not a video file.
    """
    try:
        return av.open(
            f"file:{path}",
            "r",
            metadata_errors="replace",
            container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as video ({reason(error)}): it is damaged, cut short or no "
            "video; check that it plays"
        ) from error


class VideoReader(Closing):
    """Frames of a video file in the order in which they are shown.

    Args:
        path: the video.
        skip_corrupt: leave out packets that cannot be decoded instead of stopping there.
    """

    def __init__(self, path: Path, *, skip_corrupt: bool = False) -> None:
        self._path = path
        self._skip_corrupt = skip_corrupt
        self.skipped = 0
        """Damaged packets and frames that the latest pass met."""
        with open_video(path) as container:
            stream = _find_stream(container, path)
            check_frame_size(stream.height, stream.width, path)
            if not skip_corrupt:
                check_whole(path, container.format.name)
            timeline = scan(container, stream, path, tolerant=skip_corrupt)
        with open_video(path) as container:
            stream = _find_stream(container, path)
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InputError(f"{path}: holds no video frame that can be decoded")
            self._source = _describe_source(path, container, stream, first, timeline)
            self.info = _describe(self._source, stream, first)

    def __iter__(self) -> Iterator[Frame]:
        self.skipped = 0
        with open_video(self._path) as container:
            stream = _find_stream(container, self._path)
            stream.thread_type = "AUTO"
            index = 0
            for index, picture in enumerate(self._decode(container, stream), start=1):
                self._check(picture, index)
                self._source.timeline.note(index - 1, picture.pts)
                yield decode_frame(picture, parse_layout(picture.format.name), self._source.colour)
            if index == 0:
                raise InputError(f"{self._path}: holds no video frame that can be decoded")

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        # The packet without dts that ends the stream must be decoded too: it drains the decoder.
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                self._complain(packet.pts, error)
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self._complain(picture.pts, None)
                yield picture

    def _complain(self, pts: int | None, error: Exception | None) -> None:
        self.skipped += 1
        if not self._skip_corrupt:
            where = "" if pts is None else f" at timestamp {pts}"
            raise InputError(
                f"{self._path}: holds damaged data{where}: copy it again, or pass --skip-corrupt"
            ) from error

    def _check(self, picture: av.VideoFrame, number: int) -> None:
        info = self.info
        if picture.interlaced_frame:
            raise _interlaced(self._path)
        if (picture.height, picture.width) != (info.height, info.width):
            raise InputError(
                f"{self._path}: changes from {info.width}x{info.height} to "
                f"{picture.width}x{picture.height} at frame {number}: split it there first"
            )
        layout = parse_layout(picture.format.name)
        if (layout.channels, layout.depth) != (info.channels, info.bit_depth):
            raise InputError(
                f"{self._path}: changes its pixel format to {picture.format.name} at frame "
                f"{number}: split it there first"
            )


def _interlaced(path: Path) -> InputError:
    return InputError(
        f"{path}: is interlaced: deinterlace it first, for example with ffmpeg -i INPUT "
        "-vf bwdif -c:v ffv1 OUTPUT.mkv"
    )


def _find_stream(container: InputContainer, path: Path) -> VideoStream:
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    if not pictures:
        raise InputError(f"{path}: holds no video stream")
    stream = pictures[0]
    if stream.codec_context is None:
        raise InputError(f"{path}: its video codec is not supported: convert it, e.g. to H.264")
    return stream


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _describe_source(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    timeline: Timeline,
) -> VideoSource:
    if first.interlaced_frame:
        raise _interlaced(path)
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


def _describe(source: VideoSource, stream: VideoStream, first: av.VideoFrame) -> ClipInfo:
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
    """Tell whether WebM holds transparency as a second picture, which the decoder leaves out."""
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
