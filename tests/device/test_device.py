"""The whole method on an accelerator: nothing stays on the wrong side, and waits are few."""

import re
from dataclasses import replace
from pathlib import Path

import fake_accelerator as fake
import numpy as np
import pytest
import torch

from f2r.config import DenoiseConfig, Tuning
from f2r.evaluation.make_raw import pick_sites
from f2r.flow.estimator import DisFlow
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import load_networks, load_run
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_network, load_shipped
from f2r.noise.blocks import Limits
from f2r.noise.models import Gaussian
from f2r.noise.parse import parse_noise
from f2r.quality.estimated_errors import Output
from f2r.run.decide import PlaneDecision
from f2r.run.infer import denoise_frames
from f2r.run.prepare import prepare
from f2r.run.setup import set_up
from f2r.system.device import branch
from f2r.system.progress import StageClock
from f2r.train.corpus.footage import Footage
from f2r.train.corpus.stages_training import train_on_clips
from f2r.train.holdout import hold_out
from f2r.train.options import StagesConfig
from f2r.train.refiner_loss import refiner_loss
from f2r.train.temporal_loss import temporal_loss
from f2r.train.windows import CropConfig, CropSampler
from synthetic import moving_clip

PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"
NOISE = Gaussian(20 / 255)
SMALL = Tuning(crop_side=32, crops=2)
DECISION = PlaneDecision(1.0, NOISE, Limits(), Output.REFINED, prior_share=0.1, error_share=0.1)


@pytest.fixture(autouse=True)
def _generators(monkeypatch):
    """Backends in Python cannot make generators; see `fake_accelerator`."""
    monkeypatch.setattr(torch, "Generator", fake.DeviceGenerator)
    fake.WAITS.clear()
    fake.CONVOLUTIONS.clear()


def noisy_clip(frames=6, grey=False, size=(48, 64)):
    clip = moving_clip(frames, *size)
    noise = torch.randn(clip.shape, generator=fake.REAL_GENERATOR().manual_seed(1))
    samples = (clip + 20 / 255 * noise).permute(0, 2, 3, 1).numpy()
    return ArrayReader(samples[..., 0] if grey else samples)


def start(reader, device, noise=NOISE, preset="fast", **options):
    setup = set_up(reader.info, noise, DenoiseConfig(preset, **options))
    setup = replace(setup, device=device)
    return setup, load_run(None, device, setup.weight_set)


def infer(reader, device, **options):
    """Give the frames of a run that has been decided."""
    setup, networks = start(reader, device, **options)
    results = denoise_frames(reader, [DECISION], networks, setup)
    return np.stack([result.denoised for result in results])


def run(reader, device, noise=NOISE, **options):
    """Give the frames of a whole run, and its report."""
    setup, networks = start(reader, device, noise, **options)
    prepared = prepare(reader, networks, setup, StageClock())
    results = denoise_frames(reader, prepared.decisions, prepared.networks, setup)
    return np.stack([result.denoised for result in results]), prepared.report


def assert_near(found, expected, most=0.01):
    """The device fetches features in another way than the CPU, in bfloat16: hence `most`."""
    assert np.abs(found - expected).max() < most
    assert np.abs(found - expected).mean() < most / 10


@pytest.mark.parametrize("flow", ["dis", "variational"])
def test_frames_have_the_cpus_result_in_bfloat16(flow):
    expected = infer(noisy_clip(4), fake.HOST, flow=flow)
    found = infer(noisy_clip(4), fake.DEVICE, flow=flow)
    assert_near(found, expected)
    others = {torch.float32} if flow == "variational" else set()  # its blur is no network
    assert set(fake.CONVOLUTIONS) == {torch.bfloat16} | others


def test_drafts_have_the_cpus_result():
    found, expected = (
        infer(noisy_clip(5), device, preset="draft") for device in (fake.DEVICE, fake.HOST)
    )
    assert_near(found, expected, 0.02)
    assert set(fake.CONVOLUTIONS) == {torch.bfloat16}


@pytest.mark.parametrize("preset", ["fast", "draft"])
def test_a_whole_run_of_a_tiny_clip_stays_on_the_device(preset):
    clips = (noisy_clip(3, size=(32, 32)) for _ in range(2))
    (expected, _), (found, report) = (
        run(clip, device, preset=preset)
        for clip, device in zip(clips, (fake.HOST, fake.DEVICE), strict=True)
    )
    assert_near(found, expected, 0.02)
    assert len(report["estimated_psnr"]) == (preset == "fast")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dis", "variational", "grey"])
def test_a_whole_run_has_the_cpus_result(kind):
    """With the noise estimated, the errors and the gain of fusion."""
    options = {"flow": kind} if kind != "grey" else {"noise": None}
    expected, _ = run(noisy_clip(grey=kind == "grey"), fake.HOST, **options)
    found, report = run(noisy_clip(grey=kind == "grey"), fake.DEVICE, **options)
    assert_near(found, expected)
    assert report["estimated_psnr"][0]["refined"] > 25


