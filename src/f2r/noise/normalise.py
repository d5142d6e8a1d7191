"""Bring a clip's levels to where the networks were trained: white near 1."""

from collections.abc import Sequence

import torch
from torch import Tensor

from f2r.noise.estimate import estimate_noise
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise

USUAL_WHITE = (0.5, 1.5)
"""Clips whose white lies in this range stay as they are."""

MOST_NOISE = 50 / 255
"""A dim clip is not brightened beyond this noise level."""


def normalise(frames: Sequence[Tensor], noise: NoiseModel | None) -> tuple[float, NoiseModel]:
    """Choose the factor that the frames of a clip are multiplied by, and their noise then.

    A 12-bit camera in a 16-bit file uses a sixteenth of the range; photon counts in float use
    thousands. White is the 99.8 % quantile.

    Args:
        frames: (C, H, W) sample of the clip, nominal units.
        noise: noise model in nominal units; None estimates it.

    Returns:
        Factor, and noise model of the multiplied frames.
    """
    levels = torch.stack([frame[:, ::3, ::3] for frame in frames]).flatten()
    white = float(torch.quantile(levels[:: levels.numel() // 200_000 + 1], 0.998))
    usual = USUAL_WHITE[0] <= white <= USUAL_WHITE[1]
    factor = 1.0 if usual or white <= 0 else 1 / white
    if noise is None:
        model = estimate_noise(factor * frame for frame in frames).model
    else:
        model = scale_noise(noise, factor)
    middle = torch.full_like(frames[0][None, :, :1, :1], 0.5)
    sigma = float(model.variance(middle).mean().sqrt())
    if factor > 1 and sigma > MOST_NOISE:
        less = max(MOST_NOISE / sigma, 1 / factor)
        return factor * less, scale_noise(model, less)
    return factor, model
