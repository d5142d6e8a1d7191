"""The draft preset: what it gains from earlier frames, and that its state has bounded reach."""

import json

import numpy as np
import pytest
import torch

import f2r
from f2r.cli.main import main
from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.array import ArrayReader
from f2r.method.draft import BLOCK, DRAFT_HISTORY, WARM_UP, DraftStream, align_state
from f2r.method.networks import load_draft
from f2r.method.stream import run_through
from f2r.models.draft import DraftDenoiser, DraftState
from f2r.noise.models import Gaussian
from f2r.run.fit import fit
from f2r.run.infer import denoise_frames, frames_before
from f2r.run.setup import set_up
from f2r.train.draft_loss import (
    DraftClip,
    DraftWindows,
    _turned,
    draft_loss,
    prepare_draft_clip,
)
from synthetic import moving_clip

SIGMA = 30 / 255


@pytest.fixture(scope="module")
def network():
    return load_draft(None, torch.device("cpu"))


def noisy_copy(clean, seed=0):
    return clean + SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def run(network, frames, first=0):
    stream = DraftStream(network, Gaussian(SIGMA), first)
    return list(run_through(stream, map(stream.prepare, frames)))


def psnr(estimate, clean):
    return float(-10 * torch.log10((estimate - clean).square().mean()))


def test_earlier_frames_make_the_result_better(network):
    clean = moving_clip(10, 64, 96)
    results = [one.refined for one in run(network, noisy_copy(clean))]
    alone = [run(network, [frame])[0].refined for frame in noisy_copy(clean)]
    last = slice(4, None)
    together = np.mean([psnr(a, b) for a, b in zip(results[last], clean[last], strict=True)])
    single = np.mean([psnr(a, b) for a, b in zip(alone[last], clean[last], strict=True)])
    assert together > single + 1.0
    assert together > psnr(noisy_copy(clean), clean) + 6


def test_a_scene_cut_starts_the_state_anew(network):
    frames = noisy_copy(torch.cat([moving_clip(3, 64, 96), 0.25 * moving_clip(3, 64, 96, seed=7)]))
    results = run(network, frames)
    assert [one.starts_shot for one in results] == [True, False, False, True, False, False]
    after = run(network, frames[3:])
    assert torch.equal(results[-1].refined, after[-1].refined)


def test_the_first_frame_of_a_shot_is_made_from_those_after_it(network):
    clean = moving_clip(6, 64, 96)
    noisy = noisy_copy(clean)
    alone, together = run(network, noisy[:1])[0].refined, run(network, noisy)[0].refined
    assert psnr(together, clean[0]) > psnr(alone, clean[0]) + 1


def test_a_still_scene_does_not_drift_over_hundreds_of_frames(network):
    clean = moving_clip(1, 32, 32)[0]
    frames = [noisy_copy(clean, seed) for seed in range(BLOCK + 2 * WARM_UP)]
    results = [psnr(one.refined, clean) for one in run(network, frames)]
    alone = psnr(run(network, frames[:1])[0].refined, clean)
    assert min(results[2:]) > alone + 1


def test_a_stream_that_begins_later_gives_the_same_frames(network):
    frames = noisy_copy(moving_clip(1, 32, 32).expand(140, -1, -1, -1))
    whole = run(network, frames)
    for start in (2 * BLOCK - 1, 2 * BLOCK):
        first = max(start - DRAFT_HISTORY, 0)
        later = run(network, frames[first:], first)[start - first :]
        pairs = zip(later, whole[start:], strict=True)
        assert all(torch.equal(a.refined, b.refined) for a, b in pairs), start


def test_a_resumed_run_gives_the_same_frames():
    frames = noisy_copy(moving_clip(1, 32, 32).expand(90, -1, -1, -1)).permute(0, 2, 3, 1).numpy()
    model = fit(frames, preset="draft", sigma=SIGMA)
    setup = set_up(ArrayReader(frames).info, None, model.config)
    decided = model.decisions, model.networks, setup
    whole = [one.denoised for one in denoise_frames(iter(frames), *decided)]
    start = 80
    first = start - frames_before(*decided[:2])
    assert first > 0
    later = denoise_frames(iter(frames[first:]), *decided, start, first)
    assert all(np.array_equal(a.denoised, b) for a, b in zip(later, whole[start:], strict=True))


