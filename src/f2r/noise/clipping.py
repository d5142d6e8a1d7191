"""Noise that is clipped at black and white, and the correction of its bias.

A clipped file holds y = clip(x + n) with the mean f(x) = E[clip(x + n)], which differs from x near
the limits. Averages of y estimate f(x). So all levels inside the method are levels of f, the noise
has the variance that clipping leaves there, and the inverse of f is applied to the output.

Source: Foi 2009, "Clipped noisy images: heteroskedastic modeling and practical denoising"; the
moments are those of the censored normal distribution.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.blocks import BLOCK_SIDE, Limits, find_limits
from f2r.noise.correlated import Correlated
from f2r.noise.fit import censored_moments
from f2r.noise.models import NoiseModel, draw_normal

STEPS = 4096
"""Levels at which f, its inverse and the variance are tabulated; they are linear in between."""


@dataclass(frozen=True, eq=False)
class Clipped:
    """Noise after clipping; its levels are f(x), the means of clipped samples."""

    base: NoiseModel
    """White noise before clipping, nominal units."""
    low: float
    """Lower limit, nominal units; below `high`."""
    high: float
    """Upper limit, nominal units."""

    @cached_property
    def _table(self) -> "_Table":
        level = torch.linspace(self.low, self.high, STEPS, dtype=torch.float64)
        deviation = self.base.variance(level).clamp(min=1e-14).sqrt()
        mean, variance = censored_moments(level, deviation, Limits(self.low, self.high))
        return _Table.of(mean.cummax(0).values, level, variance.clamp(min=0.0))

    def variance(self, level: Tensor) -> Tensor:
        """Compute the variance of clipped samples with mean `level`, nominal units squared."""
        return self._table.look_up(self._table.variance, level)

    def undo(self, level: Tensor) -> Tensor:
        """Apply the inverse of f to means of clipped samples, nominal units."""
        return self._table.look_up(self._table.clean, level)

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Add Gaussian noise with the variance at each level; not clipped."""
        return clean + self.variance(clean).sqrt() * draw_normal(clean, generator)

    def to_dict(self) -> dict[str, Any]:
        """Convert the noise before clipping to JSON values."""
        return self.base.to_dict()

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        return f"{self.base.describe()}; cut off at {255 * self.low:.0f} and {255 * self.high:.0f}"


def clip_noise(noise: NoiseModel, limits: Limits) -> NoiseModel:
    """Build the model of `noise` clipped at `limits`; `noise` itself without limits."""
    if not limits.clips:
        return noise
    if isinstance(noise, Correlated):
        return Correlated(clip_noise(noise.base, limits), noise.correlation)
    # A side without limit gets a distant one, because the table has to end.
    low = limits.low if math.isfinite(limits.low) else min(limits.high - 2.0, -1.0)
    high = limits.high if math.isfinite(limits.high) else max(limits.low + 2.0, 2.0)
    return Clipped(noise, low, high)


def before_clipping(noise: NoiseModel) -> NoiseModel:
    """Return the noise before clipping: the inverse of `clip_noise`."""
    if isinstance(noise, Correlated):
        return Correlated(before_clipping(noise.base), noise.correlation)
    return noise.base if isinstance(noise, Clipped) else noise


def variance_before_clipping(noise: NoiseModel, level: Tensor) -> Tensor:
    """Compute the variance before clipping of samples with clipped mean `level`."""
    inner = noise.base if isinstance(noise, Correlated) else noise
    undone = inner.undo(level) if isinstance(inner, Clipped) else level
    return before_clipping(noise).variance(undone)


def unclip(frame: Tensor, noise: NoiseModel) -> Tensor:
    """Correct the bias of clipping in a denoised frame.

    Args:
        frame: (..., C, H, W), estimate of the mean of clipped samples, nominal units.
        noise: result of `clip_noise`; any other model leaves the frame unchanged.
    """
    if isinstance(noise, Correlated):
        noise = noise.base
    return noise.undo(frame) if isinstance(noise, Clipped) else frame


def find_clipping(frames: Tensor) -> Limits:
    """Find the levels at which noise clips in (T, C, H, W) frames.

    Constant blocks are excluded: black bars lie at a limit and clip no noise.
    """
    limits = find_limits(frames)
    if not limits.clips or min(frames.shape[-2:]) < BLOCK_SIDE:
        return limits
    high = functional.max_pool2d(frames, BLOCK_SIDE)
    low = -functional.max_pool2d(-frames, BLOCK_SIDE)
    alive = functional.interpolate((high - low > 1e-6).to(frames), scale_factor=BLOCK_SIDE) > 0
    kept = frames[..., : alive.shape[-2], : alive.shape[-1]][alive]
    if kept.numel() == 0:
        return Limits()
    low_share = float((kept <= limits.low).float().mean())
    high_share = float((kept >= limits.high).float().mean())
    clips_low, clips_high = low_share > 5e-4, high_share > 5e-4
    return Limits(
        limits.low if clips_low else -math.inf,
        limits.high if clips_high else math.inf,
        low_share if clips_low else 0.0,
        high_share if clips_high else 0.0,
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Inverse of f and variance over evenly spaced values of f; constant beyond the ends."""

    first: float
    last: float
    clean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, mean: Tensor, level: Tensor, variance: Tensor) -> "_Table":
        """Tabulate curves that are known at rising values of f, (STEPS,) float64 each."""
        even = np.linspace(float(mean[0]), float(mean[-1]), STEPS)
        curves = (torch.from_numpy(np.interp(even, mean, curve)) for curve in (level, variance))
        return cls(float(mean[0]), float(mean[-1]), *curves)

    def look_up(self, curve: Tensor, value: Tensor) -> Tensor:
        """Interpolate a curve at `value`, in its data type and on its device."""
        known = curve.to(value.device, value.dtype)
        place = (value - self.first) * ((STEPS - 1) / (self.last - self.first))
        place = place.clamp_(0, STEPS - 1)
        left = place.floor().clamp_(max=STEPS - 2)
        index = left.int()
        return torch.lerp(known[index], known[index + 1], place.sub_(left))
