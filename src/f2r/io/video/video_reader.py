"""Video files, read by PyAV."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from f2r.errors import InputError, UnevenError, reason
from f2r.io.clip import Closing, Frame, check_frame_size
from f2r.io.video.entry_points import EntryPoints
from f2r.io.video.pixels import decode_frame, parse_layout
from f2r.io.video.timeline import scan
from f2r.io.video.video_source import describe, describe_source, interlaced
from f2r.io.video.whole import check_whole

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,yuv4mpegpipe,mpegts,mpeg,asf,flv,mxf,gif,ogg,ivf,"
    "h264,hevc,obu,dv,nut,mpegvideo,m4v"
)
"""Containers that may be opened. FFmpeg also opens text and playlists."""


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
            self._entries = EntryPoints(stream.codec_context)
            timeline = scan(container, stream, path, self._entries, tolerant=skip_corrupt)
        with open_video(path) as container:
            stream = _find_stream(container, path)
            first = next(self._decode(container.demux(stream)), None)
            if first is None:
                raise InputError(f"{path}: holds no video frame that can be decoded")
            self._source = describe_source(path, container, stream, first, timeline)
            self.info = describe(self._source, stream, first)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on.

        Decoding begins at the last entry point before it where the file has timestamps, and at the
        start of the file otherwise.

        Raises:
            UnevenError: the frames do not follow the file's own timestamps; a pass from the first
                frame on can be made nevertheless.
        """
        self.skipped = 0
        since = self._source.timeline.at(start)
        if since is None or self.entry_before(start) == 0:
            return islice(self._from_first(), start, None)
        return self._from_entry(start, since)

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        timeline = self._source.timeline
        entry = self._entries.before(timeline.at(start))
        if entry is None or self._skip_corrupt or not timeline.is_exact:
            return 0
        return timeline.number_at(entry.pts)

    def _from_first(self) -> Iterator[Frame]:
        with open_video(self._path) as container:
            stream = _find_stream(container, self._path)
            stream.thread_type = "AUTO"
            index = 0
            for index, picture in enumerate(self._decode(container.demux(stream)), start=1):
                yield self._frame(picture, index)
            if index == 0:
                raise InputError(f"{self._path}: holds no video frame that can be decoded")

    def _from_entry(self, start: int, since: int) -> Iterator[Frame]:
        timeline = self._source.timeline
        with open_video(self._path) as container:
            stream = _find_stream(container, self._path)
            stream.thread_type = "AUTO"
            packets = self._packets_from(container, stream, since)
            if packets is None:
                yield from islice(self._from_first(), start, None)
                return
            number = start
            for picture in self._decode(packets, since):
                if picture.pts is not None and picture.pts < since:
                    continue
                if picture.pts is None or picture.pts != timeline.at(number):
                    raise UnevenError(
                        f"{self._path}: its frames do not follow its timestamps at frame "
                        f"{number + 1}: denoise it in one piece"
                    )
                number += 1
                yield self._frame(picture, number)

    def _packets_from(
        self, container: InputContainer, stream: VideoStream, since: int
    ) -> Iterator[Any] | None:
        """Give the packets from an entry point on that is shown by `since`; None if none is hit."""
        entry = self._entries.before(since)
        assert entry is not None
        for ticks in (since, entry.dts):
            try:
                container.seek(ticks, stream=stream)
                packets = container.demux(stream)
                first = next(packets)
            except (av.error.FFmpegError, StopIteration):
                continue
            if first in self._entries and first.pts is not None and first.pts <= since:
                return chain([first], packets)
        return None

    def _frame(self, picture: av.VideoFrame, number: int) -> Frame:
        self._check(picture, number)
        self._source.timeline.note(number - 1, picture.pts)
        return decode_frame(picture, parse_layout(picture.format.name), self._source.colour)

    def _decode(self, packets: Iterator[Any], since: int | None = None) -> Iterator[av.VideoFrame]:
        """Decode packets; damage before `since` is ignored."""
        # The packet without dts that ends the stream must be decoded too: it drains the decoder.
        for packet in packets:
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                if since is None or packet.pts is None or packet.pts >= since:
                    self._complain(packet.pts, error)
                continue
            for picture in pictures:
                is_wanted = since is None or picture.pts is None or picture.pts >= since
                if picture.is_corrupt and is_wanted:
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
            raise interlaced(self._path)
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
