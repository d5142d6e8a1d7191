"""Choice of the encoder and pixel format that keep the most of a clip in a container."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import av

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, EncodeOptions
from f2r.io.video.pixels import PixelLayout, is_full_range, parse_layout
from f2r.io.video.video_source import VideoSource

MUXERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".y4m": "yuv4mpegpipe",
}
PACKED = {"bgr0": "bgr0", "rgb24": "rgb24"}
"""Packed formats that hold exactly the samples of 8-bit planar RGB."""


@dataclass(frozen=True)
class Encoder:
    """One encoder of FFmpeg and its settings."""

    codec: str
    """Codec name as decoders and containers call it."""
    quality: str | None
    """Option that takes the quality; None when it is lossless."""
    default: float = 0
    """Quality that is visually lossless."""
    options: dict[str, str] = field(default_factory=dict)


X264_OPTIONS = {"preset": "medium", "mbtree": "0"}
"""With mbtree, x264 as PyAV 18 ships it makes different streams of the same frames on processors
with AVX-512, and a resumed run would not equal an uninterrupted one."""

ENCODERS = {
    "libx264": Encoder("h264", "crf", 14, X264_OPTIONS),
    "libx264rgb": Encoder("h264", "crf", 14, X264_OPTIONS),
    "libx265": Encoder("hevc", "crf", 14, {"preset": "medium"}),
    "libsvtav1": Encoder("av1", "crf", 16, {"preset": "6"}),
    "libvpx-vp9": Encoder("vp9", "crf", 12, {"b": "0", "cpu-used": "4", "row-mt": "1"}),
    "prores_ks": Encoder("prores", "qscale", 4, {"vendor": "apl0"}),
    "mjpeg": Encoder("mjpeg", "qscale", 2),
    "ffv1": Encoder("ffv1", None, options={"level": "3", "slicecrc": "1", "g": "1"}),
    "rawvideo": Encoder("rawvideo", None),
}
X265_SMALLEST = (64, 48)
"""Width and height below which x265 as PyAV 18 ships it has been seen to corrupt memory (48x32)."""
SAME_CODEC = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
}
"""Encoder for the codec of a lossy source, in the containers below."""
ALLOWED = {
    "mp4": {"libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx-vp9", "mjpeg"},
    "mov": {"libx264", "libx264rgb", "libx265", "libsvtav1", "prores_ks", "mjpeg"},
    "matroska": set(ENCODERS) - {"rawvideo"},
    "webm": {"libvpx-vp9", "libsvtav1"},
    "avi": {"ffv1", "mjpeg"},
    "yuv4mpegpipe": {"rawvideo"},
}
Y4M_FORMATS = {
    f"{stem}{depth}"
    for depth in ("", "9le", "10le", "12le", "14le", "16le")
    for stem in ("gray", "yuv420p", "yuv422p", "yuv444p")
} - {"gray14le"}
"""Pixel formats of the muxer."""


@dataclass(frozen=True)
class Encoding:
    """The choice for one output."""

    muxer: str
    encoder: str
    layout: PixelLayout
    pixel_format: str
    """Pixel format of the encoder; usually `layout.name`."""
    options: dict[str, str]
    losses: tuple[str, ...]


def choose_encoding(suffix: str, info: ClipInfo, options: EncodeOptions) -> Encoding:
    """Choose how to write `info` to a file with this suffix.

    Matroska and AVI get FFV1 and lose nothing; the others keep the source's codec where they can.

    Raises:
        InputError: the encoder is unknown, does not go with the container, or is not built in.
    """
    muxer = MUXERS[suffix]
    wanted = _wanted_layout(info, muxer)
    name = options.codec or _default_encoder(muxer, info, wanted)
    if name not in ALLOWED[muxer]:
        raise InputError(
            f"codec {name} does not go into {suffix}: choose {', '.join(sorted(ALLOWED[muxer]))}"
        )
    if name == "libx265" and (info.width < X265_SMALLEST[0] or info.height < X265_SMALLEST[1]):
        raise InputError(
            f"codec libx265 breaks on frames of {info.width}x{info.height}: choose another codec "
            "or .mkv"
        )
    layout, pixel_format = _closest(name, wanted)
    return Encoding(
        muxer=muxer,
        encoder=name,
        layout=layout,
        pixel_format=pixel_format,
        options=_codec_options(name, layout, options),
        losses=_losses(info, wanted, layout, f"in {suffix} with {name}"),
    )


def _wanted_layout(info: ClipInfo, muxer: str) -> PixelLayout:
    """Return the layout of the source, or for a clip that was no video one that players show."""
    if isinstance(info.source, VideoSource):
        layout = info.source.layout
        if muxer == "avi" and layout.family == "yuv" and is_full_range(layout, info.source.colour):
            # AVI cannot say that the range is full; limited range needs two more bits to hold it
            return replace(layout, depth=max(10, layout.depth), is_full=False)
        return layout
    if muxer in {"matroska", "avi", "yuv4mpegpipe"}:
        depth = min(16, info.bit_depth)
        return PixelLayout("grey" if info.channels == 1 else "rgb", depth)
    return PixelLayout("yuv", 8 if info.bit_depth == 8 else 10, (2, 2))


def _default_encoder(muxer: str, info: ClipInfo, wanted: PixelLayout) -> str:
    if muxer in {"matroska", "avi"}:
        return "ffv1"
    if muxer == "yuv4mpegpipe":
        return "rawvideo"
    if isinstance(info.source, VideoSource):
        same = SAME_CODEC.get(info.source.codec.removeprefix("lib").replace("dav1d", "av1"))
        if same == "libx264" and wanted.family == "rgb":
            same = "libx264rgb"
        if same in ALLOWED[muxer] and not _shallower(same, wanted):
            return same
    if muxer == "webm":
        return "libvpx-vp9" if wanted.depth == 8 else "libsvtav1"
    return "libx264" if wanted.depth == 8 else "libx265"


def _shallower(name: str, wanted: PixelLayout) -> bool:
    """Whether this build of the encoder has fewer bits than the source.

    ProRes 4444 is accepted with 10 bits of 12.
    """
    if name == "prores_ks":
        return False
    return _closest(name, wanted)[0].depth < min(wanted.depth, 12)


def _closest(name: str, wanted: PixelLayout) -> tuple[PixelLayout, str]:
    """Find the encoder's pixel format that keeps the most of `wanted`."""
    candidates = [
        (layout, pixel_format)
        for pixel_format in _pixel_formats(name)
        if (layout := _exact_layout(pixel_format)) is not None
    ]
    return min(candidates, key=lambda candidate: _distance(candidate[0], wanted))


