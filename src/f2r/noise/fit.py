"""Fit noise models to a measured variance curve."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from f2r.noise.blocks import Curve, Limits
from f2r.noise.models import Gamma, Gaussian, NoiseModel, PoissonGaussian

SCENE_SHARE = 0.12
"""High-band over low-band power of the scene in nearly flat blocks."""
PURE_LOW = 0.5
"""Low-band power over noise variance in the flattest blocks without scene."""


@dataclass(frozen=True)
class Fit:
    """Fitted model with its errors."""

    model: NoiseModel
    errors: dict[str, float]
    """Standard error of each parameter, nominal units."""
    misfit: float
    """Root mean square of (measured - model) / model over the levels."""


def without_scene(curve: Curve) -> Curve:
    """Subtract the scene in the high band and increase the errors accordingly."""
    excess = (curve.low - PURE_LOW * curve.variance).clamp(min=0.0)
    scene = torch.minimum(SCENE_SHARE * excess, 0.5 * curve.variance)
    error = (curve.error**2 + (0.5 * scene) ** 2).sqrt()
    return replace(curve, variance=curve.variance - scene, error=error)


def without_clipping(curve: Curve, limits: Limits) -> Curve:
    """Correct mean and variance for clipping, assuming Gaussian noise.

    A large correction gives a large error.

    Source: Foi 2009, "Clipped noisy images: heteroskedastic modeling and practical denoising";
    moments of the censored normal distribution.
    """
    if not limits.clips:
        return curve
    level, deviation = curve.level.clone(), curve.variance.clamp(min=1e-14).sqrt()
    for _ in range(60):
        mean, variance = censored_moments(level, deviation, limits)
        level = level + (curve.level - mean)
        deviation = deviation * (curve.variance / variance.clamp(min=1e-14)).sqrt().clamp(0.8, 1.25)
        deviation = deviation.clamp(max=1.0)
    variance = deviation**2
    error = (curve.error**2 + (0.5 * (variance - curve.variance)) ** 2).sqrt()
    order = level.argsort()
    return Curve(level[order], variance[order], error[order], curve.low[order])


def fit_model(curve: Curve) -> Fit:
    """Fit the simplest of Gaussian, Poisson-Gaussian and gamma noise that suits the curve."""
    constant, constant_error = _robust_line(curve, torch.ones_like(curve.level)[:, None])
    sigma = math.sqrt(max(float(constant[0]), 0.0))
    sigma_error = float(constant_error[0]) / max(2 * sigma, 1e-9)
    flat = Gaussian(min(sigma, 1.0))
    gaussian = Fit(flat, {"sigma": sigma_error}, _misfit(curve, flat))
    span = float(curve.level[-1] - curve.level[0])
    if len(curve.level) < 4 or span < 1e-3 or sigma < 1e-6:
        return gaussian
    design = torch.stack([torch.ones_like(curve.level), curve.level], 1)
    (base, slope), (base_error, slope_error) = _robust_line(curve, design)
    rise = float(slope) * span / max(sigma**2, 1e-12)
    if float(slope) < 4 * float(slope_error) or rise < 0.25:
        return gaussian
    gain = float(slope)
    read = math.sqrt(max(float(base), 0.0))
    offset = max(-float(base) / gain, 0.0)
    model = PoissonGaussian(min(gain, 1.0), min(read, 1.0), min(offset, 1.0))
    errors = {"gain": float(slope_error), "read": float(base_error) / max(2 * read, 1e-3)}
    sensor = Fit(model, errors, _misfit(curve, model))
    speckle = _fit_gamma(curve)
    return speckle if speckle.misfit < 0.6 * sensor.misfit else sensor


def _fit_gamma(curve: Curve) -> Fit:
    coefficient, error = _robust_line(curve, curve.level.clamp(min=0.0)[:, None] ** 2)
    looks = 1 / max(float(coefficient[0]), 1e-6)
    model = Gamma(min(max(looks, 0.1), 1e6))
    return Fit(model, {"looks": float(error[0]) * looks**2}, _misfit(curve, model))


def _misfit(curve: Curve, model: NoiseModel) -> float:
    expected = model.variance(curve.level).clamp(min=1e-14)
    trust = (curve.variance / curve.error.clamp(min=1e-14)) ** 2
    misses = ((curve.variance - expected) / expected).clamp(-2.0, 2.0) ** 2
    return float(((trust * misses).sum() / trust.sum()).sqrt())


def _robust_line(curve: Curve, design: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares in relative error; points above the fit weigh less, as scene only adds.

    A level without variance would outweigh all others: none counts as less than a twentieth of the
    median. Where the levels do not determine the coefficients, the smallest are given.
    """
    variance, error, matrix = curve.variance.double(), curve.error.double(), design.double()
    least = 0.05 * float(variance.median()) + 1e-14
    expected = variance.clamp(min=least)
    weight_down = torch.ones_like(expected)
    relative = (error / expected) ** 2 + 0.02**2
    for _ in range(15):
        weight = weight_down / (relative * expected**2)
        covariance = torch.linalg.pinv(matrix.T @ (weight[:, None] * matrix), hermitian=True)
        coefficients = covariance @ (matrix.T @ (weight * variance))
        expected = (matrix @ coefficients).clamp(min=least)
        miss = (variance - expected) / (relative.sqrt() * expected)
        weight_down = torch.where(miss > 1.5, 1.5 / miss.clamp(min=1.5), torch.ones_like(miss))
    return coefficients, covariance.diagonal().sqrt()


def censored_moments(level: Tensor, deviation: Tensor, limits: Limits) -> tuple[Tensor, Tensor]:
    """Compute mean and variance of N(level, deviation^2) clipped to the limits."""
    low = torch.full_like(level, max(limits.low, -1e3))
    high = torch.full_like(level, min(limits.high, 1e3))
    a, b = (low - level) / deviation, (high - level) / deviation
    below, above = _normal_cdf(a), 1 - _normal_cdf(b)
    inside = 1 - below - above
    density_a, density_b = _normal_density(a), _normal_density(b)
    mean = low * below + high * above + level * inside + deviation * (density_a - density_b)
    square = (
        low**2 * below
        + high**2 * above
        + (level**2 + deviation**2) * inside
        + deviation * ((low + level) * density_a - (high + level) * density_b)
    )
    return mean, square - mean**2


def _normal_cdf(value: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(value / math.sqrt(2)))


def _normal_density(value: Tensor) -> Tensor:
    return torch.exp(-0.5 * value**2) / math.sqrt(2 * math.pi)
