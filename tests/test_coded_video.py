"""Video that a codec has changed, from the command line."""

import json

import av
import numpy as np
import pytest

from f2r.cli.main import main
from f2r.io import open_reader
from synthetic import moving_clip

SIGMA = 20


@pytest.fixture(scope="module")
def clean():
    return (moving_clip(8, 96, 128, speed=1).permute(0, 2, 3, 1).numpy() * 255).round()


def write_coded(path, frames, codec="libx264", **options):
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame.clip(0, 255).astype(np.uint8), "rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def noisy(clean, tmp_path_factory):
    noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    return write_coded(tmp_path_factory.mktemp("coded") / "noisy.mp4", clean + noise, crf="26")


def psnr(path, clean):
    with open_reader(path) as reader:
        frames = np.stack(list(reader))
    return -10 * np.log10(np.square(frames - clean / 255).mean())


def denoise(source, output, *options):
    assert main(["denoise", str(source), "-o", str(output), *options]) == 0
    return json.loads(output.with_name(output.name + ".json").read_text())


def test_noise_that_went_through_a_codec_is_found_and_removed(clean, noisy, tmp_path, capsys):
    report = denoise(noisy, tmp_path / "out.npy", "--preset", "fast")
    entry = report["noise"][0]
    assert entry["coding"] == "H.264"
    assert 0.6 * SIGMA < 255 * entry["before_coding"]["sigma"] < 1.6 * SIGMA
    assert report["estimated_psnr"] == []
    assert psnr(tmp_path / "out.npy", clean) > psnr(noisy, clean) + 2
    said = capsys.readouterr().err
    assert "H.264" in said
    assert "unknown" in said


def test_nothing_is_trained_on_coded_noise(noisy, tmp_path):
    fast = denoise(noisy, tmp_path / "fast.npy", "--preset", "fast")
    trained = denoise(noisy, tmp_path / "trained.npy", "--steps", "3")
    assert "training" not in fast
    assert "training" not in trained
    assert np.array_equal(np.load(tmp_path / "fast.npy"), np.load(tmp_path / "trained.npy"))


def test_a_level_that_is_given_is_not_argued_with(noisy, tmp_path, capsys):
    report = denoise(noisy, tmp_path / "out.npy", "--preset", "fast", "--sigma", str(SIGMA))
    assert "contradicted_by" not in report["noise"][0]
    assert "warning" not in capsys.readouterr().err


def test_a_clip_without_noise_is_copied(tmp_path):
    still = np.full((6, 96, 128, 3), 90.0)
    still[:, 20:60, 30:90] = 160
    source = write_coded(tmp_path / "clean.mp4", still, crf="20")
    report = denoise(source, tmp_path / "out.mp4")
    assert report["copied"]
    assert report["frames"] == 6
    assert (tmp_path / "out.mp4").read_bytes() == source.read_bytes()


def test_a_clip_without_noise_for_another_container_is_written_as_it_is(tmp_path):
    still = np.full((6, 96, 128, 3), 90.0)
    source = write_coded(tmp_path / "clean.mp4", still, crf="20")
    denoise(source, tmp_path / "out.npy")
    with open_reader(source) as reader:
        frames = np.stack(list(reader))
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.rint(frames * 255).astype(np.uint8))


def test_noise_that_brightens_the_picture_is_undone(clean, tmp_path, capsys):
    noise = np.random.default_rng(0).normal(0, 2 * SIGMA, (*clean.shape[:3], 1)).clip(min=0)
    bright = write_coded(tmp_path / "bright.mp4", clean + noise, crf="16")
    denoise(bright, tmp_path / "out.npy", "--preset", "fast")
    assert "the noise brightens the picture" in capsys.readouterr().err
    with open_reader(tmp_path / "out.npy") as reader:
        shift = 255 * np.stack(list(reader)).mean() - clean.mean()
    assert abs(shift) < 0.45 * noise.mean()
