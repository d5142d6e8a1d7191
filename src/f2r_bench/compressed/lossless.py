"""Videos without loss, as decoders give them. Only FFmpeg is loaded here: start-up is timed."""

from collections.abc import Iterable
from pathlib import Path

import av
from av.video.reformatter import ColorRange


def write_lossless(path: Path, pictures: Iterable[av.VideoFrame]) -> None:
    """Write decoded pictures as they are, with their colour tags, by FFV1 to Matroska."""
    with av.open(str(path), "w") as container:
        stream = None
        for picture in map(_plain, pictures):
            if stream is None:
                stream = container.add_stream("ffv1", rate=25, options={"level": "3"})
                stream.width, stream.height = picture.width, picture.height
                stream.pix_fmt = picture.format.name
                context = stream.codec_context
                context.color_range, context.colorspace = picture.color_range, picture.colorspace
            picture.pts = None
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def _plain(picture: av.VideoFrame) -> av.VideoFrame:
    """Name the full range by its tag, not by the pixel format, which FFV1 does not take."""
    if not picture.format.name.startswith("yuvj"):
        return picture
    name, full = picture.format.name.replace("yuvj", "yuv"), ColorRange.JPEG
    return picture.reformat(format=name, src_color_range=full, dst_color_range=full)
