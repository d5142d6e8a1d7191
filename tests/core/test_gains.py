"""Each documented gain, on frames of a real clip with known noise."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.flow.warp import warp_backward
from f2r.io import open_reader
from f2r.method.networks import load_networks
from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor, apply_prior
from f2r.method.stream import PlaneStream, run_through
from f2r.method.two_pass_flow import Linker
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian
from f2r.quality.error_estimation import estimate_errors

STREET = Path(__file__).parents[2] / "demo" / "street.mkv"
NOISE = Gaussian(30 / 255)


@pytest.fixture(scope="module")
def scene():
    with open_reader(STREET) as reader:
        frames = np.stack(list(islice(reader, 5)))
    return torch.from_numpy(frames).permute(0, 3, 1, 2)[..., :144, :256].contiguous()


@pytest.fixture(scope="module")
def noisy(scene):
    return NOISE.sample(scene, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def networks():
    return load_networks(None, torch.device("cpu"))


def error(estimate, clean):
    return float((estimate - clean).square().mean())


def test_correlated_noise_is_removed_better_at_the_level_that_the_networks_receive(scene, networks):
    noise = Correlated(Gaussian(15 / 255), gaussian_correlation(1.0))
    noisy = noise.sample(scene[:2], torch.Generator().manual_seed(1))
    plain = noise.variance(noisy).sqrt()
    received = error(apply_prior(networks.prior, noisy, sigma_map(noise, noisy)), scene[:2])
    assert received < 0.95 * error(apply_prior(networks.prior, noisy, plain), scene[:2])


def test_the_second_pass_aligns_better_than_the_first(scene, noisy, networks):
    preprocessor = Preprocessor(networks.prior, NOISE, DisFlow())
    frames = [preprocessor.prepare(frame) for frame in noisy]
    linker = Linker(preprocessor.flow)
    for frame in frames:
        linker.push(frame)
    linker.finish()
    two_passes, one_pass = [], []
    for t in range(len(frames) - 1):
        rough = preprocessor.flow.rough.estimate(frames[t].denoised, frames[t + 1].denoised)
        for flow, errors in ((frames[t].to_next.float(), two_passes), (rough, one_pass)):
            moved = warp_backward(scene[t + 1][None], flow[None], "bicubic")
            errors.append(error(moved[0], scene[t]))
    assert np.mean(two_passes) < 0.97 * np.mean(one_pass)


def test_the_share_of_the_prior_lowers_the_error_where_motion_is_fast(scene, networks):
    scene = torch.stack([frame.roll(40 * t, -1) for t, frame in enumerate(scene)])
    noisy = NOISE.sample(scene, torch.Generator().manual_seed(0))
    preprocessor = Preprocessor(networks.prior, NOISE, DisFlow())
    clip = prepare_clip(list(noisy), preprocessor)
    clip = clip.with_anchors(anchors_of_clip(clip, networks.temporal))
    errors = estimate_errors(networks, [clip], len(noisy), torch.Generator().manual_seed(2))

    def refined_error(share):
        stream = PlaneStream(networks, preprocessor, share)
        found = [e.refined for e in run_through(stream, map(stream.prepare, noisy))]
        return error(torch.stack(found), scene)

    assert errors.blend.weight > 0.1
    assert refined_error(errors.blend.weight) < refined_error(0.0)
