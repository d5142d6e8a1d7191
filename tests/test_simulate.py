import json

import numpy as np
import pytest
import torch

from f2r.cli.simulate import SimulateArgs, simulate_command
from f2r.errors import InputError
from f2r.evaluation.add_noise import add_frame_noise, frame_generator, simulate_file
from f2r.io import open_reader
from f2r.noise.models import Gaussian


@pytest.fixture
def clean(tmp_path):
    """Write an 8-bit colour clip that touches black and white."""
    levels = np.random.default_rng(0).integers(0, 256, (4, 20, 24, 3), dtype=np.uint8)
    levels[:, :4] = 255
    np.save(tmp_path / "clean.npy", levels)
    return tmp_path / "clean.npy"


def read(path):
    with open_reader(path) as reader:
        return np.stack(list(reader)), reader.info


def test_npy_holds_the_noise_unclipped(clean, tmp_path):
    done = simulate_file(clean, tmp_path / "noisy.npy", Gaussian(30 / 255), seed=3)
    noisy, info = read(done.output)
    noise = noisy - read(clean)[0]
    assert info.dtype == "float32"
    assert noisy.max() > 1
    assert noisy.min() < 0
    assert noise.std() == pytest.approx(30 / 255, rel=0.03)
    assert abs(noise.mean()) < 0.005
    assert done.notes == ()


def test_noise_is_drawn_once_per_seed_and_frame(clean, tmp_path):
    clips = [
        read(simulate_file(clean, tmp_path / name, Gaussian(0.1), seed).output)[0]
        for name, seed in (("a.npy", 1), ("b.npy", 1), ("c.npy", 2))
    ]
    assert np.array_equal(clips[0], clips[1])
    assert not np.array_equal(clips[0], clips[2])
    frame = read(clean)[0][2]
    assert np.array_equal(add_frame_noise(frame, Gaussian(0.1), 1, 2), clips[0][2])
    noises = clips[0] - read(clean)[0]
    assert abs(np.corrcoef(noises[0].ravel(), noises[1].ravel())[0, 1]) < 0.1


def test_neighbouring_seeds_and_frames_do_not_share_noise():
    draws = {
        float(torch.rand(1, generator=frame_generator(seed, index)))
        for seed in range(8)
        for index in range(8)
    }
    assert len(draws) == 64


@pytest.mark.parametrize("name", ["noisy.tif", "noisy"])
def test_tiff_and_folder_hold_it_unclipped(clean, tmp_path, name):
    done = simulate_file(clean, tmp_path / name, Gaussian(0.2), seed=0)
    noisy, _ = read(done.output)
    assert np.array_equal(noisy[1], add_frame_noise(read(clean)[0][1], Gaussian(0.2), 0, 1))


def test_video_clips_and_says_so(clean, tmp_path):
    done = simulate_file(clean, tmp_path / "noisy.mkv", Gaussian(0.1), seed=0)
    noisy, info = read(done.output)
    expected = add_frame_noise(read(clean)[0][0], Gaussian(0.1), 0, 0).clip(0, 1)
    assert info.bit_depth == 16
    assert np.abs(noisy[0] - expected).max() < 1e-4
    assert any("clipped" in note for note in done.notes)


def test_report_says_model_and_seed_and_can_be_read_back(clean, tmp_path):
    from f2r.noise.parse import load_noise

    done = simulate_file(clean, tmp_path / "noisy.npy", Gaussian(0.1), seed=7)
    report = json.loads(done.report_path.read_text())
    assert report["seed"] == 7
    assert report["frames"] == 4
    assert report["noise"]["model"] == "gaussian"
    assert load_noise(done.report_path) == Gaussian(0.1)


def test_refuses_to_overwrite(clean, tmp_path):
    simulate_file(clean, tmp_path / "noisy.npy", Gaussian(0.1), seed=0)
    with pytest.raises(InputError, match="exists"):
        simulate_file(clean, tmp_path / "noisy.npy", Gaussian(0.1), seed=0)
    simulate_file(clean, tmp_path / "noisy.npy", Gaussian(0.1), seed=0, overwrite=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"sigma": -1.0}, {"sigma": 300.0}, {"sigma": float("nan")}, {"sigma": 1.0, "seed": -1}],
)
def test_command_refuses_what_makes_no_sense(clean, tmp_path, options):
    with pytest.raises(InputError):
        simulate_command(SimulateArgs(str(clean), tmp_path / "noisy.npy", **options))
    assert not (tmp_path / "noisy.npy").exists()


def test_command_speaks_8_bit_units(clean, tmp_path):
    simulate_command(SimulateArgs(str(clean), tmp_path / "noisy.npy", sigma=25.5))
    assert json.loads((tmp_path / "noisy.npy.json").read_text())["noise"]["sigma"] == 0.1
