"""Which estimate of the noise to believe: of the clip alone, or of what the anchor leaves."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from f2r.noise.estimate import UNEVEN_BLOCKS, estimate_noise_from_anchor
from f2r.noise.evidence import NoiseEstimate
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise

LOWER = 0.93
"""The second estimate counts as lower below this share of the first variance."""
HIGHER = 1.15
"""It counts as higher above this share."""
MOST = 4.0
"""Estimates that differ by more than this factor in variance are not about the same noise."""


@dataclass(frozen=True)
class Revision:
    """Two estimates and the choice between them."""

    first: NoiseModel
    """From the clip alone, or what the user says."""
    second: NoiseEstimate
    """From noisy frames less their anchors."""
    ratio: float
    """Mean variance of the second over that of the first, at the anchor's levels."""
    is_even: bool
    """Whether the flat blocks of y - anchor are as alike as blocks of noise."""

    @property
    def contradicts(self) -> bool:
        """Whether the first model cannot be right."""
        return self.ratio < LOWER or (self.ratio > HIGHER and self.is_even)

    @property
    def takes_second(self) -> bool:
        """Whether the second estimate is believed."""
        return self.contradicts and 1 / MOST < self.ratio < MOST

    @property
    def model(self) -> NoiseModel:
        """The estimate that is believed."""
        return self.second.model if self.takes_second else self.first

    def in_units(self, factor: float) -> "Revision":
        """Give the same choice for noise of `factor * y`."""
        return replace(
            self,
            first=scale_noise(self.first, factor),
            second=replace(self.second, model=scale_noise(self.second.model, factor)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give both estimates as JSON values."""
        return {
            "first": self.first.to_dict() | {"text": self.first.describe()},
            "second": self.second.model.to_dict() | {"text": self.second.model.describe()},
            "variance_ratio": self.ratio,
            "used": "second" if self.takes_second else "first",
        }


def revise(first: NoiseModel, noisy: Tensor, anchor: Tensor) -> Revision:
    """Estimate the noise again from y - anchor and choose between both estimates.

    Scene that is taken for noise only adds to a variance, in the first estimate as in the second,
    where it is the anchor's own error. So a lower second estimate is the better one. A higher one
    is believed only where its flat blocks are as alike as blocks of noise: the error of an anchor
    differs from place to place. Far apart, the first stays.

    Args:
        first: estimate from the clip alone.
        noisy: y, (T, C, H, W), nominal units.
        anchor: stage 1's output for the same frames.

    Raises:
        InputError: the frames cannot be measured.

    Source: METHOD, section 3, and what is said above; the choice is ours.
    """
    second = estimate_noise_from_anchor(noisy, anchor)
    before = float(first.variance(anchor).mean())
    ratio = float(second.model.variance(anchor).mean()) / max(before, 1e-14)
    is_even = second.evidence.unevenness is not None and second.evidence.unevenness < UNEVEN_BLOCKS
    return Revision(first, second, ratio, is_even)
