"""Noise models: the protocol and Gaussian, Poisson, Poisson-Gaussian and gamma noise.

Levels and frames are (..., C, H, W) float32, nominal range [0, 1], not clipped. Only `describe`
uses 8-bit units.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from f2r.errors import InputError

LARGEST_PARAMETER = 1e9
"""Upper bound of parameters; files of photon counts have large values."""


class NoiseModel(Protocol):
    """Zero-mean noise whose variance may depend on the clean level."""

    def variance(self, level: Tensor) -> Tensor:
        """Compute the noise variance at each level: shape of `level`, nominal units squared."""
        ...

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a noisy version of `clean`: same shape, not clipped."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values, with its name under "model"."""
        ...

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        ...


def draw_normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normal values with shape, data type and device of `like`."""
    drawn = torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype)
    return drawn.to(like.device)


def _require(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"noise: {name} must lie in [{low:g}, {high:g}], not {value:g}")


@dataclass(frozen=True)
class Gaussian:
    """White Gaussian noise: y = x + sigma * N(0, 1)."""

    sigma: float
    """Standard deviation in nominal units; >= 0."""

    def __post_init__(self) -> None:
        _require("sigma", self.sigma, 0.0, LARGEST_PARAMETER)

    def variance(self, level: Tensor) -> Tensor:
        """Compute sigma^2 at every sample."""
        return torch.full_like(level, self.sigma**2)

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Add the noise."""
        return clean + self.sigma * draw_normal(clean, generator)

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values."""
        return {"model": "gaussian", "sigma": self.sigma}

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        return f"Gaussian noise, sd {255 * self.sigma:.2f} of 255"


@dataclass(frozen=True)
class Poisson:
    """Photon noise: y = gain * Poisson(x / gain)."""

    gain: float
    """Nominal units per photon, variance over level; > 0."""

    def __post_init__(self) -> None:
        _require("gain", self.gain, 1e-12, LARGEST_PARAMETER)

    def variance(self, level: Tensor) -> Tensor:
        """Compute gain * level; 0 below black."""
        return self.gain * level.clamp(min=0.0)

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Draw photon counts and scale them to levels."""
        return self.gain * _draw_poisson(clean / self.gain, generator)

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values."""
        return {"model": "poisson", "gain": self.gain}

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        return f"Poisson noise, gain {255 * self.gain:.3f} of 255; {_levels(self)}"


@dataclass(frozen=True)
class PoissonGaussian:
    """Sensor noise: y = offset + gain * Poisson((x - offset) / gain) + read * N(0, 1).

    Source: Foi, Trimeche, Katkovnik, Egiazarian 2008, "Practical Poissonian-Gaussian noise
    modeling and fitting for single-image raw-data".
    """

    gain: float
    """Nominal units per photon, slope of variance over level; > 0."""
    read: float
    """Standard deviation of the signal-independent part, nominal units; >= 0."""
    offset: float = 0.0
    """Black level, nominal units."""

    def __post_init__(self) -> None:
        _require("gain", self.gain, 1e-12, LARGEST_PARAMETER)
        _require("read", self.read, 0.0, LARGEST_PARAMETER)
        _require("offset", self.offset, -LARGEST_PARAMETER, LARGEST_PARAMETER)

    def variance(self, level: Tensor) -> Tensor:
        """Compute gain * (level - offset) + read^2; read^2 below the offset."""
        return self.gain * (level - self.offset).clamp(min=0.0) + self.read**2

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Draw photon counts, scale them to levels and add read noise."""
        counts = _draw_poisson((clean - self.offset) / self.gain, generator)
        return self.offset + self.gain * counts + self.read * draw_normal(clean, generator)

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values."""
        return {
            "model": "poisson-gaussian",
            "gain": self.gain,
            "read": self.read,
            "offset": self.offset,
        }

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        gain, read, offset = (255 * v for v in (self.gain, self.read, self.offset))
        return (
            f"Poisson-Gaussian noise, gain {gain:.3f}, read noise {read:.2f}, "
            f"offset {offset:.1f} of 255; {_levels(self)}"
        )


@dataclass(frozen=True)
class Gamma:
    """Speckle: y = x * Gamma(looks, 1 / looks), which has mean x and variance x^2 / looks."""

    looks: float
    """Number of averaged independent looks; in [0.1, 1e6]."""

    def __post_init__(self) -> None:
        _require("looks", self.looks, 0.1, 1e6)

    def variance(self, level: Tensor) -> Tensor:
        """Compute level^2 / looks; 0 below black."""
        return level.clamp(min=0.0) ** 2 / self.looks

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Multiply by speckle of mean 1."""
        looks = torch.full_like(clean, self.looks)
        return clean * draw_gamma(looks, generator) / self.looks

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values."""
        return {"model": "gamma", "looks": self.looks}

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        return f"Gamma (speckle) noise, {self.looks:.2f} looks; {_levels(self)}"


def _draw_poisson(rate: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.poisson(rate.clamp(min=0.0).to(generator.device), generator=generator)
    return drawn.to(rate)


def draw_gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Draw gamma values of scale 1; `shape` holds the shape parameter of each value."""
    # torch.distributions accepts no generator; this is the function that it calls.
    drawn = torch._standard_gamma(shape.to(generator.device), generator=generator)
    return drawn.to(shape.device)


def _levels(noise: NoiseModel) -> str:
    deviations = 255 * noise.variance(torch.tensor([0.1, 0.5, 0.9])).sqrt()
    low, mid, high = (f"{float(value):.1f}" for value in deviations)
    return f"sd {low} in the shadows, {mid} at mid grey, {high} in the lights"