@pytest.mark.slow
def test_a_raw_clip_has_the_cpus_result(tmp_path):
    mosaic = Mosaic("GBRG", black=(240.0,) * 4, white=4095.0)
    packed = [pick_sites(frame, mosaic) for frame in moving_clip(5, 64, 96)]
    noisy = [p + 0.05 * torch.randn(p.shape) for p in packed]
    samples = [mosaic.to_samples(p.permute(1, 2, 0).numpy()) for p in noisy]
    np.save(tmp_path / "raw.npy", np.stack(samples).round().clip(0, 4095).astype(np.uint16))
    with open_reader(str(tmp_path / "raw.npy"), mosaic=mosaic) as reader:
        found, expected = (
            run(reader, device, Gaussian(0.05))[0] for device in (fake.DEVICE, fake.HOST)
        )
    assert_near(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "limit"),
    # Poisson draws differ between devices, so training can stop at another step.
    [(NOISE, 0.01), (parse_noise("poisson-gaussian:1,4"), 0.03)],
)
def test_ten_steps_of_both_stages_run_on_the_device(noise, limit):
    found, report = run(noisy_clip(), fake.DEVICE, noise, steps=10, tuning=SMALL)
    expected, _ = run(noisy_clip(), fake.HOST, noise, steps=10, tuning=SMALL)
    steps = [report["training"][f"{stage}_steps"] for stage in ("temporal", "refiner")]
    assert all(3 <= count <= 10 for count in steps)  # training may stop early
    assert np.abs(found - expected).mean() < limit


@pytest.mark.slow
def test_ten_steps_on_many_clips_write_weights_that_load(tmp_path):
    np.save(tmp_path / "noisy.npy", np.stack(list(noisy_clip())))
    config = StagesConfig(steps=10, batch=2, time_budget=600.0)
    train_on_clips(
        Footage((tmp_path / "noisy.npy",)), config, tmp_path / "weights", device=fake.DEVICE
    )
    before = load_shipped(TemporalEstimator)
    after = load_network(tmp_path / "weights" / "temporal.safetensors", TemporalEstimator)
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    assert not all(torch.equal(*pair) for pair in pairs)


def documented(option):
    """Read how often a frame waits, by the table of the documentation."""
    text = PERFORMANCE.read_text(encoding="utf-8")
    return int(re.search(rf"^\| `{option}` \| (\d+) \|", text, re.MULTILINE)[1])


@pytest.mark.parametrize(
    "option",
    ["--flow dis", pytest.param("--flow variational", marks=pytest.mark.slow), "--preset draft"],
)
def test_a_frame_waits_for_the_device_no_more_often_than_documented(option):
    """The difference between two lengths leaves out what happens once a clip."""
    name, value = option.removeprefix("--").split()
    waits = []
    for frames in (6, 7):
        fake.WAITS.clear()
        assert len(infer(noisy_clip(frames), fake.DEVICE, **{name: value})) == frames
        waits.append(sum(fake.WAITS.values()))
    assert waits[1] - waits[0] == documented(option), fake.WAITS


@pytest.mark.slow
def test_a_training_step_never_waits():
    """The first step of a clip fetches its flows."""
    networks = load_networks(None, fake.DEVICE)
    frames = [torch.from_numpy(frame).permute(2, 0, 1) for frame in noisy_clip(4)]
    clip = prepare_clip(frames, Preprocessor(networks.prior, NOISE, DisFlow()))
    clip = clip.with_anchors(anchors_of_clip(clip, networks.temporal))
    clip = hold_out(clip, fake.REAL_GENERATOR(), 0.1)
    sampler = CropSampler([clip], CropConfig(32, 2, varied=False))
    draws = torch.Generator().manual_seed(0)
    for _ in range(2):
        fake.WAITS.clear()
        temporal_loss(networks.temporal, sampler, draws).backward()
        refiner_loss(networks.refiner, networks.prior, sampler, 0.5, draws).backward()
    assert not fake.WAITS


def test_a_device_refuses_what_belongs_to_the_cpu():
    """Otherwise the tests above could not fail."""
    values = torch.rand(1, 3, 8, 8)
    there = values.to(fake.DEVICE)
    with pytest.raises(RuntimeError, match="and of the CPU"):
        there + values
    with pytest.raises(RuntimeError, match="and of the CPU"):
        torch.nn.functional.conv2d(there, torch.ones(3, 3, 3, 3))
    with pytest.raises(RuntimeError, match="generator of the CPU"):
        torch.randn(3, device=fake.DEVICE, generator=fake.REAL_GENERATOR())
    with pytest.raises(TypeError, match="no float64"):
        values.double().to(fake.DEVICE)
    with pytest.raises(TypeError, match="no float64"):
        there.double()


def test_a_device_counts_waits():
    there = torch.rand(4).to(fake.DEVICE)
    assert not fake.WAITS
    float(there.sum())
    there.cpu()
    there[there > 0.5]
    assert sum(fake.WAITS.values()) == 3


def test_values_for_mps_are_drawn_on_the_cpu():
    """MPS has no Poisson and no gamma draws."""
    generator = fake.REAL_GENERATOR()
    assert branch(generator, torch.device("mps")) is generator


def test_a_generator_on_the_device_follows_its_seed():
    draws = [
        torch.randn(4, generator=branch(torch.Generator().manual_seed(7), fake.DEVICE), device=d)
        for d in (fake.DEVICE, fake.DEVICE)
    ]
    assert torch.equal(*(draw.cpu() for draw in draws))
