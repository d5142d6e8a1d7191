"""Files of microscopists: 32-bit counts, small frames, NaN, signed samples."""

import numpy as np
import pytest
import tifffile

import f2r
from f2r.cli.main import main
from f2r.io import open_reader, open_writer
from synthetic import moving_clip

FAST = ["--preset", "fast"]


def grey(frames, side, seed=0):
    return moving_clip(frames, side, side, speed=1, seed=seed)[:, 0].numpy()


def noisy(clean, sigma=0.05):
    noise = np.random.default_rng(1).standard_normal(clean.shape, dtype=np.float32)
    return clean + np.float32(sigma) * noise


@pytest.mark.parametrize("name", ["clip.npy", "clip.tif"])
def test_counts_of_32_bits_come_back_as_such(name, tmp_path):
    clean = grey(8, 32)
    counts = (400_000 * noisy(clean)).clip(0).astype(np.uint32)
    source, output = tmp_path / name, tmp_path / f"out.{name}"
    if name.endswith("npy"):
        np.save(source, counts)
    else:
        tifffile.imwrite(source, counts, metadata={"axes": "TYX"})
    assert main(["denoise", str(source), "-o", str(output), *FAST]) == 0
    found = np.load(output) if name.endswith("npy") else tifffile.imread(output)
    assert found.dtype == np.uint32
    assert np.square(found / 4e5 - clean).mean() < np.square(counts / 4e5 - clean).mean() / 4


def test_counts_of_32_bits_are_copied_exactly_by_reader_and_writer(tmp_path):
    counts = np.array([[[0, 1, 2**23 + 1, 2**24]] * 16] * 2, np.uint32)
    np.save(tmp_path / "in.npy", counts)
    with open_reader(tmp_path / "in.npy", counts_to_nominal=True) as reader:
        assert max(frame.max() for frame in reader) <= 1
        with open_writer(tmp_path / "out.npy", reader.info) as writer:
            for frame in reader:
                writer.write(frame)
    assert np.array_equal(np.load(tmp_path / "out.npy"), counts)


def test_the_largest_count_of_32_bits_does_not_wrap(tmp_path):
    counts = np.full((2, 16, 16), 2**32 - 1, np.uint32)
    np.save(tmp_path / "in.npy", counts)
    reader = open_reader(tmp_path / "in.npy")
    with open_writer(tmp_path / "out.npy", reader.info) as writer:
        for frame in reader:
            writer.write(2 * frame)
    assert (np.load(tmp_path / "out.npy") == 2**32 - 1).all()


def test_arrays_of_32_bits_are_counts():
    counts = (4000 * noisy(grey(4, 32))).clip(0).astype(np.uint32)
    found = f2r.denoise(counts, preset="fast").frames
    assert np.array_equal(found, f2r.denoise(counts.astype(np.float32), preset="fast").frames)
    assert abs(found.mean() - counts.mean()) < 40


def test_noise_of_small_frames_is_measured():
    found = [f2r.fit(noisy(grey(12, 24, seed)), preset="fast").sigma for seed in range(2)]
    assert found == pytest.approx([0.05, 0.05], rel=0.15)


def test_frames_of_16_pixels_are_denoised_and_smaller_ones_refused(capsys, tmp_path):
    clean = grey(8, 16)
    found = f2r.denoise(noisy(clean), preset="fast").frames
    assert np.square(found - clean).mean() < np.square(noisy(clean) - clean).mean() / 3
    np.save(tmp_path / "tiny.npy", noisy(grey(8, 16))[:, :12])
    assert main(["denoise", str(tmp_path / "tiny.npy"), *FAST]) == 2
    assert "16 x 12 are too small to measure" in capsys.readouterr().err
