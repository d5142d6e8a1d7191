"""Clean targets: the losses of both stages are least where the estimate is the clean frame."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from f2r.errors import InputError
from f2r.io.array import ArrayReader
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian
from f2r.train.clean_loss import clean_refiner_loss, clean_temporal_loss, root_error
from f2r.train.corpus.coded_noise import CodedNoise
from f2r.train.corpus.footage import ClipSource, Footage
from f2r.train.corpus.shards import prepare_source
from f2r.train.windows import CropConfig, CropSampler
from synthetic import moving_clip


def prepared(tmp_path, index=0, frames=4, coded=None):
    footage = Footage((tmp_path,), add_noise=True, clean_targets=True, coded=coded)
    clean = moving_clip(frames, 64, 80).permute(0, 2, 3, 1).numpy()
    source = ClipSource("clip", partial(ArrayReader, clean), index)
    (clip,) = prepare_source(source, frames, footage, load_prior(), seed=4)
    return clean, clip


class Answer(nn.Module):
    """Stands where a refiner does and answers with the anchor, which the test chooses."""

    def forward(self, anchor, joint, sigma):
        assert joint.shape[1] == 2 * sigma.shape[1]
        return anchor


@pytest.mark.parametrize("index", [0, 5])  # in colour, and grey
def test_a_clip_keeps_its_clean_frames(tmp_path, index):
    clean, clip = prepared(tmp_path, index)
    assert clip.grey == (index == 5)
    for frame, kept, seen in zip(clean, clip.clean, clip.frames, strict=True):
        expected = np.repeat(frame.mean(-1, keepdims=True), 3, -1) if clip.grey else frame
        assert np.allclose(kept.permute(1, 2, 0).numpy(), expected, atol=1e-6)
        assert not torch.equal(kept, seen.noisy)


def test_stage_1_is_compared_with_the_clean_frame(tmp_path):
    _, clip = prepared(tmp_path)
    sampler = CropSampler([clip], CropConfig(side=64, batch=2, varied=False))
    crops = sampler.draw(torch.Generator().manual_seed(0))
    wanted = [frame[..., left : left + 64] for frame in clip.clean for left in range(0, 18, 2)]
    for target in crops.target:
        assert any(torch.equal(target, frame) for frame in wanted)


def test_the_loss_of_stage_2_is_least_at_the_clean_frame(tmp_path):
    _, clip = prepared(tmp_path)

    def loss(anchors):
        sampler = CropSampler([clip.with_anchors(anchors)], CropConfig(side=64, batch=2))
        return float(clean_refiner_loss(Answer(), sampler, torch.Generator().manual_seed(1)))

    best = loss(clip.clean)
    assert best == pytest.approx(1e-4, rel=0.01)  # the root of what is added below it
    assert best < loss([frame + 0.01 for frame in clip.clean])
    assert best < loss([frame.noisy for frame in clip.frames])
    assert best < loss([frame.denoised for frame in clip.frames])


def test_a_network_that_learns_so_finds_the_clean_level():
    clean = torch.full((4, 3, 16, 16), 0.4)
    estimate = nn.Parameter(torch.full((4, 3, 1, 1), 0.1))
    optimizer = torch.optim.Adam([estimate], lr=0.02)
    mask = torch.ones(4, 1, 16, 16, dtype=torch.bool)
    for _ in range(200):
        optimizer.zero_grad()
        root_error(estimate.expand_as(clean), clean, mask).backward()
        optimizer.step()
    assert torch.allclose(estimate, torch.tensor(0.4), atol=0.01)


def test_both_losses_teach_networks(tmp_path):
    from f2r.models.refiner import SpatialRefiner
    from f2r.models.temporal import TemporalEstimator

    _, clip = prepared(tmp_path)
    clip = clip.with_anchors([frame.denoised for frame in clip.frames])
    sampler = CropSampler([clip], CropConfig(side=64, batch=2))
    assert sampler.has_clean
    for network, loss in (
        (TemporalEstimator(), clean_temporal_loss),
        (SpatialRefiner(), clean_refiner_loss),
    ):
        loss(network, sampler, torch.Generator().manual_seed(0)).backward()
        assert any(
            float(p.grad.abs().max()) > 0 for p in network.parameters() if p.grad is not None
        )


def test_a_coded_clip_tells_one_level_and_keeps_its_clean_frames(tmp_path):
    clean, clip = prepared(tmp_path, coded=CodedNoise(share=1.0))
    assert 2 / 255 <= clip.noise.sigma <= 50 / 255
    assert np.allclose(clip.clean[1].permute(1, 2, 0).numpy(), clean[1], atol=1e-6)
    assert not torch.equal(clip.frames[1].noisy, clip.clean[1])


def test_clean_frames_must_exist_and_coded_noise_needs_them(tmp_path):
    with pytest.raises(InputError):
        Footage((tmp_path,), clean_targets=True)
    with pytest.raises(InputError):
        Footage((tmp_path,), add_noise=True, coded=CodedNoise())
    for options in ({"raw": True}, {"noise": Gaussian(0.1)}):
        with pytest.raises(InputError):
            Footage((tmp_path,), add_noise=True, clean_targets=True, coded=CodedNoise(), **options)
    with pytest.raises(InputError):
        CodedNoise(share=1.5)
