"""Clips whose noise is unusual: none at all, saturated, few levels, defects of the sensor."""

import json

import cv2
import numpy as np
import pytest
import torch

import f2r
from f2r.cli.main import main
from f2r.noise.parse import load_noise
from synthetic import moving_clip


def to_array(clip):
    return clip.permute(0, 2, 3, 1).contiguous().numpy()


def psnr(estimate, clean):
    return -10 * np.log10(max(np.square(estimate - clean).mean(), 1e-12))


def noise_like(clip, seed=0):
    return np.random.default_rng(seed).standard_normal(clip.shape).astype(np.float32)


@pytest.fixture(scope="module")
def clean():
    return to_array(moving_clip(6, 48, 64))


@pytest.mark.parametrize("depth", ["float32", "uint8"])
def test_a_clip_without_noise_comes_back_as_it_is_and_is_called_so(clean, depth):
    given = clean if depth == "float32" else np.rint(clean * 255).astype(np.uint8)
    result = f2r.denoise(given, preset="fast")
    assert result.report["noise"][0]["is_noise_free"]
    nominal = given if depth == "float32" else given / 255
    assert psnr(result.frames, nominal) > 45


@pytest.mark.parametrize("level", [0, 90, 255])
def test_constant_and_saturated_frames_come_back(level):
    frames = np.full((4, 40, 40, 3), level, np.uint8)
    result = f2r.denoise(frames, preset="fast")
    assert np.abs(result.frames - level / 255).max() < 1e-3


def test_one_constant_frame_comes_back():
    result = f2r.denoise(np.full((1, 40, 40), 0.5, np.float32), preset="fast")
    assert np.abs(result.frames - 0.5).max() < 1e-3


def test_half_saturated_frames_are_denoised(clean):
    bright = np.clip(clean + 0.3, 0, 1)
    bright[:, :, :20] = 1.2
    noisy = np.rint(255 * np.clip(bright + 0.1 * noise_like(bright), 0, 1)).astype(np.uint8)
    result = f2r.denoise(noisy, preset="fast")
    assert np.isfinite(result.frames).all()
    shown = bright.clip(0, 1)
    assert psnr(result.frames.clip(0, 1), shown) > psnr(noisy / 255, shown) + 4
    assert result.report["noise"][0]["clipped_high"] > 0.1


def test_few_levels_are_denoised(clean):
    noisy = clean + 0.1 * noise_like(clean)
    few = np.rint(noisy.clip(0, 1) * 7).astype(np.uint8) * 36  # eight levels
    result = f2r.denoise(few, preset="fast")
    assert psnr(result.frames, clean * 252 / 255) > psnr(few / 255, clean * 252 / 255) + 4


def test_clipped_black_is_not_lifted():
    dark = to_array(moving_clip(6, 48, 64)) * 0.3
    dark[:, 10:30, 10:40] = 0.0
    noisy = np.rint(255 * np.clip(dark + 0.1 * noise_like(dark), 0, 1)).astype(np.uint8)
    result = f2r.denoise(noisy, sigma=0.1, preset="fast")
    seen = noisy[:, 14:26, 16:34].mean() / 255
    found = result.frames[:, 14:26, 16:34].mean()
    assert seen > 0.035
    assert found < 0.5 * seen


def test_clipping_costs_little(clean):
    """The prior was once told the noise that clipping leaves, and lost more than a decibel."""
    dark = 0.6 * clean
    noisy = dark + 0.12 * noise_like(dark)
    clipped = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    whole, cut = (f2r.denoise(y, sigma=0.12, preset="fast") for y in (noisy, clipped))
    assert psnr(cut.prior, dark) > psnr(whole.prior, dark) - 0.5
    assert psnr(cut.frames, dark) > psnr(whole.frames, dark) - 0.7


def test_both_estimates_stand_in_the_report(clean):
    result = f2r.denoise(clean + 0.1 * noise_like(clean), preset="fast")
    told = result.report["noise"][0]["estimates"]
    assert told["used"] in {"first", "second"}
    assert {"first", "second", "variance_ratio"} <= set(told)
    known = f2r.denoise(clean + 0.1 * noise_like(clean), sigma=0.1, preset="fast")
    assert "estimates" not in known.report["noise"][0]


