"""A piece of a clip keeps its sound and subtitles, in time with its frames."""

from fractions import Fraction

import av
import numpy as np
import pytest
from io_samples import copy

from f2r.cli.main import main
from f2r.io import open_reader, open_writer
from f2r.io.excerpt import Piece

RATE, FPS, FRAMES, FLASH, BEEP = 48000, 25, 75, 30, Fraction(30, 25)
PACKET = 1024 / RATE
"""Seconds in a packet of sound."""


def write_flash_and_beep(path):
    """Write 3 s that flash and beep at 1.2 s."""
    sound = np.zeros(3 * RATE, np.float32)
    start = int(BEEP * RATE)
    sound[start : start + RATE // 10] = 0.5 * np.sin(np.arange(RATE // 10) / 8)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"g": "25"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=RATE, layout="mono")
        for i in range(FRAMES):
            level = 230 if i == FLASH else 40
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), "rgb24")
            output.mux(video.encode(frame))
        for first in range(0, len(sound), 1024):
            part = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], "fltp", "mono")
            part.rate, part.pts, part.time_base = RATE, first, Fraction(1, RATE)
            output.mux(audio.encode(part))
        output.mux(audio.encode(None))
        output.mux(video.encode(None))
    return path


def played(path):
    """Give the times of the flash, of the beep, and of the first and last sound, in seconds."""
    with av.open(str(path)) as container:
        flash = next(f.time for f in container.decode(video=0) if f.to_ndarray()[:48].mean() > 130)
    with av.open(str(path)) as container:
        parts = [(f.time, f.to_ndarray()[0]) for f in container.decode(audio=0)]
    times = np.concatenate([t + np.arange(len(wave)) / RATE for t, wave in parts])
    loud = np.abs(np.concatenate([wave for _, wave in parts])) > 0.1
    return flash, times[loud][0], times[0], times[-1]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_flash_and_beep(tmp_path_factory.mktemp("clip") / "night.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("first", [1, 20, 29])
def test_sound_of_a_piece_stays_with_its_frames(clip, tmp_path, suffix, first):
    target = tmp_path / f"piece{suffix}"
    reader = open_reader(clip, piece=Piece(frames=(first, 50)))
    writer = open_writer(target, reader.info)
    assert not [loss for loss in writer.losses if "sound" in loss or "piece" in loss]
    copy(reader, writer)
    flash, beep, start, end = played(target)
    assert flash == pytest.approx((FLASH - first) / FPS, abs=1e-3)
    assert beep == pytest.approx(flash, abs=0.005)
    assert -1e-3 <= start <= PACKET + 1e-3
    assert (50 - first) / FPS - PACKET <= end <= (50 - first) / FPS + PACKET


def test_packets_of_a_piece_are_copied(clip, tmp_path):
    reader = open_reader(clip, piece=Piece(start=0.8, duration=1.0))
    copy(reader, open_writer(tmp_path / "piece.mp4", reader.info))
    before, after = packets(clip), packets(tmp_path / "piece.mp4")
    assert len(after) == pytest.approx(RATE / 1024, abs=2)
    runs = (before[first : first + len(after)] for first in range(len(before)))
    assert after in runs


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_the_command_keeps_the_sound_of_a_piece(clip, capsys):
    command = ["denoise", str(clip), "--preset", "fast", "--sigma", "5"]
    assert main([*command, "--start", "0.8", "--duration", "0.6"]) == 0
    assert "cannot be kept" not in capsys.readouterr().err
    flash, beep, *_ = played(clip.with_name("night.piece.f2r.mp4"))
    assert flash == pytest.approx(0.4, abs=1e-3)
    assert beep == pytest.approx(flash, abs=0.005)


def test_a_subtitle_that_is_shown_when_a_piece_begins_is_kept(clip, tmp_path):
    path = with_subtitles(clip, tmp_path / "titled.mkv", [(0, 400), (500, 1200), (1600, 1800)])
    reader = open_reader(path, piece=Piece(frames=(20, 50)))
    copy(reader, open_writer(tmp_path / "piece.mkv", reader.info))
    with av.open(str(tmp_path / "piece.mkv")) as container:
        found = [packet for packet in container.demux(subtitles=0) if packet.size]
    assert [(packet.pts, packet.duration) for packet in found] == [(0, 900), (800, 1800)]


def with_subtitles(clip, path, titles):
    """Copy a clip with subtitles (start, duration), milliseconds."""
    (path.parent / "titles.srt").write_text(
        "".join(
            f"{i + 1}\n{_clock(start)} --> {_clock(start + length)}\ntitle {i}\n\n"
            for i, (start, length) in enumerate(titles)
        )
    )
    with (
        av.open(str(clip)) as video,
        av.open(str(path.parent / "titles.srt")) as text,
        av.open(str(path), "w") as output,
    ):
        streams = [video.streams.video[0], text.streams.subtitles[0]]
        targets = [output.add_stream_from_template(one) for one in streams]
        for container, stream, target in zip((video, text), streams, targets, strict=True):
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    output.mux(packet)
    return path


def _clock(milliseconds):
    return f"00:00:{milliseconds // 1000:02d},{milliseconds % 1000:03d}"
