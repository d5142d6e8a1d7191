"""Stage 1 never sees the centre frame: not in training, not in inference."""

import math

import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.method.prepared_clip import prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stage_1 import anchor_of_frame, encode_frame
from f2r.models.prior import ImagePrior, joint_input
from f2r.models.temporal import TemporalEstimator, align
from f2r.noise.models import Gaussian
from f2r.train.temporal_loss import estimate_anchor
from f2r.train.windows import Place, crop_windows

CENTRE = 2


@pytest.fixture
def estimator():
    torch.manual_seed(0)
    model = TemporalEstimator()
    torch.nn.init.normal_(model.net.tail.weight, std=0.05)
    return model.eval()


@pytest.fixture
def clip(clean, generator):
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    preprocessor = Preprocessor(ImagePrior(), Gaussian(0.1), DisFlow())
    return prepare_clip(list(noisy[:5]), preprocessor)


def test_gradient_with_respect_to_the_centre_frame_is_exactly_zero(estimator, clean):
    frames = clean[:5].clone().requires_grad_()
    joint = joint_input(frames, 0.9 * frames)
    features = estimator.encode(joint, torch.full_like(frames, 0.1))
    chosen = [CENTRE + offset for offset in (-2, -1, 1, 2)]
    count = len(chosen)
    aligned = align(
        joint[chosen][None],
        tuple(scale[chosen][None] for scale in features),
        torch.randn(1, count, 2, *frames.shape[-2:]),
        torch.ones(1, count, 1, *frames.shape[-2:]),
        torch.ones(1, count, dtype=torch.bool),
    )
    estimator(aligned).square().sum().backward()
    assert float(frames.grad[CENTRE].abs().max()) == 0.0
    assert all(float(frames.grad[i].abs().max()) > 0 for i in chosen)


def poison(frame):
    frame.noisy.fill_(math.nan)
    frame.denoised.fill_(math.nan)


def test_inference_does_not_touch_the_centre_frame(estimator, clip):
    frames = dict(enumerate(clip.frames))
    features = {i: encode_frame(estimator, frame) for i, frame in frames.items()}
    before = anchor_of_frame(estimator, frames, features, clip.neighbours[CENTRE], CENTRE)
    poison(frames[CENTRE])
    features[CENTRE] = encode_frame(estimator, frames[CENTRE])
    after = anchor_of_frame(estimator, frames, features, clip.neighbours[CENTRE], CENTRE)
    assert torch.equal(before, after)


@pytest.mark.parametrize("target", [0, CENTRE, 4])
def test_training_crops_hold_no_centre_frame(estimator, clip, target):
    poison(clip.frames[target])
    crops = crop_windows(clip, [Place(target, 0, 0), Place(target, 8, 16)], side=32)
    assert bool(crops.target.isnan().all())
    assert bool(estimate_anchor(estimator, crops).isfinite().all())
