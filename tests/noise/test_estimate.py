import json
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from f2r.errors import InputError
from f2r.noise.blocks import Curve
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.estimate import estimate_noise, estimate_noise_from_anchor, estimate_sigma, gather
from f2r.noise.fit import fit_model
from f2r.noise.models import Gamma, Gaussian, PoissonGaussian
from f2r.noise.parse import load_noise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def to_8_bit(frames: Tensor) -> Tensor:
    return (frames.clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("sigma", [5, 30, 75])
def test_sigma_is_found(scene: Tensor, sigma: int) -> None:
    noisy = Gaussian(sigma / 255).sample(scene, seeded())
    assert estimate_sigma(noisy) * 255 == pytest.approx(sigma, rel=0.04)
    estimate = estimate_noise(noisy)
    assert isinstance(estimate.model, Gaussian)
    assert estimate.sigma * 255 == pytest.approx(sigma, rel=0.04)
    assert not estimate.is_noise_free


@pytest.mark.parametrize("sigma", [10, 30, 60])
def test_clipping_to_8_bits_does_not_bias_sigma(scene: Tensor, sigma: int) -> None:
    stretched = ((scene - 0.5) * 1.25 + 0.5).clamp(0, 1)
    noisy = to_8_bit(Gaussian(sigma / 255).sample(stretched, seeded()))
    assert estimate_sigma(noisy) * 255 == pytest.approx(sigma, rel=0.06)
    assert estimate_noise(noisy).evidence.limits.clips


@pytest.mark.parametrize(("gain", "read"), [(0.5, 3), (2, 5), (8, 1)])
def test_poisson_gaussian_curve_is_found(scene: Tensor, gain: float, read: float) -> None:
    noise = PoissonGaussian(gain / 255, read / 255)
    estimate = estimate_noise(noise.sample(scene, seeded()))
    assert isinstance(estimate.model, PoissonGaussian)
    levels = torch.linspace(0.2, 0.8, 20)
    ratio = estimate.model.variance(levels) / noise.variance(levels)
    assert torch.allclose(ratio, torch.ones(20), atol=0.1)


def test_speckle_is_told_from_photon_noise(scene: Tensor) -> None:
    estimate = estimate_noise(Gamma(50.0).sample(scene, seeded()))
    assert isinstance(estimate.model, Gamma)
    assert estimate.model.looks == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize("blur", [0.7, 1.5])
def test_correlated_noise_is_found(scene: Tensor, blur: float) -> None:
    truth = Correlated(Gaussian(20 / 255), gaussian_correlation(blur))
    estimate = estimate_noise(truth.sample(scene, seeded()))
    assert isinstance(estimate.model, Correlated)
    assert estimate.sigma * 255 == pytest.approx(20, rel=0.12)
    centre = truth.correlation.shape[-1] // 2
    expected = float(truth.correlation[0, 0, centre, centre + 1])
    assert estimate.evidence.neighbours == pytest.approx(expected, abs=0.08)


def test_noise_that_channels_share_is_found(scene: Tensor) -> None:
    grey = scene.mean(1, keepdim=True)
    noisy = Gaussian(20 / 255).sample(grey, seeded()).expand(-1, 3, -1, -1)
    estimate = estimate_noise(noisy)
    assert isinstance(estimate.model, Correlated)
    assert estimate.evidence.channels == pytest.approx(1.0, abs=0.02)
    drawn = estimate.model.sample(torch.zeros(4, 3, 64, 64), seeded())
    assert torch.allclose(drawn[:, 0], drawn[:, 1], atol=0.01)


def test_an_estimate_becomes_a_file_that_noise_takes_back(scene: Tensor, tmp_path) -> None:
    estimate = estimate_noise(PoissonGaussian(2 / 255, 5 / 255).sample(scene, seeded()))
    path = tmp_path / "noise.json"
    path.write_text(json.dumps(estimate.to_dict()))
    assert load_noise(path) == estimate.model


@pytest.mark.parametrize(
    "truth",
    [
        Gaussian(10 / 255),
        PoissonGaussian(3 / 255, 5 / 255),
        Correlated(Gaussian(20 / 255), gaussian_correlation(0.7)),
    ],
    ids=["white", "sensor", "correlated"],
)
def test_the_anchor_gives_a_second_estimate(scene: Tensor, truth) -> None:
    noisy = truth.sample(scene, seeded(1))
    blurred = functional.avg_pool2d(scene, 5, 1, 2, count_include_pad=False)
    error = functional.avg_pool2d(0.1 * torch.randn(scene.shape, generator=seeded(2)), 9, 1, 4)
    estimate = estimate_noise_from_anchor(noisy, blurred + error)
    assert type(estimate.model) is type(truth)
    expected = float(truth.variance(scene).mean().sqrt())
    assert estimate.sigma == pytest.approx(expected, rel=0.1)


def test_an_anchor_of_another_shape_is_refused(scene: Tensor) -> None:
    with pytest.raises(InputError, match="shape"):
        estimate_noise_from_anchor(scene, scene[1:])


def test_a_constant_clip_is_noise_free() -> None:
    for level in (0.0, 0.5, 1.0):
        clip = torch.full((5, 3, 64, 64), level)
        estimate = estimate_noise(clip)
        assert estimate.is_noise_free
        assert estimate.model == Gaussian(0.0)
        assert estimate_sigma(clip) == 0.0


def test_a_noise_free_clip_is_called_so() -> None:
    across = torch.linspace(0, 1, 128)
    still = (0.2 + 0.6 * across[:, None] * across[None, :]).expand(6, 3, 128, 128)
    assert estimate_noise(still).is_noise_free
    assert estimate_noise(to_8_bit(still)).is_noise_free


def test_a_drifting_noise_free_clip_is_called_so(scene: Tensor) -> None:
    assert estimate_noise(scene).is_noise_free


def test_saturated_parts_do_not_hide_the_noise(scene: Tensor) -> None:
    bright = scene.clone()
    bright[..., :100] = 1.5
    noisy = to_8_bit(Gaussian(20 / 255).sample(bright, seeded()))
    assert estimate_sigma(noisy) * 255 == pytest.approx(20, rel=0.1)
    assert estimate_noise(noisy).evidence.limits.high_share > 0.3


def test_black_bars_do_not_hide_the_noise(scene: Tensor) -> None:
    noisy = Gaussian(10 / 255).sample(scene, seeded())
    noisy[..., :40, :] = noisy[..., -40:, :] = 16 / 255
    assert estimate_sigma(noisy) * 255 == pytest.approx(10, rel=0.05)


def test_repeated_frames_do_not_hide_the_noise(scene: Tensor) -> None:
    noisy = Gaussian(10 / 255).sample(scene[:4], seeded()).repeat_interleave(2, 0)
    assert estimate_sigma(noisy) * 255 == pytest.approx(10, rel=0.05)
    assert estimate_noise(noisy).evidence.frames > 0.3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_frames_are_enough_for_a_level(scene: Tensor, count: int) -> None:
    noisy = Gaussian(20 / 255).sample(scene[:count], seeded())
    estimate = estimate_noise(noisy)
    assert estimate.sigma * 255 == pytest.approx(20, rel=0.06)
    assert estimate.evidence.neighbours is None


def test_few_levels_of_integer_data_are_measured(scene: Tensor) -> None:
    noisy = (Gaussian(30 / 255).sample(scene, seeded()).clamp(0, 1) * 15).round() / 15
    step = 255 / 15
    expected = (30**2 + step**2 / 12) ** 0.5
    assert estimate_sigma(noisy) * 255 == pytest.approx(expected, rel=0.08)


def test_two_levels_give_a_finite_answer(scene: Tensor) -> None:
    estimate = estimate_noise((Gaussian(0.1).sample(scene, seeded()) > 0.5).float())
    assert 0 <= estimate.sigma <= 1


def test_frames_may_come_one_by_one(scene: Tensor) -> None:
    noisy = Gaussian(20 / 255).sample(scene, seeded())
    assert estimate_sigma(iter(noisy)) == estimate_sigma(noisy)


def test_grey_frames_are_measured(scene: Tensor) -> None:
    noisy = Gaussian(20 / 255).sample(scene[:, :1], seeded())
    assert isinstance(estimate_noise(noisy).model, Gaussian)
    assert estimate_sigma(noisy) * 255 == pytest.approx(20, rel=0.05)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InputError, match="no frames"):
        gather(iter([]))
    with pytest.raises(InputError, match="too small"):
        gather(torch.zeros(4, 3, 12, 64))
    broken = torch.zeros(4, 3, 64, 64)
    broken[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        estimate_sigma(broken)


@pytest.mark.parametrize("first", [0.0, 1e-14, 1e-9])
def test_a_level_that_a_codec_emptied_does_not_rule_the_fit(first: float) -> None:
    variance = torch.tensor([first, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    error = torch.tensor([0.0, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4])
    fit = fit_model(Curve(torch.linspace(0.1, 0.9, 6), variance, error, variance))
    level = float(fit.model.variance(torch.tensor([0.8]))) ** 0.5
    assert 0.6 * 1e-3**0.5 < level < 1.6 * 1e-3**0.5
    assert all(math.isfinite(e) for e in fit.errors.values())


def test_levels_that_coincide_give_a_fit() -> None:
    variance = torch.full((5,), 4e-4)
    fit = fit_model(Curve(torch.full((5,), 0.5), variance, 0.1 * variance, variance))
    level = float(fit.model.variance(torch.tensor([0.5]))) ** 0.5
    assert level == pytest.approx(0.02, rel=1e-3)
