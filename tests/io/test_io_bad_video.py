import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from io_samples import Video, copy, inspect, ramp, write_video

from f2r.errors import InputError
from f2r.io import EncodeOptions, open_reader, open_writer
from f2r.io.array import ArrayReader

FRAME = Fraction(1, 25)
KINDS = {
    "a.mp4": Video("libx264", audio="aac", frames=30),
    "a.mkv": Video("ffv1", audio="flac", frames=30),
    "b.mkv": Video("libx264", audio="aac", frames=30),
    "a.webm": Video("libvpx-vp9", audio="libopus", frames=30),
    "a.avi": Video("mjpeg", "yuvj420p", "pcm_s16le", 30, time_base=FRAME),
    "b.avi": Video("rawvideo", "bgr24", frames=30, time_base=FRAME),
}


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        list(open_reader(path, **options))
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", [0.02, 0.4, 0.9])
def test_a_file_cut_short_is_refused_before_the_run(tmp_path, name, part):
    data = write_video(tmp_path / name, KINDS[name]).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * part)])
    with pytest.raises(InputError, match="cut short"):
        open_reader(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mkv", "b.mkv", "a.avi", "b.avi"])
def test_what_is_left_of_a_cut_file_can_be_read_by_option(tmp_path, name):
    data = write_video(tmp_path / name, KINDS[name]).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * 0.7)])
    reader = open_reader(tmp_path / name, skip_corrupt=True)
    assert 5 < len(list(reader)) < 30


def test_a_file_with_its_index_first_is_checked_too(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=25, width=64, height=48)
        for i, rgb in enumerate(ramp(30)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le").reformat(format="yuv420p")
            frame.pts = i
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[:-400])
    assert "of 30 frames" in refusal(path)


def damaged(tmp_path):
    path = write_video(tmp_path / "a.mkv", Video("libx264", frames=30))
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux() if packet.size][12]
        data = bytes(packet)
    broken = bytearray(data)
    broken[:200] = bytes(200)
    path.write_bytes(path.read_bytes().replace(data, bytes(broken)))
    return path


def test_damaged_packets_stop_the_run_or_are_skipped_by_option(tmp_path):
    path = damaged(tmp_path)
    assert "damaged data at timestamp" in refusal(path)
    reader = open_reader(path, skip_corrupt=True)
    frames = list(reader)
    assert reader.skipped >= 1
    assert len(frames) == 30 - reader.skipped


def test_skipped_frames_leave_a_gap_in_the_timestamps(tmp_path):
    path = damaged(tmp_path)
    reader = open_reader(path, skip_corrupt=True)
    copy(reader, open_writer(tmp_path / "out.mkv", reader.info))
    assert reader.skipped >= 1
    times = inspect(tmp_path / "out.mkv").times
    assert len(times) == 30 - reader.skipped
    assert times[-1] == 29 * FRAME


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_a_header_that_promises_100000_frames_is_refused(tmp_path, name):
    path = write_video(tmp_path / name, KINDS[name])
    data = bytearray(path.read_bytes())
    if name == "a.avi":
        for chunk, offset in ((b"avih", 24), (b"strh", 40)):
            place = data.find(chunk) + offset
            data[place : place + 4] = (100_000).to_bytes(4, "little")
    else:
        for box in (b"stts", b"stsz"):
            place = data.find(box) + 12
            data[place : place + 4] = (100_000).to_bytes(4, "big")
    path.write_bytes(data)
    refusal(path)


def test_an_unknown_codec_is_refused(tmp_path):
    path = write_video(tmp_path / "a.avi", KINDS["a.avi"])
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"ZZZZ"))
    assert "codec is not supported" in refusal(path)


def test_interlaced_video_is_refused_with_advice(tmp_path):
    options = (("x264-params", "tff=1:interlaced=1"),)
    path = write_video(tmp_path / "a.mp4", Video(options=options, size=(64, 64)))
    assert "-vf bwdif" in refusal(path)


def test_a_change_of_resolution_is_refused_at_its_frame(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=25, width=64, height=48)
        stream.pix_fmt = "yuvj420p"
        wide = av.CodecContext.create("mjpeg", "w")
        wide.width, wide.height, wide.pix_fmt, wide.time_base = 80, 48, "yuvj420p", FRAME
        for i in range(3):
            frame = av.VideoFrame(64, 48, "yuvj420p")
            frame.pts = i
            output.mux(stream.encode(frame))
        frame = av.VideoFrame(80, 48, "yuvj420p")
        frame.pts, frame.time_base = 3, FRAME
        (packet,) = wide.encode(frame)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 3, 3, FRAME
        output.mux(packet)
    assert "64x48 to 80x48 at frame 4" in refusal(path)


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate, frame.pts = 48000, 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    assert "no video stream" in refusal(path)


def test_a_bomb_is_refused_by_its_header(tmp_path):
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(1000))
    refusal(path)


@pytest.mark.parametrize(
    ("name", "codec", "quality", "words"),
    [
        ("o.mp4", "ffv1", None, "does not go into .mp4"),
        ("o.webm", "libx264", None, "does not go into .webm"),
        ("o.mkv", "h265", None, "choose ffv1"),
        ("o.mkv", "ffv1", 3, "lossless and takes no quality"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(tmp_path, name, codec, quality, words):
    info = ArrayReader(ramp(2)).info
    with pytest.raises(InputError, match=words):
        open_writer(tmp_path / name, info, options=EncodeOptions(codec=codec, quality=quality))
    assert list(tmp_path.iterdir()) == []


def test_independent_channels_do_not_become_colours(tmp_path):
    info = ArrayReader(ramp(2, channels=2)).info
    with pytest.raises(InputError, match="2 independent channels"):
        open_writer(tmp_path / "o.mkv", info)


def test_the_sound_of_a_source_that_is_gone_is_missed(tmp_path):
    path = write_video(tmp_path / "a.mp4", Video(audio="aac"))
    info = open_reader(path).info
    path.unlink()
    with pytest.raises(InputError, match="is gone"):
        open_writer(tmp_path / "b.mp4", info)
    assert list(tmp_path.iterdir()) == []


def test_importing_io_imports_no_heavy_library():
    code = "import f2r.io, sys; print([m for m in ('av', 'cv2', 'tifffile') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
