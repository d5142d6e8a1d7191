"""Losses of both stages with the clean frame as the target, for shipped weights.

The noise of a noisy target far exceeds the remaining error, so gradients are mostly noise. Training
with clean targets is faster, and coded noise, which is not zero-mean given the frame, needs them.
Adaptation to a user's clip has no clean frames and does not use these losses.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from f2r.method.prepared_clip import PreparedClip
from f2r.method.stage_2 import refine
from f2r.models.prior import joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.train.crops import flip_image
from f2r.train.temporal_loss import estimate_anchor, masked_error
from f2r.train.windows import CropSampler, Place, cut, trained_pixels

LEAST = 1e-8
"""Added to a mean squared error before its root is taken, nominal units squared."""


def clean_temporal_loss(
    estimator: TemporalEstimator, sampler: CropSampler, generator: torch.Generator
) -> Tensor:
    """Give the root mean square error of the anchor of each crop, averaged over a fresh batch.

    Args:
        estimator: network in training.
        sampler: draws crops of clips that have their clean frames.
        generator: the only source of randomness.
    """
    crops = sampler.draw(generator)
    return root_error(estimate_anchor(estimator, crops), crops.target, crops.trained)


def clean_refiner_loss(
    refiner: SpatialRefiner, sampler: CropSampler, generator: torch.Generator
) -> Tensor:
    """Give the root mean square error of the refined frame of each crop, averaged over a batch.

    Stage 2 receives y itself, as in inference (alpha = 0), so the prior is not applied again.

    Args:
        refiner: network in training.
        sampler: draws crops of clips that have clean frames and anchors.
        generator: the only source of randomness.
    """
    parts = sampler.draw_parts(generator)
    flips = sampler.draw_flips(generator)[:3]
    crops = [_centres(*part) for part in parts]
    clean, anchor, joint, sigma, trained = (
        flip_image(torch.cat(parts), *flips) for parts in zip(*crops, strict=True)
    )
    return root_error(refine(refiner, anchor, joint, sigma), clean, trained)


def root_error(estimate: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """Average the root mean square error of (B, C, S, S) crops over a (B, 1, S, S) mask.

    The root lets weak and strong noise count alike.
    """
    return (masked_error(estimate, clean, mask) + LEAST).sqrt().mean()


def _centres(clip: PreparedClip, places: Sequence[Place], side: int) -> tuple[Tensor, ...]:
    """Cut clean frames, anchors, z and noise levels of targets, and masks of trained pixels."""
    frames = [clip.frames[place.frame] for place in places]
    clean, anchor, noisy, denoised, sigma = (
        cut(images, places, (side, side))
        for images in (
            [clip.target(place.frame) for place in places],
            [clip.anchors[place.frame] for place in places],
            [frame.noisy for frame in frames],
            [frame.denoised for frame in frames],
            [frame.sigma for frame in frames],
        )
    )
    return clean, anchor, joint_input(noisy, denoised), sigma, trained_pixels(clip, places, side)
