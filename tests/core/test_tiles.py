"""Tiles fit together: what a frame becomes does not depend on the pieces it is computed in."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from f2r.errors import F2RError
from f2r.flow.estimator import DisFlow
from f2r.method.alignment import neighbourhood
from f2r.method.networks import Networks
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream, run_through
from f2r.method.tiled import Window, tiled_anchor, tiled_refined
from f2r.method.tiles import GRID, Tiling
from f2r.method.two_pass_flow import Linker
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.noise.models import PoissonGaussian
from synthetic import moving_clip

SIDE = 320
NOISE = PoissonGaussian(0.01, 0.03)

ROUNDING = 2e-5
"""Positions in a frame are rounded to 3e-5 pixels, positions in a tile elsewhere; times the slope
of noise from pixel to pixel that makes up to 1.05e-5."""


def lively(network):
    """Fill a network with weights under which far pixels matter as much as they can."""
    torch.manual_seed(0)
    for weights in network.parameters():
        if weights.dim() > 1:
            torch.nn.init.kaiming_normal_(weights.data).mul_(0.45)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def networks():
    slim = (8, 8, 8)
    prior, refiner = ImagePrior(widths=slim), SpatialRefiner(widths=slim)
    temporal = TemporalEstimator(encoded=slim[1:], widths=slim)
    return Networks(*map(lively, (prior, temporal, refiner)))


def distance(a, b):
    """Largest difference, relative to the largest value; float32 rounds at 1e-7."""
    return float((a - b).abs().max() / a.abs().max().clamp(min=1))


@pytest.fixture(autouse=True)
def _in_float32(monkeypatch):
    """Rounding to bfloat16 would hide what halos are for."""
    monkeypatch.setattr(torch, "autocast", lambda *_: torch.no_grad())


@pytest.fixture(scope="module")
def scene():
    generator = torch.Generator().manual_seed(1)
    return NOISE.sample(moving_clip(4, 232, 400, speed=5), generator)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 90).map(lambda n: n * GRID),
    width=st.integers(1, 90).map(lambda n: n * GRID),
    side=st.integers(64, 800),
    halo=st.integers(0, 140),
)
def test_tiles_cover_a_frame_once_and_stay_in_it(height, width, side, halo):
    covered = torch.zeros(height, width)
    for inner, outer in Tiling(side).tiles((height, width), halo):
        inner.cut(covered).add_(1)
        assert all(edge % GRID == 0 for edge in (*inner, *outer))
        assert outer.top in range(max(inner.top - halo, 0) + 1)
        assert outer.bottom in range(min(inner.bottom + halo, height), height + 1)
        assert outer.left in range(max(inner.left - halo, 0) + 1)
        assert outer.right in range(min(inner.right + halo, width), width + 1)
    assert bool((covered == 1).all())


def test_an_identity_is_put_together_bit_for_bit():
    image = torch.rand(3, 200, 328)
    result = Tiling(120).apply((200, 328), 16, lambda tile: tile.outer.cut(image))
    assert torch.equal(result, image)


def test_the_tiled_prior_is_the_prior(networks, scene):
    whole, tiled = (
        Preprocessor(networks.prior, NOISE, DisFlow(), tiling).prepare(scene[0], keep)
        for tiling, keep in ((Tiling(), True), (Tiling(SIDE), False))
    )
    assert distance(whole.denoised, tiled.denoised) < 1e-5
    assert whole.sigma.shape == (3, 232, 400)
    assert tiled.sigma.numel() == 0


def test_both_tiled_stages_are_the_stages(networks, scene):
    preprocessor = Preprocessor(networks.prior, NOISE, DisFlow())
    stream = PlaneStream(networks, preprocessor)
    wholes = list(run_through(stream, map(stream.prepare, scene)))
    frames = dict(enumerate(preprocessor.prepare(frame) for frame in scene))
    linker = Linker(preprocessor.flow)
    for frame in frames.values():
        linker.push(frame)
    linker.finish()
    preprocessor.tiling.side = SIDE - 96
    for target in (0, 2):
        assert neighbourhood(frames, target).present.sum() == (2, 3)[target // 2]
        window = Window(frames, target)
        anchor = tiled_anchor(networks.temporal, preprocessor, window)
        assert distance(wholes[target].anchor, anchor) < ROUNDING
        refined = tiled_refined(networks.refiner, preprocessor, frames[target], anchor)
        assert distance(wholes[target].refined, refined) < ROUNDING


class SmallMemory(torch.nn.Module):
    """A network on a device that cannot hold more than `most` pixels at once."""

    def __init__(self, network, most):
        super().__init__()
        self.network, self.most, self.reach = network, most, network.reach

    def forward(self, *inputs):
        if inputs[0].shape[-1] * inputs[0].shape[-2] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network(*inputs)


def test_tiles_shrink_when_memory_runs_out_and_the_run_goes_on(networks, scene):
    def denoise(refiner, tiling):
        preprocessor = Preprocessor(networks.prior, NOISE, DisFlow(), tiling)
        stream = PlaneStream(Networks(networks.prior, networks.temporal, refiner), preprocessor)
        return list(run_through(stream, map(stream.prepare, scene[:3])))

    tight = Tiling()
    expected = denoise(networks.refiner, Tiling())
    found = denoise(SmallMemory(networks.refiner, 300 * 232), tight)
    assert tight.side < Tiling().side
    for a, b in zip(expected, found, strict=True):
        assert distance(a.refined, b.refined) < 1e-5
    with pytest.raises(F2RError, match="out of memory"):
        denoise(SmallMemory(networks.refiner, 1000), Tiling())
