"""Gain of temporal fusion, estimated without a clean reference.

A fused frame depends on its noise through its own refined frame and through those of its
neighbours. Therefore the whole method runs on a part of the clip twice: as it is, and with a little
noise added to one frame (Stein's estimate, `f2r.quality.stein`).
"""

import math
from dataclasses import replace
from statistics import fmean

import torch
from torch import Tensor

from f2r.config import DEFAULT_TUNING, Tuning
from f2r.method.fusion import fuse_frame
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import Preprocessor
from f2r.method.speed import Steps
from f2r.method.stream import PlaneStream, run_through
from f2r.quality.error_estimation import standard_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.sample_tiles import visited_pixels, visits
from f2r.quality.stein import copied_noise, draw_probe

PARTS = 2
"""Parts of the clip that are measured."""

PART_SIDE = 160
"""Largest side of a part, in pixels."""

FUSION_PROBE = 0.1
"""Added noise relative to the noise. At 0.3 nonlinearity doubles the estimated gain; at 0.05 the
rounding of bfloat16 is visible."""


def fusion_steps(networks: Networks, size: tuple[int, int], targets: int) -> Steps:
    """Give the pixels that `add_fusion` applies each step to.

    Args:
        networks: the three networks.
        size: rows and columns of the sample.
        targets: frames of the sample that have a neighbour.
    """
    pixels = visited_pixels(targets, size, PARTS, PART_SIDE)
    radius = networks.temporal.radius
    window = 2 * (2 * radius + 1) * pixels
    pairs = 2 * 2 * (networks.lookahead + radius) * pixels
    return Steps(2 * pixels, pairs, window, window, 2 * pixels)


@torch.no_grad()
def add_fusion(
    errors: Errors,
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    generator: torch.Generator,
    tuning: Tuning = DEFAULT_TUNING,
) -> Errors:
    """Estimate the fall of the squared error by fusion.

    Args:
        errors: of the refined frames as they are.
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        clip: prepared frames.
        generator: randomness of parts and probe.
        tuning: weights of the fusion.
    """
    gains = [
        _Part(networks, preprocessor, errors, clip, place, tuning).gain(target, generator)
        for target, place in visits(clip.targets, clip.size, generator, PARTS, PART_SIDE)
    ]
    doubt = standard_errors(torch.tensor(gains)[:, None])[0]
    fused = replace(errors, fusion=fmean(gains), fusion_spread=doubt)
    if not fused.fuses:
        return fused
    *simpler, refined = errors.spread
    return replace(fused, spread=(*simpler, math.hypot(refined, doubt)))


class _Part:
    """One part of the clip.

    Args:
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        errors: of the refined frames as they are.
        clip: prepared frames.
        place: rows and columns.
        tuning: weights of the fusion.
    """

    def __init__(
        self,
        networks: Networks,
        preprocessor: Preprocessor,
        errors: Errors,
        clip: PreparedClip,
        place: tuple[slice, slice],
        tuning: Tuning,
    ) -> None:
        self._networks, self._preprocessor, self._errors = networks, preprocessor, errors
        self._clip, self._place, self._tuning = clip, place, tuning

    def gain(self, target: int, generator: torch.Generator) -> float:
        """Estimate by how much the squared error of a frame of this part falls."""
        frame = self._clip.frames[target].part(*self._place)
        noisy, level = frame.noisy, frame.denoised[: self._clip.channels]
        shake = draw_probe(self._clip.noise, level, generator).expand_as(noisy)
        refined, fused = self._refine_and_fuse(target, noisy)
        refined_then, fused_then = self._refine_and_fuse(target, noisy + FUSION_PROBE * shake)
        copied = copied_noise(shake, FUSION_PROBE, refined - fused, refined_then - fused_then)
        residuals = (refined - noisy).square() - (fused - noisy).square()
        return float((residuals + 2 * copied).mean())

    def _refine_and_fuse(self, target: int, noisy: Tensor) -> tuple[Tensor, Tensor]:
        """Run the method on all frames that the fused target depends on; it is `noisy`."""
        radius, noise = self._networks.temporal.radius, self._preprocessor.noise
        reach = self._networks.lookahead + radius
        around = range(max(target - reach, 0), min(target + reach + 1, len(self._clip.frames)))
        middle = target - around.start
        wanted = range(middle - radius, middle + radius + 1)
        stream = PlaneStream(self._networks, self._preprocessor, self._errors.blend.weight, wanted)
        prepared = (
            stream.prepare(noisy) if i == target else self._clip.frames[i].part(*self._place)
            for i in around
        )
        frames = dict(enumerate(run_through(stream, prepared)))
        share, refined = self._errors.share, frames[middle].refined
        return refined, fuse_frame(frames, middle, radius, noise, share, self._tuning)
