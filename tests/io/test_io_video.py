from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from io_samples import Video, copy, inspect, psnr, ramp, write_video

from f2r.io import EncodeOptions, default_output, open_reader, open_writer

FRAME = Fraction(1, 25)

# name, codec, pixel format, sound, colour is subsampled, bits, PSNR of the copy (None: identical)
MATRIX = [
    ("h264.mp4", "libx264", "yuv420p", "aac", True, 8, 33),
    ("h264_10.mp4", "libx264", "yuv420p10le", "aac", True, 10, 33),
    ("hevc_10.mp4", "libx265", "yuv420p10le", "aac", True, 10, 33),
    ("hevc_422_12.mp4", "libx265", "yuv422p12le", "aac", True, 12, 33),
    ("av1.mp4", "libsvtav1", "yuv420p", "aac", True, 8, 33),
    ("vp9.mp4", "libvpx-vp9", "yuv420p", "libopus", True, 8, 33),
    ("h264_444.mov", "libx264", "yuv444p", "aac", False, 8, 33),
    ("prores.mov", "prores_ks", "yuv422p10le", "pcm_s16le", True, 10, 33),
    ("vp9.webm", "libvpx-vp9", "yuv420p", "libopus", True, 8, 33),
    ("av1_10.webm", "libsvtav1", "yuv420p10le", "libopus", True, 10, 33),
    ("h264.mkv", "libx264", "yuv422p", "aac", True, 8, None),
    ("h264_rgb.mkv", "libx264rgb", "rgb24", "aac", False, 8, None),
    ("hevc_12.mkv", "libx265", "yuv420p12le", "libopus", True, 12, None),
    ("av1_10.mkv", "libsvtav1", "yuv420p10le", "flac", True, 10, None),
    ("ffv1.mkv", "ffv1", "yuv420p", "flac", True, 8, None),
    ("ffv1_16.mkv", "ffv1", "yuv444p16le", "flac", False, 16, None),
    ("ffv1_rgb.mkv", "ffv1", "bgr0", "flac", False, 8, None),
    ("ffv1_rgb16.mkv", "ffv1", "gbrp16le", "flac", False, 16, None),
    ("ffv1_grey.mkv", "ffv1", "gray", "flac", False, 8, None),
    ("ffv1_grey16.mkv", "ffv1", "gray16le", "flac", False, 16, None),
    ("ffv1_422_10.avi", "ffv1", "yuv422p10le", "pcm_s16le", True, 10, None),
    ("mjpeg.avi", "mjpeg", "yuvj420p", "pcm_s16le", True, 8, 60),
    ("mpeg4.avi", "mpeg4", "yuv420p", "libmp3lame", True, 8, None),
    ("raw_rgb.avi", "rawvideo", "bgr24", "pcm_s16le", False, 8, None),
    ("raw_grey.avi", "rawvideo", "gray", None, False, 8, None),
    ("raw.mkv", "rawvideo", "yuv420p", None, True, 8, None),
]