def _pixel_formats(name: str) -> list[str]:
    if name == "rawvideo":
        return sorted(Y4M_FORMATS)
    try:
        formats = av.Codec(name, "w").video_formats or []
    except ValueError as error:  # UnknownCodecError
        raise InputError(
            f"codec {name} is not part of this FFmpeg build: choose another"
        ) from error
    return [pixel_format.name for pixel_format in formats]


def _exact_layout(pixel_format: str) -> PixelLayout | None:
    """Describe a format that F2R can fill without loss, else None."""
    try:
        layout = parse_layout(pixel_format)
    except InputError:
        return None
    if layout.has_alpha:
        return None
    is_planar = layout.name == pixel_format.replace("yuvj", "yuv")
    is_packed = pixel_format in PACKED and layout.depth == 8
    return layout if is_planar or is_packed else None


def _distance(layout: PixelLayout, wanted: PixelLayout) -> tuple[float, ...]:
    """Order layouts by the loss of information, then by size."""
    families = {"rgb": {"rgb": 0, "yuv": 1, "grey": 9}, "yuv": {"yuv": 0, "rgb": 1, "grey": 9}}
    families["grey"] = {"grey": 0, "yuv": 1, "rgb": 2}
    across, down = layout.subsampling
    wanted_across, wanted_down = wanted.subsampling
    if wanted.family == "grey":
        wanted_across = wanted_down = 2
    return (
        families[wanted.family][layout.family],
        max(0, wanted.depth - layout.depth),
        max(0, across - wanted_across) + max(0, down - wanted_down),
        max(0, wanted_across - across) + max(0, wanted_down - down),
        layout.depth - wanted.depth,
        layout.is_full != wanted.is_full,
    )


def _codec_options(name: str, layout: PixelLayout, options: EncodeOptions) -> dict[str, str]:
    encoder = ENCODERS[name]
    chosen = dict(encoder.options)
    quality = options.quality if options.quality is not None else encoder.default
    if encoder.quality is None:
        if options.quality is not None:
            raise InputError(f"codec {name} is lossless and takes no quality: leave it out")
    elif encoder.quality == "qscale":
        chosen |= {"qmin": f"{quality:g}", "qmax": f"{quality:g}"}
    else:
        chosen[encoder.quality] = f"{quality:g}"
    if name == "prores_ks":
        chosen["profile"] = "4" if layout.subsampling == (1, 1) else "3"
    return chosen


def _losses(
    info: ClipInfo, wanted: PixelLayout, layout: PixelLayout, where: str
) -> tuple[str, ...]:
    losses = []
    if info.dtype == "float32":
        losses.append(f"Float samples become {layout.depth}-bit {where}, clipped to [0, 1].")
    elif info.bit_depth > layout.depth:
        losses.append(f"{info.bit_depth}-bit samples become {layout.depth}-bit {where}.")
    if wanted.family == "rgb" and layout.family == "yuv":
        losses.append(f"RGB samples are converted to {layout.name} {where} and rounded.")
    source = info.source.layout if isinstance(info.source, VideoSource) else None
    had = source.subsampling if source else (1, 1)
    if info.channels == 3 and (layout.subsampling[0] > had[0] or layout.subsampling[1] > had[1]):
        losses.append(f"Colour is stored at lower resolution ({layout.name}) {where}.")
    return tuple(losses)


def clock(info: ClipInfo) -> tuple[Fraction, Fraction]:
    """Return frames per second and time base; 25 frames per second where there is no clock."""
    fps = info.fps or Fraction(25)
    return fps, info.time_base or 1 / fps
