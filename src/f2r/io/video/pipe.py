"""Raw frames through a pipe: YUV4MPEG2 on standard input and output."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

import av
from av.video.stream import VideoStream

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Closing, EncodeOptions, Frame, Samples
from f2r.io.video.encoders import choose_encoding, clock
from f2r.io.video.pixels import make_picture, pack_frame
from f2r.io.video.video_reader import VideoReader
from f2r.io.video.video_writer import check_colour_channels, output_colour
from f2r.io.video.whole import Y4M


class PipeReader(Closing):
    """YUV4MPEG2 from a pipe, kept in a temporary file because training reads a clip many times.

    Args:
        stream: where the bytes come from; standard input if None.
        skip_corrupt: accept a truncated video.
    """

    def __init__(self, stream: BinaryIO | None = None, *, skip_corrupt: bool = False) -> None:
        stream = stream or sys.stdin.buffer
        if stream.isatty():
            raise InputError("-: nothing is piped in: ffmpeg -i IN -f yuv4mpegpipe - | f2r ... -")
        start = stream.read(len(Y4M))
        if not start:
            raise InputError("-: standard input is empty: check the command before the pipe")
        if start != Y4M:
            raise InputError("-: what is piped in is no YUV4MPEG2: ffmpeg -i IN -f yuv4mpegpipe -")
        self._folder = tempfile.TemporaryDirectory(prefix="f2r-")
        try:
            copy = Path(self._folder.name) / "stdin.y4m"
            with copy.open("wb") as target:
                target.write(start)
                _copy(stream, target)
            self._reader = VideoReader(copy, skip_corrupt=skip_corrupt)
        except InputError as error:
            self._folder.cleanup()
            raise InputError(str(error).replace(str(copy), "-")) from error
        except BaseException:
            self._folder.cleanup()
            raise
        self.info: ClipInfo = self._reader.info

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        return self._reader.starting_at(start)

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        return self._reader.entry_before(start)

    def close(self) -> None:
        """Remove the temporary file."""
        self._folder.cleanup()


def _copy(stream: BinaryIO, target: BinaryIO) -> None:
    try:
        shutil.copyfileobj(stream, target, 2**20)
    except OSError as error:
        raise InputError(
            f"-: cannot be kept in {tempfile.gettempdir()} ({error.strerror}): free some space, or "
            "set TMPDIR to a larger disk"
        ) from error


class PipeWriter:
    """YUV4MPEG2 to a pipe.

    Args:
        info: the clip.
        stream: where the bytes go; standard output if None.
    """

    def __init__(self, info: ClipInfo, stream: BinaryIO | None = None) -> None:
        check_colour_channels("-", info)
        self._encoding = choose_encoding(".y4m", info, EncodeOptions())
        self._colour = output_colour(info, self._encoding)
        self._fps = clock(info)[0]
        self._count = 0
        self.losses = (*self._encoding.losses, "A pipe carries no sound and no colour tags.")
        target = _Unseekable(stream or sys.stdout.buffer)
        self._output = av.open(target, "w", format="yuv4mpegpipe", options={"strict": "-1"})
        self._stream = self._output.add_stream("rawvideo", rate=self._fps)
        assert isinstance(self._stream, VideoStream)
        self._stream.width, self._stream.height = info.width, info.height
        self._stream.pix_fmt = self._encoding.pixel_format
        self._stream.codec_context.color_range = self._colour.range

    def write(self, frame: Frame) -> None:
        """Send one (H, W, C) frame."""
        self.put(self.pack(frame))

    def pack(self, frame: Frame) -> Samples:
        """Turn a frame into the planes that are sent."""
        return pack_frame(frame, self._encoding.layout, self._colour)

    def put(self, samples: Samples) -> None:
        """Send a packed frame."""
        picture = make_picture(samples, self._encoding.layout)
        picture.pts, picture.time_base = self._count, 1 / self._fps
        self._send(picture)
        self._count += 1

    def close(self) -> None:
        """Send what remains; the stream itself stays open."""
        self._send(None)
        self._output.close()

    def abort(self) -> None:
        """Stop: what was sent cannot be taken back."""
        with suppress(OSError):
            self._output.close()

    def _send(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._output.mux(packet)
        except OSError as error:
            raise InputError("-: the command after the pipe has stopped reading") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class _Unseekable:
    """Offers FFmpeg only `write`, as a pipe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        written = self._stream.write(data)
        self._stream.flush()
        return written
