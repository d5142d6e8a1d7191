import cv2
import numpy as np
import pytest

from f2r.pictures.before_after import (
    Detail,
    Tone,
    choose_tone,
    telling_region,
    to_pixels,
    write_before_after,
)


def frames(height, width, channels, low=0.0, high=1.0):
    """Make a noisy and a clean frame whose levels lie between `low` and `high`."""
    rng = np.random.default_rng(0)
    coarse = rng.random((8, 8, channels)).astype(np.float32)
    clean = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    clean = low + (high - low) * clean.reshape(height, width, channels)
    noise = rng.normal(0, 0.1 * (high - low), clean.shape)
    return (clean + noise).astype(np.float32), clean.astype(np.float32)


@pytest.mark.parametrize(
    "shape", [(60, 80, 3), (61, 37, 1), (200, 20, 3), (1, 1, 1), (5, 300, 4), (900, 1900, 3)]
)
def test_writes_a_picture_of_any_frame(tmp_path, shape):
    noisy, clean = frames(*shape)
    path = tmp_path / "clip.png"
    write_before_after(path, noisy, clean)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape[1] <= 1460
    assert picture.shape[0] <= 1400


def test_a_reference_adds_a_column(tmp_path):
    noisy, clean = frames(60, 80, 3)
    denoised = 0.9 * clean + 0.1 * noisy
    write_before_after(tmp_path / "two.png", noisy, denoised)
    write_before_after(tmp_path / "three.png", noisy, denoised, clean)
    two, three = (cv2.imread(str(tmp_path / name)) for name in ("two.png", "three.png"))
    assert three.shape[0] < two.shape[0]
    assert three.shape[1] == pytest.approx(two.shape[1], abs=5)


def test_a_photograph_is_shown_as_it_is():
    assert choose_tone(frames(60, 80, 3)[1]) == Tone(0.0, 1.0, 1.0)


def test_a_dim_recording_is_stretched():
    _, clean = frames(60, 80, 1, low=0.03, high=0.07)
    tone = choose_tone(clean)
    pixels = to_pixels(clean, tone)
    assert pixels.min() < 40
    assert pixels.max() > 215
    assert tone.gamma == 1


def test_few_bright_spots_lift_the_shadows():
    frame = np.full((64, 64, 1), 0.04, np.float32)
    frame[30:34, 30:34] = 0.7
    frame[:20, :20] = 0.06
    tone = choose_tone(frame)
    assert tone.gamma == 0.5
    dark, lighter, spot = (int(to_pixels(frame, tone)[at, at, 0]) for at in (50, 10, 31))
    assert dark + 10 < lighter < spot


def test_a_constant_frame_is_no_division_by_zero():
    frame = np.full((16, 16, 1), 0.3, np.float32)
    assert np.isfinite(to_pixels(frame, choose_tone(frame))).all()


def test_the_telling_region_holds_the_structure():
    frame = np.full((400, 600, 3), 0.5, np.float32)
    rng = np.random.default_rng(0)
    frame[250:300, 400:460] += cv2.GaussianBlur(rng.random((50, 60, 3)), (0, 0), 1)
    region = telling_region(frame)
    assert region == Detail(region.top, region.left, 80, 120)
    assert region.top <= 250
    assert region.top + region.height >= 300
    assert region.left <= 400
    assert region.left + region.width >= 460
