"""Video files, written by PyAV, with the further content of the input."""

import os
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter
from av.container import OutputContainer
from av.video.stream import VideoStream

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, EncodeOptions, Frame, Samples
from f2r.io.output import FileWriter
from f2r.io.video.cut import Cut
from f2r.io.video.encoders import Encoding, choose_encoding, clock
from f2r.io.video.losses import PLAIN, container_losses
from f2r.io.video.other_streams import Passengers
from f2r.io.video.pixels import (
    BT601,
    FULL,
    LIMITED,
    UNSPECIFIED,
    Colour,
    guess_matrix,
    make_picture,
    pack_frame,
)
from f2r.io.video.video_source import VideoSource
from f2r.system.claim import Claim


class AspectTagger:
    """Sets the sample aspect ratio of pictures, which PyAV has no attribute for."""

    def __init__(
        self, info: ClipInfo, pixel_format: str, time_base: Fraction, aspect: Fraction
    ) -> None:
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=info.width,
            height=info.height,
            format=av.VideoFormat(pixel_format),
            time_base=time_base,
        )
        setter = self._graph.add("setsar", f"{aspect.numerator}/{aspect.denominator}")
        sink = self._graph.add("buffersink")
        source.link_to(setter)
        setter.link_to(sink)
        self._graph.configure()

    def tag(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the picture with the aspect ratio."""
        self._graph.vpush(picture)
        return self._graph.vpull()


class VideoWriter(FileWriter):
    """A video file.

    Args:
        claim: claim of the output.
        info: the clip; timestamps, colour tags and further streams come from its source.
        options: encoder and quality.
    """

    failures = (OSError, av.error.FFmpegError)
    keeps_nan = False

    def __init__(self, claim: Claim, info: ClipInfo, options: EncodeOptions) -> None:
        check_colour_channels(claim.path, info)
        self._encoding = choose_encoding(claim.path.suffix.lower(), info, options)
        super().__init__(claim, info, self._encoding.losses)
        self._source = info.source if isinstance(info.source, VideoSource) else None
        self._colour = output_colour(info, self._encoding)
        self._fps, self._time_base = _output_clock(info, self._encoding.muxer)
        self._ticks = -(2**62)
        with self._explained():
            self._open()
        self._losses += container_losses(info, self._encoding)
        if self._passengers is not None:
            self._losses += tuple(self._passengers.losses)

    def _open(self) -> None:
        self._output: OutputContainer = av.open(
            f"file:{self._part}", "w", format=self._encoding.muxer, options=self._muxer_options()
        )
        self._stream = self._add_stream()
        self._aspect = self._make_tagger()
        self._passengers = self._take_passengers()
        if self._source is not None:
            self._output.metadata.update(self._source.metadata)
            if self._source.chapters and self._encoding.muxer not in PLAIN:
                self._output.set_chapters(list(self._source.chapters))
        try:
            self._output.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            self.abort()
            raise InputError(
                f"{self.path}: the encoder {self._encoding.encoder} refuses "
                f"{self.info.width}x{self.info.height} {self._encoding.pixel_format} ({error}): "
                "choose another codec or .mkv"
            ) from error

    def _muxer_options(self) -> dict[str, str]:
        if self._encoding.muxer == "yuv4mpegpipe":
            return {"strict": "-1"}  # more than 8 bits are a common extension of the format
        if self._encoding.muxer in {"matroska", "webm"}:
            return {"fflags": "+bitexact"}  # no random numbers: the same frames give the same file
        return {"movflags": "use_metadata_tags"} if self._encoding.muxer in {"mp4", "mov"} else {}

    def _add_stream(self) -> VideoStream:
        encoding, source = self._encoding, self._source
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 otherwise prints its life story
        stream = self._output.add_stream(
            encoding.encoder,
            rate=self._fps,
            options=encoding.options | _extra_options(encoding, source),
            time_base=self._time_base,
            width=self.info.width,
            height=self.info.height,
        )
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.pix_fmt = encoding.pixel_format
        context.color_range = self._colour.range
        context.color_primaries = self._colour.primaries
        context.color_trc = self._colour.transfer
        context.colorspace = self._colour.matrix
        if source is not None:
            stream.metadata.update(source.stream_metadata)
            if source.aspect is not None:
                context.sample_aspect_ratio = source.aspect
            if source.display_matrix is not None and hasattr(stream, "set_display_matrix"):
                stream.set_display_matrix(source.display_matrix)
        return stream

    def _take_passengers(self) -> Passengers | None:
        """Open the further streams of the input; of a piece, from its first to its last frame."""
        source, tick = self._source, self.info.time_base
        if source is None:
            return None
        cut = None if tick is None else source.timeline.cut
        if cut is None or tick is None:
            return Passengers(source, self._output)
        stop = None if cut[1] is None else cut[1] * tick
        return Passengers(source, self._output, Cut(cut[0] * tick, stop))

    def _make_tagger(self) -> AspectTagger | None:
        """FFV1 takes the aspect ratio from its frames, the other encoders from their context."""
        aspect = self._source.aspect if self._source else None
        if aspect is None or self._encoding.encoder != "ffv1":
            return None
        return AspectTagger(self.info, self._encoding.pixel_format, self._time_base, aspect)

    def _pack(self, frame: Frame) -> Samples:
        return pack_frame(frame, self._encoding.layout, self._colour)

    def _put(self, samples: Samples) -> None:
        picture = make_picture(samples, self._encoding.layout)
        if self._encoding.pixel_format.replace("yuvj", "yuv") != self._encoding.layout.name:
            picture = picture.reformat(format=self._encoding.pixel_format)
        if self._aspect is not None:
            picture = self._aspect.tag(picture)
        picture.colorspace = self._colour.matrix
        picture.color_range = self._colour.range
        picture.time_base = self._time_base
        self._ticks = picture.pts = self._next_ticks()
        for packet in self._stream.encode(picture):
            self._output.mux(packet)
        if self._passengers is not None:
            self._passengers.copy_until(self._ticks * self._time_base, self._output)

    def _next_ticks(self) -> int:
        """Return the timestamp of the current frame in ticks of the output."""
        counted = round(self.count / (self._fps * self._time_base))
        if self._source is None or self._encoding.muxer == "yuv4mpegpipe":
            return counted
        ticks = self._source.timeline.at(self.count)
        if ticks is None or self.info.time_base is None:
            return max(counted, self._ticks + 1)
        # AVI counts in frames: gaps stay gaps, frames closer than that move apart
        return max(round(ticks * self.info.time_base / self._time_base), self._ticks + 1)

    def _finish(self) -> None:
        for packet in self._stream.encode(None):
            self._output.mux(packet)
        if self._passengers is not None:
            self._passengers.copy_until(None, self._output)
        self._release()

    def _release(self) -> None:
        passengers: Passengers | None = getattr(self, "_passengers", None)
        if passengers is not None:
            passengers.close()
        if hasattr(self, "_output"):
            self._output.close()


def check_colour_channels(path: object, info: ClipInfo) -> None:
    """Refuse independent channels, which a video would mix."""
    if info.channels != 1 and not (info.channels == 3 and info.is_colour):
        raise InputError(
            f"{path}: {info.channels} independent channels do not fit into a video: "
            "write .tif or .npy"
        )


def _output_clock(info: ClipInfo, muxer: str) -> tuple[Fraction, Fraction]:
    fps, time_base = clock(info)
    return (fps, 1 / fps) if muxer in PLAIN else (fps, time_base)


def output_colour(info: ClipInfo, encoding: Encoding) -> Colour:
    """Return the source's tags; where they cannot be kept, those that a reader will assume."""
    layout = encoding.layout
    source = info.source if isinstance(info.source, VideoSource) else None
    colour = source.colour if source else Colour()
    assumed = guess_matrix(info.height, info.width)
    if encoding.encoder == "mjpeg":  # JFIF: BT.601, full range
        return Colour(colour.primaries, colour.transfer, BT601, FULL)
    if encoding.muxer == "avi":
        return Colour(matrix=assumed, range=FULL if layout.family == "grey" else LIMITED)
    if layout.is_full:
        return Colour(colour.primaries, colour.transfer, colour.matrix, FULL)
    if source is None or source.layout.family != layout.family:
        if layout.family == "yuv":
            return Colour(colour.primaries, colour.transfer, assumed, LIMITED)
        return Colour(colour.primaries, colour.transfer, UNSPECIFIED, FULL)
    matrix = assumed if encoding.muxer == "yuv4mpegpipe" else colour.matrix
    return Colour(colour.primaries, colour.transfer, matrix, _range_of(source))


def _range_of(source: VideoSource) -> int:
    return FULL if source.layout.is_full else source.colour.range


def _extra_options(encoding: Encoding, source: VideoSource | None) -> dict[str, str]:
    """Return the private options of x265 and SVT-AV1: log level and HDR metadata."""
    if encoding.encoder == "libx265":
        parameters = ["log-level=error", *_hdr_parameters(source, scale=True)]
        return {"x265-params": ":".join(parameters)}
    if encoding.encoder == "libsvtav1" and (parameters := _hdr_parameters(source, scale=False)):
        return {"svtav1-params": ":".join(parameters)}
    return {}


def _hdr_parameters(source: VideoSource | None, *, scale: bool) -> list[str]:
    """Spell HDR metadata; x265 counts in 1/50000 and 1/10000 (CTA-861.3), SVT-AV1 in units."""
    if source is None:
        return []
    parameters = []
    if source.mastering is not None:
        x = [_number(v, 50000 if scale else None) for v in source.mastering[:8]]
        low, high = (_number(v, 10000 if scale else None) for v in source.mastering[8:])
        pairs = f"G({x[2]},{x[3]})B({x[4]},{x[5]})R({x[0]},{x[1]})WP({x[6]},{x[7]})L({high},{low})"
        parameters.append(f"{'master-display' if scale else 'mastering-display'}={pairs}")
    if source.light_level is not None:
        key = "max-cll" if scale else "content-light"
        parameters.append(f"{key}={source.light_level[0]},{source.light_level[1]}")
    return parameters


def _number(value: Fraction, unit: int | None) -> Any:
    return round(value * unit) if unit else f"{float(value):.4f}"
