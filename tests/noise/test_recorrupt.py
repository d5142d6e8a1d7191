import math

import pytest
import torch

from f2r.method.recorrupt import recorrupt
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gamma, Gaussian, NoiseModel, Poisson, PoissonGaussian

MODELS: list[NoiseModel] = [
    Gaussian(0.1),
    Poisson(0.02),
    PoissonGaussian(0.01, 0.05),
    PoissonGaussian(0.02, 0.03, 0.1),
    Gamma(10.0),
    Correlated(Gaussian(0.1), gaussian_correlation(0.7)),
    Correlated(PoissonGaussian(0.01, 0.05), gaussian_correlation(1.0)),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("noise", MODELS, ids=lambda noise: noise.to_dict()["model"])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("level", [0.3, 0.8])
def test_pair_is_unbiased_uncorrelated_and_has_the_stated_variances(
    noise: NoiseModel, alpha: float, level: float
) -> None:
    clean = torch.full((24, 1, 128, 128), level)
    noisy = noise.sample(clean, seeded(1))
    pair = recorrupt(noisy, noise, alpha, seeded(2), level=clean)
    first, second = pair.input - clean, pair.target - clean
    input_variance = (1 + alpha**2) * noise.variance(clean)
    deviations = input_variance.mean().sqrt(), pair.target_variance.mean().sqrt()
    assert abs(float(first.mean())) < 0.015 * float(deviations[0])
    assert abs(float(second.mean())) < 0.015 * float(deviations[1])
    assert float(first.pow(2).mean()) == pytest.approx(float(deviations[0]) ** 2, rel=0.03)
    assert float(second.pow(2).mean()) == pytest.approx(float(deviations[1]) ** 2, rel=0.03)
    correlation = float((first * second).mean() / (deviations[0] * deviations[1]))
    assert abs(correlation) < 0.015


def test_variances_follow_alpha() -> None:
    pair = recorrupt(torch.zeros(1, 3, 8, 8), Gaussian(0.1), 0.5, seeded())
    assert float(pair.target_variance[0, 0, 0, 0]) == pytest.approx(0.01 * 5.0)
    assert pair.target_variance.shape == (1, 3, 8, 8)


def test_correlated_pair_is_uncorrelated_between_neighbouring_pixels() -> None:
    noise = Correlated(Gaussian(0.1), gaussian_correlation(0.7))
    clean = torch.full((16, 1, 128, 128), 0.5)
    pair = recorrupt(noise.sample(clean, seeded(1)), noise, 1.0, seeded(2), level=clean)
    first, second = (pair.input - clean) / 0.1, (pair.target - clean) / 0.1
    assert abs(float((first[..., 1:] * second[..., :-1]).mean())) < 0.03


@pytest.mark.parametrize("noise", [Poisson(0.02), Gamma(5.0)])
def test_exact_pairs_are_independent_in_higher_moments(noise: NoiseModel) -> None:
    clean = torch.full((24, 1, 128, 128), 0.4)
    pair = recorrupt(noise.sample(clean, seeded(1)), noise, 1.0, seeded(2))
    first, second = pair.input - clean, pair.target - clean
    first, second = first / first.std(), second / second.std()
    assert abs(float((first**2 * second).mean())) < 0.02
    assert float((first**2 * second**2).mean()) == pytest.approx(1.0, abs=0.05)


def test_exact_poisson_halves_hold_whole_counts() -> None:
    noise = Poisson(0.02)
    noisy = noise.sample(torch.full((1, 1, 32, 32), 0.5), seeded())
    counts = recorrupt(noisy, noise, 1.0, seeded()).input / 0.04
    assert torch.allclose(counts, counts.round(), atol=1e-3)


@pytest.mark.parametrize("noise", [Poisson(0.02), Gamma(10.0)])
def test_values_that_the_model_cannot_produce_get_the_gaussian_pair(noise: NoiseModel) -> None:
    clean = torch.full((24, 1, 128, 128), 0.5)
    noisy = noise.sample(clean, seeded(1)) + 0.003 * torch.randn(clean.shape, generator=seeded(3))
    noisy[0, 0, 0, 0] = -0.01
    pair = recorrupt(noisy, noise, 1.0, seeded(2), level=clean)
    first, second = pair.input - clean, pair.target - clean
    assert torch.allclose((pair.input + pair.target) / 2, noisy, atol=1e-5)
    assert abs(float((first * second).mean() / (first.std() * second.std()))) < 0.02


@pytest.mark.parametrize("noise", [PoissonGaussian(0.01, 0.05), MODELS[-1]])
def test_without_a_level_the_pair_is_still_nearly_uncorrelated(noise: NoiseModel) -> None:
    clean = torch.linspace(0.2, 0.8, 128).expand(24, 1, 128, 128).contiguous()
    pair = recorrupt(noise.sample(clean, seeded(1)), noise, 1.0, seeded(2))
    first, second = pair.input - clean, pair.target - clean
    assert abs(float((first * second).mean() / (first.std() * second.std()))) < 0.02


def test_the_mean_of_the_pair_keeps_the_frame() -> None:
    # y is the combination of both halves with weights 1 / (1 + alpha^2) and its complement.
    for noise in MODELS:
        noisy = noise.sample(torch.full((2, 1, 32, 32), 0.5), seeded(1))
        pair = recorrupt(noisy, noise, 0.7, seeded(2))
        weight = 1 / (1 + 0.7**2)
        joined = weight * pair.input + (1 - weight) * pair.target
        assert torch.allclose(joined, noisy, atol=1e-5)


def test_zero_noise_leaves_the_frame() -> None:
    noisy = torch.rand(1, 3, 16, 16, generator=seeded())
    pair = recorrupt(noisy, Gaussian(0.0), 1.0, seeded())
    assert torch.equal(pair.input, noisy)
    assert torch.equal(pair.target, noisy)
    assert math.isclose(float(pair.target_variance.sum()), 0.0)
