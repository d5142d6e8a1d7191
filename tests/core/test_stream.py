import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.io.array import ArrayReader
from f2r.method.networks import Networks
from f2r.method.planes import layout_of
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stage_2 import refine_by_draws, refine_frame
from f2r.method.stream import PlaneStream, run_through
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.noise.models import Gaussian
from synthetic import moving_clip


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Networks(ImagePrior(), TemporalEstimator().eval(), SpatialRefiner().eval())


def stream_all(networks, frames):
    preprocessor = Preprocessor(networks.prior, Gaussian(0.1), DisFlow())
    stream = PlaneStream(networks, preprocessor)
    return list(run_through(stream, map(stream.prepare, frames)))


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_streaming_equals_the_whole_clip(networks, clean, radius):
    estimator = TemporalEstimator(radius=radius).eval()
    torch.nn.init.normal_(estimator.net.tail.weight, std=0.1)
    networks = Networks(networks.prior, estimator, networks.refiner)
    estimates = stream_all(networks, clean)
    preprocessor = Preprocessor(networks.prior, Gaussian(0.1), DisFlow())
    clip = prepare_clip(list(clean), preprocessor, compact=False, radius=radius)
    anchors = anchors_of_clip(clip, networks.temporal)
    assert len(estimates) == len(clean)
    for estimate, anchor in zip(estimates, anchors, strict=True):
        assert torch.equal(estimate.anchor, anchor)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_clips_keep_their_frame_count(networks, clean, count):
    estimates = stream_all(networks, clean[:count])
    assert len(estimates) == count
    assert all(e.refined.isfinite().all() for e in estimates)
    assert [e.has_neighbours for e in estimates] == [count > 1] * count


def test_a_window_never_crosses_a_cut(networks):
    first = moving_clip(4, 48, 64)
    second = 0.5 * moving_clip(4, 48, 64, seed=5).flip(-1) + 0.05
    together = stream_all(networks, torch.cat((first, second)))
    apart = stream_all(networks, first) + stream_all(networks, second)
    assert [e.starts_shot for e in together] == [True, *[False] * 3] * 2
    for joined, alone in zip(together, apart, strict=True):
        assert torch.equal(joined.refined, alone.refined)


@pytest.mark.parametrize("shape", [(2, 37, 51), (2, 9, 11, 3), (2, 40, 48, 2)])
def test_planes_split_and_merge_back(shape):
    array = torch.rand(shape).numpy()
    layout = layout_of(ArrayReader(array).info)
    frame = next(iter(ArrayReader(array)))
    planes = layout.split(frame)
    assert all(p.shape[0] == 3 and p.shape[1] % 8 == p.shape[2] % 8 == 0 for p in planes)
    torch.testing.assert_close(layout.merge(planes), frame, atol=1e-7, rtol=0)


@pytest.mark.parametrize("grey", [False, True])
def test_averaged_draws_come_close_to_the_direct_pass(networks, clean, grey):
    scene = clean.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grey else clean
    preprocessor = Preprocessor(networks.prior, Gaussian(0.02), DisFlow())
    clip = prepare_clip(list(scene), preprocessor, grey)
    noisy = clip.frames[2].noisy[: clip.channels]
    anchor = anchors_of_clip(clip, networks.temporal)[2]
    direct = refine_frame(networks.refiner, clip.frames[2], anchor)
    generator = torch.Generator().manual_seed(0)

    def distance(draws):
        averaged = refine_by_draws(
            networks.refiner, networks.prior, clip.noise, noisy, anchor, 0.5, draws, generator
        )
        return float((averaged - direct).square().mean())

    assert distance(16) < 0.5 * distance(1)
