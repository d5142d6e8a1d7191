"""The error on whole frames, where only a part is judged."""

import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.method.networks import load_networks
from f2r.method.preprocess import Preprocessor
from f2r.models.weights import WeightSet
from f2r.noise.models import Gaussian
from f2r.quality.whole_frames import WholeFrames, error_elsewhere

NOISE = Gaussian(30 / 255)


def half_busy(channels: int = 3) -> torch.Tensor:
    """Make a clean frame: texture on the left, nothing on the right."""
    generator = torch.Generator().manual_seed(1)
    frame = torch.full((channels, 128, 256), 0.4)
    frame[..., :128] = (
        torch.rand((channels, 64, 64), generator=generator)
        .repeat_interleave(2, 1)
        .repeat_interleave(2, 2)
    )
    return frame


@pytest.fixture(scope="module")
def preprocessor() -> Preprocessor:
    networks = load_networks(None, torch.device("cpu"), WeightSet.PICTURES)
    return Preprocessor(networks.prior, NOISE, DisFlow())


@pytest.mark.parametrize("columns", [slice(0, 128), slice(96, 224), slice(64, 192)])
def test_ratio_is_that_of_the_true_errors(preprocessor: Preprocessor, columns: slice) -> None:
    clean = half_busy()
    noisy = NOISE.sample(clean, torch.Generator().manual_seed(2))
    part = (slice(0, 128), columns)
    error = (preprocessor.prepare(noisy).denoised - clean).square().mean(0)
    true = float(error.mean() / error[part].mean())
    generator = torch.Generator().manual_seed(3)
    ratio = error_elsewhere([WholeFrames([noisy], part, 3)], preprocessor, NOISE, generator)
    assert ratio == pytest.approx(min(true, 4.0), rel=0.12)


def test_grey_frames_have_one_noise(preprocessor: Preprocessor) -> None:
    clean = half_busy(1)
    noisy = NOISE.sample(clean, torch.Generator().manual_seed(2)).expand(3, -1, -1)
    part = (slice(0, 128), slice(0, 128))
    error = (preprocessor.prepare(noisy).denoised.mean(0) - clean[0]).square()
    true = float(error.mean() / error[part].mean())
    generator = torch.Generator().manual_seed(3)
    ratio = error_elsewhere([WholeFrames([noisy], part, 1)], preprocessor, NOISE, generator)
    assert ratio == pytest.approx(true, rel=0.12)


def test_without_whole_frames_nothing_changes(preprocessor: Preprocessor) -> None:
    assert error_elsewhere([], preprocessor, NOISE, torch.Generator()) == 1.0
