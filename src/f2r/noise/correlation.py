"""Spatial covariance of noise, measured where the scene does not disturb."""

import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.blocks import Blocks, measure_blocks, measure_curve
from f2r.noise.correlated import Correlated
from f2r.noise.models import Gaussian

SIDE = 16
REACH = 8
FLAT_BLOCKS = 150
OUTLIER = 1.6


def difference_scores(differences: Tensor) -> Tensor:
    """Score the blocks of each frame difference by the differences beside it in time.

    Args:
        differences: (N, C, H, W), frame t + 1 less frame t; N >= 4.

    Returns:
        (N, H // 16, W // 16): largest energy among those that share no frame with it and lie
        within two steps more, so that the score is independent of the noise it is used for.
    """
    energy = score_blocks(differences)
    count = len(energy)
    beside = ([s for s in range(count) if 2 <= abs(s - t) <= 3] for t in range(count))
    return torch.stack([energy[list(steps)].amax(0) for steps in beside])


def score_blocks(images: Tensor) -> Tensor:
    """Mean square over channels and 16 x 16 samples: (N, C, H, W) to (N, H // 16, W // 16)."""
    return functional.avg_pool2d(images.square().mean(1, keepdim=True), SIDE)[:, 0]


def total_blocks(residual: Tensor, level: Tensor, score: Tensor) -> Blocks:
    """Measure all frequencies of blocks of 16 x 16; chosen later by `score`, held as `low`.

    Args:
        residual: (N, C, H, W), the noise and little else.
        level: (N, C, H, W), the clean level as far as it is known.
        score: (N, H // 16, W // 16), low where scene is absent; independent of `residual`.
    """
    energy = functional.avg_pool2d(residual.square(), SIDE)
    means = functional.avg_pool2d(level, SIDE)
    scores = score[:, None].expand_as(energy)
    return Blocks(means.reshape(-1), scores.reshape(-1), energy.reshape(-1))


def slopes(image: Tensor) -> Tensor:
    """(N, C, H, W): root of the summed squares of the steps to the right and downwards."""
    across = image - image.roll(-1, -1)
    down = image - image.roll(-1, -2)
    return (across.square() + down.square()).sqrt()


def flat_mask(residual: Tensor, score: Tensor) -> Tensor:
    """(N, 1, 16 * rows, 16 * columns): one in the blocks of the lowest `score`, else zero."""
    wanted = min(max(FLAT_BLOCKS, score.numel() // 50), score.numel())
    flat = score <= score.flatten().kthvalue(wanted).values
    energy = score_blocks(residual)
    # Blocks of far more than the usual energy hold moving scene, whatever their score says.
    flat &= energy < OUTLIER * energy[flat].median()
    mask = flat[:, None].to(residual.dtype)
    return functional.interpolate(mask, scale_factor=SIDE, mode="nearest")


def measure_covariance(residual: Tensor, score: Tensor) -> Tensor:
    """Measure the spatial covariance on the blocks of the lowest `score`.

    Returns:
        (C, C, 2 * REACH + 1, 2 * REACH + 1): mean of n_a(p) n_b(p + d) over p.
    """
    mask = flat_mask(residual, score)
    residual = residual[..., : mask.shape[-2], : mask.shape[-1]] * mask
    size = (mask.shape[-2] + REACH, mask.shape[-1] + REACH)
    values = torch.fft.rfft2(residual, s=size)
    counted = torch.fft.rfft2(mask, s=size)
    products = torch.einsum("nahw,nbhw->abhw", values.conj(), values)
    pairs = torch.einsum("nahw,nbhw->abhw", counted.conj(), counted)
    sums = _near(torch.fft.irfft2(products, s=size))
    covariance = sums / _near(torch.fft.irfft2(pairs, s=size)).clamp(min=1.0)
    # What is left at the farthest distance is slowly varying scene, not noise.
    edge = torch.cat([covariance[..., 0, :], covariance[..., -1, :]], -1)
    return covariance - edge.mean(-1)[..., None, None]


def trim(correlation: Tensor, floor: float = 0.03) -> Tensor:
    """Cut a correlation down to the smallest square beyond which all is below `floor`.

    Args:
        correlation: (C, C, k, k) with a variance of about one.
        floor: values below it count as measurement error.
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
    """Low band in the flattest blocks of pure noise of this correlation and variance one.

    Args:
        correlation: (C, C, k, k), variance one on average.
    """
    noise = Correlated(Gaussian(1.0), correlation.diagonal().mean(-1)[None, None])
    drawn = noise.sample(torch.zeros(4, 1, 512, 512), torch.Generator().manual_seed(0))
    curve = measure_curve(measure_blocks(drawn, drawn), per_bin=drawn.numel())
    return 1.0 if curve is None else float(curve.low[0])


def _near(correlated: Tensor) -> Tensor:
    """Take distances up to REACH out of a circular correlation, distance zero in the middle."""
    rolled = correlated.roll((REACH, REACH), (-2, -1))
    return rolled[..., : 2 * REACH + 1, : 2 * REACH + 1]
