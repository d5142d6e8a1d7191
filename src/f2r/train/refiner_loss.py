"""Loss of stage 2: L2 = E || x~_t - y''_t ||^2, where x~_t sees y'_t.

Source: Frames2Residual, figure 3a.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import observe
from f2r.method.recorrupt import Recorrupted, recorrupt
from f2r.method.stage_2 import refine
from f2r.models.prior import Prior
from f2r.models.refiner import SpatialRefiner
from f2r.system.device import branch
from f2r.train.crops import flip_image
from f2r.train.temporal_loss import FLOOR, masked_error
from f2r.train.windows import CropSampler, Place, cut, trained_pixels


class Centres(NamedTuple):
    """A batch for stage 2, cut from one clip."""

    noisy: Tensor
    """(B, C, S, S) y_t."""
    anchor: Tensor
    """(B, C, S, S) x-_t, a constant."""
    trained: Tensor
    """(B, 1, S, S) bool: pixels that the loss may use."""


def refiner_loss(
    refiner: SpatialRefiner,
    prior: Prior,
    sampler: CropSampler,
    alpha: float,
    generator: torch.Generator,
) -> Tensor:
    """Give L2 on a new batch with newly drawn n'.

    Args:
        refiner: network in training.
        prior: frozen image denoiser D.
        sampler: draws crops of clips whose anchors are known.
        alpha: strength of the recorruption; > 0.
        generator: the only source of randomness.
    """
    clip, centres = draw_centres(sampler, generator)
    pair = recorrupt_centres(clip, centres, alpha, branch(generator, centres.noisy.device))
    sigma = math.sqrt(1 + alpha**2) * sigma_map(clip.noise, centres.noisy)
    joint = observe(prior, pair.input, sigma)
    refined = refine(refiner, centres.anchor, joint, sigma)
    error = masked_error(refined, pair.target, centres.trained)
    return (error / (pair.target_variance.mean(dim=(1, 2, 3)) + FLOOR)).mean()


def draw_centres(sampler: CropSampler, generator: torch.Generator) -> tuple[PreparedClip, Centres]:
    """Draw a clip and crops of its noisy frames and anchors."""
    clip, places, side = sampler.draw_places(generator)
    flips = sampler.draw_flips(generator)[:3]
    batch = crop_centres(clip, places, side)
    return clip, Centres(*(flip_image(part, *flips) for part in batch))


def crop_centres(clip: PreparedClip, places: Sequence[Place], side: int) -> Centres:
    """Cut crops of side `side` from noisy frames and anchors."""
    noisy = cut([clip.frames[p.frame].noisy for p in places], places, (side, side))
    anchor = cut([clip.anchors[p.frame] for p in places], places, (side, side))
    return Centres(noisy, anchor, trained_pixels(clip, places, side))


def recorrupt_centres(
    clip: PreparedClip, centres: Centres, alpha: float, generator: torch.Generator
) -> Recorrupted:
    """Make the pair (y', y''); a grey clip gets one n' for its three equal channels."""
    noisy, level = (part[:, : clip.channels] for part in (centres.noisy, centres.anchor))
    pair = recorrupt(noisy, clip.noise, alpha, generator, level=level)
    return Recorrupted(*(part.expand_as(centres.noisy) for part in pair))
