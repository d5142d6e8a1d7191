"""Pixels of the clip that are never a target: they tell whether training still helps.

A network that is trained on a noisy clip can learn its noise by heart; its error on the pixels
that it was trained on then looks too small. So a few tiles of some frames are withheld from the
losses of both stages. There the noise of y_t is independent of the weights, and the estimates of
`quality` hold. Between two judgements of the same tiles the energy of the noise cancels, so that
even few tiles tell small differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.method.preprocess import Preprocessor, sigma_map
from f2r.models.prior import joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.quality.stein import PROBE, Blend, Seen, blend_terms
from f2r.train.stage_1 import estimate_anchor, masked_error, masked_mean
from f2r.train.stage_2 import centre_crop
from f2r.train.windows import TILE, Place, TrainingClip, crop_windows

SHARE = 0.05
"""Share of a clip's tiles that is withheld."""

LEAST = 4
"""Tiles withheld at least of a clip that has four times as many: one alone tells nothing."""

MOST = 96
"""Tiles withheld of one clip at most; more would cost time and tell little."""

HALO = 32
"""Pixels around a tile that the networks see when it is judged."""

BATCH = 8
"""Tiles judged at once."""


def withhold(clip: TrainingClip, generator: torch.Generator) -> None:
    """Choose the tiles of a clip that no loss may touch; at least one."""
    rows, columns = (-(-side // TILE) for side in clip.size)
    total = len(clip.targets) * rows * columns
    count = min(max(round(SHARE * total), min(LEAST, total // 4), 1), MOST)
    chosen = torch.randperm(total, generator=generator)[:count]
    withheld = torch.zeros(len(clip.targets), rows, columns, dtype=torch.bool)
    withheld.flatten()[chosen] = True
    clip.withheld = torch.zeros(len(clip.frames), rows, columns, dtype=torch.bool)
    clip.withheld[clip.targets] = withheld
    clip.withheld = clip.withheld.to(clip.frames[0].noisy.device)


def withheld_places(clip: TrainingClip) -> tuple[list[list[Place]], int]:
    """Give batches of crops around the withheld tiles, each once, and the side of the crops."""
    height, width = clip.size
    side = min(TILE + 2 * HALO, height, width)
    withheld = [] if clip.withheld is None else clip.withheld.nonzero().tolist()
    places = [
        Place(
            frame,
            min(max(row * TILE - HALO, 0), height - side),
            min(max(column * TILE - HALO, 0), width - side),
        )
        for frame, row, column in withheld
    ]
    places = [*dict.fromkeys(places)]
    return [places[i : i + BATCH] for i in range(0, len(places), BATCH)], side


@torch.no_grad()
def anchor_errors(estimator: TemporalEstimator, clip: TrainingClip) -> Tensor:
    """Judge stage 1: mean of (anchor - y_t)^2 around each withheld tile, (M,), nominal squared.

    It contains the energy of the noise: of use are differences between judgements.
    """
    batches, side = withheld_places(clip)
    errors = []
    for places in batches:
        crops = crop_windows(clip, places, side)
        with torch.autocast(crops.joint.device.type, torch.bfloat16):
            anchor = estimate_anchor(estimator, crops)
        errors.append(masked_error(anchor, crops.target, ~crops.trained))
    return torch.cat(errors)


@dataclass(frozen=True)
class RefinedCase:
    """A batch of crops around withheld tiles, and the same shaken by a little noise."""

    anchor: Tensor
    """(B, C, S, S), constant."""
    joint: tuple[Tensor, Tensor]
    """(B, 2C, S, S) z of the noisy crop, and of the shaken one."""
    sigma: tuple[Tensor, Tensor]
    """(B, C, S, S) noise level of each."""
    probe: Tensor
    """(B, 1 or C, S, S) n' that the crop was shaken by, PROBE times; one channel of a grey clip."""
    judged: Tensor
    """(B, 1, S, S) bool: pixels of withheld tiles."""


@torch.no_grad()
def refined_cases(clip: TrainingClip, preprocessor: Preprocessor, seed: int) -> list[RefinedCase]:
    """Prepare what `refined_errors` needs, with the clip's anchors as they are now.

    The prior's answers are computed once; the probe is the same for the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    batches, side = withheld_places(clip)
    cases = []
    for places in batches:
        crops = [centre_crop(clip, place, side) for place in places]
        noisy, anchor, trained = (torch.stack(parts) for parts in zip(*crops, strict=True))
        level = anchor[:, : clip.channels].clamp(0, 1)
        probe = clip.noise.sample(level, generator) - level
        seen = (noisy, noisy + PROBE * probe)
        sigmas = [sigma_map(clip.noise, frames) for frames in seen]
        joints = [
            joint_input(frames, preprocessor.denoise(frames, sigma))
            for frames, sigma in zip(seen, sigmas, strict=True)
        ]
        cases.append(
            RefinedCase(anchor, (joints[0], joints[1]), (sigmas[0], sigmas[1]), probe, ~trained)
        )
    return cases


@torch.no_grad()
def refined_errors(refiner: SpatialRefiner, cases: Sequence[RefinedCase]) -> Tensor:
    """Judge stage 2 by Stein's method around each withheld tile, (M,), nominal squared.

    It contains the energy of the noise: of use are differences between judgements.

    Source: Ramani, Blu, Unser 2008, "Monte-Carlo SURE".
    """
    errors = []
    for case in cases:
        refined, _, noisy = _see_case(refiner, case)
        errors.append((refined.estimate - noisy).square() + 2 * refined.copied)
    return _judged_means(errors, cases)


@torch.no_grad()
def refined_blend(refiner: SpatialRefiner, cases: Sequence[RefinedCase]) -> Blend:
    """Choose how much of the prior the refined frame takes, by withheld tiles."""
    terms = [blend_terms(*_see_case(refiner, case)) for case in cases]
    slopes, curvatures = zip(*terms, strict=True)
    means = [_judged_means(maps, cases).mean() for maps in (slopes, curvatures)]
    return Blend(*map(float, means))


def _see_case(refiner: SpatialRefiner, case: RefinedCase) -> tuple[Seen, Seen, Tensor]:
    """Give refined and denoised crops, with what they have copied, and the noisy crops."""
    channels = case.probe.shape[1]
    with torch.autocast(case.anchor.device.type, torch.bfloat16):
        refined = [
            refiner(case.anchor, joint, sigma)
            for joint, sigma in zip(case.joint, case.sigma, strict=True)
        ]
    denoised = [joint.chunk(2, 1)[0] for joint in case.joint]
    if channels == 1:
        refined, denoised = (
            [frames.mean(1, keepdim=True) for frames in pair] for pair in (refined, denoised)
        )
    seen = [Seen(a, case.probe * (b - a) / PROBE) for a, b in (refined, denoised)]
    noisy = torch.add(*case.joint[0].chunk(2, 1))[:, :channels]
    return seen[0], seen[1], noisy


def _judged_means(maps: Sequence[Tensor], cases: Sequence[RefinedCase]) -> Tensor:
    """Average each of (B, C, S, S) maps over its pixels of withheld tiles: (M,)."""
    pairs = zip(maps, cases, strict=True)
    return torch.cat([masked_mean(values, case.judged) for values, case in pairs])
