"""Packets at which decoding can begin and give the same frames as a complete pass.

Containers mark more packets as key frames: an H.264 recovery point may refer to earlier frames.
H.264 and HEVC are therefore checked by their NAL units.

Source: ITU-T H.264, table 7-1 (an IDR picture refers to nothing before it); ITU-T H.265, table 7-1
(pictures shown after an IRAP picture refer to nothing before it).
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

IDR, IRAP = {5}, set(range(16, 22))
"""Types of the units of H.264 and HEVC that begin such a picture."""
BY_FLAG = {"vp9", "libdav1d", "av1", "libaom-av1", "mpeg1video", "mpeg2video", "ffv1"}
"""Decoders whose key frames refer to nothing before them; others are decoded from the start."""


class Entry(NamedTuple):
    """A packet that decoding can begin with."""

    pts: int
    """When its picture is shown, in ticks."""
    dts: int
    """When it is decoded, in ticks; as `pts` where the file does not say."""


class EntryPoints:
    """The entries of a stream, collected while its packets are read.

    Args:
        codec: the decoder's context.
    """

    def __init__(self, codec: Any) -> None:
        self._name, self._intra = codec.name, bool(codec.codec.intra_only)
        self._prefix = _length_bytes(codec.name, codec.extradata or b"")
        self._entries: list[Entry] = []
        self._is_sorted = True

    def note(self, packet: Any) -> None:
        """Keep a packet if decoding can begin with it."""
        if packet.is_keyframe and packet.pts is not None and self._resets(packet):
            dts = packet.pts if packet.dts is None else packet.dts
            self._entries.append(Entry(packet.pts, dts))
            self._is_sorted = False

    def before(self, ticks: int | None) -> Entry | None:
        """Give the last entry that is shown no later than `ticks`; None without one."""
        if not self._is_sorted:
            self._entries.sort()
            self._is_sorted = True
        if ticks is None:
            return None
        place = bisect_right(self._entries, ticks, key=lambda entry: entry.pts)
        return self._entries[place - 1] if place else None

    def __contains__(self, packet: object) -> bool:
        pts = getattr(packet, "pts", None)
        found = self.before(pts)
        return found is not None and found.pts == pts

    def _resets(self, packet: Any) -> bool:
        if self._name == "h264":
            return any(unit[0] & 31 in IDR for unit in _units(bytes(packet), self._prefix))
        if self._name == "hevc":
            return any(unit[0] >> 1 & 63 in IRAP for unit in _units(bytes(packet), self._prefix))
        return self._intra or self._name in BY_FLAG


def _length_bytes(name: str, extradata: bytes) -> int:
    """Give the bytes of the length before each unit; 0 where start codes part them."""
    place = {"h264": 4, "hevc": 21}.get(name, 0)
    is_counted = len(extradata) > place and extradata[0] == 1
    return (extradata[place] & 3) + 1 if is_counted else 0


def _units(data: bytes, prefix: int) -> Iterator[bytes]:
    """Give the first byte of every unit of a packet."""
    place = 0
    while prefix and place + prefix < len(data):
        length = int.from_bytes(data[place : place + prefix], "big")
        yield data[place + prefix : place + prefix + 1]
        place += prefix + length
    while not prefix and (place := data.find(b"\0\0\1", place)) >= 0:
        place += 3
        if place < len(data):
            yield data[place : place + 1]
