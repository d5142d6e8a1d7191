"""The method on a real clip with known noise, with the shipped weights."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import f2r
from f2r.config import DenoiseConfig
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.noise.models import Gaussian
from f2r.run.look_at_clip import look
from f2r.run.setup import set_up
from f2r.run.time_plan import plan_time
from f2r.system.progress import Progress, StageClock

STREET = Path(__file__).parent.parent / "demo" / "street.mkv"
SIGMA = 30 / 255


@pytest.fixture(scope="module")
def street():
    with open_reader(STREET) as reader:
        clean = np.stack(list(islice(reader, 7)))
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return clean, (SIGMA * noise).astype(np.float32)


@pytest.fixture(scope="module")
def fast(street):
    clean, noise = street
    return f2r.denoise(clean + noise, sigma=SIGMA, preset="fast")


def psnr(estimate, clean):
    return -10 * np.log10(np.square(estimate - clean).mean())


def test_each_part_earns_its_place(street, fast):
    clean, noise = street
    noisy, prior, refined = (psnr(f, clean) for f in (clean + noise, fast.prior, fast.frames))
    assert prior > noisy + 8
    assert refined > prior + 1
    assert refined >= psnr(fast.anchor, clean) - 0.05


def test_the_anchor_does_not_leak(street, fast):
    clean, noise = street
    error = fast.anchor - clean
    leak = (error * noise).mean() / np.sqrt((error**2).mean() * (noise**2).mean())
    assert abs(leak) < 0.015


def test_quality_is_known_without_the_clean_clip(street, fast):
    clean, _ = street
    estimated = fast.report["estimated_psnr"][0]
    assert estimated["refined"] == pytest.approx(psnr(fast.frames, clean), abs=0.3)
    assert estimated["prior"] == pytest.approx(psnr(fast.prior, clean), abs=0.3)
    assert abs(estimated["leak"]) < 0.015


def test_training_on_the_clip_reports_progress(street):
    clean, noise = street
    seen = []
    noisy = (clean + noise)[:4, :96, :128]
    result = f2r.denoise(noisy, sigma=SIGMA, steps=2, progress=seen.append)
    assert result.report["training"]["temporal_steps"] == 2
    assert result.report["training"]["refiner_steps"] == 2
    assert {"prior and flow", "stage 1", "stage 2", "denoise"} <= {p.stage for p in seen}
    assert all(isinstance(p, Progress) and 0 <= p.fraction <= 1 for p in seen)


def test_training_gets_what_preparation_and_inference_leave_of_the_budget(street):
    clean, noise = street
    reader = ArrayReader((clean + noise)[:4, :96, :128])
    left = []
    for budget, spent in ((600.0, 0.0), (600.0, 100.0), (600.0, 700.0)):
        setup = set_up(reader.info, Gaussian(SIGMA), DenoiseConfig(time_budget=budget))
        networks, clock = load_networks(None, setup.device), StageClock()
        looked = look(reader, networks, setup, clock)
        clock.go_on({}, spent)
        plan = plan_time(looked, networks, setup, clock)
        left.append(plan.training)
        assert plan.total < max(budget, plan.total - plan.training) + 0.1
        inference = looked.frames * looked.seconds_per_frame
        assert left[-1] < max(budget - spent - inference, 0.1)
    assert left[0] - left[1] == pytest.approx(100, abs=20)
    assert left[2] == 0


def test_layouts_follow_the_input(street):
    clean, noise = street
    grey = (clean + noise)[:2, :40, :50].mean(-1)
    result = f2r.denoise(torch.from_numpy(grey), sigma=0.08, preset="fast")
    assert result.frames.shape == result.anchor.shape == result.prior.shape == (2, 40, 50)
    assert result.sigma == pytest.approx(0.08)
    eight_bit = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    scaled = f2r.denoise(eight_bit, sigma=0.08, preset="fast").frames
    assert np.abs(scaled - result.frames).mean() < 0.01


def test_one_frame_falls_back_to_the_prior_and_says_so(street):
    clean, noise = street
    result = f2r.denoise((clean + noise)[:1, :64, :64], sigma=SIGMA)
    assert np.array_equal(result.frames, result.prior)
    assert result.report["frames_by_prior_alone"] == 1


@pytest.mark.parametrize(
    "options",
    [{"preset": "slow"}, {"sigma": -0.1}, {"device": "tpu"}, {"sigma": 0.1, "noise": "gaussian:3"}],
)
def test_bad_options_are_input_errors(street, options):
    with pytest.raises(f2r.InputError):
        f2r.denoise(street[1][:2, :32, :32], **options)


def test_pure_noise_is_no_reason_to_stop():
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (4, 64, 64)).astype(np.float32)
    assert f2r.denoise(noisy, sigma=0.1, preset="fast").frames.shape == noisy.shape
