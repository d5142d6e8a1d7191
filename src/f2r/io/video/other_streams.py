"""Sound, subtitles and other streams, copied packet by packet."""

from __future__ import annotations  # PyAV's stubs are generic where its classes are not

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from f2r.errors import InputError
from f2r.io.video.cut import Cut
from f2r.io.video.video_reader import open_video
from f2r.io.video.video_source import OtherStream, VideoSource

MOST_HELD = 64
"""Largest number of packets without a decoding time that wait for one with it."""
PRIMING = Fraction(1, 20)
"""Seconds before the start that may hold priming samples of sound."""


class Passengers:
    """Copies the streams that are not decoded from the input to the output.

    Args:
        source: the input.
        output: the output, before its header is written.
        cut: the time of a piece; None copies all.
    """

    def __init__(
        self, source: VideoSource, output: OutputContainer, cut: Cut | None = None
    ) -> None:
        assert source.path is not None
        self._muxer = output.format.name
        if source.others and not source.path.is_file():
            raise InputError(f"{source.path}: is gone, its sound cannot be copied: put it back")
        self._input: InputContainer | None = open_video(source.path) if source.others else None
        self._targets: dict[int, Any] = {}
        self.losses: list[str] = []
        for other in source.others:
            if other.kind == "data" and source.chapters:
                continue  # MP4 keeps chapters as a text track too; the output makes its own
            assert self._input is not None
            stream = self._input.streams[other.index]
            if _is_cover(stream):
                self.losses.append("The cover picture is left out.")
            elif not self._add(stream, other, output):
                self.losses.append(
                    f"Stream {other.index} ({other.kind}, {other.codec}) does not fit into "
                    f"{output.format.name} and is left out."
                )
        self._packets = self._read() if cut is None else self._read_piece(cut)
        self._pending: Packet[Any] | None = next(self._packets, None)

    def _add(self, stream: Any, other: OtherStream, output: OutputContainer) -> bool:
        """Add one stream to the output; False if it is not accepted."""
        if other.kind == "attachment":
            return _attach(stream, output)
        if other.kind == "data" and other.codec not in output.supported_codecs:
            return False  # the muxer would only complain when it writes its header
        try:
            target = output.add_stream_from_template(stream, opaque=True)
        except (ValueError, av.error.FFmpegError):
            return False
        target.metadata.update(
            {key: value for key, value in stream.metadata.items() if key.lower() != "duration"}
        )
        with suppress(AttributeError):  # older PyAV cannot set it
            target.disposition = stream.disposition
        self._targets[other.index] = target
        return True

    def _read(self) -> Iterator[Packet[Any]]:
        if self._input is None or not self._targets:
            return
        streams = [self._input.streams[index] for index in self._targets]
        held: dict[int, list[Packet[Any]]] = {stream.index: [] for stream in streams}
        for packet in self._input.demux(streams):
            if not packet.size or _is_before_start(packet):
                continue
            waiting = held[packet.stream_index]
            waiting.append(packet)
            if packet.dts is not None or len(waiting) > MOST_HELD:
                yield from _with_times(waiting)
                waiting.clear()
        for waiting in held.values():
            yield from _with_times(waiting)

    def _read_piece(self, cut: Cut) -> Iterator[Packet[Any]]:
        for packet in self._read():
            if cut.is_past(packet):
                return
            if cut.take(packet, packet.stream.type, self._muxer):
                yield packet

    def copy_until(self, time: Fraction | None, output: OutputContainer) -> None:
        """Write the packets that belong before `time` seconds, all of them for None."""
        while self._pending is not None:
            packet = self._pending
            assert packet.dts is not None
            if time is not None and packet.dts * packet.time_base > time:
                return
            packet.stream = self._targets[packet.stream_index]
            output.mux(packet)
            self._pending = next(self._packets, None)

    def close(self) -> None:
        """Close the input."""
        if self._input is not None:
            self._input.close()


def _is_before_start(packet: Packet[Any]) -> bool:
    """Whether a packet is left out by an edit list and is no priming of sound."""
    if not packet.is_discard or packet.pts is None:
        return False
    return packet.pts * packet.time_base < -PRIMING


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _with_times(packets: list[Packet[Any]]) -> Iterator[Packet[Any]]:
    """Count back from the last packet's time of decoding to those before, which lack it."""
    for i, packet in enumerate(packets):
        if packet.dts is None:
            last = packets[-1]
            ahead = sum(p.duration or 1 for p in packets[i:-1])
            packet.dts = (last.dts if last.dts is not None else last.pts or 0) - ahead
        if packet.pts is None:
            packet.pts = packet.dts
        yield packet


def _attach(stream: Any, output: OutputContainer) -> bool:
    if output.format.name != "matroska" or not hasattr(output, "add_attachment"):
        return False
    name = stream.metadata.get("filename", "attachment")
    output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    return True
