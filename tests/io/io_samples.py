"""Small real files for the tests of io."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

SIZE = (48, 64)


@dataclass(frozen=True)
class Video:
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    audio: str | None = None
    frames: int = 8
    pts: tuple[int, ...] | None = None
    time_base: Fraction = Fraction(1, 12800)
    rotation: int | None = None
    aspect: Fraction | None = None
    colour: tuple[int, int, int, int] = (9, 16, 9, 1)
    options: tuple[tuple[str, str], ...] = ()
    size: tuple[int, int] = SIZE
    chapters: bool = False


def ramp(frames, size=SIZE, channels=3, top=65535):
    """Moving gradients: (T, H, W, C) uint16 that compress well and differ per channel."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    clip = [
        [(rows * (3 + c) + columns * (2 + 2 * c) + 6 * t) % 256 for c in range(channels)]
        for t in range(frames)
    ]
    return (np.array(clip).transpose(0, 2, 3, 1) * top / 255).astype(np.uint16)


def write_video(path, video=Video()):
    options = dict(video.options)
    if video.codec == "libx265":
        options["x265-params"] = ":".join(["log-level=error", options.get("x265-params", "")])
    with av.open(str(path), "w") as output:
        height, width = video.size
        stream = output.add_stream(
            video.codec,
            rate=25,
            options=options,
            time_base=video.time_base,
            width=width,
            height=height,
        )
        stream.pix_fmt = video.pixel_format
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = (
            video.colour
        )
        if video.aspect:
            context.sample_aspect_ratio = video.aspect
        if video.rotation:
            stream.set_display_rotation(video.rotation)
        if video.chapters:
            output.set_chapters([_chapter(1, 0, 100), _chapter(2, 100, 300)])
        output.metadata["title"] = "a title"
        sound = _add_sound(output, video.audio)
        for i, rgb in enumerate(ramp(video.frames, video.size)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le")
            frame = frame.reformat(format=video.pixel_format)
            frame.pts = video.pts[i] if video.pts else int(Fraction(i, 25) / video.time_base)
            frame.time_base = video.time_base
            output.mux(stream.encode(frame))
        if sound is not None:
            _write_sine(output, sound)
        output.mux(stream.encode(None))
    return path


def _chapter(number, start, end):
    metadata = {"title": f"part {number}"}
    times = {"start": start, "end": end, "time_base": Fraction(1, 1000)}
    return {"id": number, "metadata": metadata, **times}


def _add_sound(output, codec):
    return output.add_stream(codec, rate=48000, layout="mono") if codec else None


def _write_sine(output, stream):
    resampler = av.AudioResampler(stream.codec_context.format.name, "mono", 48000)
    for block in range(16):
        wave = np.sin((np.arange(1024) + 1024 * block) / 20).astype(np.float32) * 0.3
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = 48000, 1024 * block, Fraction(1, 48000)
        for part in resampler.resample(frame):
            output.mux(stream.encode(part))
    output.mux(stream.encode(None))


@dataclass(frozen=True)
class Facts:
    """What an independent look at a video file finds."""

    codec: str
    pixel_format: str
    times: list[Fraction]
    colour: tuple[int, int, int, int]
    rotation: int
    title: str | None
    chapters: list[tuple[str, Fraction, Fraction]]
    sound: list[tuple[Fraction, bytes]]


def inspect(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        first = frames[0]
        return Facts(
            codec=stream.codec_context.name,
            pixel_format=first.format.name,
            times=[frame.pts * frame.time_base for frame in frames],
            colour=(first.color_primaries, first.color_trc, first.colorspace, first.color_range),
            rotation=first.rotation,
            title=container.metadata.get("title"),
            chapters=[
                (c["metadata"]["title"], c["start"] * c["time_base"], c["end"] * c["time_base"])
                for c in container.chapters()
            ],
            sound=_packets(path),
        )


def _packets(path):
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        packets = container.demux(container.streams.audio[0])
        return [(p.pts * p.time_base, bytes(p)) for p in packets if p.size]


def copy(reader, writer):
    """Send every frame through; return the clip."""
    frames = []
    with writer:
        for frame in reader:
            frames.append(frame)
            writer.write(frame)
    return np.stack(frames)


def psnr(clip, other):
    return -10 * np.log10(np.mean((clip - other) ** 2, dtype=np.float64) + 1e-20)
