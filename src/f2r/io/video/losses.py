"""Properties of a clip, besides its pixels, that a container cannot keep."""

from fractions import Fraction

from f2r.io.clip import ClipInfo
from f2r.io.video.encoders import Encoding
from f2r.io.video.pixels import UNSPECIFIED
from f2r.io.video.video_source import VideoSource

PLAIN = {"avi", "yuv4mpegpipe"}
"""Containers without rotation, chapters, primaries and transfer."""
MILLISECONDS = {"matroska", "webm"}
"""Containers whose clock ticks once per millisecond."""
CONTAINER_ASPECT = {"libsvtav1", "libvpx-vp9", "prores_ks", "rawvideo"}
"""Encoders that leave the aspect ratio to the container, where PyAV cannot set it."""
HDR_ENCODERS = {"libx265", "libsvtav1"}


Check = tuple[bool, str]
"""Whether something is lost, and its description."""


def container_losses(info: ClipInfo, encoding: Encoding) -> tuple[str, ...]:
    """List the properties that this container and encoder drop."""
    if info.fps is None:
        return ("The input has no frame rate: 25 frames per second are used.",)
    source = info.source
    if not isinstance(source, VideoSource):
        return ()
    checks = (
        *_clock_checks(info, source, encoding.muxer),
        *_tag_checks(source, encoding.muxer),
        *_stream_checks(source, encoding.encoder),
    )
    return tuple(sentence for is_lost, sentence in checks if is_lost)


def _clock_checks(info: ClipInfo, source: VideoSource, muxer: str) -> tuple[Check, ...]:
    assert info.fps is not None
    times, tick = source.timeline, info.time_base or Fraction(1, 1000)
    return (
        (
            muxer == "yuv4mpegpipe" and times.is_variable,
            "The variable frame rate becomes constant in yuv4mpegpipe.",
        ),
        (
            muxer == "avi" and times.needs_finer(1 / info.fps, tick),
            f"Timestamps are rounded to multiples of 1/{float(info.fps):.5g} s in avi.",
        ),
        (
            muxer in MILLISECONDS and times.needs_finer(Fraction(1, 1000), tick),
            f"Timestamps are rounded to milliseconds in {muxer}.",
        ),
    )


def _tag_checks(source: VideoSource, muxer: str) -> tuple[Check, ...]:
    has_tags = (source.colour.primaries, source.colour.transfer) != (UNSPECIFIED, UNSPECIFIED)
    return (
        (
            muxer in PLAIN and source.display_matrix is not None,
            f"The rotation tag cannot be kept in {muxer}.",
        ),
        (
            muxer in PLAIN and has_tags,
            f"Colour tags (primaries and transfer) cannot be kept in {muxer}.",
        ),
        (muxer in PLAIN and bool(source.chapters), f"Chapters cannot be kept in {muxer}."),
    )


def _stream_checks(source: VideoSource, encoder: str) -> tuple[Check, ...]:
    is_odd_aspect = source.aspect not in {None, 1}
    has_hdr = source.mastering is not None or source.light_level is not None
    return (
        (
            is_odd_aspect and encoder in CONTAINER_ASPECT,
            f"The sample aspect ratio {source.aspect} cannot be kept with {encoder}.",
        ),
        (
            is_odd_aspect and encoder == "ffv1",
            f"The sample aspect ratio {source.aspect} is kept in the FFV1 stream only: some "
            "players ignore it.",
        ),
        (
            has_hdr and encoder not in HDR_ENCODERS,
            f"HDR metadata cannot be kept with {encoder}: codec libx265 keeps it.",
        ),
    )
