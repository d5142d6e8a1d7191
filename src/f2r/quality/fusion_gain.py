"""What temporal fusion takes off the error of the refined frames, told without a clean reference.

A fused frame has seen its noise in many ways: through its own refined frame, and through those of
its neighbours, whose anchors were made from it. So the whole method is run on a part of the clip,
and again with one frame shaken by a little noise (Stein's method, as in f2r/quality.py).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

import torch
from torch import Tensor

from f2r.method.fusion import fuse_frame
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream
from f2r.quality.error_estimation import standard_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.sample_tiles import visits
from f2r.quality.stein import copied_noise, draw_probe

PARTS = 4
"""Parts of the clip that are looked at."""

SIDE = 160
"""Largest side of a part, in pixels."""

SHAKE = 0.1
"""Size of the added noise relative to the noise. At 0.3 the method is no longer linear enough: it
would tell twice the gain. At 0.05 the rounding of bfloat16 shows."""


def frames_worth(size: tuple[int, int], reach: int) -> float:
    """Say how many frames of inference `add_fusion` takes.

    Args:
        size: rows and columns of a frame.
        reach: frames on either side that a fused frame depends on.
    """
    height, width = size
    part = min(SIDE, height) * min(SIDE, width)
    return 2 * PARTS * (2 * reach + 1) * part / (height * width)


@torch.no_grad()
def add_fusion(
    errors: Errors,
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    generator: torch.Generator,
) -> Errors:
    """Measure what fusion takes off the error of the refined frames.

    Args:
        errors: of the refined frames as they are.
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        clip: prepared frames.
        generator: randomness of parts and shaking.
    """
    gains = [
        _gain(errors, networks, preprocessor, clip, target, part, generator)
        for target, part in visits(clip.targets, clip.size, generator, PARTS, SIDE)
    ]
    doubt = standard_errors(torch.tensor(gains)[:, None])[0]
    fused = replace(errors, fusion=fmean(gains), fusion_spread=doubt)
    if not fused.fuses:
        return fused
    *simpler, refined = errors.spread
    return replace(fused, spread=(*simpler, math.hypot(refined, doubt)))


def _gain(
    errors: Errors,
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    target: int,
    part: tuple[slice, slice],
    generator: torch.Generator,
) -> float:
    """Estimate by how much the squared error of one part of a frame falls."""
    reach = networks.lookahead + networks.temporal.radius
    first = max(target - reach, 0)
    noisy = [frame.noisy[(..., *part)] for frame in clip.frames[first : target + reach + 1]]
    middle = target - first
    level = clip.frames[target].denoised[: clip.channels][(..., *part)]
    shake = draw_probe(clip.noise, level, generator).expand_as(noisy[middle])
    stream = partial(PlaneStream, networks, preprocessor, errors.blend.weight)
    refined, fused = _refine_and_fuse(stream(), noisy, middle, errors.share)
    shaken = [*noisy]
    shaken[middle] = noisy[middle] + SHAKE * shake
    refined_then, fused_then = _refine_and_fuse(stream(), shaken, middle, errors.share)
    copied = copied_noise(shake, SHAKE, refined - fused, refined_then - fused_then)
    residuals = (refined - noisy[middle]).square() - (fused - noisy[middle]).square()
    return float((residuals + 2 * copied).mean())


def _refine_and_fuse(
    stream: PlaneStream, noisy: Sequence[Tensor], target: int, error_share: float
) -> tuple[Tensor, Tensor]:
    estimates = [e for frame in noisy for e in stream.push(frame)] + list(stream.finish())
    frames = dict(enumerate(estimates))
    radius, noise = stream.networks.temporal.radius, stream.preprocessor.noise
    return estimates[target].refined, fuse_frame(frames, target, radius, noise, error_share)
