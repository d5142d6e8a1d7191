"""NaN stays where it was, and the rest is handed on without it."""

import numpy as np
import pytest
import tifffile
from io_samples import copy

from f2r.errors import InputError
from f2r.io import open_reader, open_writer
from f2r.io.gaps import mirror_into


def clip_with_borders():
    clip = np.random.default_rng(0).normal(0.5, 0.1, (5, 48, 64)).astype(np.float32)
    for t in range(5):
        clip[t, : t + 1] = np.nan
        clip[t, :, 60 - t :] = np.nan
    return clip


def write_clip(path, clip):
    if path.suffix == ".npy":
        np.save(path, clip)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, clip, photometric="minisblack", metadata={"axes": "TYX"})
    else:
        path.mkdir()
        for i, frame in enumerate(clip):
            tifffile.imwrite(path / f"{i}.tif", frame)
    return path


@pytest.mark.parametrize("source", ["a.npy", "a.tif", "folder"])
@pytest.mark.parametrize("target", ["o.npy", "o.tif", "o.ome.tif", "o"])
def test_nan_is_filled_for_the_method_and_written_again(tmp_path, source, target):
    clip = clip_with_borders()
    reader = open_reader(write_clip(tmp_path / source, clip))
    frames = copy(reader, open_writer(tmp_path / target, reader.info))
    assert np.isfinite(frames).all()
    again = open_reader(tmp_path / target)
    filled = np.stack(list(again))[..., 0]
    assert np.array_equal(filled[~np.isnan(clip)], clip[~np.isnan(clip)])
    written = [again.info.source.gaps.restore(f[..., None], i) for i, f in enumerate(filled)]
    assert np.array_equal(np.isnan(np.stack(written)[..., 0]), np.isnan(clip))


def test_what_is_filled_in_carries_noise_like_its_surroundings():
    plane = np.random.default_rng(1).normal(0, 1, (64, 64)).astype(np.float32)
    gaps = np.zeros(plane.shape, bool)
    gaps[:, :20] = True
    gaps[30:34, 40:44] = True
    plane[gaps] = np.nan
    mirror_into(plane, gaps)
    assert np.isfinite(plane).all()
    assert 0.85 < plane[:, :20].std() < 1.15


def test_a_frame_without_numbers_repeats_the_one_before_and_the_first_is_refused(tmp_path):
    clip = clip_with_borders()
    clip[3] = np.nan
    frames = list(open_reader(write_clip(tmp_path / "a.npy", clip)))
    assert np.array_equal(frames[3], frames[2])
    clip[0] = np.nan
    with pytest.raises(InputError, match="frame 1 holds nothing but NaN"):
        open_reader(write_clip(tmp_path / "b.npy", clip))


def test_integers_and_videos_say_that_they_cannot_hold_nan(tmp_path):
    reader = open_reader(write_clip(tmp_path / "a.npy", clip_with_borders()))
    with open_writer(tmp_path / "o.mkv", reader.info) as writer:
        assert any("NaN" in loss for loss in writer.losses)
        writer.write(next(iter(reader)))


@pytest.mark.parametrize("source", ["a.npy", "a.tif", "folder"])
def test_floats_that_count_come_near_one_and_go_back_exactly(tmp_path, source):
    clip = clip_with_borders() * 9000
    reader = open_reader(write_clip(tmp_path / source, clip), counts_to_nominal=True)
    assert reader.info.scale == 8192
    frames = copy(reader, open_writer(tmp_path / "o.npy", reader.info))
    assert np.abs(frames).max() < 1.5
    assert np.array_equal(np.load(tmp_path / "o.npy"), clip, equal_nan=True)
