"""Sound and subtitles of a piece of a clip: packets are chosen and moved, not decoded."""

from __future__ import annotations  # PyAV's stubs are generic where its classes are not

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.packet import Packet

TRIMMING = {"mp4", "mov"}
"""Muxers that let players skip the part of a packet before time 0."""
INTERLEAVED = 10
"""Seconds by which packets of one time may lie apart in a file."""


@dataclass(frozen=True)
class Cut:
    """The time of a piece in its file."""

    start: Fraction
    """Seconds at which it begins."""
    stop: Fraction | None
    """Seconds at which it ends; None is the end of the file."""

    def is_past(self, packet: Packet[Any]) -> bool:
        """Whether this packet and those behind it in the file come after the piece."""
        if self.stop is None or packet.dts is None:
            return False
        return packet.dts * packet.time_base > self.stop + INTERLEAVED

    def take(self, packet: Packet[Any], kind: str, muxer: str) -> bool:
        """Move a packet to the time of the piece; False if it does not belong to it.

        Sound begins with the first whole packet, or within a packet where the muxer can trim.
        A subtitle that is shown when the piece begins is kept.

        Args:
            packet: with times.
            kind: of its stream.
            muxer: name of the output's format.
        """
        assert packet.pts is not None
        assert packet.dts is not None
        first = round(self.start / packet.time_base)
        end = packet.pts + (packet.duration or 0)
        if self.stop is not None and packet.pts * packet.time_base >= self.stop:
            return False
        if packet.pts < first and (end <= first or not (kind == "subtitle" or muxer in TRIMMING)):
            return False
        if kind == "subtitle" and packet.pts < first:
            packet.pts, packet.dts, packet.duration = first, first, end - first
        packet.pts, packet.dts = packet.pts - first, packet.dts - first
        return True
