"""Loss of stage 2: the refined frame against the other half of a recorrupted pair.

Source: Frames2Residual, figure 3a (METHOD.md, section 2).
"""

import math

import torch
from torch import Tensor

from f2r.method.preprocess import Preprocessor, sigma_map
from f2r.method.recorrupt import Recorrupted, recorrupt
from f2r.models.prior import joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.system.device import branch
from f2r.train.crops import flip_image
from f2r.train.stage_1 import masked_error
from f2r.train.windows import CropSampler, Place, TrainingClip, trained_pixels

ALPHA = 0.5
"""Strength of the added noise: y' has 1.25 times, y'' 5 times the variance of y."""

FLOOR = (5 / 255) ** 2
"""Added to the target's noise variance before it weighs the loss."""


def refiner_loss(
    refiner: SpatialRefiner,
    preprocessor: Preprocessor,
    sampler: CropSampler,
    generator: torch.Generator,
) -> Tensor:
    """Give L2 = E || x~_t - y''_t ||^2 on a fresh batch with freshly drawn n'.

    Args:
        refiner: network in training.
        preprocessor: applies the prior to y', as it was applied to y.
        sampler: draws crops of clips whose anchors are known.
        generator: the only source of randomness.
    """
    clip, noisy, anchor, trained = draw_centres(sampler, generator)
    pair = recorrupt_clip(clip, noisy, anchor, branch(generator, noisy.device))
    sigma = math.sqrt(1 + ALPHA**2) * sigma_map(clip.noise, noisy)
    refined = refine(refiner, preprocessor, anchor, pair.input, sigma)
    error = masked_error(refined, pair.target, trained)
    return (error / (pair.target_variance.mean(dim=(1, 2, 3)) + FLOOR)).mean()


def draw_centres(
    sampler: CropSampler, generator: torch.Generator
) -> tuple[TrainingClip, Tensor, Tensor, Tensor]:
    """Draw a clip, (B, C, S, S) crops of its noisy frames and of their anchors, and a mask.

    The mask, (B, 1, S, S) bool, tells which pixels the loss may touch.
    """
    clip, places, side = sampler.draw_places(generator)
    flips = sampler.draw_flips(generator)[:3]
    crops = [centre_crop(clip, place, side) for place in places]
    noisy, anchor, trained = (
        flip_image(torch.stack(parts), *flips) for parts in zip(*crops, strict=True)
    )
    return clip, noisy, anchor, trained


def centre_crop(clip: TrainingClip, place: Place, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut noisy frame and anchor, (C, S, S), and the mask of pixels that may be trained on."""
    here = (..., slice(place.top, place.top + side), slice(place.left, place.left + side))
    noisy, anchor = clip.frames[place.frame].noisy[here], clip.anchors[place.frame][here]
    return noisy, anchor, trained_pixels(clip, place, side)


def recorrupt_clip(
    clip: TrainingClip, noisy: Tensor, anchor: Tensor, generator: torch.Generator
) -> Recorrupted:
    """Make the pair; a grey clip gets one n' for its three equal channels."""
    if not clip.grey:
        return recorrupt(noisy, clip.noise, ALPHA, generator, level=anchor)
    pair = recorrupt(noisy[:, :1], clip.noise, ALPHA, generator, level=anchor[:, :1])
    return Recorrupted(*(part.expand_as(noisy) for part in pair))


def refine(
    refiner: SpatialRefiner,
    preprocessor: Preprocessor,
    anchor: Tensor,
    noisy: Tensor,
    sigma: Tensor,
) -> Tensor:
    """Apply prior and refiner to centre frames (B, C, H, W); bfloat16 inside, float32 out."""
    with torch.autocast(noisy.device.type, torch.bfloat16):
        denoised = preprocessor.denoise(noisy, sigma)
        refined: Tensor = refiner(anchor, joint_input(noisy, denoised), sigma)
    return refined
