"""Find the fixed pattern of a sensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST_FRAMES = 4
SURE = 3.0
"""Standard errors by which the power of a part must exceed that of the noise."""


@dataclass(frozen=True)
class FixedPattern:
    """Offsets of a sensor that stay in place while the scene moves, nominal units."""

    offsets: Tensor
    """(C, H, W): offsets to subtract from every frame; 0 where they are not significant."""
    rows: float
    """Standard deviation of row offsets; 0 if not significant."""
    columns: float
    """Standard deviation of column offsets, likewise."""
    pixels: float
    """Standard deviation of pixel offsets without rows and columns, likewise."""


def find_fixed_pattern(residual: Tensor) -> FixedPattern | None:
    """Find offsets of rows, columns and pixels in the mean of y - anchor over time.

    Each part is shrunk by a Wiener factor and dropped if it is not significant. In a static scene
    the anchor contains the same offsets as y, and nothing is found.

    Args:
        residual: (T, C, H, W), y - anchor, nominal units.

    Returns:
        The pattern; None for fewer than four frames.

    Source: random-effects estimate, the variance between places minus that within.
    """
    count, _, height, width = residual.shape
    if count < FEWEST_FRAMES:
        return None
    mean = residual.mean(0)
    mean = mean - mean.mean((-1, -2), keepdim=True)
    noise = residual.var(0).mean((-1, -2), keepdim=True) / count  # variance of one value of `mean`
    across, rows = _part(mean.mean(-1, keepdim=True), noise / width)
    down, columns = _part(mean.mean(-2, keepdim=True), noise / height)
    rest, pixels = _part(mean - across - down, noise)
    return FixedPattern(across + down + rest, rows, columns, pixels)


def _part(values: Tensor, noise: Tensor) -> tuple[Tensor, float]:
    """Shrink (C, h, w) offsets of error variance `noise`; also give their standard deviation."""
    count = values.shape[-1] * values.shape[-2]
    power = values.square().mean((-1, -2), keepdim=True)
    surely = noise * (1 + SURE * (2 / count) ** 0.5 + 0.05)
    found = torch.where(power > surely, (power - noise).clamp(min=0.0), torch.zeros_like(power))
    share = found / power.clamp(min=1e-20)
    return share * values, float(found.mean().sqrt())
