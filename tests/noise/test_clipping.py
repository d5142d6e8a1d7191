"""Clipped noise: its moments, and the way back."""

import pytest
import torch
from torch import Tensor

from f2r.noise.blocks import Limits
from f2r.noise.clipping import (
    Clipped,
    before_clipping,
    clip_noise,
    find_clipping,
    unclip,
    variance_before_clipping,
)
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian, PoissonGaussian

BOTH = Limits(0.0, 1.0, 0.01, 0.01)


def drawn(noise, level: float) -> Tensor:
    clean = torch.full((1, 1, 512, 512), level)
    return noise.sample(clean, torch.Generator().manual_seed(3)).clamp(0, 1)


@pytest.mark.parametrize("base", [Gaussian(30 / 255), PoissonGaussian(4 / 255, 6 / 255)])
@pytest.mark.parametrize("level", [0.0, 0.03, 0.1, 0.5, 0.93, 1.0])
def test_mean_and_variance_are_those_of_clipped_samples(base, level: float) -> None:
    seen = drawn(base, level)
    noise = clip_noise(base, BOTH)
    mean = seen.mean().reshape(1, 1, 1, 1)
    # Photon counts are not normal near black.
    loose = isinstance(base, PoissonGaussian) and level < 0.1
    tolerance = 0.25 if loose else 0.06
    assert float(noise.variance(mean)) == pytest.approx(float(seen.var()), rel=tolerance)
    assert float(unclip(mean, noise)) == pytest.approx(level, abs=0.012 if loose else 0.004)


@pytest.mark.parametrize("base", [Gaussian(30 / 255), PoissonGaussian(4 / 255, 6 / 255)])
def test_the_variance_before_clipping_is_told_from_clipped_means(base) -> None:
    level = torch.tensor([0.02, 0.1, 0.5, 0.9, 0.98]).reshape(1, 1, 1, -1)
    seen = torch.stack([drawn(base, float(x)).mean() for x in level.flatten()]).view_as(level)
    told = variance_before_clipping(clip_noise(base, BOTH), seen)
    torch.testing.assert_close(told, base.variance(level), rtol=0.12, atol=0)


def test_the_way_back_rises_and_keeps_the_limits() -> None:
    noise = clip_noise(Gaussian(0.1), BOTH)
    levels = torch.linspace(-0.2, 1.2, 500).reshape(1, 1, 1, -1)
    back = unclip(levels, noise)
    assert bool((back.diff() >= 0).all())
    assert float(back[..., 0]) == 0.0
    assert float(back[..., -1]) == 1.0
    middle = (levels > 0.35) & (levels < 0.65)
    assert torch.allclose(back[middle], levels[middle], atol=1e-3)


def test_without_a_limit_nothing_changes() -> None:
    frame = torch.rand(1, 3, 8, 8)
    for noise in (Gaussian(0.1), Correlated(Gaussian(0.1), gaussian_correlation(0.7))):
        assert clip_noise(noise, Limits()) is noise
        assert torch.equal(unclip(frame, noise), frame)


def test_one_limit_leaves_the_other_end_alone() -> None:
    noise = clip_noise(Gaussian(0.1), Limits(low=0.0, low_share=0.1))
    assert isinstance(noise, Clipped)
    bright = torch.tensor([[[[0.9, 1.0, 1.1]]]])
    assert torch.allclose(unclip(bright, noise), bright, atol=1e-3)
    assert torch.allclose(noise.variance(bright), torch.tensor(0.01), rtol=1e-3)


def test_correlation_is_kept() -> None:
    noise = clip_noise(Correlated(Gaussian(0.1), gaussian_correlation(0.7)), BOTH)
    assert isinstance(noise, Correlated)
    black = torch.full((1, 3, 64, 64), 0.04)
    assert float(noise.variance(black).mean()) < 0.006
    assert float(unclip(black, noise).mean()) < 0.01


def test_clipping_is_told_from_black_bars(scene: Tensor) -> None:
    noisy = Gaussian(5 / 255).sample(scene, torch.Generator().manual_seed(0))
    barred = noisy.clone()
    barred[..., :40, :] = -0.5
    assert not find_clipping(barred).clips
    clipped = noisy.clamp(0.3, 0.6)
    found = find_clipping(clipped)
    assert (found.low, found.high) == pytest.approx((0.3, 0.6))
    assert 0 < found.low_share < 1
    assert not find_clipping(noisy).clips


def test_frames_smaller_than_a_block_are_looked_at(scene: Tensor) -> None:
    assert find_clipping(scene[..., :9, :7].clamp(0.3, 0.35)).clips


def test_the_noise_before_clipping_comes_back() -> None:
    noise = Gaussian(0.1)
    assert before_clipping(clip_noise(noise, BOTH)) is noise
    assert before_clipping(noise) is noise
    shaped = clip_noise(Correlated(noise, gaussian_correlation(0.7)), BOTH)
    assert before_clipping(shaped).base is noise
