"""Result of a noise estimation with its measurements."""

from dataclasses import dataclass
from typing import Any

from f2r.noise.blocks import Curve, Limits
from f2r.noise.models import NoiseModel


@dataclass(frozen=True)
class Evidence:
    """Measurements behind an estimate."""

    curve: Curve | None
    """Variance at each level; None if no block could be measured."""
    tilt: float
    """Power of middle over highest frequencies in flat blocks; 1 for white noise."""
    neighbours: float | None
    """Correlation of adjacent pixels; None if it could not be measured."""
    channels: float
    """Largest correlation between two channels, in [-1, 1]; 0 for one channel."""
    frames: float | None
    """Correlation of successive frames in flat blocks; None for a single frame."""
    limits: Limits
    """Levels at which the file clips, and shares of samples."""
    misfit: float
    """Relative root mean square error of the model over the curve."""
    unevenness: float | None = None
    """Result of `f2r.noise.blocks.unevenness`; None without blocks."""


@dataclass(frozen=True)
class NoiseEstimate:
    """Estimated noise model with its evidence."""

    model: NoiseModel
    sigma: float
    """Root mean square noise over the levels of the clip, nominal units."""
    errors: dict[str, float]
    """Standard error of each parameter of the model, nominal units."""
    is_noise_free: bool
    """Whether the noise is too weak to be removed."""
    evidence: Evidence

    def to_dict(self) -> dict[str, Any]:
        """Convert the estimate to JSON values that `load_noise` reads."""
        found = self.evidence
        return {
            "noise": self.model.to_dict(),
            "description": self.model.describe(),
            "sigma": self.sigma,
            "errors": self.errors,
            "is_noise_free": self.is_noise_free,
            "levels": found.curve.level.tolist() if found.curve else [],
            "variances": found.curve.variance.tolist() if found.curve else [],
            "variance_errors": found.curve.error.tolist() if found.curve else [],
            "tilt": found.tilt,
            "neighbour_correlation": found.neighbours,
            "channel_correlation": found.channels,
            "frame_correlation": found.frames,
            "clipped_low": found.limits.low_share,
            "clipped_high": found.limits.high_share,
            "misfit": found.misfit,
            "unevenness": found.unevenness,
        }
