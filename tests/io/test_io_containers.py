"""What containers say besides the frames: edit lists, missing timestamps, further pictures."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from io_samples import Video, copy, inspect, write_video

from f2r.io import open_reader, open_writer


def trim_by_edit_list(path, cut):
    """Let the edit list of an MP4 of one stream begin `cut` frames later."""
    data = bytearray(path.read_bytes())
    place = data.index(b"elst")
    duration, start = struct.unpack(">Ii", data[place + 12 : place + 20])
    tick = 512 * cut
    struct.pack_into(">Ii", data, place + 12, duration - 40 * cut, start + tick)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("target", ["o.mp4", "o.mkv"])
def test_a_trimmed_mp4_gives_what_a_player_shows(tmp_path, target):
    made = write_video(tmp_path / "a.mp4", Video(frames=20))
    path = trim_by_edit_list(made, 7)
    shown = inspect(path)
    reader = open_reader(path)
    assert reader.info.frames == len(shown.times) == 13
    assert len(copy(reader, open_writer(tmp_path / target, reader.info))) == 13
    assert inspect(tmp_path / target).times == [Fraction(i, 25) for i in range(13)]


@pytest.mark.parametrize("target", ["o.mp4", "o.mkv", "o.avi"])
def test_packets_without_timestamps_are_one_frame_duration_each(tmp_path, target):
    path = tmp_path / "a.h264"
    with av.open(str(path), "w", format="h264") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            picture = np.full((48, 64, 3), 20 * i, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    reader = open_reader(path)
    copy(reader, open_writer(tmp_path / target, reader.info))
    times = inspect(tmp_path / target).times
    assert [time - times[0] for time in times] == [Fraction(i, 25) for i in range(10)]


def test_a_hidden_alpha_of_webm_is_said_and_no_longer_tagged(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["alpha_mode"] = "1"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            output.mux(stream.encode(picture.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    reader = open_reader(path)
    writer = open_writer(tmp_path / "o.webm", reader.info)
    assert any("Transparency" in loss for loss in writer.losses)
    copy(reader, writer)
    with av.open(str(tmp_path / "o.webm")) as written:
        tags = written.streams.video[0].metadata
        assert not any(key.lower() == "alpha_mode" for key in tags)


def write_two_streams(path):
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for late, stream in enumerate(streams):
            for i in range(12):
                picture = np.full((48, 64, 3), 15 * i, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = i + 25 * late, Fraction(1, 25)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("source", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("target", ["o.mkv", "o.mp4"])
def test_a_second_video_stream_keeps_its_start(tmp_path, source, target):
    reader = open_reader(write_two_streams(tmp_path / source))
    copy(reader, open_writer(tmp_path / target, reader.info))
    with av.open(str(tmp_path / target)) as written:
        second = list(written.decode(video=1))
    assert len(second) == 12
    assert second[0].pts * second[0].time_base == 1


def test_a_cover_picture_that_is_left_out_is_said(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        cover = output.add_stream("png")
        for one, pixels in ((stream, "yuv420p"), (cover, "rgb24")):
            one.width, one.height, one.pix_fmt = 64, 48, pixels
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        output.mux(cover.encode(picture))
        for _ in range(3):
            output.mux(stream.encode(picture.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    reader = open_reader(path)
    with open_writer(tmp_path / "o.mp4", reader.info) as writer:
        assert "The cover picture is left out." in writer.losses
        writer.write(next(iter(reader)))
