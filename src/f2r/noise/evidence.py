"""What an estimate of the noise says, and what it rests on."""

from dataclasses import dataclass
from typing import Any

from f2r.noise.blocks import Curve, Limits
from f2r.noise.models import NoiseModel


@dataclass(frozen=True)
class Evidence:
    """What an estimate rests on."""

    curve: Curve | None
    """Variance at each level; None where no block could be measured."""
    tilt: float
    """Middle over top frequencies of the noise in flat blocks; 1 for white noise."""
    neighbours: float | None
    """Correlation of neighbouring pixels; None where it could not be measured."""
    channels: float
    """Largest correlation between two channels, in [-1, 1]; 0 for one channel."""
    frames: float | None
    """Correlation of successive frames in flat blocks; None for a single frame."""
    limits: Limits
    """Where the file clips, and how many samples do."""
    misfit: float
    """Relative root mean square error of the model over the levels of the curve."""
    unevenness: float | None = None
    """How much the flat blocks differ, see `f2r.noise.blocks`; None where there are none."""


@dataclass(frozen=True)
class NoiseEstimate:
    """A noise model with its evidence."""

    model: NoiseModel
    sigma: float
    """Root mean square noise over the levels of the clip, nominal units."""
    errors: dict[str, float]
    """Standard error of each parameter of the model, nominal units."""
    is_noise_free: bool
    """Whether the noise is too weak to be worth removing."""
    evidence: Evidence

    def to_dict(self) -> dict[str, Any]:
        """Give the estimate as JSON values; `load_noise` takes its file back."""
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
