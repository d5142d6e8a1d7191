"""Metrics: PSNR, SSIM, warping error, flicker.

Clips are (T, C, H, W) tensors in nominal units; the data range is 1. Functions return one value per
frame or per pair of successive frames. Callers average over frames, never over pooled pixels.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.estimator import FlowEstimator
from f2r.flow.warp import visibility, warp_backward

SSIM_SIGMA = 1.5
"""Standard deviation of the SSIM window in pixels."""
SSIM_WINDOW = 11
"""Side of the SSIM window in pixels, the smallest side of a frame."""
STATIC_CHANGE = 2 / 255
"""Largest change of a static pixel in any channel of the clean clip, nominal units."""


def psnr(frames: Tensor, clean: Tensor) -> Tensor:
    """Compute the PSNR of each frame.

    Args:
        frames: (T, C, H, W), nominal units.
        clean: reference, likewise.

    Returns:
        (T,) float64 in dB; infinity where a frame equals its reference.
    """
    error = (frames.double() - clean.double()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)


def ssim(frames: Tensor, clean: Tensor) -> Tensor:
    """Compute the structural similarity of each frame, averaged over channels.

    Gaussian window of 11 pixels with standard deviation 1.5, biased covariance, no borders.

    Args:
        frames: (T, C, H, W), nominal units; H and W at least `SSIM_WINDOW`.
        clean: reference, likewise.

    Returns:
        (T,) float64, at most 1.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment", section III.
    """
    if min(frames.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs frames of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
    x, y = (clip.double().flatten(0, 1)[:, None] for clip in (frames, clean))
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (luminance * structure).reshape(len(frames), -1).mean(dim=1)


def _window(planes: Tensor) -> Tensor:
    """Average (N, 1, H, W) under the Gaussian window, without borders."""
    offsets = torch.arange(SSIM_WINDOW, dtype=planes.dtype, device=planes.device)
    weights = torch.exp(-((offsets - SSIM_WINDOW // 2) ** 2) / (2 * SSIM_SIGMA**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    rows = functional.conv2d(planes, weights)
    return functional.conv2d(rows, weights.transpose(2, 3))


@dataclass(frozen=True)
class FrameMotion:
    """Motion of a clean clip from each frame to the next."""

    flow: Tensor
    """(T-1, 2, H, W) displacement (x, y) in pixels: pixel p of frame t lies at p + flow in t+1."""
    visible: Tensor
    """(T-1, 1, H, W) bool: frame t+1 shows the pixel."""


def clean_motion(clean: Tensor, estimator: FlowEstimator) -> FrameMotion:
    """Estimate the motion of a clean clip; occlusions by forward-backward consistency.

    Args:
        clean: (T, 3, H, W), T >= 2, nominal units.
        estimator: optical flow.
    """
    flows, visible = [], []
    for first, second in pairwise(clean):
        forward = estimator.estimate(first, second)[None]
        backward = estimator.estimate(second, first)[None]
        flows.append(forward)
        visible.append(visibility(forward, backward) > 0.5)
    return FrameMotion(torch.cat(flows), torch.cat(visible))


def warping_error(frames: Tensor, motion: FrameMotion) -> Tensor:
    """Compute the warping error: the difference of each frame to the next along the motion.

    A clean clip does not reach zero because of changes of light, interpolation and errors of the
    flow: compare with its value.

    Args:
        frames: (T, C, H, W), nominal units.
        motion: motion of the clean clip.

    Returns:
        (T-1,) float64 mean squared difference over visible pixels and channels; NaN without any.

    Source: Lai et al. 2018, "Learning blind video temporal consistency", section 4.1; the mask by
        forward-backward consistency alone, the square averaged over channels.
    """
    warped = warp_backward(frames[1:], motion.flow)
    squared = (warped.double() - frames[:-1].double()).square().mean(dim=1, keepdim=True)
    return _masked_mean(squared, motion.visible)


def flicker(frames: Tensor, clean: Tensor) -> Tensor:
    """Compute the flicker: the change of the error from frame to frame where the scene is static.

    Args:
        frames: (T, C, H, W), nominal units.
        clean: reference, likewise.

    Returns:
        (T-1,) float64 root mean square of (error of t+1) - (error of t) over static pixels; NaN
        without any. Independent noise of standard deviation s gives s * sqrt(2).
    """
    steps = clean[1:] - clean[:-1]
    is_static = (steps.abs() <= STATIC_CHANGE).all(dim=1, keepdim=True)
    changes = (frames[1:] - frames[:-1] - steps).double().square().mean(dim=1, keepdim=True)
    return _masked_mean(changes, is_static).sqrt()


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average (T, 1, H, W) values over a mask of that shape, per frame."""
    total = (values * mask).sum(dim=(1, 2, 3))
    return total / mask.sum(dim=(1, 2, 3))


def mean_of_frames(figures: Tensor) -> float:
    """Average over frames or pairs, ignoring NaN; NaN without values."""
    return float(figures.nanmean()) if figures.numel() else math.nan