def test_a_draft_from_the_command_line_is_that_of_python(tmp_path):
    clean = moving_clip(5, 40, 56)
    frames = noisy_copy(clean).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "clip.npy", frames)
    arguments = ["denoise", str(tmp_path / "clip.npy"), "-o", str(tmp_path / "out.npy")]
    assert main([*arguments, "--preset", "draft", "--sigma", "30"]) == 0
    report = json.loads((tmp_path / "out.npy.json").read_text())
    assert list(report["weights"]) == ["draft"]
    expected = f2r.denoise(frames, preset="draft", sigma=SIGMA).frames
    assert np.allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-6)


def test_a_draft_has_one_network_and_shows_its_own_stages_only():
    frames = noisy_copy(moving_clip(5, 40, 56)).permute(0, 2, 3, 1).numpy()
    reports = []
    model = fit(frames, preset="draft", sigma=SIGMA, progress=reports.append)
    assert isinstance(model.networks, DraftDenoiser)
    assert list(model.report["seconds_announced"]) == ["passed", "denoise", "total"]
    made = f2r.denoise(frames, preset="draft", sigma=SIGMA, progress=reports.append)
    stages = ["read sample", "estimate noise", "denoise"]
    assert list(dict.fromkeys(one.stage for one in reports)) == stages
    assert list(made.report["seconds"]) == [*stages, "total"]


def test_a_draft_with_a_prior_is_refused():
    frames = np.full((3, 32, 32), 0.5, np.float32)
    with pytest.raises(InputError, match="prior: a draft has none"):
        f2r.denoise(frames, preset="draft", sigma=SIGMA, prior=torch.add)


def test_a_grey_clip_has_a_draft():
    clean = moving_clip(6, 40, 56)[:, 0]
    noisy = noisy_copy(clean).numpy()
    result = f2r.denoise(noisy, preset="draft", sigma=SIGMA).frames
    assert psnr(torch.from_numpy(result), clean) > psnr(torch.from_numpy(noisy), clean) + 6


def test_a_saved_draft_gives_the_same_frames(tmp_path):
    noisy = noisy_copy(moving_clip(4, 40, 56)).permute(0, 2, 3, 1).numpy()
    model = f2r.fit(noisy, preset="draft", sigma=SIGMA)
    model.save(tmp_path / "night.f2r")
    again = f2r.load(tmp_path / "night.f2r")
    assert np.array_equal(again.denoise(noisy), model.denoise(noisy))


@pytest.mark.parametrize("wrong", [{"steps": 5}, {"time_budget": 60.0}])
def test_a_draft_does_not_train(wrong):
    with pytest.raises(InputError, match="never trains"):
        DenoiseConfig(preset="draft", **wrong)


def test_weights_without_a_draft_are_refused():
    with pytest.raises(InputError, match="no weights for a draft"):
        load_draft("self-supervised", torch.device("cpu"))


def test_raw_has_no_draft(tmp_path, capsys):
    frames = np.full((3, 64, 64), 512, np.uint16)
    np.save(tmp_path / "raw.npy", frames)
    options = ["--pattern", "RGGB", "--black", "64", "--white", "1023", "--preset", "draft"]
    assert main(["denoise", str(tmp_path / "raw.npy"), *options]) != 0
    assert "raw has no draft" in capsys.readouterr().err


def test_trained_weights_have_a_far_lower_loss_than_random_ones(network):
    clean = moving_clip(8, 64, 64)
    clips = [prepare_draft_clip(noisy_copy(clean), clean, Gaussian(SIGMA))]
    windows = DraftWindows(frames=5, batch=2, side=48)
    trained, random = (
        draft_loss(one, clips, windows, torch.Generator().manual_seed(0))
        for one in (network, DraftDenoiser())
    )
    assert float(trained.detach()) < 0.85 * float(random.detach())


@pytest.mark.parametrize("turn", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_a_turned_window_is_aligned_as_well_as_the_window(turn):
    clean = moving_clip(3, 64, 64, speed=4)
    window = DraftClip(*(part.float() for part in prepare_draft_clip(clean, clean, Gaussian(0.02))))

    def misfit(shown):
        noisy, flow = shown.noisy[:1], shown.flow[1:2]
        aligned = align_state(DraftState(noisy, torch.zeros(1, 1, 16, 16)), flow).denoised
        return float((aligned - shown.noisy[1]).abs()[..., 12:-12, 12:-12].mean())

    straight = misfit(window)
    assert misfit(_turned(window, *turn)) == pytest.approx(straight, abs=0.002)
    assert straight < 0.01