def test_noise_is_measured_drawn_and_taken_back(clean, tmp_path, capsys):
    np.save(tmp_path / "clip.npy", clean + 0.1 * noise_like(clean))
    picture, measured = tmp_path / "noise.png", tmp_path / "noise.json"
    words = ["noise", str(tmp_path / "clip.npy"), "--picture", str(picture), "--json"]
    assert main([*words, str(measured)]) == 0
    said = capsys.readouterr().out
    assert "successive frames" in said
    assert "so: " in said
    drawn = cv2.imread(str(picture))
    assert drawn.shape == (960, 1360, 3)
    panels = [drawn[y : y + 480, x : x + 680] for y in (0, 480) for x in (0, 680)]
    assert all(panel.std() > 5 for panel in panels)
    level = torch.full((1, 3, 1, 1), 0.5)
    found = float(load_noise(measured).variance(level).mean()) ** 0.5
    assert found == pytest.approx(0.1, rel=0.15)
    assert json.loads(measured.read_text())["diagnosis"]["verdict"]


def test_a_picture_of_unknown_kind_is_refused_before_any_work(tmp_path, capsys):
    assert main(["noise", str(tmp_path / "none.npy"), "--picture", "noise.svg"]) == 2
    assert "--picture" in capsys.readouterr().err


def test_charts_without_matplotlib_are_refused_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("f2r.pictures.noise_picture.find_spec", lambda _: None)
    assert main(["noise", str(tmp_path / "none.npy"), "--picture", str(tmp_path / "n.png")]) == 2
    assert "pip install 'frames2residual[charts]'" in capsys.readouterr().err


def test_hot_pixels_are_named_and_removed_on_request(clean, tmp_path, capsys):
    hot = clean * 0.5 + 0.02 * noise_like(clean)
    hot[:, 20, 30] = 1.0
    path = tmp_path / "hot.npy"
    np.save(path, hot)
    words = ["denoise", str(path), "--preset", "fast", "--sigma", "5.1"]
    assert main(words) == 0
    assert "1 hot or dead pixels: repair them by --hot-pixels remove" in capsys.readouterr().err
    assert main([*words, "--hot-pixels", "remove", "--overwrite"]) == 0
    assert "repaired: 1 hot" in capsys.readouterr().err
    assert np.load(tmp_path / "hot.f2r.npy")[3, 20, 30].max() < 0.6


def test_columns_that_stay_in_place_are_removed_on_request():
    scene = to_array(moving_clip(8, 64, 96, speed=3))  # moves across the columns
    columns = 0.03 * np.random.default_rng(5).standard_normal((1, 96, 1)).astype(np.float32)
    noisy = scene + columns + 0.03 * noise_like(scene)
    kept = f2r.denoise(noisy, sigma=0.03, preset="fast")
    repaired = f2r.denoise(noisy, sigma=0.03, preset="fast", fixed_pattern="remove")
    assert repaired.report["repaired"]["fixed_pattern"] > 0.005
    assert psnr(repaired.frames, scene) > psnr(kept.frames, scene)


def test_a_pattern_is_removed_from_whole_frames_that_are_measured_in_the_middle(monkeypatch):
    monkeypatch.setattr("f2r.run.inspect.INSPECTED_SIDE", 64)
    scene = to_array(moving_clip(6, 64, 96, speed=3))
    noisy = scene + 0.03 * noise_like(scene)
    options = {"sigma": 0.03, "preset": "fast", "fixed_pattern": "remove"}
    assert f2r.denoise(noisy, **options).frames.shape == scene.shape


@pytest.mark.parametrize("told", [0.08, 0.12])
def test_noise_that_is_told_wrong_is_named_and_quality_is_judged_by_what_is_there(clean, told):
    """It once said 80 dB, or chose the prior, when the noise was overestimated by 5 %."""
    noisy = clean + 0.1 * noise_like(clean)
    result = f2r.denoise(noisy, sigma=told, preset="fast")
    (entry,) = result.report["noise"]
    assert entry["contradicted_by"]["sigma"] == pytest.approx(0.1, rel=0.06)
    (estimated,) = result.report["estimated_psnr"]
    assert estimated["refined"] < 60
    parts = (result.prior, result.anchor, result.frames)
    figures = [psnr(part, clean) for part in parts]
    assert figures[-1] >= max(figures) - 0.3


def test_noise_that_is_told_rightly_is_not_contradicted(clean):
    noisy = clean + 0.1 * noise_like(clean)
    result = f2r.denoise(noisy, sigma=0.1, preset="fast")
    assert "contradicted_by" not in result.report["noise"][0]


def test_the_command_line_warns_of_noise_that_is_told_wrong(clean, tmp_path, capsys):
    path = tmp_path / "noisy.npy"
    np.save(path, clean + 0.1 * noise_like(clean))
    assert main(["denoise", str(path), "--preset", "fast", "--sigma", "40"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "warning: the given noise is Gaussian noise, sd 40.00 of 255, measured is" in said
