"""Scale the levels of a clip to the range that the networks were trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from f2r.noise.estimate import estimate_noise
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise

USUAL_WHITE = (0.5, 1.5)
"""Range of white in which a clip is not scaled, nominal units."""

MOST_NOISE = 50 / 255
"""Largest noise level to which a dim clip is scaled, nominal units."""


def normalise(frames: Sequence[Tensor], noise: NoiseModel | None) -> tuple[float, NoiseModel]:
    """Choose the factor for the levels of a clip and scale its noise model.

    12-bit data in a 16-bit file use a sixteenth of the range; photon counts reach thousands. White
    is the 99.8 % quantile.

    Args:
        frames: (C, H, W) sample of the clip, nominal units.
        noise: noise model in nominal units; None estimates it.

    Returns:
        Factor, and noise model of the scaled frames.
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
