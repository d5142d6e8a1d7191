"""Error of an estimate without a clean reference, by Stein's unbiased risk estimate.

Source: Ramani, Blu, Unser 2008, "Monte-Carlo SURE".
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from f2r.noise.models import NoiseModel

PROBE = 0.04
"""Monte-Carlo probe relative to the noise. At 0.1 the nonlinearity of the networks adds 0.8 % to
the copied noise (0.06 dB)."""

MOST_PRIOR = 1.0
"""Largest share of the prior in a blend; 1 leaves the prior alone."""


def blind_error(estimate: Tensor, noisy: Tensor, noise: NoiseModel) -> Tensor:
    """Estimate the squared error of an estimate that does not depend on `noisy`.

    Args:
        estimate: (B, C, H, W) float32.
        noisy: (B, C, H, W) y.
        noise: model of the noise in y.

    Returns:
        (B, C, H, W), nominal units squared; the mean is unbiased and can be negative.
    """
    return (estimate - noisy).square() - noise.variance(estimate)


@dataclass(frozen=True)
class Seen:
    """An estimate that depends on the noise of its frames."""

    estimate: Tensor
    """(B, C, H, W) f(y)."""
    copied: Tensor
    """(B, C, H, W), with mean E[n f(y)]: the copied noise."""


def draw_probe(noise: NoiseModel, level: Tensor, generator: torch.Generator) -> Tensor:
    """Draw n', noise of the model at a (..., C, H, W) level."""
    return noise.sample(level, generator) - level


def copied_noise(probe: Tensor, size: float, before: Tensor, after: Tensor) -> Tensor:
    """Give n' (f(y + s n') - f(y)) / s, whose mean is E[n f(y)]: the noise that f has copied.

    Args:
        probe: n'.
        size: s.
        before: f(y).
        after: f(y + s n').
    """
    return probe * (after - before) / size


def seen_error(seen: Seen, noisy: Tensor, noise: NoiseModel) -> Tensor:
    """Estimate the squared error of an estimate that depends on `noisy`, by Stein's method.

    Returns:
        (B, C, H, W), nominal units squared: residual - noise + twice the copied noise.
    """
    residual = (seen.estimate - noisy).square() + 2 * seen.copied
    return residual - noise.variance(seen.estimate.clamp(0, 1))


@dataclass(frozen=True)
class Blend:
    """Best share w of the prior's estimate p in the refined one, r.

    For x = (1 - w) r + w p, Stein's estimate of the error is a parabola in the weight w. Neither of
    its two terms needs the energy of the noise.
    """

    slope: float = 0.0
    """Half the slope of the fall at w = 0; nominal units squared."""
    curvature: float = 0.0
    """E[(r - p)^2]; nominal units squared."""

    @property
    def weight(self) -> float:
        """The best share of the prior, in [0, MOST_PRIOR]."""
        return min(max(self.slope / max(self.curvature, 1e-12), 0.0), MOST_PRIOR)

    @property
    def gain(self) -> float:
        """Fall of the mean squared error by that share, nominal units squared."""
        return self.weight * (2 * self.slope - self.weight * self.curvature)

    def with_leak(self, copied: float) -> "Blend":
        """Correct the blend for noise that r copies beyond the measured part."""
        return replace(self, slope=self.slope + copied)


def blend_terms(refined: Seen, prior: Seen, noisy: Tensor) -> tuple[Tensor, Tensor]:
    """Give the terms whose means make a `Blend`, (B, C, H, W) each."""
    apart = refined.estimate - prior.estimate
    slope = (refined.estimate - noisy) * apart + refined.copied - prior.copied
    return slope, apart.square()


def to_psnr(error: float) -> float:
    """Give the PSNR in dB of a mean squared error, range 1; errors below 1e-8 count as 1e-8."""
    return -10 * math.log10(max(error, 1e-8))
