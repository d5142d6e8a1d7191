"""The fixed pattern of a sensor: what stays in place while the scene moves."""

from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST_FRAMES = 4
SURE = 3.0
"""A part of the pattern counts where its power is above this many times that of the noise."""


@dataclass(frozen=True)
class FixedPattern:
    """Offsets of a sensor, nominal units."""

    offsets: Tensor
    """(C, H, W): what to subtract from every frame; zero where nothing is sure."""
    rows: float
    """Standard deviation of the offsets of rows; 0 where they do not stand out of the noise."""
    columns: float
    """The same of columns."""
    pixels: float
    """The same of single pixels, rows and columns left out."""

    @property
    def stands_out(self) -> bool:
        """Whether any part of it was found."""
        return max(self.rows, self.columns, self.pixels) > 0


def find_fixed_pattern(residual: Tensor) -> FixedPattern | None:
    """Find offsets of rows, columns and pixels in the mean over time of y - anchor.

    Each part is kept in the share that is signal rather than noise (Wiener), and dropped where it
    does not stand out. Where nothing moves, an anchor shows the same offsets as y, and nothing is
    found.

    Args:
        residual: (T, C, H, W), noisy frames less their anchors, nominal units.

    Returns:
        The pattern; None for fewer than four frames.

    Source: correlated double sampling and flat-field practice; the estimate is the usual
    random-effects one (variance between places less that within).
    """
    count, _, height, width = residual.shape
    if count < FEWEST_FRAMES:
        return None
    mean = residual.mean(0)
    mean = mean - mean.mean((-1, -2), keepdim=True)
    noise = residual.var(0).mean((-1, -2), keepdim=True) / count  # of one value of `mean`
    across, rows = _part(mean.mean(-1, keepdim=True), noise / width)
    down, columns = _part(mean.mean(-2, keepdim=True), noise / height)
    rest, pixels = _part(mean - across - down, noise)
    return FixedPattern(across + down + rest, rows, columns, pixels)


def _part(values: Tensor, noise: Tensor) -> tuple[Tensor, float]:
    """Shrink (C, h, w) offsets, each with the variance `noise`; give them and their deviation."""
    count = values.shape[-1] * values.shape[-2]
    power = values.square().mean((-1, -2), keepdim=True)
    surely = noise * (1 + SURE * (2 / count) ** 0.5 + 0.05)
    found = torch.where(power > surely, (power - noise).clamp(min=0.0), torch.zeros_like(power))
    share = found / power.clamp(min=1e-20)
    return share * values, float(found.mean().sqrt())
