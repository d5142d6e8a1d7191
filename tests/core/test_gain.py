"""What fusion is said to gain, against what it gains."""

import torch

from f2r.flow.estimator import DisFlow
from f2r.method.fusion import TemporalFusion
from f2r.method.networks import load_networks
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream, run_through
from f2r.noise.models import Gaussian
from f2r.quality.error_estimation import estimate_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.fusion_gain import add_fusion
from synthetic import moving_clip

NOISE = Gaussian(0.12)


def test_the_gain_of_fusion_is_told_without_the_clean_clip():
    clean = moving_clip(9, 96, 128)
    noisy = NOISE.sample(clean, torch.Generator().manual_seed(1))
    networks = load_networks(None, torch.device("cpu"))
    preprocessor = Preprocessor(networks.prior, NOISE, DisFlow())
    clip = prepare_clip(list(noisy), preprocessor)
    clip = clip.with_anchors(anchors_of_clip(clip, networks.temporal))
    generator = torch.Generator().manual_seed(2)
    errors = estimate_errors(networks, [clip], len(clean), generator)
    told = add_fusion(errors, networks, preprocessor, clip, generator)

    def true_error(share: float) -> float:
        stream = PlaneStream(networks, preprocessor, errors.blend.weight)
        estimates = run_through(stream, map(stream.prepare, noisy))
        fused = run_through(TemporalFusion(NOISE, networks.temporal.radius, share), estimates)
        refined = torch.stack([estimate.refined for estimate in fused])
        return float((refined - clean).square().mean())

    before, after = true_error(0.0), true_error(errors.share)
    assert after < 0.97 * before
    assert abs(told.fusion - (before - after)) < 0.03 * before  # 0.13 dB, on four small parts


def test_errors_know_the_gain():
    plain = Errors(2e-3, 3e-3, 1e-3, noise=1e-2)
    fused = Errors(2e-3, 3e-3, 1e-3, noise=1e-2, fusion=1e-4)
    assert plain.share == fused.share == 0.1
    assert abs(fused.refined - 9e-4) < 1e-9


def test_fusion_is_left_out_where_it_loses_by_more_than_its_standard_error():
    assert not Errors(2e-3, 3e-3, 1e-3).fuses  # nothing was measured
    unsure = Errors(2e-3, 3e-3, 1e-3, fusion=-1e-5, fusion_spread=2e-5)
    losing = Errors(2e-3, 3e-3, 1e-3, fusion=-5e-5, fusion_spread=2e-5)
    assert unsure.fuses
    assert not losing.fuses
    assert losing.refined == 1e-3 < unsure.refined


def test_what_fusion_may_lose_does_not_speak_for_the_prior():
    errors = Errors(1.05e-3, 3e-3, 1e-3, fusion=-1e-4, fusion_spread=2e-4)
    assert errors.prior < errors.refined
    assert errors.best() == "refined"


def test_the_doubt_of_fusion_widens_the_interval():
    clean = moving_clip(7, 64, 96)
    noisy = NOISE.sample(clean, torch.Generator().manual_seed(1))
    networks = load_networks(None, torch.device("cpu"))
    preprocessor = Preprocessor(networks.prior, NOISE, DisFlow())
    clip = prepare_clip(list(noisy), preprocessor)
    clip = clip.with_anchors(anchors_of_clip(clip, networks.temporal))
    before = Errors(2e-3, 3e-3, 1e-3, spread=(1e-5, 1e-5, 1e-5), noise=NOISE.sigma**2)
    after = add_fusion(before, networks, preprocessor, clip, torch.Generator().manual_seed(2))
    assert after.fuses
    assert after.spread[:2] == before.spread[:2]
    assert after.spread[2] > before.spread[2]