def sample(path, codec, pixel_format, sound):
    is_avi = path.suffix == ".avi"
    return write_video(
        path,
        Video(
            codec,
            pixel_format,
            sound,
            time_base=FRAME if is_avi else Fraction(1, 12800),
            rotation=90 if path.suffix in {".mp4", ".mov", ".mkv"} else None,
            chapters=not is_avi,
        ),
    )


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_the_same_frames_give_the_same_file(tmp_path, name):
    reader = open_reader(sample(tmp_path / "in.mkv", "ffv1", "yuv420p", None))
    written = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        copy(reader, open_writer(tmp_path / folder / name, reader.info))
        written.append((tmp_path / folder / name).read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("case", MATRIX, ids=lambda case: case[0])
def test_a_copy_keeps_all_that_its_container_can(tmp_path, case):
    name, codec, pixels, sound, subsampled, bits, db = case
    path = sample(tmp_path / name, codec, pixels, sound)
    reader = open_reader(path)
    info = reader.info
    assert (info.frames, info.bit_depth, info.chroma_subsampled) == (8, bits, subsampled)
    assert info.fps == 25
    writer = open_writer(default_output(path), info)
    clip = copy(reader, writer)
    before, after = inspect(path), inspect(default_output(path))
    assert after.times == before.times
    assert after.sound == before.sound
    assert (after.rotation, after.title) == (before.rotation, before.title)
    assert after.chapters == before.chapters
    back = open_reader(default_output(path))
    if path.suffix != ".avi":
        assert after.colour == before.colour
        assert back.info.bit_depth == bits
        assert writer.losses == ()
    assert back.info.chroma_subsampled == subsampled
    copied = np.stack(list(back))
    if db is None:
        assert np.array_equal(copied, clip)
    else:
        assert psnr(copied, clip) > db


def test_prores_4444_decodes_to_12_bits_and_is_written_with_10(tmp_path):
    reader = open_reader(write_video(tmp_path / "a.mov", Video("prores_ks", "yuv444p10le")))
    writer = open_writer(tmp_path / "b.mov", reader.info)
    assert writer.losses == ("12-bit samples become 10-bit in .mov with prores_ks.",)
    clip = copy(reader, writer)
    assert psnr(np.stack(list(open_reader(tmp_path / "b.mov"))), clip) > 40


def test_frames_match_the_picture_that_was_encoded(tmp_path):
    path = write_video(tmp_path / "a.mkv", Video("ffv1", "gbrp16le"))
    assert np.allclose(np.stack(list(open_reader(path))), ramp(8) / 65535, atol=1e-5)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.mov"])
def test_variable_frame_rate_is_kept(tmp_path, name):
    codec = {"mkv": "ffv1", "webm": "libvpx-vp9", "mov": "prores_ks"}.get(name[2:], "libx264")
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    pts = (0, 512, 1536, 1792, 4096, 4608, 6144, 8960)  # whole milliseconds
    path = write_video(tmp_path / name, Video(codec, pixels, pts=pts))
    reader = open_reader(path)
    writer = open_writer(default_output(path), reader.info)
    copy(reader, writer)
    assert inspect(default_output(path)).times == [Fraction(p, 12800) for p in pts]
    assert writer.losses == ()
    losses = open_writer(tmp_path / "b.avi", reader.info).losses
    assert any("rounded to multiples" in sentence for sentence in losses)


def test_gaps_between_frames_stay_in_avi(tmp_path):
    video = Video("ffv1", pts=(0, 1, 5, 6, 7, 8, 9, 20), time_base=FRAME)
    path = write_video(tmp_path / "a.avi", video)
    reader = open_reader(path)
    copy(reader, open_writer(default_output(path), reader.info))
    assert inspect(default_output(path)).times == inspect(path).times


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_sample_aspect_ratio_is_kept(tmp_path, codec):
    path = write_video(tmp_path / "a.mp4", Video(codec, aspect=Fraction(4, 3)))
    reader = open_reader(path)
    assert reader.info.source.aspect == Fraction(4, 3)
    copy(reader, open_writer(default_output(path), reader.info))
    assert open_reader(default_output(path)).info.source.aspect == Fraction(4, 3)


HDR = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


@pytest.mark.parametrize("encoder", ["libx265", "libsvtav1"])
def test_hdr_metadata_is_kept(tmp_path, encoder):
    options = (("x265-params", f"master-display={HDR}:max-cll=1000,400"),)
    path = write_video(tmp_path / "a.mp4", Video("libx265", "yuv420p10le", options=options))
    reader = open_reader(path)
    assert reader.info.source.mastering[-2:] == (Fraction(1, 200), 1000)
    out = tmp_path / "b.mp4"
    copy(reader, open_writer(out, reader.info, options=EncodeOptions(codec=encoder)))
    source = open_reader(out).info.source
    assert source.light_level == (1000, 400)
    assert np.allclose(
        [float(x) for x in source.mastering],
        [float(x) for x in reader.info.source.mastering],
        atol=2e-4,
    )
    assert any("HDR" in line for line in open_writer(tmp_path / "c.mkv", reader.info).losses)


@pytest.mark.parametrize("matrix", [1, 6, 9, 2])
@pytest.mark.parametrize("limits", [1, 2])
def test_matrix_and_range_are_honoured(tmp_path, matrix, limits):
    """White and saturated red by the formulas of BT.601, BT.709 and BT.2020."""
    red = {1: 0.2126, 6: 0.299, 9: 0.2627, 2: 0.299}[matrix]
    blue = {1: 0.0722, 6: 0.114, 9: 0.0593, 2: 0.114}[matrix]
    luma = red
    zero, span, chroma = (16, 219, 224) if limits == 1 else (0, 255, 255)
    values = (zero + span * luma, 128 - chroma * luma / (2 * (1 - blue)), 128 + chroma / 2)
    frame = av.VideoFrame(64, 48, "yuv444p")
    for plane, value in zip(frame.planes, values, strict=True):
        np.frombuffer(plane, np.uint8)[:] = min(255, round(value))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=64, height=48)
        stream.pix_fmt = "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, limits
        frame.pts = 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    assert np.allclose(next(iter(open_reader(path))), (1, 0, 0), atol=0.012)


