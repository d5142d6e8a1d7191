from dataclasses import replace

import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.method.fusion import TemporalFusion, fuse, fuse_frame
from f2r.method.networks import Networks
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream, run_through
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.noise.models import Gaussian
from synthetic import moving_clip

ERROR = torch.full((1, 40, 40), 0.01)
SEEN = torch.ones(4, 1, 40, 40)


def noisy_copies(count):
    generator = torch.Generator().manual_seed(0)
    return 0.5 + 0.1 * torch.randn(count, 3, 40, 40, generator=generator)


def test_an_average_of_frames_that_agree_has_a_smaller_error():
    own, *others = noisy_copies(5) * 0.3 + 0.35  # their errors are a tenth of what is expected
    fused = fuse(own, zip(others, SEEN, strict=True), ERROR)
    assert float((fused - 0.5).square().mean()) < 0.4 * float((own - 0.5).square().mean())


def test_what_does_not_agree_or_is_hidden_is_left_out():
    own = noisy_copies(1)[0]
    strange = own[None] + torch.full((4, 1, 1, 1), 0.3)
    assert torch.allclose(fuse(own, zip(strange, SEEN, strict=True), ERROR), own, atol=1e-3)
    assert torch.equal(fuse(own, zip(strange, 0 * SEEN, strict=True), ERROR), own)


def test_no_pixel_leaves_the_range_of_what_is_averaged():
    frames = noisy_copies(5)
    fused = fuse(frames[0], zip(frames[1:], SEEN, strict=True), 10 * ERROR)
    assert (fused >= frames.min(0).values - 1e-6).all()
    assert (fused <= frames.max(0).values + 1e-6).all()


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Networks(ImagePrior(), TemporalEstimator().eval(), SpatialRefiner().eval())


def fused_stream(networks, frames, share):
    preprocessor = Preprocessor(networks.prior, Gaussian(0.1), DisFlow())
    stream = PlaneStream(networks, preprocessor)
    estimates = run_through(stream, map(stream.prepare, frames))
    return list(run_through(TemporalFusion(Gaussian(0.1), 2, share), estimates))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_frame_comes_out_once_and_in_order(networks, count):
    frames = moving_clip(count, 48, 64)
    estimates = fused_stream(networks, frames, 0.05)
    assert len(estimates) == count
    for estimate, frame in zip(estimates, frames, strict=True):
        assert torch.equal(estimate.noisy, frame)


def test_only_refined_frames_change_and_none_without_a_share(networks):
    frames = moving_clip(6, 48, 64)
    plain, fused = (fused_stream(networks, frames, share) for share in (0.0, 0.2))
    for a, b in zip(plain, fused, strict=True):
        assert torch.equal(a.anchor, b.anchor)
        assert torch.equal(a.prior, b.prior)
        assert not torch.equal(a.refined, b.refined)


def test_a_frame_depends_on_no_frame_beyond_the_lookahead(networks):
    """What a resumed run computes anew before it goes on."""
    frames = moving_clip(14, 48, 64)
    whole = fused_stream(networks, frames, 0.1)
    lookahead = networks.lookahead + 2
    start = 14 - 2 * lookahead
    part = fused_stream(networks, frames[start:], 0.1)
    target = start + lookahead
    assert torch.equal(whole[target].refined, part[target - start].refined)


def test_fusion_stops_at_a_cut(networks):
    first = moving_clip(4, 48, 64)
    second = 0.5 * moving_clip(4, 48, 64, seed=5).flip(-1) + 0.05
    together = fused_stream(networks, torch.cat((first, second)), 0.2)
    apart = fused_stream(networks, first, 0.2) + fused_stream(networks, second, 0.2)
    for joined, alone in zip(together, apart, strict=True):
        assert torch.equal(joined.refined, alone.refined)


def test_a_kept_alignment_gives_what_a_new_one_gives(networks):
    """Frames computed in tiles come without: the output must not show which were."""
    frames = torch.cat((moving_clip(5, 48, 64), moving_clip(4, 48, 64, seed=5)))  # with a cut
    stream = PlaneStream(networks, Preprocessor(networks.prior, Gaussian(0.1), DisFlow()))
    estimates = list(run_through(stream, map(stream.prepare, frames)))
    kept = dict(enumerate(estimates))
    partly = {t: e if t % 2 else replace(e, around=None) for t, e in kept.items()}
    assert all(e.around is not None for e in estimates)
    for t in kept:
        fused = (fuse_frame(each, t, 2, Gaussian(0.1), 0.2) for each in (kept, partly))
        assert torch.equal(*fused)


def test_alignments_are_let_go_of_once_a_frame_is_fused(networks):
    preprocessor = Preprocessor(networks.prior, Gaussian(0.1), DisFlow())
    for share, most in ((0.1, 3), (0.0, 0)):
        stream, fusion = (
            PlaneStream(networks, preprocessor),
            TemporalFusion(Gaussian(0.1), 2, share),
        )
        for estimate in run_through(stream, map(stream.prepare, moving_clip(12, 48, 64))):
            fused = fusion.push(estimate)
            assert fused is None or fused.around is None
            held = [kept for kept in fusion._kept.values() if kept.around is not None]
            assert len(held) <= most
