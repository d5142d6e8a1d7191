"""A noise model that comes back from a file is the same to the last bit."""

import json

import numpy as np
import pytest
import torch

from f2r.config import DenoiseConfig
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian, PoissonGaussian
from f2r.noise.parse import noise_from_dict
from f2r.run.files import denoise_file
from f2r.run.job import FileOptions


def random_noise(generator):
    """Draw a base and a correlation of one to four channels, scaled anyhow."""
    channels, reach_y, reach_x = (int(torch.randint(*r, (1,), generator=generator)) for r in RANGES)
    shape = (channels, channels, 2 * reach_y + 1, 2 * reach_x + 1)
    kernel = 0.3 * torch.randn(shape, generator=generator)
    kernel[:, :, reach_y, reach_x] += torch.eye(channels)
    size, gain, read = torch.rand(3, generator=generator).tolist()
    base = PoissonGaussian(gain + 1e-3, read) if gain > 0.5 else Gaussian(read)
    variances = kernel[:, :, reach_y, reach_x].diagonal()
    kernel[:, :, reach_y, reach_x] += 2 * torch.diag(variances.abs())
    return Correlated(base, kernel * 10 ** (4 * size - 2))


RANGES = ((1, 5), (0, 4), (0, 4))


def test_a_thousand_correlations_survive_json_exactly():
    generator = torch.Generator().manual_seed(0)
    for _ in range(1000):
        noise = random_noise(generator)
        text = json.dumps(noise.to_dict())
        back = noise_from_dict(json.loads(text))
        assert torch.equal(back.correlation, noise.correlation)
        assert back.base == noise.base
        assert json.dumps(back.to_dict()) == text


@pytest.mark.slow
def test_a_stopped_run_with_estimated_correlated_noise_gives_the_same_bytes(scene, tmp_path):
    clean = scene[:6, :, :112, :128]
    truth = Correlated(Gaussian(20 / 255), gaussian_correlation(0.7))
    noisy = truth.sample(clean, torch.Generator().manual_seed(3))
    source = str(tmp_path / "noisy.npy")
    np.save(source, noisy.permute(0, 2, 3, 1).numpy())
    config = DenoiseConfig(preset="fast")
    whole = denoise_file(source, tmp_path / "whole.npy", config)
    (model,) = whole.report["noise"]
    assert model["model"] == "correlated"
    for stage, fraction in (("denoise", 0.3), ("denoise", 0.7)):

        def stop(report, stage=stage, fraction=fraction):
            if report.stage == stage and report.fraction >= fraction:
                raise KeyboardInterrupt

        files = FileOptions(resume=(tmp_path / "out.npy.run").exists())
        try:
            denoise_file(source, tmp_path / "out.npy", config, files, progress=stop)
        except KeyboardInterrupt:
            continue
        raise AssertionError("the run was not stopped")
    denoise_file(source, tmp_path / "out.npy", config, FileOptions(resume=True))
    assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
