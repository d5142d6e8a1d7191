"""Tiles that are held out of training, for early stopping.

A network can memorise the noise of the clip that it is trained on; its error on trained pixels is
then underestimated. On held-out tiles the noise is independent of the weights, so blind errors and
Stein's estimate are valid. The energy of the noise cancels in differences between judgements.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.config import Tuning
from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import observe
from f2r.method.stage_2 import refine
from f2r.models.prior import Prior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.quality.stein import PROBE, Blend, Seen, blend_terms, copied_noise, draw_probe
from f2r.train.refiner_loss import crop_centres
from f2r.train.temporal_loss import estimate_anchor, masked_error, masked_mean
from f2r.train.windows import TILE, Place, crop_windows

LEAST_HELD_OUT = 4
"""Least number of held-out tiles, if the clip has four times as many."""

MOST_HELD_OUT = 96
"""Largest number of held-out tiles of one clip; more cost time and add little."""

JUDGING_HALO = 32
"""Pixels around a tile that the networks receive when it is judged."""

JUDGING_BATCH = 8
"""Tiles judged at once."""


def hold_out(
    clip: PreparedClip, generator: torch.Generator, share: float = Tuning.held_out_share
) -> PreparedClip:
    """Choose the tiles of a clip that no loss may use; at least one."""
    rows, columns = (-(-side // TILE) for side in clip.size)
    total = len(clip.targets) * rows * columns
    count = min(max(round(share * total), min(LEAST_HELD_OUT, total // 4), 1), MOST_HELD_OUT)
    chosen = torch.randperm(total, generator=generator)[:count]
    of_targets = torch.zeros(len(clip.targets), rows, columns, dtype=torch.bool)
    of_targets.flatten()[chosen] = True
    held_out = torch.zeros(len(clip.frames), rows, columns, dtype=torch.bool)
    held_out[clip.targets] = of_targets
    return clip.with_held_out(held_out)


def held_out_places(clip: PreparedClip) -> tuple[list[list[Place]], int]:
    """Give batches of crops around the held-out tiles, each once, and the side of the crops."""
    height, width = clip.size
    side = min(TILE + 2 * JUDGING_HALO, height, width)
    tiles = [] if clip.held_out is None else clip.held_out.nonzero().tolist()
    places = [
        Place(
            frame,
            min(max(row * TILE - JUDGING_HALO, 0), height - side),
            min(max(column * TILE - JUDGING_HALO, 0), width - side),
        )
        for frame, row, column in tiles
    ]
    places = [*dict.fromkeys(places)]
    return [places[i : i + JUDGING_BATCH] for i in range(0, len(places), JUDGING_BATCH)], side


@torch.no_grad()
def anchor_errors(estimator: TemporalEstimator, clip: PreparedClip) -> Tensor:
    """Judge stage 1: mean of (anchor - y_t)^2 around each held-out tile, (M,), nominal squared.

    It contains the energy of the noise; only differences between judgements are meaningful.
    """
    batches, side = held_out_places(clip)
    errors = []
    for places in batches:
        crops = crop_windows(clip, places, side)
        anchor = estimate_anchor(estimator, crops)
        errors.append(masked_error(anchor, crops.target, ~crops.trained))
    return torch.cat(errors)


@dataclass(frozen=True)
class RefinedCase:
    """A batch of crops around held-out tiles, and the same with a little noise added."""

    anchor: Tensor
    """(B, C, S, S), constant."""
    joint: tuple[Tensor, Tensor]
    """(B, 2C, S, S) z of the noisy crop, and of the one with noise added."""
    sigma: tuple[Tensor, Tensor]
    """(B, C, S, S) noise level of each."""
    probe: Tensor
    """(B, 1 or C, S, S) n', of which PROBE times is added; one channel of a grey clip."""
    judged: Tensor
    """(B, 1, S, S) bool: pixels of held-out tiles."""


@torch.no_grad()
def refined_cases(clip: PreparedClip, prior: Prior, seed: int) -> list[RefinedCase]:
    """Prepare what `refined_errors` needs, with the clip's anchors as they are now.

    The prior is applied once; the probe depends on the seed only.
    """
    generator = torch.Generator().manual_seed(seed)
    batches, side = held_out_places(clip)
    cases = []
    for places in batches:
        noisy, anchor, trained = crop_centres(clip, places, side)
        probe = draw_probe(clip.noise, anchor[:, : clip.channels].clamp(0, 1), generator)
        seen = noisy, noisy + PROBE * probe
        first, last = (sigma_map(clip.noise, frames) for frames in seen)
        joints = observe(prior, seen[0], first), observe(prior, seen[1], last)
        cases.append(RefinedCase(anchor, joints, (first, last), probe, ~trained))
    return cases


@torch.no_grad()
def refined_errors(refiner: SpatialRefiner, cases: Sequence[RefinedCase]) -> Tensor:
    """Judge stage 2 by Stein's method around each held-out tile, (M,), nominal squared.

    It contains the energy of the noise; only differences between judgements are meaningful.

    Source: Ramani, Blu, Unser 2008, "Monte-Carlo SURE".
    """
    errors = []
    for case in cases:
        refined, _, noisy = _see_case(refiner, case)
        errors.append((refined.estimate - noisy).square() + 2 * refined.copied)
    return _judged_means(errors, cases)


@torch.no_grad()
def refined_blend(refiner: SpatialRefiner, cases: Sequence[RefinedCase]) -> Blend:
    """Choose how much of the prior the refined frame takes, by held-out tiles."""
    terms = [blend_terms(*_see_case(refiner, case)) for case in cases]
    slopes, curvatures = zip(*terms, strict=True)
    means = [_judged_means(maps, cases).mean() for maps in (slopes, curvatures)]
    return Blend(*map(float, means))


def _see_case(refiner: SpatialRefiner, case: RefinedCase) -> tuple[Seen, Seen, Tensor]:
    """Give refined and denoised crops with their copied noise, and the noisy crops."""
    channels = case.probe.shape[1]
    pairs = zip(case.joint, case.sigma, strict=True)
    refined = [refine(refiner, case.anchor, joint, sigma) for joint, sigma in pairs]
    denoised = [joint.chunk(2, 1)[0] for joint in case.joint]
    if channels == 1:
        refined, denoised = (
            [frames.mean(1, keepdim=True) for frames in pair] for pair in (refined, denoised)
        )
    seen = [Seen(a, copied_noise(case.probe, PROBE, a, b)) for a, b in (refined, denoised)]
    noisy = torch.add(*case.joint[0].chunk(2, 1))[:, :channels]
    return seen[0], seen[1], noisy


def _judged_means(maps: Sequence[Tensor], cases: Sequence[RefinedCase]) -> Tensor:
    """Average each of (B, C, S, S) maps over its pixels of held-out tiles: (M,)."""
    pairs = zip(maps, cases, strict=True)
    return torch.cat([masked_mean(values, case.judged) for values, case in pairs])
