"""Motion-averaged luma: a frame averaged with its aligned neighbours, for flow estimation."""

from collections.abc import Sequence

import torch
from torch import Tensor

OWN_WEIGHT = 0.7
"""Weight of the frame itself; a neighbour that fits perfectly has 1. Smaller values leak less noise
and miss objects that move differently from their surroundings."""

TOLERANCE = 1.5
"""Mismatch, relative to the median, at which the weight of a neighbour falls to 1/e."""

MEDIAN_STEP = 4
"""Step of the rows and columns from which the median is taken."""

MISMATCH_SIDE = 7
"""Side of the square that averages the mismatch, pixels; odd."""


def steady_luma(own: Tensor, aligned: Sequence[Tensor]) -> Tensor:
    """Average the luma of a frame with that of its neighbours, weighted by their local agreement.

    The mismatch is measured relative to its median, which is due to the noise that the prior left.

    Args:
        own: (1, H, W) luma of the denoised frame, nominal units.
        aligned: lumas of its neighbours, warped to its grid.

    Returns:
        (1, H, W).
    """
    total, weights = OWN_WEIGHT * own, torch.full_like(own, OWN_WEIGHT)
    for neighbour in aligned:
        mismatch = mean_around((neighbour - own).square(), MISMATCH_SIDE)
        usual = mismatch[..., ::MEDIAN_STEP, ::MEDIAN_STEP].median().clamp(min=1e-8)
        weight = torch.exp(-mismatch / (TOLERANCE * usual))
        total, weights = total + weight * neighbour, weights + weight
    return total / weights


def mean_around(values: Tensor, side: int) -> Tensor:
    """Average (1, H, W) over squares of an odd side, clipped at the border."""
    return _mean_along(_mean_along(values, side, 1), side, 2)


def _mean_along(values: Tensor, side: int, axis: int) -> Tensor:
    """Average `side` values along an axis; shifted sums are faster than pooling."""
    length, reach = values.shape[axis], side // 2
    total = values.clone()
    count = values.new_ones(length)
    for shift in range(1, min(reach + 1, length)):
        rest = length - shift
        for into, out_of in ((shift, 0), (0, shift)):
            total.narrow(axis, into, rest).add_(values.narrow(axis, out_of, rest))
            count.narrow(0, into, rest).add_(1)
    return total.div_(count if axis == 2 else count[:, None])
