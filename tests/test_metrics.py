import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from f2r.evaluation.metrics import (
    FrameMotion,
    clean_motion,
    flicker,
    mean_of_frames,
    psnr,
    ssim,
    warping_error,
)
from f2r.flow.estimator import CLEAN_SEARCH, DisFlow

# Golden values, scikit-image 0.26.0, of the pair that `pair` makes:
#   peak_signal_noise_ratio(clean, noisy, data_range=1)
#   structural_similarity(clean, noisy, data_range=1, channel_axis=2, gaussian_weights=True,
#                         sigma=1.5, use_sample_covariance=False)
GOLDEN_PSNR = 19.988331469070154
GOLDEN_SSIM = 0.4770536240326287


def pair():
    """Make clean and noisy (24, 31, 3) float64 arrays."""
    rows, columns = np.mgrid[:24, :31] / 31
    clean = np.stack([rows, columns, np.sin(9 * rows) * columns], axis=2)
    return clean, clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)


def to_clip(*images):
    return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])


def scene(count, step=(0, 0), seed=0):
    """Make a smooth random clip (count, 3, 48, 64) that moves by `step` (x, y) a frame."""
    import cv2

    canvas = np.random.default_rng(seed).random((96, 128, 3), dtype=np.float32)
    canvas = cv2.normalize(cv2.GaussianBlur(canvas, (0, 0), 3), None, 0, 1, cv2.NORM_MINMAX)
    views = [canvas[20 + i * step[1] :, 20 + i * step[0] :][:48, :64] for i in range(count)]
    return to_clip(*views)


def test_psnr_of_each_frame_matches_golden_value():
    clean, noisy = pair()
    figures = psnr(to_clip(noisy, clean + 0.1), to_clip(clean, clean))
    assert figures[0].item() == pytest.approx(GOLDEN_PSNR, abs=1e-9)
    assert figures[1].item() == pytest.approx(20.0, abs=1e-9)
    assert peak_signal_noise_ratio(clean, noisy, data_range=1) == pytest.approx(GOLDEN_PSNR)


def test_equal_frames_have_infinite_psnr_and_ssim_one():
    clean = to_clip(pair()[0])
    assert psnr(clean, clean).item() == math.inf
    assert ssim(clean, clean).item() == pytest.approx(1.0, abs=1e-12)


def test_ssim_matches_golden_value_and_scikit_image():
    clean, noisy = pair()
    figure = ssim(to_clip(noisy), to_clip(clean)).item()
    expected = structural_similarity(
        clean,
        noisy,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert figure == pytest.approx(GOLDEN_SSIM, abs=1e-9)
    assert figure == pytest.approx(expected, abs=1e-9)


def test_ssim_of_grey_frames_and_of_the_smallest_frame():
    clean, noisy = (to_clip(image)[:, :1, :11, :11] for image in pair())
    expected = structural_similarity(
        clean[0, 0].numpy(),
        noisy[0, 0].numpy(),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(noisy, clean).item() == pytest.approx(expected, abs=1e-9)
    with pytest.raises(ValueError, match="11x11"):
        ssim(noisy[..., 1:], clean[..., 1:])


def test_warping_error_follows_a_known_motion():
    clean = scene(3, step=(2, 1))
    flow = torch.tensor([2.0, 1.0]).view(1, 2, 1, 1).expand(2, 2, 48, 64)
    visible = torch.zeros(2, 1, 48, 64, dtype=torch.bool)
    visible[..., :-1, :-2] = True
    # The scene moves by (-2, -1): what frame t shows at p, frame t+1 shows at p - (2, 1).
    motion = FrameMotion(-flow, visible.flip(-1, -2))
    assert warping_error(clean, motion).max() < 1e-9
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    assert warping_error(noisy, motion).numpy() == pytest.approx(0.02, rel=0.05)


def test_clean_motion_is_found_and_leaves_out_what_is_hidden():
    clean = scene(2, step=(3, 0))
    motion = clean_motion(clean, DisFlow(search=CLEAN_SEARCH))
    assert motion.flow.shape == (1, 2, 48, 64)
    inner = motion.flow[0, :, 8:-8, 12:-12]
    assert inner[0].mean().item() == pytest.approx(-3, abs=0.2)
    assert not motion.visible[0, 0, :, 0].any()
    assert motion.visible[0, 0, 8:-8, 12:-12].float().mean() > 0.95
    still = warping_error(clean, motion).item()
    assert still < 0.2 * (clean[1] - clean[0]).square().mean().item()


def test_warping_error_without_visible_pixels_is_nan():
    motion = FrameMotion(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.bool))
    assert warping_error(torch.zeros(2, 3, 8, 8), motion).isnan().all()


def test_flicker_sees_changing_errors_only_where_the_scene_stands_still():
    clean = torch.zeros(3, 3, 32, 32)
    clean[1:, :, :, 16:] = 0.5  # the right half moves between frames 0 and 1
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    assert flicker(clean + 0.1, clean).max() == 0
    assert flicker(clean + 0.1 * noise, clean).numpy() == pytest.approx(0.1414, rel=0.05)
    moving = noise.clone()
    moving[..., :16] = 0
    assert flicker(clean + moving, clean)[0] == 0


def test_mean_leaves_out_nan():
    assert mean_of_frames(torch.tensor([1.0, math.nan, 3.0])) == 2.0
    assert math.isnan(mean_of_frames(torch.tensor([])))
