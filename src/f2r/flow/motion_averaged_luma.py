"""What flow is estimated on: a frame averaged with its neighbours, so that little noise is left."""

from collections.abc import Sequence

import torch
from torch import Tensor

OWN_WEIGHT = 0.7
"""Weight of the frame itself against a neighbour that fits perfectly. Less makes the flow more
ignorant of the frame's own noise, and blind to what moves unlike its surroundings."""

TOLERANCE = 1.5
"""Mismatch that costs a neighbour all but 1/e of its weight, relative to the median mismatch."""

SPARSE = 4
"""The median is taken over every so many rows and columns, a sixteenth of the work."""

PATCH = 7
"""Side of the square over which the mismatch is averaged, in pixels; odd."""


def steady_luma(own: Tensor, aligned: Sequence[Tensor]) -> Tensor:
    """Average a frame with its aligned neighbours, wherever they show the same.

    The median mismatch is what the noise left by the prior causes, so the weights need not be
    told how much that is.

    Args:
        own: (1, H, W) luma of the denoised frame.
        aligned: lumas of its neighbours, brought to its grid by a rough flow.

    Returns:
        (1, H, W).
    """
    total, weights = OWN_WEIGHT * own, torch.full_like(own, OWN_WEIGHT)
    for neighbour in aligned:
        mismatch = mean_around((neighbour - own).square(), PATCH)
        usual = mismatch[..., ::SPARSE, ::SPARSE].median().clamp(min=1e-8)
        weight = torch.exp(-mismatch / (TOLERANCE * usual))
        total, weights = total + weight * neighbour, weights + weight
    return total / weights


def mean_around(values: Tensor, side: int) -> Tensor:
    """Average (1, H, W) over squares of an odd side, cut off at the border."""
    return _mean_along(_mean_along(values, side, 1), side, 2)


def _mean_along(values: Tensor, side: int, axis: int) -> Tensor:
    """Average `side` values along an axis; sums of shifted maps are quicker than pooling."""
    length, reach = values.shape[axis], side // 2
    total = values.clone()
    count = values.new_ones(length)
    for shift in range(1, min(reach + 1, length)):
        rest = length - shift
        for into, out_of in ((shift, 0), (0, shift)):
            total.narrow(axis, into, rest).add_(values.narrow(axis, out_of, rest))
            count.narrow(0, into, rest).add_(1)
    return total.div_(count if axis == 2 else count[:, None])
