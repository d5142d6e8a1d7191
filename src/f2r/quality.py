"""Quality without a clean reference.

An anchor is blind to y_t, so ||anchor - y_t||^2 is its error plus the noise. For anything that
has seen y_t, Stein's unbiased risk estimate corrects for what it has copied of the noise.

Source: METHOD.md, section 3; Ramani, Blu, Unser 2008, "Monte-Carlo SURE".
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from f2r.noise.models import NoiseModel

PROBE = 0.1
"""Size of the Monte-Carlo probe relative to the noise."""


def blind_error(estimate: Tensor, noisy: Tensor, noise: NoiseModel) -> float:
    """Estimate the mean squared error of an estimate that has not seen `noisy`.

    Args:
        estimate: (B, C, H, W) float32.
        noisy: (B, C, H, W) y.
        noise: model of the noise in y.

    Returns:
        Unbiased estimate in nominal units squared; can be negative for tiny errors.
    """
    return float((estimate - noisy).square().mean() - noise.variance(estimate).mean())


def seen_error(
    denoise: Callable[[Tensor], Tensor],
    noisy: Tensor,
    noise: NoiseModel,
    generator: torch.Generator,
) -> float:
    """Estimate the mean squared error of `denoise(noisy)` by Stein's method.

    Args:
        denoise: maps (B, C, H, W) noisy frames to estimates.
        noisy: (B, C, H, W) y.
        noise: model of the noise in y; also draws the probe.
        generator: randomness of the probe.

    Returns:
        Estimate in nominal units squared: residual - noise + twice the copied noise.
    """
    estimate = denoise(noisy)
    level = estimate.clamp(0, 1)
    probe = noise.sample(level, generator) - level
    moved = denoise(noisy + PROBE * probe)
    copied = float((probe * (moved - estimate)).mean()) / PROBE
    residual = (estimate - noisy).square().mean() - noise.variance(level).mean()
    return float(residual) + 2 * copied


def to_psnr(error: float) -> float:
    """Give the PSNR in dB of a mean squared error, range 1; errors below 1e-8 count as 1e-8."""
    return -10 * math.log10(max(error, 1e-8))
