"""Noise that a file has cut off at black and white: what is left of it, and how to undo the bias.

A clipped file shows y = clip(x + n), whose mean is not x near the limits, but
f(x) = E[clip(x + n)]. Everything that is trained on y or averages it finds f(x). So all levels
inside the method are levels of f, the noise has the variance that clipping leaves there, and the
output is taken back by the inverse of f.

Source: Foi 2009, "Clipped noisy images: heteroskedastic modeling and practical denoising"; the
moments are those of the censored normal distribution.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.blocks import SIDE, Limits, find_limits
from f2r.noise.correlated import Correlated
from f2r.noise.fit import censored_moments
from f2r.noise.models import NoiseModel, draw_normal

STEPS = 1024
"""Levels at which f is known; between them it is taken for straight."""


@dataclass(frozen=True, eq=False)
class Clipped:
    """What clipping leaves of a noise; its levels are means of clipped samples, f(x)."""

    base: NoiseModel
    """The noise before clipping; white, with levels in nominal units."""
    low: float
    """Level of black, where values are cut off; lower than `high`."""
    high: float
    """Level of white."""

    @cached_property
    def _table(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rising levels x, f(x), and the variance that is left there; each (STEPS,) float64."""
        level = torch.linspace(self.low, self.high, STEPS, dtype=torch.float64)
        deviation = self.base.variance(level).clamp(min=1e-14).sqrt()
        limits = Limits(self.low, self.high)
        mean, variance = censored_moments(level, deviation, limits)
        return level, mean.cummax(0).values, variance.clamp(min=0.0)

    def variance(self, level: Tensor) -> Tensor:
        """Give the variance of clipped samples whose mean is `level`."""
        _, mean, variance = self._table
        return _interpolate(level, mean, variance)

    def undo(self, level: Tensor) -> Tensor:
        """Give the level before clipping of samples whose mean is `level`, between the limits."""
        clean, mean, _ = self._table
        return _interpolate(level, mean, clean)

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Add normal noise of mean zero and of the variance at each level; not clipped."""
        return clean + self.variance(clean).sqrt() * draw_normal(clean, generator)

    def to_dict(self) -> dict[str, Any]:
        """Give the noise before clipping as JSON values."""
        return self.base.to_dict()

    def describe(self) -> str:
        """Say in one line what the noise is, in 8-bit units."""
        return f"{self.base.describe()}; cut off at {255 * self.low:.0f} and {255 * self.high:.0f}"


def clip_noise(noise: NoiseModel, limits: Limits) -> NoiseModel:
    """Give what clipping at `limits` leaves of a noise; the noise itself where nothing clips."""
    if not limits.clips:
        return noise
    if isinstance(noise, Correlated):
        return Correlated(clip_noise(noise.base, limits), noise.correlation)
    # Without a limit on one side, one far away serves; the table covers what lies between.
    low = limits.low if math.isfinite(limits.low) else min(limits.high - 2.0, -1.0)
    high = limits.high if math.isfinite(limits.high) else max(limits.low + 2.0, 2.0)
    return Clipped(noise, low, high)


def before_clipping(noise: NoiseModel) -> NoiseModel:
    """Give the noise that `clip_noise` was given."""
    if isinstance(noise, Correlated):
        return Correlated(before_clipping(noise.base), noise.correlation)
    return noise.base if isinstance(noise, Clipped) else noise


def variance_before_clipping(noise: NoiseModel, level: Tensor) -> Tensor:
    """Give the variance that samples whose mean is `level` had before they were clipped."""
    inner = noise.base if isinstance(noise, Correlated) else noise
    undone = inner.undo(level) if isinstance(inner, Clipped) else level
    return before_clipping(noise).variance(undone)


def unclip(frame: Tensor, noise: NoiseModel) -> Tensor:
    """Undo the bias of clipping on a denoised frame.

    Args:
        frame: (..., C, H, W), estimate of the mean of clipped samples.
        noise: as `clip_noise` gave it; the frame comes back unchanged under any other.
    """
    if isinstance(noise, Correlated):
        noise = noise.base
    return noise.undo(frame) if isinstance(noise, Clipped) else frame


def find_clipping(frames: Tensor) -> Limits:
    """Find the levels at which noise is cut off in (T, C, H, W) frames.

    Blocks without any noise are left out: black bars lie at a limit, but cut nothing off.
    """
    limits = find_limits(frames)
    if not limits.clips or min(frames.shape[-2:]) < SIDE:
        return limits
    high = functional.max_pool2d(frames, SIDE)
    low = -functional.max_pool2d(-frames, SIDE)
    alive = functional.interpolate((high - low > 1e-6).to(frames), scale_factor=SIDE) > 0
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


def _interpolate(value: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Read `wanted` where the rising `known` has `value`; beyond its ends, the ends."""
    known, wanted = known.to(value.device), wanted.to(value.device)
    asked = value.double().clamp(float(known[0]), float(known[-1]))
    right = torch.searchsorted(known, asked.contiguous()).clamp(1, len(known) - 1)
    left = right - 1
    share = (asked - known[left]) / (known[right] - known[left]).clamp(min=1e-15)
    found = wanted[left] + share.clamp(0, 1) * (wanted[right] - wanted[left])
    return found.to(value.dtype)
