"""Held-out tiles: no loss touches them, and they tell the true error."""

import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.method.networks import Networks
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stage_2 import refine_frame
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian
from f2r.train.holdout import MOST_HELD_OUT, anchor_errors, hold_out, refined_cases, refined_errors
from f2r.train.refiner_loss import draw_centres
from f2r.train.temporal_loss import masked_error
from f2r.train.windows import CropConfig, CropSampler
from synthetic import moving_clip

SIGMA = 0.1


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Networks(load_prior(), TemporalEstimator().eval(), SpatialRefiner().eval())


@pytest.fixture
def clean():
    return moving_clip(5, 96, 128)


@pytest.fixture
def preprocessor(networks):
    return Preprocessor(networks.prior, Gaussian(SIGMA), DisFlow())


@pytest.fixture
def clip(clean, networks, preprocessor, generator):
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    clip = prepare_clip(list(noisy), preprocessor)
    return clip.with_anchors(anchors_of_clip(clip, networks.temporal))


def test_some_tiles_are_held_out_but_not_too_many(clip, generator):
    held_out = hold_out(clip, generator).held_out
    assert clip.held_out is None
    assert 1 <= int(held_out.sum()) <= min(MOST_HELD_OUT, 0.1 * held_out.numel())


def test_no_loss_touches_held_out_pixels(clip, generator):
    held_out = torch.zeros(5, 3, 4, dtype=torch.bool)
    held_out[:, :, 2] = True
    sampler = CropSampler([clip.with_held_out(held_out)], CropConfig(side=96, batch=2))
    for _ in range(3):
        crops = sampler.draw(generator)
        spoiled = torch.where(crops.trained, crops.target, torch.nan)
        kept = int(crops.trained.sum()) / crops.trained.numel()
        assert 0 < kept < 1
        error = masked_error(torch.zeros_like(crops.target), crops.target, crops.trained)
        same = masked_error(torch.zeros_like(spoiled), spoiled.nan_to_num(9.0), crops.trained)
        assert torch.equal(error, same)
        trained = draw_centres(sampler, generator)[1].trained
        assert bool((~trained).any())
        assert bool(trained.any())


def test_the_judgement_of_stage_1_is_its_true_error_plus_the_noise(clip, clean, networks):
    clip = clip.with_held_out(torch.ones(5, 3, 4, dtype=torch.bool))
    true = float((torch.stack(clip.anchors) - clean).square().mean())
    judged = float(anchor_errors(networks.temporal, clip).mean()) - SIGMA**2
    assert judged == pytest.approx(true, rel=0.15, abs=1e-4)


def test_the_judgement_of_stage_2_is_its_true_error_plus_the_noise(clip, clean, networks):
    clip = clip.with_held_out(torch.ones(5, 3, 4, dtype=torch.bool))
    pairs = zip(clip.frames, clip.anchors, strict=True)
    refined = torch.stack([refine_frame(networks.refiner, f, a) for f, a in pairs])
    true = float((refined - clean).square().mean())
    cases = refined_cases(clip, networks.prior, seed=1)
    judged = float(refined_errors(networks.refiner, cases).mean()) - SIGMA**2
    assert judged == pytest.approx(true, rel=0.15, abs=1e-4)
