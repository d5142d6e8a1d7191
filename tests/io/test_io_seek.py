"""Reading from a frame on gives exactly the frames of a whole pass, and decodes little more."""

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import tifffile
from io_samples import Video, ramp, write_video

from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.images.picture import write_picture
from f2r.io.video.video_reader import VideoReader
from f2r.train.sample import read_stretches, spread_regions

FRAMES = 40
X264 = (("g", "8"), ("keyint_min", "8"), ("bf", "3"), ("preset", "veryfast"), ("sc_threshold", "0"))
OPEN_X264 = (*X264, ("x264-params", "open-gop=1:log-level=0"))
X265 = (("preset", "ultrafast"), ("x265-params", "keyint=8:min-keyint=8:bframes=3:scenecut=0"))
OPEN_X265 = (("preset", "ultrafast"), ("x265-params", "keyint=8:min-keyint=8:bframes=3:open-gop=1"))
GOP = (("g", "8"),)

VIDEOS = {
    "x264.mp4": Video("libx264", options=X264),
    "x264.mkv": Video("libx264", options=X264),
    "x264.ts": Video("libx264", options=X264),
    "open.mp4": Video("libx264", options=OPEN_X264),
    "open.mkv": Video("libx264", options=OPEN_X264),
    "x265.mp4": Video("libx265", options=X265),
    "open265.mp4": Video("libx265", options=OPEN_X265),
    "open265.mkv": Video("libx265", options=OPEN_X265),
    "mpeg2.ts": Video("mpeg2video", options=(*GOP, ("bf", "2")), time_base=Fraction(1, 25)),
    "mpeg4.avi": Video("mpeg4", options=(*GOP, ("bf", "2"))),
    "mpeg4.mp4": Video("mpeg4", options=(*GOP, ("bf", "2"))),
    "vp9.webm": Video("libvpx-vp9", options=(*GOP, ("cpu-used", "8"))),
    "vp8.webm": Video("libvpx", options=(*GOP, ("auto-alt-ref", "1"), ("lag-in-frames", "8"))),
    "av1.mkv": Video("libsvtav1", "yuv420p", options=(*GOP, ("preset", "12"))),
    "ffv1.mkv": Video("ffv1", options=GOP),
    "ffv1.avi": Video("ffv1", options=GOP),
    "all.mov": Video("prores_ks", "yuv422p10le"),
    "mjpeg.avi": Video("mjpeg", "yuvj420p"),
    "raw.y4m": Video("rawvideo"),
}
ENTRIES = {
    "x264.mp4": 8,
    "x264.mkv": 8,
    "x265.mp4": 8,
    "open265.mkv": 8,
    "mpeg2.ts": 8,
    "vp9.webm": 8,
    "ffv1.mkv": 8,
    "all.mov": 1,
    "mjpeg.avi": 1,
}
"""Frames from one place to begin to the next."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def video(folder, name):
    path = folder / name
    if not path.exists():
        kind = VIDEOS[name]
        write_video(path, replace(kind, frames=FRAMES))
    return path


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_from_any_frame_on(folder, name):
    with open_reader(video(folder, name)) as reader:
        whole = list(reader)
        assert len(whole) == FRAMES
        for start in (0, 1, 7, 8, 9, 17, 23, 24, 30, FRAMES - 1, FRAMES, FRAMES + 3):
            rest = list(reader.starting_at(start))
            assert len(rest) == max(FRAMES - start, 0), start
            assert all(map(np.array_equal, rest, whole[start:])), start


@pytest.mark.parametrize("name", ENTRIES)
def test_decoding_begins_near_the_frame(folder, name, monkeypatch):
    with VideoReader(video(folder, name)) as reader:
        assert FRAMES - 1 - reader.entry_before(FRAMES - 1) < ENTRIES[name] + 4
        decode, decoded = VideoReader._decode, []

        def counted(*args):
            for picture in decode(*args):
                decoded.append(picture)
                yield picture

        monkeypatch.setattr(VideoReader, "_decode", counted)
        assert len(list(reader.starting_at(FRAMES - 2))) == 2
        assert len(decoded) <= 2 * ENTRIES[name] + 4


def test_h264_recovery_points_are_no_place_to_begin(folder):
    """Frames after one may lean on frames before it, though the container calls it a key frame."""
    with VideoReader(video(folder, "open.mkv")) as reader:
        assert reader.entry_before(FRAMES - 1) == 0


def stacks(folder):
    clip = ramp(6)
    np.save(folder / "clip.npy", clip)
    tifffile.imwrite(folder / "clip.tif", clip[..., 0], metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "float.tif", clip[..., 0].astype(np.float32), metadata=None)
    (folder / "png").mkdir()
    for i, frame in enumerate(clip):
        write_picture(folder / "png" / f"{i}.png", frame)
    return [folder / name for name in ("clip.npy", "clip.tif", "float.tif", "png")]


def test_a_stack_from_any_frame_on(tmp_path):
    for path in stacks(tmp_path):
        with open_reader(path) as reader:
            whole = list(reader)
            for start in range(8):
                rest = list(reader.starting_at(start))
                assert len(rest) == max(6 - start, 0), path
                assert all(map(np.array_equal, rest, whole[start:])), path
                assert reader.entry_before(start) == start


def test_named_axes_and_zarr_from_any_frame_on(tmp_path):
    zarr = pytest.importorskip("zarr")
    clip = np.random.default_rng(0).random((5, 16, 24), np.float32)
    np.save(tmp_path / "clip.npy", clip.transpose(1, 2, 0))
    image = {"axes": [{"name": n} for n in "tyx"], "datasets": [{"path": "0"}]}
    group = zarr.open_group(str(tmp_path / "clip.zarr"), mode="w")
    group.attrs.update({"ome": {"version": "0.5", "multiscales": [image]}})
    group.create_array("0", data=clip, chunks=(1, 16, 24))
    for reader in (
        open_reader(tmp_path / "clip.npy", axes="YXT"),
        open_reader(tmp_path / "clip.zarr"),
    ):
        for start in range(6):
            rest = [frame[..., 0] for frame in reader.starting_at(start)]
            assert len(rest) == 5 - start
            assert all(map(np.array_equal, rest, clip[start:]))


@pytest.mark.parametrize("empty", [{2}, {2, 3}, {3, 4}])
def test_a_frame_without_numbers_takes_the_one_before_wherever_reading_begins(empty):
    clip = np.random.default_rng(0).random((6, 8, 8, 2), np.float32)
    for i in empty:
        clip[i, ..., 1] = np.nan
    clip[1, :3] = np.nan
    whole = list(ArrayReader(clip))
    for start in range(6):
        rest = list(ArrayReader(clip).starting_at(start))
        assert all(map(np.array_equal, rest, whole[start:])), start


def test_frames_that_do_not_follow_their_timestamps_are_no_surprise(folder, monkeypatch):
    """A sample of such a file is read in one pass."""
    with VideoReader(video(folder, "x264.mp4")) as reader:
        whole = list(reader)
        stretches = [range(2), range(20, 23)]
        regions = spread_regions(reader.info, (48, 64), 2)
        ticks = reader._source.timeline._ticks
        ticks[21] += 1
        monkeypatch.setattr(reader._source.timeline, "note", lambda *_: None)
        read = read_stretches(reader, stretches, regions)
    assert all(map(np.array_equal, read[1], whole[20:23]))


def test_a_sample_is_the_same_with_and_without_hops(folder):
    stretches = [range(3), range(10, 13), range(30, 33)]
    for name in ("x264.mp4", "mpeg4.avi"):
        with VideoReader(video(folder, name)) as reader:
            whole = list(reader)
            read = read_stretches(reader, stretches, spread_regions(reader.info, (48, 64), 3))
            for taken, stretch in zip(read, stretches, strict=True):
                assert all(map(np.array_equal, taken, islice(whole, stretch.start, stretch.stop)))
