import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from io_samples import copy, psnr, ramp

from f2r.errors import InputError
from f2r.io import EncodeOptions, default_output, open_reader, open_writer
from f2r.io.images.folder import natural_key


def write_frames(folder, clip, suffix):
    folder.mkdir()
    for i, frame in enumerate(clip, start=8):  # 8, 9, 10: natural order is not text order
        path = folder / f"shot_{i}{suffix}"
        if suffix == ".tif":
            tifffile.imwrite(path, frame, photometric="rgb" if frame.ndim == 3 else "minisblack")
        else:
            picture = frame[..., ::-1] if frame.ndim == 3 and frame.shape[2] == 3 else frame
            assert cv2.imwrite(str(path), picture)
    return folder


def read_frames(folder):
    paths = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    frames = [
        tifffile.imread(p) if p.suffix == ".tif" else cv2.imread(str(p), cv2.IMREAD_UNCHANGED)
        for p in paths
    ]
    return [path.name for path in paths], frames


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [
        (".png", np.uint8, 3),
        (".png", np.uint16, 3),
        (".png", np.uint16, 1),
        (".bmp", np.uint8, 3),
        (".bmp", np.uint8, 1),
        (".tif", np.uint8, 3),
        (".tif", np.uint16, 1),
        (".tif", np.float32, 1),
        (".tif", np.float32, 3),
    ],
)
def test_unchanged_frames_keep_names_and_pixels(tmp_path, suffix, dtype, channels):
    clip = ramp(4, channels=channels)
    clip = clip.astype(np.uint8) if dtype == np.uint8 else clip.astype(dtype)
    clip = clip[..., 0] if channels == 1 else clip
    clip = clip / np.float32(4e4) - np.float32(0.2) if dtype == np.float32 else clip
    folder = write_frames(tmp_path / "in", clip, suffix)
    reader = open_reader(folder)
    copy(reader, open_writer(default_output(folder), reader.info))
    names, frames = read_frames(tmp_path / "in.f2r")
    assert names == [f"shot_{i}{suffix}" for i in (8, 9, 10, 11)]
    assert np.array_equal(np.stack(frames), np.stack(read_frames(folder)[1]))
    assert reader.info.channels == channels
    assert reader.info.frames == 4


def test_colour_is_rgb_and_nominal(tmp_path):
    clip = ramp(2)
    reader = open_reader(write_frames(tmp_path / "in", clip, ".png"))
    assert np.allclose(np.stack(list(reader)), clip / 65535, atol=1e-6)
    assert reader.info.is_colour
    assert (reader.info.bit_depth, reader.info.scale) == (16, 65535)


def test_jpeg_becomes_png(tmp_path):
    clip = ramp(3, top=255).astype(np.uint8)
    folder = write_frames(tmp_path / "in", clip, ".jpg")
    reader = open_reader(folder)
    frames = copy(reader, open_writer(tmp_path / "out", reader.info))
    assert reader.info.chroma_subsampled
    names, _ = read_frames(tmp_path / "out")
    assert names == ["shot_8.png", "shot_9.png", "shot_10.png"]
    assert np.array_equal(np.stack(list(open_reader(tmp_path / "out"))), frames)
    assert psnr(frames, clip / 255) > 15


def test_the_kind_of_picture_can_be_chosen(tmp_path):
    reader = open_reader(write_frames(tmp_path / "in", ramp(2), ".png"))
    writer = open_writer(tmp_path / "out", reader.info, options=EncodeOptions(codec="bmp"))
    assert any("uint8" in sentence for sentence in writer.losses)
    copy(reader, writer)
    assert read_frames(tmp_path / "out")[0] == ["shot_8.bmp", "shot_9.bmp"]
    with pytest.raises(InputError, match="makes no pictures"):
        open_writer(tmp_path / "o", reader.info, options=EncodeOptions(codec="libx264"))


def test_transparency_is_left_out_and_said(tmp_path):
    clip = np.dstack([ramp(1, top=255)[0], np.full((48, 64), 99)]).astype(np.uint8)[None]
    reader = open_reader(write_frames(tmp_path / "in", clip, ".png"))
    assert reader.info.channels == 3
    assert "alpha" in open_writer(tmp_path / "out", reader.info).losses[0]


def change_frame(folder, data):
    (folder / "shot_9.png").write_bytes(data)


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(np.zeros((48, 60, 3), np.uint8)), "one size"),
        (png(np.zeros((48, 64), np.uint8)), "must agree"),
        (png(np.zeros((48, 64, 3), np.uint8))[:20], "cut short"),
        (png(ramp(1)[0])[:-300], "damaged"),
        (b"", "is not a PNG"),
        (b"nonsense" * 10, "is not a PNG"),
    ],
)
def test_a_frame_that_does_not_fit_is_named(tmp_path, data, words):
    folder = write_frames(tmp_path / "in", ramp(3, top=255).astype(np.uint8), ".png")
    change_frame(folder, data)
    with pytest.raises(InputError, match=words) as caught:
        list(open_reader(folder))
    assert "shot_9.png" in str(caught.value)


def test_sizes_are_checked_before_the_first_frame(tmp_path):
    folder = write_frames(tmp_path / "in", ramp(3, top=255).astype(np.uint8), ".png")
    change_frame(folder, png(np.zeros((48, 60, 3), np.uint8)))
    with pytest.raises(InputError, match="one size"):
        open_reader(folder)


def test_a_picture_bomb_is_refused_by_its_header(tmp_path):
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 16, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + bytes(100))
    with pytest.raises(InputError, match="more than F2R accepts"):
        open_reader(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_headers_of_other_pictures_are_read(tmp_path, suffix):
    folder = write_frames(tmp_path / "in", np.zeros((2, 48, 64, 3), np.uint8), suffix)
    cv2.imwrite(str(folder / f"shot_9{suffix}"), np.zeros((40, 64, 3), np.uint8))
    with pytest.raises(InputError, match="64x40, the first frame 64x48"):
        open_reader(folder)


def test_a_cut_jpeg_is_damaged(tmp_path):
    folder = write_frames(tmp_path / "in", ramp(1, top=255).astype(np.uint8), ".jpg")
    path = folder / "shot_8.jpg"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="damaged"):
        open_reader(folder)


def test_infinity_in_a_float_frame_is_refused(tmp_path):
    clip = np.zeros((2, 48, 64), np.float32)
    clip[1, 3, 4] = np.inf
    reader = open_reader(write_frames(tmp_path / "in", clip, ".tif"))
    with pytest.raises(InputError, match="frame 2 holds infinity"):
        list(reader)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no pictures"),
        (["notes.txt"], "no pictures"),
        (["a.dpx"], r"only \.dpx files"),
        (["a.png", "b.jpg"], "mixes"),
    ],
)
def test_folders_without_one_clip_are_refused(tmp_path, names, words):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=words):
        open_reader(tmp_path)


def test_a_stack_among_the_frames_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 48, 64), np.uint8))
    with pytest.raises(InputError, match="stack of its own"):
        open_reader(tmp_path)
