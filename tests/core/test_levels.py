import pytest
import torch

from f2r.noise.models import Gaussian, PoissonGaussian
from f2r.noise.normalise import MOST_NOISE, normalise
from f2r.noise.scale import scale_noise
from synthetic import moving_clip


def noisy_clip(scale, count=5):
    clean = moving_clip(count, 96, 128)
    noise = 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return list(scale * (clean + noise))


@pytest.mark.parametrize("scale", [0.02, 1.0, 4000.0])
def test_clips_of_any_range_are_brought_to_the_same_levels(scale):
    factor, noise = normalise(noisy_clip(scale), None)
    white = 0.9 * scale * factor
    assert 0.5 < white < 1.5
    sigma = float(noise.variance(torch.full((1, 3, 1, 1), 0.5)).mean().sqrt())
    # Frames this small are measured to a tenth.
    assert sigma == pytest.approx(0.05 * scale * factor, rel=0.1)


def test_usual_clips_stay_as_they_are():
    assert normalise(noisy_clip(1.0), Gaussian(0.05)) == (1.0, Gaussian(0.05))


def test_a_dim_clip_is_not_brightened_beyond_the_noise_that_the_networks_know():
    frames = [0.01 * torch.randn(3, 64, 64) for _ in range(3)]
    _, noise = normalise(frames, Gaussian(0.01))
    assert noise.sigma == pytest.approx(MOST_NOISE, rel=0.01)


def test_scaled_noise_is_the_noise_of_scaled_frames():
    noise = PoissonGaussian(0.01, 0.02, 0.1)
    level = torch.rand(1, 3, 8, 8)
    scaled = scale_noise(noise, 3.0)
    torch.testing.assert_close(scaled.variance(3 * level), 9 * noise.variance(level))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_noise_is_found_in_clips_of_any_length(count):
    _, noise = normalise(noisy_clip(1.0, count), None)
    sigma = float(noise.variance(torch.full((1, 3, 1, 1), 0.5)).mean().sqrt())
    # One small frame says less than several, whose differences cancel the scene.
    assert sigma == pytest.approx(0.05, rel=0.3 if count == 1 else 0.1)
