"""Whiteness of the noise in the flattest blocks: over frequency, channels and time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.blocks import BLOCK_SIDE, HIGH, LOW, ORDER, Limits, block_spectrum
from f2r.noise.models import NoiseModel

_MID = (ORDER == 7) | (ORDER == 8)
_TOP = ORDER >= 10
_VARYING = ORDER >= 3
FLATTEST = 0.01
"""Share of the blocks that are measured, the flattest."""


@dataclass(frozen=True)
class Bands:
    """Spectrum and correlations of the noise in flat blocks; white noise has 1, identity and 0."""

    tilt: float
    """Power of the middle frequencies (order 7, 8) over that of the highest (10 and more)."""
    channels: Tensor
    """(C, C): covariance of the channels at high frequencies; mean variance 1."""
    frames: float | None
    """Correlation of successive frames without block means; None for one frame."""


def measure_bands(frames: Tensor, level: Tensor, noise: NoiseModel, limits: Limits) -> Bands | None:
    """Measure the flattest hundredth of the blocks of (T, C, H, W) frames.

    Args:
        frames: (T, C, H, W), noisy frames or residuals, nominal units.
        level: (T, C, H, W), levels at which the noise variance is evaluated.
        noise: noise model; every block is divided by its standard deviation.
        limits: blocks whose noise reaches these limits are excluded, unless none remains.

    Returns:
        The measures; None if all blocks are constant.
    """
    spectrum = block_spectrum(frames)
    means = functional.avg_pool2d(level, BLOCK_SIDE)
    variance = noise.variance(means)
    variance = variance.clamp(min=max(1e-2 * float(variance.mean()), 1e-14))
    spectrum = spectrum / variance.sqrt()[..., None, None]
    low = spectrum[..., LOW].square().mean(-1).sum(1)  # (T, h, w)
    varying = low > 1e-9
    if not bool(varying.any()):
        return None
    margin = 2.5 * variance.sqrt()
    inside = (means - margin > limits.low) & (means + margin < limits.high)
    # Near black photon noise is neither normal nor well predicted.
    inside = (inside & (variance > 0.2 * variance.mean())).all(1) & varying
    varying = inside if int(inside.sum()) >= 60 else varying
    low = torch.where(varying, low, low.new_full((), math.inf))
    count = min(max(int(FLATTEST * low.numel()), 60), int(varying.sum()))
    chosen = low <= low.flatten().kthvalue(count).values
    blocks = spectrum.movedim(1, 3)  # (T, h, w, C, 8, 8)
    picked = blocks[chosen]
    top = float(picked[..., _TOP].square().mean())
    tilt = float(picked[..., _MID].square().mean()) / max(top, 1e-16)
    return Bands(min(tilt, 1e3), _between_channels(picked), _between_frames(blocks, chosen))


def _between_channels(picked: Tensor) -> Tensor:
    high = picked[..., HIGH]  # (K, C, frequencies)
    covariance = torch.einsum("kaf,kbf->ab", high, high)
    return covariance / covariance.diagonal().mean().clamp(min=1e-16)


def _between_frames(blocks: Tensor, chosen: Tensor) -> float | None:
    if len(blocks) < 2 or not bool(chosen[:-1].any()):
        return None
    now = blocks[:-1][chosen[:-1]][..., _VARYING]
    then = blocks[1:][chosen[:-1]][..., _VARYING]
    scale = (now.square().mean() * then.square().mean()).clamp(min=1e-24).sqrt()
    return float((now * then).mean() / scale)
