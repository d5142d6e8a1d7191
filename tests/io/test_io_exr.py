"""Folders of OpenEXR frames."""

import numpy as np
import OpenEXR
import pytest
from io_samples import copy, ramp

from f2r.errors import InputError
from f2r.io import EncodeOptions, open_reader, open_writer


def write_exr(path, channels, **header):
    content = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(content, channels).write(str(path))


def write_clip(folder, name, clip):
    folder.mkdir()
    for t, frame in enumerate(clip):
        write_exr(folder / f"shot_{t + 9}.exr", {name: np.ascontiguousarray(frame)})
    return folder


@pytest.fixture
def bright():
    """Four frames of linear light up to 3."""
    return (ramp(4) / 65535 * 3).astype(np.float32)


@pytest.mark.parametrize("name", ["RGB", "Y"])
def test_a_copy_keeps_samples_above_one_and_names(tmp_path, bright, name):
    clip = bright if name == "RGB" else bright[..., 0]
    reader = open_reader(write_clip(tmp_path / "in", name, clip))
    assert reader.info.dtype == "float32"
    copy(reader, open_writer(tmp_path / "out", reader.info))
    back = open_reader(tmp_path / "out")
    np.testing.assert_array_equal(np.stack(list(back)).squeeze(), clip)
    assert [p.name for p in sorted((tmp_path / "out").iterdir())][-1] == "shot_9.exr"


def test_half_floats_are_read(tmp_path, bright):
    reader = open_reader(write_clip(tmp_path / "in", "RGB", bright.astype(np.float16)))
    np.testing.assert_allclose(np.stack(list(reader)), bright, rtol=1e-3, atol=1e-3)


def test_transparency_is_left_out_and_announced(tmp_path, bright):
    alpha = np.concatenate((bright, np.ones_like(bright[..., :1])), axis=-1)
    reader = open_reader(write_clip(tmp_path / "in", "RGBA", alpha))
    assert reader.info.channels == 3
    assert any("Transparency" in loss for loss in reader.info.source.unread)


def test_other_frames_can_become_exr(tmp_path, bright):
    reader = open_reader(write_clip(tmp_path / "in", "RGB", bright))
    copy(reader, open_writer(tmp_path / "t", reader.info, options=EncodeOptions(codec="tiff")))
    tiffs = open_reader(tmp_path / "t")
    copy(tiffs, open_writer(tmp_path / "e", tiffs.info, options=EncodeOptions(codec="exr")))
    np.testing.assert_array_equal(np.stack(list(open_reader(tmp_path / "e"))), bright)


def test_bad_pictures_are_refused_in_one_line(tmp_path, bright):
    folder = write_clip(tmp_path / "in", "RGB", bright)
    last = folder / "shot_12.exr"
    whole = last.read_bytes()
    for damage, words in ((whole[:200], "damaged"), (b"", "damaged")):
        last.write_bytes(damage)
        with pytest.raises(InputError, match=words):
            open_reader(folder)
    last.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        list(open_reader(folder))
    write_exr(last, {"depth": bright[0, ..., 0].copy()})
    with pytest.raises(InputError, match="channels depth"):
        list(open_reader(folder))
    window = (np.array([0, 0], np.int32), np.array([999, 999], np.int32))
    write_exr(last, {"RGB": bright[0]}, displayWindow=window)
    with pytest.raises(InputError, match="do not fill its frame"):
        open_reader(folder)
