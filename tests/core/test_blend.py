"""The share of the prior in the refined frame, chosen without a clean frame."""

import pytest
import torch

from f2r.noise.models import Gaussian
from f2r.quality.stein import MOST_PRIOR, PROBE, Blend, Seen, blend_terms, copied_noise, seen_error

NOISE = Gaussian(0.1)


def smooth(size):
    return lambda frames: torch.nn.functional.avg_pool2d(frames, size, 1, size // 2)


def copied(share):
    """A method that leaves a share of the noise on top of what a mean filter gives."""
    return lambda frames: share * frames + (1 - share) * smooth(9)(frames)


def see(denoise, noisy, probe):
    """Apply a method to frames, and again to the same frames with a little noise added."""
    before, after = denoise(noisy), denoise(noisy + PROBE * probe)
    return Seen(before, copied_noise(probe, PROBE, before, after))


@pytest.fixture
def scene():
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(160.0), indexing="ij")
    return (0.5 + 0.2 * torch.sin(rows / 15) * torch.cos(columns / 11)).expand(2, 3, -1, -1)


@pytest.fixture
def seen(scene):
    generator = torch.Generator().manual_seed(0)
    noisy = NOISE.sample(scene, generator)
    probe = NOISE.sample(scene, generator) - scene
    return noisy, see(copied(0.25), noisy, probe), see(smooth(5), noisy, probe)


def test_the_chosen_share_is_the_best_one(scene, seen):
    noisy, refined, prior = seen
    blend = Blend(*(float(term.mean()) for term in blend_terms(refined, prior, noisy)))
    shares = torch.linspace(0, MOST_PRIOR, 51)
    errors = [
        float((torch.lerp(refined.estimate, prior.estimate, w) - scene).square().mean())
        for w in shares
    ]
    best = float(shares[int(torch.tensor(errors).argmin())])
    assert 0 < blend.weight == pytest.approx(best, abs=0.05)
    assert blend.gain == pytest.approx(errors[0] - min(errors), rel=0.2)


def test_the_gain_is_that_of_the_estimated_error(seen):
    noisy, refined, prior = seen
    blend = Blend(*(float(term.mean()) for term in blend_terms(refined, prior, noisy)))
    mixed = type(refined)(
        torch.lerp(refined.estimate, prior.estimate, blend.weight),
        torch.lerp(refined.copied, prior.copied, blend.weight),
    )
    gain = (seen_error(refined, noisy, NOISE) - seen_error(mixed, noisy, NOISE)).mean()
    assert float(gain) == pytest.approx(blend.gain, rel=1e-3)


def test_a_perfect_refined_frame_takes_nothing_of_the_prior():
    assert Blend(-1e-4, 1e-3).weight == Blend().weight == 0
    assert Blend(-1e-4, 1e-3).gain == Blend().gain == 0
    assert Blend(1.0, 1.0).weight == MOST_PRIOR


def test_noise_that_leaked_calls_for_more_of_the_prior():
    assert Blend(1e-5, 1e-4).with_leak(1e-5).weight == pytest.approx(0.2)
