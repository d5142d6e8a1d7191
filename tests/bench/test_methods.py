"""Every method runs, learns and keeps to its protocol, on tiny clips."""

import importlib.util

import pytest
import torch
from torch import nn

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.models.prior import ImagePrior
from f2r.noise.models import Gaussian
from f2r_bench.comparison.cost import count_cost
from f2r_bench.methods.dvdnet import DvdSpatial
from f2r_bench.methods.fastdvdnet import FastDvdNet, FastDvdNetwork
from f2r_bench.methods.flornn import FloRnnNetwork, splat_forward
from f2r_bench.methods.frames import mirror_index, pad_sides, prepare_frames, surroundings
from f2r_bench.methods.method import TrainsOnClip
from f2r_bench.methods.nafnet import NafNetwork, NafShape
from f2r_bench.methods.registry import Resources, build_methods
from f2r_bench.methods.tap import NEIGHBOURS, PluggedDenoiser, plugged_loss
from f2r_bench.methods.video_noise2noise import Pair, adjacent_pairs, pair_loss

CPU = torch.device("cpu")
NOISE = Gaussian(0.1)


@pytest.fixture
def noisy(clean):
    return NOISE.sample(clean, torch.Generator().manual_seed(1))


def naf(frames):
    network = NafNetwork(NafShape(8, (1, 1), 1, (1, 1)))
    return network, lambda: network(frames)


def fast(frames):
    network = FastDvdNetwork()
    level = torch.full_like(frames[:1, :1], 0.1)
    return network, lambda: network(frames[None, :5], level)


def flo(frames):
    network = FloRnnNetwork(1)
    flows = [torch.zeros(2, *frames.shape[-2:])] * (len(frames) - 1)
    return network, lambda: network(frames, torch.full_like(frames, 0.1), flows, flows)


def dvd(frames):
    network = DvdSpatial()
    return network, lambda: network(frames, 0.1)


@pytest.mark.parametrize("make", [naf, fast, flo, dvd])
def test_published_architectures_learn(make, clean, noisy):
    torch.manual_seed(0)
    frames, target = noisy[..., :32, :32], clean[..., :32, :32]
    network, run = make(frames)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(6):
        output = run()
        loss = nn.functional.mse_loss(output, target[2:3] if len(output) == 1 else target)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None for p in network.parameters())
    assert losses[-1] < losses[0]


def test_a_splatted_picture_moves_and_leaves_nothing_behind():
    source = torch.rand(1, 2, 6, 8)
    flow = torch.zeros(1, 2, 6, 8)
    flow[:, 0], flow[:, 1] = 2, -1
    moved = splat_forward(source, flow)
    assert torch.allclose(moved[..., :5, 2:], source[..., 1:, :6])
    assert torch.count_nonzero(moved[..., :2]) == 0


def test_pixels_that_meet_are_averaged():
    flow = torch.zeros(1, 2, 1, 2)
    flow[0, 0, 0, 0] = 1
    met = splat_forward(torch.tensor([[[[0.2, 0.8]]]]), flow)
    assert met[0, 0, 0, 1].item() == pytest.approx(0.5)


def test_occluded_pixels_are_no_targets():
    frame = torch.zeros(3, 16, 16)
    prepared = PreparedFrame(frame, frame, torch.full_like(frame, 0.1))
    wrong = PreparedFrame(frame.clone(), frame, prepared.sigma)
    wrong.noisy[:, :, 8:] = 7.0
    visible = torch.ones(1, 16, 16)
    visible[..., 8:] = 0
    pairs = [Pair(prepared, wrong, torch.zeros(2, 16, 16), visible)]
    loss = pair_loss(lambda y, _: y, pairs, torch.Generator().manual_seed(0))
    assert loss.item() < 1e-3
    visible[..., 8:] = 1
    assert pair_loss(lambda y, _: y, pairs, torch.Generator().manual_seed(0)).item() > 10


def test_neighbours_across_a_cut_make_no_pair(clean):
    preprocessor = Preprocessor(ImagePrior(), NOISE, DisFlow())
    frames = prepare_frames(clean[:3], preprocessor)
    frames[1].to_next = frames[2].to_previous = None
    assert len(adjacent_pairs(frames)) == 2