@pytest.mark.parametrize("size", [(47, 63), (33, 65)])
def test_odd_sizes_of_subsampled_video_are_identical(tmp_path, size):
    path = write_video(tmp_path / "a.mkv", Video("ffv1", "yuv420p", size=size))
    reader = open_reader(path)
    clip = copy(reader, open_writer(default_output(path), reader.info))
    assert clip.shape[1:3] == size
    assert np.array_equal(np.stack(list(open_reader(default_output(path)))), clip)


def test_values_outside_the_nominal_range_are_not_clipped(tmp_path):
    frame = av.VideoFrame(64, 48, "gray")
    np.frombuffer(frame.planes[0], np.uint8)[:] = 250
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=64, height=48)
        stream.pix_fmt = "gray"
        stream.codec_context.color_range = 1
        frame.pts = 0
        output.mux([*stream.encode(frame), *stream.encode(None)])
    assert next(iter(open_reader(path))).max() == pytest.approx((250 - 16) / 219)


def test_subtitles_and_attachments_travel_or_are_announced(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(tmp_path / "plain.mkv", Video("ffv1"))
    add_subtitles(tmp_path / "plain.mkv", path)
    reader = open_reader(path)
    writer = open_writer(default_output(path), reader.info)
    assert writer.losses == ()
    copy(reader, writer)
    assert subtitles(default_output(path)) == subtitles(path) != []
    with av.open(str(default_output(path))) as container:
        assert [bytes(s.data) for s in container.streams.attachments] == [b"font data"]
    losses = open_writer(tmp_path / "b.mp4", reader.info).losses
    assert sum("left out" in sentence for sentence in losses) == 2


def add_subtitles(path, target):
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        video = source.streams.video[0]
        stream = output.add_stream_from_template(video)
        text = output.add_mux_stream("subrip")
        text.time_base = Fraction(1, 1000)
        output.add_attachment("font.ttf", "application/x-truetype-font", b"font data")
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
        words = av.Packet(b"hello")
        words.stream, words.pts, words.dts, words.duration = text, 40, 40, 100
        words.time_base = Fraction(1, 1000)
        output.mux(words)


def subtitles(path):
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.subtitles[0])
        return [(p.pts * p.time_base, bytes(p)) for p in packets if p.size]


def test_a_clip_can_be_read_again_and_again(tmp_path):
    reader = open_reader(write_video(tmp_path / "a.mp4", Video()))
    first, second = iter(reader), iter(reader)
    next(first)
    assert np.array_equal(next(first), (next(second), next(second))[1])
    assert len(list(reader)) == len(list(reader)) == 8


def test_frames_come_in_the_order_in_which_they_are_shown(tmp_path):
    path = write_video(tmp_path / "a.mp4", Video(options=(("bf", "3"), ("crf", "1"))))
    clip = np.stack(list(open_reader(path)))
    expected = ramp(8) / 65535
    nearest = [np.argmin(((expected - frame) ** 2).mean((1, 2, 3))) for frame in clip]
    assert nearest == list(range(8))


def test_a_source_without_sound_but_with_tags_goes_to_any_container(tmp_path):
    reader = open_reader(write_video(tmp_path / "a.mp4", Video(rotation=90, chapters=True)))
    writer = open_writer(tmp_path / "o.avi", replace(reader.info))
    words = " ".join(writer.losses)
    assert all(word in words for word in ("rotation", "Chapters", "Colour tags"))
    copy(reader, writer)
    assert open_reader(tmp_path / "o.avi").info.frames == 8
