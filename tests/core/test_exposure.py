"""Exposure that alternates is matched before frames are compared, and put back."""

import cv2
import numpy as np
import pytest

import f2r
from f2r.method.exposure import (
    EXPOSURE_REACH,
    FLICKER,
    exposure_of,
    flickers,
    match_exposure,
)
from synthetic import moving_clip

SIGMA = 0.05


def clip(frames=10):
    return moving_clip(frames, 64, 80, speed=1).permute(0, 2, 3, 1).numpy()


def alternating(frames, factor):
    gains = np.where(np.arange(len(frames)) % 2, factor, 1.0).astype(np.float32)
    return frames * gains[:, None, None, None]


def test_only_alternating_exposure_counts_as_flicker():
    steady = clip()
    drift = steady * np.linspace(0.6, 1.0, len(steady), dtype=np.float32)[:, None, None, None]
    cut = np.concatenate([steady[:5], 0.4 * steady[5:]])
    assert flickers(list(alternating(steady, 0.7)))
    for calm in (steady, drift, cut, steady[:2]):
        assert not flickers(list(calm))


def test_a_scene_that_changes_fast_does_not_flicker():
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.uniform(0.02, 0.9, (12, 40)).astype(np.float32), (1280, 96))
    places = np.cumsum(rng.integers(20, 110, 10))
    pan = [scene[:, x : x + 128, None] for x in places]
    levels = [exposure_of(frame) for frame in pan]
    assert np.median(np.abs(np.diff(levels, 2))) > 2 * FLICKER  # as much as a flicker would
    assert not flickers(pan)
    assert flickers(list(alternating(np.stack(pan), 0.6)))


@pytest.mark.parametrize("count", [1, 3, EXPOSURE_REACH, 12])
def test_frames_get_the_exposure_of_their_surroundings_and_can_be_put_back(count):
    frames = list(alternating(clip(12)[:count], 0.6))
    matched = list(match_exposure(frames))
    assert len(matched) == count
    for (frame, factor), original in zip(matched, frames, strict=True):
        assert np.allclose(frame / factor, original, atol=1e-6)
    if count == 12:
        levels = [float(np.median(frame)) for frame, _ in matched[EXPOSURE_REACH:-EXPOSURE_REACH]]
        assert max(levels) / min(levels) < 1.15 < 1 / 0.6


def test_a_flickering_clip_is_denoised_at_its_own_exposure():
    clean = alternating(clip(), 0.6)
    noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape).astype(np.float32)
    result = f2r.denoise(clean + noise, preset="fast", steps=2)
    entry = result.report["noise"][0]
    assert entry["exposure_flickers"]
    assert result.sigma == pytest.approx(SIGMA, rel=0.15)
    assert "training" not in result.report  # recorruption needs noise of one model
    assert result.report["estimated_psnr"] == []
    error, before = (np.square(x - clean).mean() for x in (result.frames, clean + noise))
    assert error < 0.12 * before
    assert abs(float((result.frames - clean).mean())) < 0.004
