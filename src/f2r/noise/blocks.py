"""Measure the noise of the flattest 8 x 8 blocks."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.noise.models import NoiseModel

BLOCK_SIDE = 8
ORDER = torch.arange(BLOCK_SIDE)[:, None] + torch.arange(BLOCK_SIDE)[None, :]
LOW = (ORDER > 0) & (ORDER <= 6)
HIGH = ORDER >= 8


@dataclass(frozen=True)
class Limits:
    """Levels at which a file clips, nominal units; infinite where it does not."""

    low: float = -math.inf
    high: float = math.inf
    low_share: float = 0.0
    """Share of samples on the lower limit, in [0, 1]."""
    high_share: float = 0.0
    """Share of samples on the upper limit, in [0, 1]."""

    @property
    def clips(self) -> bool:
        """Whether either limit is finite."""
        return math.isfinite(self.low) or math.isfinite(self.high)


@dataclass(frozen=True)
class Blocks:
    """Measures of M blocks of 8 x 8 samples of one channel, nominal units."""

    level: Tensor
    """(M,): mean."""
    low: Tensor
    """(M,): mean square of the low frequencies without the mean: scene and noise."""
    high: Tensor
    """(M,): mean square of the high frequencies: noise, in a flat block."""

    def select(self, chosen: Tensor) -> "Blocks":
        """Select blocks by an index or a mask."""
        return Blocks(self.level[chosen], self.low[chosen], self.high[chosen])

    def __len__(self) -> int:
        return len(self.level)


@dataclass(frozen=True)
class Curve:
    """Noise variance measured at K levels."""

    level: Tensor
    """(K,): rising levels, nominal units."""
    variance: Tensor
    """(K,): variance at each level, nominal units squared."""
    error: Tensor
    """(K,): standard error of each variance."""
    low: Tensor
    """(K,): mean square of the low frequencies of the same blocks."""


def find_limits(frames: Tensor) -> Limits:
    """Find the levels at which (T, C, H, W) frames clip: extremes shared by many samples."""
    low, high = float(frames.min()), float(frames.max())
    low_share, high_share = (
        int((frames == level).count_nonzero()) / frames.numel() for level in (low, high)
    )
    clips_low, clips_high = low_share > 5e-4, high_share > 5e-4
    return Limits(
        low if clips_low else -math.inf,
        high if clips_high else math.inf,
        low_share if clips_low else 0.0,
        high_share if clips_high else 0.0,
    )


def measure_blocks(image: Tensor, level: Tensor) -> Blocks:
    """Measure all blocks of images.

    Low and high frequencies of white noise are independent: selecting blocks by `low` does not bias
    `high`.

    Args:
        image: (N, C, H, W), nominal units.
        level: (N, C, H, W), whose block means become the levels.

    Source: Ponomarenko et al. 2007, "An automatic approach to lossy compression of AVIRIS
    images"; Colom, Buades 2013, IPOL, "Analysis and Extension of the Ponomarenko et al. Method".
    """
    power = block_spectrum(image).pow_(2)
    return Blocks(
        level=_cut(level).mean((-1, -2)).reshape(-1),
        low=power[..., LOW].mean(-1).reshape(-1),
        high=power[..., HIGH].mean(-1).reshape(-1),
    )


def block_spectrum(image: Tensor) -> Tensor:
    """Compute the DCT of all blocks: (N, C, H, W) to (N, C, H // 8, W // 8, 8, 8)."""
    basis = _cosine_basis().to(image)
    return basis @ _cut(image) @ basis.T


def join_blocks(*parts: Blocks) -> Blocks:
    """Concatenate the blocks of several measurements."""
    return Blocks(
        torch.cat([part.level for part in parts]),
        torch.cat([part.low for part in parts]),
        torch.cat([part.high for part in parts]),
    )


def drop_fill(blocks: Blocks) -> Blocks:
    """Remove constant blocks of one common level: black bars rather than a noise-free file."""
    constant = (blocks.low + blocks.high) < 1e-12
    levels = blocks.level[constant]
    if len(levels) == 0:
        return blocks
    is_fill = (levels - levels.median()).abs() < 0.5 / 255
    return blocks.select(~constant) if bool(is_fill.float().mean() > 0.9) else blocks


def measure_curve(blocks: Blocks, share: float = 0.01, per_bin: int = 1500) -> Curve | None:
    """Measure the variance at up to 24 levels.

    Args:
        blocks: blocks of the clip.
        share: share of the flattest blocks that are used at each level, in (0, 1].
        per_bin: approximate number of blocks per level.

    Returns:
        The curve; None for fewer than 16 blocks.
    """
    if len(blocks) < 16:
        return None
    blocks = blocks.select(blocks.level.argsort())
    bins = min(24, max(1, len(blocks) // per_bin))
    if per_bin < len(blocks):
        bins = max(bins, min(8, len(blocks) // 300))
    rows = []
    for part in torch.arange(len(blocks)).tensor_split(bins):
        count = max(int(share * len(part)), min(len(part), 40))
        inside = blocks.select(part)
        inside = inside.select(inside.low.argsort()[:count])
        variance = float(inside.high.mean())
        error = variance * math.sqrt(2 / (int(HIGH.sum()) * count))
        rows.append((float(inside.level.mean()), variance, error, float(inside.low.mean())))
    columns = torch.tensor(rows, dtype=torch.float64).T
    return Curve(*columns.unbind(0))


def unevenness(blocks: Blocks, noise: NoiseModel) -> float:
    """Measure how much the flat blocks of a clip differ from each other.

    Args:
        blocks: at least one block.
        noise: noise model, by whose variance blocks are divided.

    Returns:
        Ratio of the 3 % to the 0.2 % quantile of the standard deviation of the low frequencies:
        1.2 to 1.35 for noise alone, more where blocks contain scene.
    """
    variance = noise.variance(blocks.level)
    scaled = blocks.low / variance.clamp(min=0.1 * float(variance.mean()) + 1e-14)
    ordered = scaled.sort().values
    few, more = (ordered[int(share * len(ordered))] for share in (0.002, 0.03))
    return math.sqrt(float(more) / max(float(few), 1e-12))


def _cut(image: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, H // 8, W // 8, 8, 8)."""
    rows, columns = image.shape[-2] // BLOCK_SIDE, image.shape[-1] // BLOCK_SIDE
    image = image[..., : rows * BLOCK_SIDE, : columns * BLOCK_SIDE]
    return image.reshape(*image.shape[:-2], rows, BLOCK_SIDE, columns, BLOCK_SIDE).transpose(-2, -3)


def _cosine_basis() -> Tensor:
    order, place = torch.arange(BLOCK_SIDE)[:, None], torch.arange(BLOCK_SIDE)[None, :]
    basis = torch.cos(math.pi * (2 * place + 1) * order / (2 * BLOCK_SIDE)) * math.sqrt(
        2 / BLOCK_SIDE
    )
    basis[0] /= math.sqrt(2)
    return basis
