"""Noise that only brightens or only darkens: found where it is, and nowhere else."""

import pytest
import torch
from torch import Tensor

from f2r.noise.one_sided import half_sample_mode, one_sided_shifts, take_shift_out


def ramp() -> Tensor:
    """Make a clean clip (4, 3, 96, 256) of all levels."""
    return torch.linspace(0.02, 0.98, 256).expand(4, 3, 96, 256).contiguous()


def white(scene: Tensor) -> Tensor:
    """Draw noise of unit deviation that is the same in the three channels."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn((len(scene), 1, *scene.shape[-2:]), generator=generator).expand_as(scene)


def mean_of(noisy: Tensor) -> Tensor:
    """Give what a perfect denoiser would: the mean over the rows and frames of the ramp."""
    return noisy.mean((0, 2), keepdim=True).expand_as(noisy)


@pytest.mark.parametrize("sign", [1, -1])
def test_half_of_the_noise_is_found_with_its_size(sign: int) -> None:
    half = sign * (0.15 * white(ramp())).clamp(min=0)
    noisy = (ramp() + half).clamp(0, 1)
    shifts = one_sided_shifts(noisy, mean_of(noisy))
    assert shifts[4] == pytest.approx(float(half.mean()), rel=0.15)
    mended = take_shift_out(mean_of(noisy), shifts)
    middle = slice(64, 192)
    before, after = (
        float((image - ramp())[..., middle].abs().mean()) for image in (mean_of(noisy), mended)
    )
    assert after < 0.25 * before


def test_symmetric_clipped_and_photon_noise_are_left_alone() -> None:
    scene = ramp()
    photons = torch.poisson(20 * scene, generator=torch.Generator().manual_seed(2)) / 20
    for noisy in (scene + 0.1 * white(scene), (scene + 0.25 * white(scene)).clamp(0, 1), photons):
        assert one_sided_shifts(noisy, mean_of(noisy)) == ()


def test_a_dark_clip_that_was_clipped_is_left_alone() -> None:
    dark = 0.15 * ramp()
    noisy = (dark + 0.1 * white(dark)).clamp(min=0)
    assert one_sided_shifts(noisy, mean_of(noisy)) == ()


def test_the_shift_is_interpolated_between_levels() -> None:
    frame = torch.tensor([0.0, 0.25, 0.375, 0.5, 1.0]).view(1, 1, 5)
    mended = take_shift_out(frame, (0.0, 0.1, 0.3, 0.1, 0.0))
    assert torch.allclose(frame - mended, torch.tensor([[[0.0, 0.1, 0.2, 0.3, 0.0]]]), atol=1e-6)
    assert take_shift_out(frame, ()) is frame


def test_the_mode_of_a_skewed_sample() -> None:
    samples = torch.empty(20_000).exponential_(generator=torch.Generator().manual_seed(3))
    assert half_sample_mode(samples) < 0.15
