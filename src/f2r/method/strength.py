"""Strength: share of the estimated noise that is removed, for luma and chroma."""

from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.flow.luma import luma


@dataclass(frozen=True)
class Strength:
    """Share of the estimated noise that is removed: 0 gives the input, 1 the estimate."""

    luma: float
    """Of the luma, and of everything that has no chroma; in [0, 1.5]."""
    chroma: float
    """Of the chroma of colour planes; in [0, 1.5]."""

    def apply(self, noisy: Tensor, estimate: Tensor) -> Tensor:
        """Mix input and estimate, (C, H, W) each."""
        if self.luma == self.chroma or len(noisy) != 3:
            return torch.lerp(noisy, estimate, self.luma)
        removed = estimate - noisy
        of_luma = luma(removed)
        return noisy + self.luma * of_luma + self.chroma * (removed - of_luma)
