import json

import pytest
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.diagnose import Diagnosis, diagnose
from f2r.noise.hot_pixels import find_hot_pixels, replace_hot_pixels
from f2r.noise.models import Gaussian, PoissonGaussian

SIGMA = 20 / 255


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def failures(diagnosis: Diagnosis) -> str:
    return " | ".join(finding.text for finding in diagnosis.findings if not finding.holds)


@pytest.mark.parametrize(
    "noise",
    [
        Gaussian(SIGMA),
        PoissonGaussian(3 / 255, 5 / 255),
        Correlated(Gaussian(SIGMA), gaussian_correlation(0.7)),
    ],
    ids=["white", "sensor", "correlated"],
)
def test_noise_that_keeps_to_its_model_passes(scene: Tensor, noise) -> None:
    diagnosis = diagnose(noise.sample(scene, seeded()), scene, noise)
    assert diagnosis.holds, failures(diagnosis)
    assert json.dumps(diagnosis.to_dict())


def test_a_wrong_level_is_named(scene: Tensor) -> None:
    diagnosis = diagnose(Gaussian(SIGMA).sample(scene, seeded()), scene, Gaussian(SIGMA / 2))
    assert diagnosis.level == pytest.approx(2.0, rel=0.05)
    assert "2.0" in failures(diagnosis)


def test_correlation_between_pixels_is_named(scene: Tensor) -> None:
    noisy = Correlated(Gaussian(SIGMA), gaussian_correlation(0.7)).sample(scene, seeded())
    diagnosis = diagnose(noisy, scene, Gaussian(SIGMA))
    assert diagnosis.pixels == pytest.approx(0.6, abs=0.06)
    assert "between pixels exceeds" in failures(diagnosis)


def test_correlation_between_frames_is_named(scene: Tensor) -> None:
    fresh = SIGMA * torch.randn(9, *scene.shape[1:], generator=seeded())
    filtered = (fresh[1:] + 0.5 * fresh[:-1]) / 1.25**0.5
    diagnosis = diagnose(scene + filtered, scene, Gaussian(SIGMA))
    assert diagnosis.frames == pytest.approx(0.4, abs=0.05)
    assert "correlated between frames" in failures(diagnosis)


def test_a_fixed_pattern_is_named(scene: Tensor) -> None:
    pattern = SIGMA * torch.randn(scene.shape[1:], generator=seeded(5))
    noisy = Gaussian(SIGMA).sample(scene + pattern, seeded())
    still = scene[:1].expand_as(scene)
    diagnosis = diagnose(noisy - scene + still, still, Gaussian(SIGMA * 2**0.5))
    assert diagnosis.fixed_pattern == pytest.approx(SIGMA, rel=0.15)
    assert "stays in place" in failures(diagnosis)


def test_one_frame_and_clipping_are_named(scene: Tensor) -> None:
    bright = (scene[:1] * 1.6).clamp(0, 1)
    noisy = Gaussian(SIGMA).sample(bright, seeded()).clamp(0, 1)
    diagnosis = diagnose(noisy, bright, Gaussian(SIGMA))
    assert diagnosis.frames is None
    assert "a single frame" in failures(diagnosis)
    assert "white" in failures(diagnosis)


def test_a_noise_free_clip_gives_finite_figures(scene: Tensor) -> None:
    diagnosis = diagnose(scene, scene, Gaussian(0.0))
    assert torch.isfinite(diagnosis.autocorrelation).all()
    assert "too weak to remove" in diagnosis.findings[0].text


def test_shapes_must_agree(scene: Tensor) -> None:
    with pytest.raises(InputError, match="shape"):
        diagnose(scene, scene[1:], Gaussian(SIGMA))


def test_hot_pixels_are_found_and_replaced(scene: Tensor) -> None:
    noisy = Gaussian(SIGMA / 2).sample(scene, seeded())
    placed = [(20, 30), (70, 150), (160, 10)]
    for y, x in placed:
        noisy[:, :, y, x] = 1.0
    noisy[:, :, 100, 100] = 0.0
    hot = find_hot_pixels(noisy, SIGMA / 2)
    found = {tuple(place) for place in hot.any(0).nonzero().tolist()}
    assert found == {*placed, (100, 100)}
    repaired = replace_hot_pixels(noisy, hot)
    assert float((repaired - scene).abs().max()) < 8 * SIGMA
    assert torch.equal(repaired[:, ~hot], noisy[:, ~hot])


def test_three_frames_show_no_hot_pixels(scene: Tensor) -> None:
    assert not bool(find_hot_pixels(scene[:3], SIGMA).any())
