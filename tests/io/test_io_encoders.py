import av
import numpy as np
import pytest
from io_samples import Video, copy, inspect, psnr, ramp, write_video

from f2r.io import EncodeOptions, open_reader, open_writer
from f2r.io.array import ArrayReader


@pytest.mark.parametrize(
    ("name", "codec", "bits", "losses"),
    [
        ("o.mkv", "ffv1", 8, ()),
        ("o.avi", "ffv1", 8, ()),
        ("o.mp4", "h264", 8, ("lower resolution",)),
        ("o.webm", "vp9", 8, ("lower resolution",)),
        ("o.mov", "h264", 8, ("lower resolution",)),
    ],
)
def test_frames_from_elsewhere_become_video(tmp_path, name, codec, bits, losses):
    reader = ArrayReader((ramp(4) // 257).astype(np.uint8))
    writer = open_writer(tmp_path / name, reader.info)
    assert len(writer.losses) == len(losses) + 1
    assert "25 frames per second" in writer.losses[-1]
    clip = copy(reader, writer)
    assert inspect(tmp_path / name).codec.removeprefix("lib") == codec
    back = open_reader(tmp_path / name)
    assert back.info.bit_depth == bits
    assert psnr(np.stack(list(back)), clip) > (20 if losses else 100)


def test_sixteen_bits_into_mp4_become_ten_and_are_announced(tmp_path):
    reader = ArrayReader(ramp(3))
    writer = open_writer(tmp_path / "o.mp4", reader.info)
    assert writer.losses[0] == "16-bit samples become 10-bit in .mp4 with libx265."
    copy(reader, writer)
    assert open_reader(tmp_path / "o.mp4").info.bit_depth == 10


def test_grey_frames_stay_grey_in_mkv_and_close_to_grey_in_mp4(tmp_path):
    reader = ArrayReader(ramp(3, channels=1)[..., 0])
    for name, channels in (("o.mkv", 1), ("o.mp4", 3)):
        clip = copy(reader, open_writer(tmp_path / name, reader.info))
        back = open_reader(tmp_path / name)
        assert back.info.channels == channels
        assert psnr(np.stack(list(back)), clip) > 38


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg", "ffv1"])
def test_codec_and_quality_can_be_chosen(tmp_path, codec):
    reader = open_reader(write_video(tmp_path / "a.mkv", Video("ffv1")))
    sizes = []
    for quality in (None,) if codec == "ffv1" else (3, 30):
        options = EncodeOptions(codec=codec, quality=quality)
        copy(reader, open_writer(tmp_path / "o.mkv", reader.info, overwrite=True, options=options))
        sizes.append((tmp_path / "o.mkv").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert inspect(tmp_path / "o.mkv").codec == codec.replace("libx264", "h264").replace(
        "libx265", "hevc"
    )


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_the_same_frames_become_the_same_stream(tmp_path, codec):
    """A resumed run can only equal an uninterrupted one if encoding can be repeated."""
    rng, (rows, columns) = np.random.default_rng(0), np.mgrid[:48, :64]
    moving = np.stack([np.sin((columns - 2 * t) / 5) * np.cos(rows / 7) for t in range(40)])
    noisy = 128 + 60 * moving[..., None] + rng.normal(0, 20, (40, 48, 64, 3))
    reader = ArrayReader(noisy.round().clip(0, 255).astype(np.uint8))
    streams = set()
    for _ in range(5):
        path = tmp_path / "o.mp4"
        copy(reader, open_writer(path, reader.info, options=EncodeOptions(codec=codec)))
        with av.open(str(path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            streams.add(b"".join(map(bytes, packets)))
        path.unlink()
    assert len(streams) == 1
