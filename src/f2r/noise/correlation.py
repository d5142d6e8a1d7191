"""Measure the spatial covariance of noise in flat blocks."""

import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.blocks import Blocks, measure_blocks, measure_curve
from f2r.noise.correlated import Correlated
from f2r.noise.models import Gaussian

AREA_SIDE = 16
"""Side of the measured blocks, in pixels."""
LONGEST_SHIFT = 8
"""Largest distance of correlated pixels, per axis."""
FLAT_BLOCKS = 150
"""Least number of flat blocks."""
OUTLIER = 1.6
"""Energy, relative to the median, from which a flat block counts as moving scene."""


def difference_scores(differences: Tensor) -> Tensor:
    """Score the blocks of each frame difference by nearby differences in time.

    Args:
        differences: (N, C, H, W), frame t + 1 less frame t; N >= 4.

    Returns:
        (N, H // 16, W // 16): largest energy among differences two and three steps away, which
        share no frame with the scored one, so that the score is independent of its noise.
    """
    energy = score_blocks(differences)
    count = len(energy)
    beside = ([s for s in range(count) if 2 <= abs(s - t) <= 3] for t in range(count))
    return torch.stack([energy[list(steps)].amax(0) for steps in beside])


def score_blocks(images: Tensor) -> Tensor:
    """Mean square over channels and 16 x 16 pixels: (N, C, H, W) to (N, H // 16, W // 16)."""
    return functional.avg_pool2d(images.square().mean(1, keepdim=True), AREA_SIDE)[:, 0]


def total_blocks(residual: Tensor, level: Tensor, score: Tensor) -> Blocks:
    """Measure the energy of 16 x 16 blocks over all frequencies.

    Args:
        residual: (N, C, H, W), mostly noise, nominal units.
        level: (N, C, H, W), estimate of the clean level.
        score: (N, H // 16, W // 16), low in flat blocks; independent of `residual`.

    Returns:
        Blocks whose `low` is the score and whose `high` is the energy.
    """
    energy = functional.avg_pool2d(residual.square(), AREA_SIDE)
    means = functional.avg_pool2d(level, AREA_SIDE)
    scores = score[:, None].expand_as(energy)
    return Blocks(means.reshape(-1), scores.reshape(-1), energy.reshape(-1))


def slopes(image: Tensor) -> Tensor:
    """Gradient magnitude of (N, C, H, W) images, by differences to the right and downwards."""
    across = image - image.roll(-1, -1)
    down = image - image.roll(-1, -2)
    return (across.square() + down.square()).sqrt()


def flat_mask(residual: Tensor, score: Tensor) -> Tensor:
    """Mask of the blocks of lowest `score`: (N, 1, 16 * rows, 16 * columns), 1 or 0."""
    wanted = min(max(FLAT_BLOCKS, score.numel() // 50), score.numel())
    flat = score <= score.flatten().kthvalue(wanted).values
    energy = score_blocks(residual)
    # Blocks of unusually high energy contain moving scene, whatever their score.
    flat &= energy < OUTLIER * energy[flat].median()
    mask = flat[:, None].to(residual.dtype)
    return functional.interpolate(mask, scale_factor=AREA_SIDE, mode="nearest")


def measure_covariance(residual: Tensor, score: Tensor) -> Tensor:
    """Measure the spatial covariance on the blocks of lowest `score`.

    Args:
        residual: (N, C, H, W), mostly noise.
        score: (N, H // 16, W // 16), low in flat blocks; independent of `residual`.

    Returns:
        (C, C, 2 * LONGEST_SHIFT + 1, 2 * LONGEST_SHIFT + 1): mean of n_a(p) n_b(p + d) over p.
    """
    mask = flat_mask(residual, score)
    residual = residual[..., : mask.shape[-2], : mask.shape[-1]] * mask
    size = (mask.shape[-2] + LONGEST_SHIFT, mask.shape[-1] + LONGEST_SHIFT)
    values = torch.fft.rfft2(residual, s=size)
    counted = torch.fft.rfft2(mask, s=size)
    products = torch.einsum("nahw,nbhw->abhw", values.conj(), values)
    pairs = torch.einsum("nahw,nbhw->abhw", counted.conj(), counted)
    sums = _near(torch.fft.irfft2(products, s=size))
    covariance = sums / _near(torch.fft.irfft2(pairs, s=size)).clamp(min=1.0)
    # The remainder at the largest distance is slowly varying scene, not noise.
    edge = torch.cat([covariance[..., 0, :], covariance[..., -1, :]], -1)
    return covariance - edge.mean(-1)[..., None, None]


def trim(correlation: Tensor, floor: float = 0.03) -> Tensor:
    """Crop a correlation to the smallest square outside which all values are below `floor`.

    Args:
        correlation: (C, C, k, k) with a variance of about 1.
        floor: values below it are measurement error.
    """
    centre = correlation.shape[-1] // 2
    offsets = torch.arange(-centre, centre + 1).abs()
    distance = torch.maximum(offsets[:, None], offsets[None, :])
    seen = distance[(correlation.abs() > floor).any(0).any(0)]
    reach = int(seen.max()) if len(seen) else 0
    return correlation[
        ..., centre - reach : centre + reach + 1, centre - reach : centre + reach + 1
    ]


def flattest_low(correlation: Tensor) -> float:
    """Simulate the low band in the flattest blocks of noise with this correlation.

    Args:
        correlation: (C, C, k, k), mean variance 1.
    """
    noise = Correlated(Gaussian(1.0), correlation.diagonal().mean(-1)[None, None])
    drawn = noise.sample(torch.zeros(4, 1, 512, 512), torch.Generator().manual_seed(0))
    curve = measure_curve(measure_blocks(drawn, drawn), per_bin=drawn.numel())
    return 1.0 if curve is None else float(curve.low[0])


def _near(correlated: Tensor) -> Tensor:
    """Crop a circular correlation to distances up to LONGEST_SHIFT, distance 0 in the centre."""
    rolled = correlated.roll((LONGEST_SHIFT, LONGEST_SHIFT), (-2, -1))
    return rolled[..., : 2 * LONGEST_SHIFT + 1, : 2 * LONGEST_SHIFT + 1]