def test_plugged_modules_change_nothing_at_first_and_leave_the_prior_alone(noisy):
    torch.manual_seed(0)
    prior = ImagePrior(3, (8, 12, 16), (1, 1, 1))
    network = PluggedDenoiser(prior.net)
    frames = prepare_frames(noisy, Preprocessor(prior, NOISE, DisFlow()))
    around = [surroundings(frames, t, NEIGHBOURS) for t in range(len(frames))]
    sigma = torch.full((1, 5, 3, 48, 64), 0.1)
    window = noisy[None, [2, 0, 1, 3, 4]]
    first = network(window, sigma, around[2].flow[None], around[2].visible[None])
    assert torch.allclose(first, prior(noisy[2:3], sigma[:, 0]), atol=1e-5)
    loss = plugged_loss(network, noisy, around, NOISE, torch.Generator().manual_seed(0))
    loss.backward()
    assert all(p.grad is None for p in prior.parameters())
    assert all(m.project.weight.grad is not None for m in network.modules_in_skips)


@pytest.mark.parametrize("name", ["video-noise2noise", "udvd-slim", "tap"])
def test_methods_that_train_start_anew_for_every_clip(name, noisy):
    method = build_methods([name], Resources(CPU))[0]
    small = noisy[:3, :, :32, :32]
    before = method.infer(small, NOISE)
    outcome = method.denoise(small, NOISE, 0.2, 0)
    assert outcome.steps >= 1
    assert outcome.frames.shape == small.shape
    assert not torch.equal(outcome.frames, before)
    untrained = method.denoise(small, NOISE, 0.0, 0)
    assert untrained.steps == 0


class Slow(TrainsOnClip):
    """A method whose inference alone would use the budget up."""

    def __init__(self):
        self.given = []

    def fit(self, _noisy, _noise, seconds, _seed):
        self.given.append(seconds)
        return 1

    def infer(self, noisy, _noise):
        return noisy


def test_training_gets_what_inference_leaves_but_at_least_half(noisy, monkeypatch):
    for inference, expected in ((30.0, 66.0), (500.0, 50.0)):
        slow = Slow()
        monkeypatch.setattr(slow, "_inference_seconds", lambda *_, s=inference: s)
        slow.denoise(noisy, NOISE, 100.0, 0)
        assert slow.given[0] == pytest.approx(expected, abs=0.5)


def test_cost_counts_convolutions():
    class OneConv:
        name, learning = "one", "none"
        net = nn.Conv2d(3, 5, 3, padding=1, bias=False)

        def networks(self):
            return (self.net,)

        def infer(self, noisy, _noise):
            return self.net(noisy)

    cost = count_cost(OneConv())
    assert cost.parameters == 3 * 5 * 9
    assert cost.macs_per_pixel == 3 * 5 * 9


def test_supervised_methods_keep_any_size(tmp_path, noisy):
    torch.save(FastDvdNetwork().state_dict(), tmp_path / "w.pth")
    method = FastDvdNet(CPU, tmp_path / "w.pth")
    odd = noisy[:3, :, :21, :30]
    assert method.infer(odd, NOISE).shape == odd.shape


def test_ends_are_mirrored_and_sides_padded():
    assert [mirror_index(i, 4) for i in range(-3, 8)] == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert [mirror_index(i, 1) for i in range(-2, 3)] == [0] * 5
    assert pad_sides(torch.zeros(2, 3, 13, 16), 8).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("name", ["bm4d", "bm3d"])
def test_a_missing_package_is_named(name):
    if importlib.util.find_spec(name):
        pytest.skip(f"{name} is installed")
    with pytest.raises(InputError, match=f"pip install {name}"):
        build_methods([name], Resources(CPU))


def test_a_method_without_its_checkpoint_says_how_to_give_it():
    with pytest.raises(InputError, match="--weights dvdnet-spatial=FILE"):
        build_methods(["dvdnet"], Resources(CPU))
    with pytest.raises(InputError, match="weights 'fast' are unknown"):
        build_methods(["noisy"], Resources(CPU, {"fast": None}))
