"""A piece of a clip, chosen by time or by the numbers of its frames."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Closing, Frame, FrameReader

if TYPE_CHECKING:
    from f2r.io.video.timeline import Timeline

PLACE = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)s?")
"""Hours, minutes and seconds, such as 00:01:12.5, 1:12 or 72."""


@dataclass(frozen=True)
class Piece:
    """A piece of a clip: by time, or by the numbers of its frames."""

    start: float = 0.0
    """Seconds after the first frame; >= 0."""
    duration: float | None = None
    """Seconds; None takes the rest."""
    frames: tuple[int, int] | None = None
    """First frame and the one after the last, counted from 0; instead of times."""

    def within(self, info: ClipInfo) -> range:
        """Give the frames of the piece.

        Raises:
            InputError: the clip has no such frames, or no clock to count seconds by.
        """
        name = info.source.path if info.source and info.source.path else "clip"
        if self.frames is not None:
            first, stop = self.frames
        else:
            first = frame_at(info, self.start)
            stop = info.frames or 0
            if self.duration is not None:
                stop = max(frame_at(info, self.start + self.duration), first + 1)
        stop = min(stop, info.frames or stop)
        if not first < stop:
            raise InputError(
                f"{name}: the piece is empty, the clip has {info.frames} frames"
                f"{_length(info)}: choose another --start or --frames"
            )
        return range(first, stop)


def parse_piece(start: str | None, duration: str | None, frames: str | None) -> Piece | None:
    """Read a piece from the options of a command; None where they say nothing.

    Args:
        start: a time after the first frame, such as 00:01:12.
        duration: a time.
        frames: the first frame and the one after the last, such as 100:160.

    Raises:
        InputError: an option cannot be read, or both ways are mixed.
    """
    if frames is None:
        if start is None and duration is None:
            return None
        seconds = None if duration is None else parse_place(duration, "--duration")
        if seconds == 0:
            raise InputError("--duration 0: a piece needs a positive length")
        return Piece(parse_place(start or "0", "--start"), seconds)
    if start is not None or duration is not None:
        raise InputError("give either --frames, or --start and --duration")
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", frames.strip())
    if match is None or int(match[1]) >= int(match[2]):
        raise InputError(f"--frames {frames}: give first and last, counted from 0, such as 100:160")
    return Piece(frames=(int(match[1]), int(match[2])))


def parse_place(text: str, option: str) -> float:
    """Read a time such as 00:01:12.5, 1:12 or 72 as seconds.

    Raises:
        InputError: it is none.
    """
    match = PLACE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{option} {text}: give hours, minutes and seconds, such as 00:01:12")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def frame_at(info: ClipInfo, seconds: float) -> int:
    """Give the first frame that is shown `seconds` after the first one, or later.

    Raises:
        InputError: the clip has no clock.
    """
    timeline: Timeline | None = getattr(info.source, "timeline", None)
    start = None if timeline is None else timeline.at(0)
    if timeline is not None and start is not None and info.time_base is not None:
        return timeline.number_at(start + round(seconds / info.time_base))
    if info.fps is None and seconds == 0:
        return 0
    if info.fps is None:
        raise InputError("the clip has no clock: choose the piece by --frames, such as 100:160")
    return ceil(seconds * info.fps - 1e-6)  # a frame that is due now counts


def _length(info: ClipInfo) -> str:
    if info.fps is None or info.frames is None:
        return ""
    return f" ({info.frames / float(info.fps):.1f} s)"


class ExcerptReader(Closing):
    """Some consecutive frames of a clip, as a clip of their own.

    Args:
        reader: the clip; it is closed with the excerpt.
        frames: which frames, within the clip.
    """

    def __init__(self, reader: FrameReader, frames: range) -> None:
        self._reader, self._frames = reader, frames
        source = reader.info.source
        self.info = replace(
            reader.info, frames=len(frames), source=source.piece(frames) if source else None
        )

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        left = max(len(self._frames) - start, 0)
        return islice(self._reader.starting_at(self._frames.start + start), left)

    def entry_before(self, start: int) -> int:
        """Give the frame that decoding has to begin with to reach frame `start`."""
        first = self._frames.start
        return max(self._reader.entry_before(first + start) - first, 0)

    @property
    def skipped(self) -> int:
        """Damaged packets that the latest pass left out."""
        inner: Any = self._reader
        return int(getattr(inner, "skipped", 0))

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
