"""Timestamps of frames, read from packets without decoding."""

from bisect import bisect_left
from fractions import Fraction
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from f2r.errors import InputError
from f2r.io.video.entry_points import EntryPoints

EBML, SEGMENT = b"\x1aE\xdf\xa3", b"\x18\x53\x80\x67"
AVI_SLACK, MATROSKA_SLACK = Fraction(1, 4), Fraction(1, 2)
"""Seconds that may be missing at the end before a file counts as cut short."""


USUAL_RATE = 25
"""Assumed frames per second without a clock."""


class Timeline:
    """Presentation timestamps of a clip, in ticks of its time base.

    They are predicted from the packets; while frames are decoded, `note` replaces the prediction
    by what the decoder says, so that a writer that follows a reader gets the true ones.

    Args:
        ticks: predicted timestamps in the order of the frames.
        step: ticks from frame to frame where packets carry no timestamps, or not all; None where
            all do.
    """

    def __init__(self, ticks: list[int] | None = None, step: Fraction | None = None) -> None:
        self._ticks = ticks or []
        self._step = step
        self._known: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def is_exact(self) -> bool:
        """Whether all packets have distinct presentation times."""
        return self._step is None

    @property
    def is_variable(self) -> bool:
        """Frames do not follow each other at one distance (up to the rounding of ticks)."""
        steps = [b - a for a, b in zip(self._ticks, self._ticks[1:], strict=False)]
        return bool(steps) and max(steps) - min(steps) > 1

    @property
    def cut(self) -> tuple[int, int | None] | None:
        """Timestamps in the file of the first frame and of the one after the last; None uncut."""
        return None

    def needs_finer(self, unit: Fraction, time_base: Fraction) -> bool:
        """Whether some timestamps are no multiples of `unit` seconds."""
        return any((tick * time_base / unit).denominator != 1 for tick in self._ticks[:1000])

    def number_at(self, ticks: int) -> int:
        """Count the frames that are shown before `ticks`."""
        return bisect_left(self._ticks, ticks)

    def note(self, frame: int, ticks: int | None) -> None:
        """Record the decoded timestamp of a frame; without one, count on from the last."""
        if self._step is not None:
            ticks = self._count_on(frame, ticks, self._step)
        if ticks is None:
            return
        if frame < len(self._ticks):
            self._ticks[frame] = ticks
        elif frame == len(self._ticks):
            self._ticks.append(ticks)

    def _count_on(self, frame: int, ticks: int | None, step: Fraction) -> int | None:
        if frame == 0:
            self._known = None
        if ticks is not None and (frame == 0 or ticks > self._ticks[frame - 1]):
            self._known = (frame, ticks)
        if self._known is None:
            return None if frame < len(self._ticks) else round(frame * step)
        since, start = self._known
        return start + round((frame - since) * step)

    def at(self, frame: int) -> int | None:
        """Return the timestamp of a frame, None where it is not known."""
        return self._ticks[frame] if frame < len(self._ticks) else None


class PieceOfTimeline(Timeline):
    """Timestamps of some consecutive frames, counted from the first of them.

    Args:
        whole: the timeline of the clip, which decoding corrects.
        frames: which frames.
    """

    def __init__(self, whole: Timeline, frames: range) -> None:
        self._whole, self._frames = whole, frames
        known = (self.at(i) for i in range(len(frames)))
        super().__init__([ticks for ticks in known if ticks is not None])

    def at(self, frame: int) -> int | None:
        """Return the timestamp of a frame, None where it is not known."""
        first = self._whole.at(self._frames.start)
        ticks = self._whole.at(self._frames.start + frame)
        return None if first is None or ticks is None else ticks - first

    @property
    def cut(self) -> tuple[int, int | None] | None:
        """Timestamps in the file of the first frame and of the one after the last."""
        first = self._whole.at(self._frames.start)
        return None if first is None else (first, self._whole.at(self._frames.stop))


def scan(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    entries: EntryPoints,
    *,
    tolerant: bool,
) -> Timeline:
    """Read all packets and note the timestamps of the video.

    Args:
        container: a freshly opened file; it is read to its end.
        stream: the video.
        path: its name in errors.
        entries: receives every packet of the video.
        tolerant: accept a file that is cut short.

    Raises:
        InputError: the file ends before its header says, or holds damaged packets.
    """
    ticks: list[int | None] = []
    ends = {stream.index: Fraction(0)}
    count, is_damaged = 0, False
    try:
        for packet in container.demux():
            stamp = packet.pts if packet.pts is not None else packet.dts
            index = packet.stream_index
            if stamp is not None:
                end = (stamp + (packet.duration or 0)) * packet.time_base
                ends[index] = max(ends.get(index, end), end)
            is_damaged |= packet.is_corrupt
            if packet.size and index == stream.index:
                count += 1
                entries.note(packet)
                if not packet.is_discard:  # an edit list may leave out frames at the start
                    ticks.append(stamp)
    except av.error.FFmpegError:
        is_damaged = True
    if not ticks:
        raise InputError(f"{path}: holds no video frame: it is empty or cut short")
    if not tolerant and (
        is_damaged or _lacks_bytes(path) or _is_cut(container, stream, count, ends)
    ):
        raise InputError(
            f"{path}: is damaged or cut short (found {count} frames of "
            f"{_promised(container, stream)}): copy it again, or pass --skip-corrupt"
        )
    return _timeline_of(ticks, stream)


def _timeline_of(ticks: list[int | None], stream: VideoStream) -> Timeline:
    """Take the timestamps of the packets; where some lack or agree, one frame duration each."""
    known = sorted(tick for tick in ticks if tick is not None)
    if len(known) == len(ticks) and len(set(known)) == len(known):
        return Timeline(known)
    rate = stream.average_rate or stream.guessed_rate or Fraction(USUAL_RATE)
    step = max(Fraction(1), 1 / (rate * (stream.time_base or Fraction(1, 1000))))
    first = known[0] if known else 0
    return Timeline([first + round(i * step) for i in range(len(ticks))], step)


def _is_cut(
    container: InputContainer, stream: VideoStream, count: int, ends: dict[int, Fraction]
) -> bool:
    """Compare the header with the packets."""
    names = set(container.format.name.split(","))
    if "mp4" in names:
        return stream.frames > count
    if "avi" in names and stream.duration and stream.time_base:
        # its header counts ticks, and frames may be empty: time tells more than the count
        return stream.duration * stream.time_base - ends[stream.index] > AVI_SLACK
    if "matroska" in names and container.duration:
        return Fraction(container.duration, av.time_base) - max(ends.values()) > MATROSKA_SLACK
    return False


def _lacks_bytes(path: Path) -> bool:
    """Whether a Matroska file is shorter than the size of its segment.

    Source: RFC 8794 section 4 (EBML variable-size integers), RFC 9559 section 5.1.
    """
    with path.open("rb") as stream:
        start = stream.read(4096)
    place = start.find(SEGMENT)
    if not start.startswith(EBML) or place < 0:
        return False
    first = start[place + 4]
    length = 9 - first.bit_length()
    if length > 8:
        return False
    field = start[place + 4 : place + 4 + length]
    size = int.from_bytes(field, "big") - (1 << (7 * length))
    is_unknown = size == (1 << (7 * length)) - 1  # a live recording
    return not is_unknown and place + 4 + length + size > path.stat().st_size


def _promised(container: InputContainer, stream: VideoStream) -> str:
    if stream.frames:
        return f"{stream.frames} frames"
    seconds = (container.duration or 0) / av.time_base
    return f"{seconds:.1f} s of video"
