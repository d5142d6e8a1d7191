"""CRVD: files of exactly its layout and type, its noise, and its protocol."""

import numpy as np
import pytest
import tifffile
import torch
from raw_samples import camera_clip
from skimage.metrics import structural_similarity

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.noise.camera import crvd_noise
from f2r.run.given_noise import noise_profile
from f2r_bench.raw.protocol import compare, evaluate_crvd, uniform_ssim


def write_scene(root, scene, iso, frames=3):
    """Write what the dataset has of a scene: two of ten shots, their mean, the reference."""
    noisy = root / "indoor_raw_noisy" / f"scene{scene}" / f"ISO{iso}"
    clean = root / "indoor_raw_gt" / f"scene{scene}" / f"ISO{iso}"
    noisy.mkdir(parents=True)
    clean.mkdir(parents=True)
    reference = camera_clip("GBRG", frames, noise=0.0, seed=scene)
    shots = [camera_clip("GBRG", frames, noise=40.0, seed=scene) for _ in range(2)]
    for i in range(frames):
        for number, shot in enumerate(shots):
            tifffile.imwrite(noisy / f"frame{i + 1}_noisy{number}.tiff", shot[i])
        tifffile.imwrite(noisy / f"frame{i + 1}_clean.tiff", reference[i])
        name = f"frame{i + 1}_clean_and_slightly_denoised.tiff"
        tifffile.imwrite(clean / name, reference[i])
    return noisy, clean, shots[0], reference


def test_a_scene_is_read_as_its_first_shot(tmp_path):
    noisy, clean, shot, reference = write_scene(tmp_path, 7, 6400)
    for folder, expected in ((noisy, shot), (clean, reference)):
        with open_reader(folder) as reader:
            mosaic = reader.info.mosaic
            assert (mosaic.pattern, mosaic.black[0], mosaic.white) == ("GBRG", 240.0, 4095.0)
            assert mosaic.iso == 6400
            samples = [mosaic.to_samples(frame) for frame in reader]
        assert np.array_equal(np.rint(samples), expected)
    assert noise_profile(open_reader(noisy).info) == crvd_noise(6400)


def test_outdoor_clips_are_read_in_order(tmp_path):
    folder = tmp_path / "outdoor_raw_noisy" / "scene1" / "iso25600"
    folder.mkdir(parents=True)
    clip = camera_clip("GBRG", 11)
    for i, samples in enumerate(clip):
        tifffile.imwrite(folder / f"frame{i}.tiff", samples)
    with open_reader(folder) as reader:
        assert (reader.info.frames, reader.info.mosaic.iso) == (11, 25600)
        assert np.array_equal(np.rint([reader.info.mosaic.to_samples(f) for f in reader]), clip)


def test_the_protocol_averages_over_frames_scenes_and_isos(tmp_path):
    for scene in (7, 8):
        for iso in (1600, 3200):
            write_scene(tmp_path, scene, iso, frames=2)
    seen = []

    def shift(reader, noise):
        seen.append(noise)
        step = 0.01 if noise == crvd_noise(1600) else 0.1
        with open_reader(str(reader.info.source.path).replace("noisy", "gt")) as clean:
            yield from (frame + np.float32(step) for frame in clean)

    result = evaluate_crvd(shift, tmp_path, scenes=(7, 8), isos=(1600, 3200))
    assert seen == [crvd_noise(1600)] * 2 + [crvd_noise(3200)] * 2
    by_iso = result.by_iso()
    assert by_iso[1600].raw_psnr == pytest.approx(40.0, abs=0.15)
    assert by_iso[3200].raw_psnr == pytest.approx(20.0, abs=0.05)
    assert result.overall().raw_psnr == pytest.approx(30.0, abs=0.1)
    assert result.overall().srgb_psnr is None
    assert "slightly denoised" in result.to_dict()["reference"]


def test_a_perfect_result_is_perfect():
    clean = torch.from_numpy(np.linspace(0, 3855, 4 * 64).round() / 3855).view(1, 4, 8, 8).float()
    figures = compare(clean, clean)
    assert figures.raw_psnr > 120
    assert figures.raw_ssim == pytest.approx(1.0)


def test_ssim_is_that_of_published_figures():
    generator = np.random.default_rng(0)
    clean = generator.random((3, 24, 30))
    other = clean + generator.normal(0, 0.1, clean.shape)
    expected = structural_similarity(clean, other, data_range=1.0, channel_axis=0)
    found = uniform_ssim(torch.from_numpy(other)[None], torch.from_numpy(clean)[None])
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_an_incomplete_dataset_is_refused(tmp_path):
    write_scene(tmp_path, 7, 1600)
    with pytest.raises(InputError, match="CRVD is not complete"):
        evaluate_crvd(lambda reader, _: reader, tmp_path, scenes=(7, 8), isos=(1600,))
