"""Which of two estimates is believed, and what that does to a prepared clip."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.from_residual import revise
from f2r.noise.models import Gaussian

SIGMA = 20 / 255


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def anchor_of(scene: Tensor, error: float) -> Tensor:
    """Give the scene with a smooth error that differs from place to place."""
    drawn = torch.randn(scene.shape, generator=seeded(2))
    smooth = functional.avg_pool2d(drawn, 5, 1, 2) * 5
    where = functional.avg_pool2d(torch.rand(scene.shape, generator=seeded(3)), 33, 1, 16)
    return scene + error * smooth * (where - where.amin()) / (where.amax() - where.amin())


@pytest.mark.parametrize("factor", [1 / 1.7, 1 / 1.3, 1.3, 1.7])
def test_a_wrong_first_estimate_is_mended(scene: Tensor, factor: float) -> None:
    noisy = Gaussian(SIGMA).sample(scene, seeded())
    revision = revise(Gaussian(factor * SIGMA), noisy, anchor_of(scene, 0.02))
    assert revision.takes_second
    sigma = math.sqrt(float(revision.model.variance(scene).mean()))
    assert sigma == pytest.approx(SIGMA, rel=0.05)


def test_a_right_first_estimate_stays(scene: Tensor) -> None:
    noisy = Gaussian(SIGMA).sample(scene, seeded())
    revision = revise(Gaussian(SIGMA), noisy, anchor_of(scene, 0.03))
    assert not revision.takes_second
    assert revision.model == Gaussian(SIGMA)


def test_the_error_of_a_bad_anchor_is_not_taken_for_noise(scene: Tensor) -> None:
    weak = Gaussian(1 / 255)
    revision = revise(weak, weak.sample(scene, seeded()), anchor_of(scene, 0.2))
    assert math.sqrt(float(revision.model.variance(scene).mean())) < 1.3 / 255


def test_an_estimate_far_off_is_not_believed(scene: Tensor) -> None:
    noisy = Gaussian(SIGMA).sample(scene, seeded())
    revision = revise(Gaussian(0.1 * SIGMA), noisy, scene)
    assert not revision.takes_second
    assert revision.ratio == pytest.approx(100, rel=0.1)


def test_correlated_noise_that_was_overestimated_is_mended(scene: Tensor) -> None:
    noise = Correlated(Gaussian(SIGMA), gaussian_correlation(0.7))
    first = Correlated(Gaussian(1.5 * SIGMA), gaussian_correlation(0.7))
    revision = revise(first, noise.sample(scene, seeded()), anchor_of(scene, 0.02))
    assert revision.takes_second
    assert isinstance(revision.model, Correlated)
    sigma = math.sqrt(float(revision.model.variance(scene).mean()))
    assert sigma == pytest.approx(SIGMA, rel=0.12)


def test_both_estimates_are_told_in_any_units(scene: Tensor) -> None:
    noisy = Gaussian(SIGMA).sample(scene, seeded())
    told = revise(Gaussian(1.5 * SIGMA), noisy, scene).in_units(2.0).to_dict()
    assert told["first"]["sigma"] == pytest.approx(3 * SIGMA)
    assert told["second"]["sigma"] == pytest.approx(2 * SIGMA, rel=0.05)
    assert told["used"] == "second"
