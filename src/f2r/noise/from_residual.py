"""Choose between the noise estimates of the clip and of the residual of the anchor."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from f2r.noise.estimate import UNEVEN_BLOCKS, estimate_noise_from_anchor
from f2r.noise.evidence import NoiseEstimate
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise

LOWER = 0.93
"""Ratio of variances below which the second estimate is lower."""
HIGHER = 1.15
"""Ratio of variances above which the second estimate is higher."""
MOST_RATIO = 4.0
"""Largest ratio of variances at which the second estimate can be used."""


@dataclass(frozen=True)
class Revision:
    """Two noise estimates and the choice between them."""

    first: NoiseModel
    """Estimate from the clip, or the model that the user gives."""
    second: NoiseEstimate
    """Estimate from y - anchor."""
    ratio: float
    """Mean variance of the second over that of the first at the levels of the anchor."""
    is_even: bool
    """Whether the flat blocks of y - anchor differ no more than those of noise."""

    @property
    def contradicts(self) -> bool:
        """Whether the second estimate rules out the first."""
        return self.ratio < LOWER or (self.ratio > HIGHER and self.is_even)

    @property
    def takes_second(self) -> bool:
        """Whether the second estimate is used."""
        return self.contradicts and 1 / MOST_RATIO < self.ratio < MOST_RATIO

    @property
    def model(self) -> NoiseModel:
        """The estimate in use."""
        return self.second.model if self.takes_second else self.first

    def in_units(self, factor: float) -> "Revision":
        """Convert both estimates to the noise of `factor * y`."""
        return replace(
            self,
            first=scale_noise(self.first, factor),
            second=replace(self.second, model=scale_noise(self.second.model, factor)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Convert both estimates to JSON values."""
        return {
            "first": self.first.to_dict() | {"text": self.first.describe()},
            "second": self.second.model.to_dict() | {"text": self.second.model.describe()},
            "variance_ratio": self.ratio,
            "used": "second" if self.takes_second else "first",
        }


def revise(first: NoiseModel, noisy: Tensor, anchor: Tensor) -> Revision:
    """Estimate the noise from y - anchor and choose between both estimates.

    Scene in the first estimate and the error of the anchor in the second only add variance. So a
    lower second estimate is used. A higher one is used only if its flat blocks differ no more than
    those of noise, because the error of an anchor varies over the frame. Estimates that differ by
    more than a factor of four keep the first.

    Args:
        first: estimate from the clip.
        noisy: (T, C, H, W) y, nominal units.
        anchor: (T, C, H, W) output of stage 1 for the same frames.

    Raises:
        InputError: the frames cannot be measured.

    Source: docs/method.md, "Noise estimation"; the choice is ours.
    """
    second = estimate_noise_from_anchor(noisy, anchor)
    before = float(first.variance(anchor).mean())
    ratio = float(second.model.variance(anchor).mean()) / max(before, 1e-14)
    is_even = second.evidence.unevenness is not None and second.evidence.unevenness < UNEVEN_BLOCKS
    return Revision(first, second, ratio, is_even)
