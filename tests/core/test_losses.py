"""Losses of the paper: their minimiser is the clean frame, by figures computed by hand."""

import pytest
import torch
from torch import nn

from f2r.flow.estimator import DisFlow
from f2r.method.networks import Networks
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stage_2 import refine_frame
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian
from f2r.train.adapt import AdaptConfig, adapt
from f2r.train.corpus.photos import PhotoPatches
from f2r.train.corpus.prior_training import prior_loss
from f2r.train.options import PriorData
from f2r.train.refiner_loss import refiner_loss
from f2r.train.temporal_loss import FLOOR, temporal_loss
from f2r.train.windows import CropConfig, CropSampler
from synthetic import moving_clip

SIGMA, SIDE, ALPHA = 0.1, 64, 0.5
DRAWS = 8


@pytest.fixture(scope="module")
def clean():
    """A scene that stands still: every frame has the same clean image."""
    return moving_clip(1, SIDE, SIDE)[0]


@pytest.fixture(scope="module")
def clip(clean):
    generator = torch.Generator().manual_seed(0)
    noisy = clean + SIGMA * torch.randn((16, 3, SIDE, SIDE), generator=generator)
    prepared = prepare_clip(list(noisy), Preprocessor(ImagePrior(), Gaussian(SIGMA), DisFlow()))
    return prepared.with_anchors([clean] * 16)


class Constant(TemporalEstimator):
    """An estimator that predicts the same image for every target."""

    def __init__(self, image):
        super().__init__()
        self.image = image

    def forward(self, aligned):
        return self.image.expand(len(aligned.present), -1, -1, -1)


def average(loss):
    generator = torch.Generator().manual_seed(1)
    return float(torch.stack([loss(generator) for _ in range(DRAWS)]).mean())


def test_l1_grows_by_the_squared_error_of_the_anchor(clean, clip):
    sampler = CropSampler([clip], CropConfig(side=SIDE, batch=8, varied=False))

    def loss_of(image):
        return average(lambda generator: temporal_loss(Constant(image), sampler, generator))

    weight = 1 / (SIGMA**2 + FLOOR)
    assert loss_of(clean) == pytest.approx(SIGMA**2 * weight, rel=0.02)
    for wrong in (torch.zeros_like(clean), clean + 0.05, 0.8 * clean):
        error = float((wrong - clean).square().mean())
        assert loss_of(wrong) - loss_of(clean) == pytest.approx(error * weight, rel=0.05)


class Copier(SpatialRefiner):
    """A refiner that adds a share of the noise of its input to the clean image."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, anchor, joint, sigma):
        denoised, removed = joint.chunk(2, 1)
        return anchor + self.share * (denoised + removed - anchor)


def test_l2_is_least_for_the_refiner_that_copies_no_noise(clip):
    sampler = CropSampler([clip], CropConfig(side=SIDE, batch=8, varied=False))

    def loss_of(share):
        return average(
            lambda generator: refiner_loss(Copier(share), ImagePrior(), sampler, ALPHA, generator)
        )

    target = (1 + 1 / ALPHA**2) * SIGMA**2
    weight = 1 / (target + FLOOR)
    for share in (-0.5, 0.0, 0.5, 1.0):
        copied = share**2 * (1 + ALPHA**2) * SIGMA**2
        assert loss_of(share) == pytest.approx((target + copied) * weight, rel=0.03)


class Blender(nn.Module):
    """A prior that gives a share of its input and the clean grey level for the rest."""

    def __init__(self, share, level):
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share))
        self.level = level

    def forward(self, frames, sigma):
        return self.share * frames + (1 - self.share) * self.level


def test_the_loss_of_the_prior_is_the_error_against_the_clean_patch():
    grey = torch.full((200, 200, 3), 128, dtype=torch.uint8).numpy()
    data = PriorData(batch=64, patch=32, sigma_power=1.0, signal_dependent_share=0.0)
    patches = PhotoPatches([grey])

    def loss_of(share):
        prior = Blender(share, 128 / 255)
        return average(lambda generator: prior_loss(prior, patches, data, generator).detach())

    assert loss_of(0.0) < 1e-3
    assert loss_of(1.0) == pytest.approx(data.sigma_max / 2, rel=0.1)  # the mean level


def test_adapting_to_a_moving_clip_raises_its_psnr():
    scene = moving_clip(6, 64, 96)
    noisy = scene + SIGMA * torch.randn(scene.shape, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    networks = Networks(load_prior(), TemporalEstimator().eval(), SpatialRefiner().eval())
    clip = prepare_clip(list(noisy), Preprocessor(networks.prior, Gaussian(SIGMA), DisFlow()))

    def error():
        anchors = anchors_of_clip(clip, networks.temporal)
        pairs = zip(clip.frames, anchors, strict=True)
        refined = torch.stack([refine_frame(networks.refiner, *pair) for pair in pairs])
        return float((torch.stack(anchors) - scene).square().mean()), float(
            (refined - scene).square().mean()
        )

    before = error()
    _, done = adapt(networks, [clip], AdaptConfig(float("inf"), steps=40), seed=0)
    after = error()
    assert done.temporal_steps == done.refiner_steps == 40
    assert after[0] < 0.95 * before[0]
    assert after[1] < 0.9 * before[1]
