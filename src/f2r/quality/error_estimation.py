"""Estimate the errors of prior, anchor and refined frame on parts of a clip."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from f2r.method.networks import Networks
from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import PreparedFrame, Preprocessor, apply_prior
from f2r.method.speed import Steps
from f2r.method.stage_2 import refine_frame
from f2r.method.tiles import Box, Tile
from f2r.noise.models import NoiseModel
from f2r.quality.estimated_errors import Errors
from f2r.quality.leak import Leaked, leaked_noise
from f2r.quality.sample_tiles import (
    CELL,
    parts,
    typical_targets,
    viewed_pixels,
    views,
    visited_pixels,
    visits,
)
from f2r.quality.stein import (
    PROBE,
    Blend,
    Seen,
    blend_terms,
    blind_error,
    copied_noise,
    draw_probe,
    seen_error,
)

LEAK_PARTS = 2
"""Parts of frames on which the leak is measured; each takes ten flows and two anchors."""

LEAK_SIDE = 384
"""Largest side of such a part, in pixels."""

ESTIMATED_DOUBT = 0.015
"""Relative standard error of an estimated noise variance, as docs/results.md measures it."""

FEW = 3
"""Up to so many frames, their scatter is not reliable."""


@torch.no_grad()
def estimate_errors(
    networks: Networks,
    shots: Sequence[PreparedClip],
    frames: int,
    generator: torch.Generator,
    doubt: float = 0.0,
    noise: NoiseModel | None = None,
) -> Errors:
    """Judge the three estimates on parts of a sample whose anchors are known.

    The leak through the flow is not included; `add_leak` adds it.

    Args:
        networks: the three networks.
        shots: stretches of the clip, prepared, with their anchors; at least one.
        frames: frames of the whole clip.
        generator: randomness of tiles and probes.
        doubt: relative standard error of the noise variance; 0 where the noise is known.
        noise: the true noise, where the networks receive another model; None: the clip's model.
    """
    truth = shots[0].noise if noise is None else noise
    seen = [(clip, t) for clip in shots for t in typical_targets(clip, frames)]
    rows = []
    for k, part in views(len(seen), shots[0].size, generator):
        clip, target = seen[k]
        rows.append(
            _part_errors(networks, clip, target, _tile(part, clip, networks), truth, generator)
        )
    table = torch.cat(rows).double()
    slope, curvature = table[:, 3:].mean(0).tolist()
    blind = torch.stack([_blind_error(*pair, truth).mean() for pair in seen]).cpu().double()
    (prior, anchor_error, refined), scatter = means_of_all(table[:, :3], blind)
    power = _noise_power(shots[0], truth)
    spread = tuple(math.hypot(error, doubt * power) for error in scatter)
    blend = Blend(slope, curvature)
    return Errors(prior, anchor_error, refined, 0.0, spread, blend, power)


def judging_steps(networks: Networks, size: tuple[int, int], targets: int) -> Steps:
    """Give the pixels that `estimate_errors` applies each step to.

    Args:
        networks: the three networks.
        size: rows and columns of the sample.
        targets: frames of the sample that have a neighbour.
    """
    pixels = viewed_pixels(targets, size, networks.prior.reach)
    return Steps(prior=pixels, stage_2=2 * pixels)


def leak_steps(networks: Networks, size: tuple[int, int], targets: int) -> Steps:
    """Give the pixels that `add_leak` applies each step to; arguments as in `judging_steps`."""
    pixels = visited_pixels(targets, size, LEAK_PARTS, LEAK_SIDE)
    pairs = 2 * networks.lookahead
    return Steps(pixels, 2 * pairs * pixels, 2 * pixels, 2 * pixels)


def _blind_error(clip: PreparedClip, target: int, noise: NoiseModel) -> Tensor:
    """Give the squared error of an anchor, (1, C, H, W)."""
    noisy, anchor = clip.frames[target].noisy, clip.anchors[target]
    return blind_error(anchor[None, : clip.channels], noisy[None, : clip.channels], noise)


def means_of_all(table: Tensor, blind: Tensor) -> tuple[list[float], list[float]]:
    """Estimate the mean errors of a whole clip from parts of it, corrected by the blind error.

    The blind error is known for all frames. Its difference between the parts and the whole clip
    corrects the other errors.

    Args:
        table: (K, 3) errors of prior, anchor and refined frame on K parts.
        blind: (T,) errors of the anchors of all frames.

    Returns:
        Mean of each column over the whole clip, and its standard error.

    Source: Cochran 1977, "Sampling Techniques", chapters 7 and 12 (regression estimator).
    """
    mean = table.mean(0)
    apart, known = table - mean, table[:, 1] - mean[1]
    rise = (known @ apart) / known.square().sum().clamp(min=1e-30)
    means = mean + rise * (blind.mean() - mean[1])
    left = standard_errors(apart - known[:, None] * rise if len(table) > 2 else table)
    doubt = standard_errors(blind[:, None])[0]
    if len(blind) <= FEW:
        doubt = max(doubt, standard_errors(table)[1])
    pairs = zip(left, rise.tolist(), strict=True)
    return means.tolist(), [math.hypot(error, share * doubt) for error, share in pairs]


@torch.no_grad()
def add_leak(
    errors: Errors,
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    generator: torch.Generator,
) -> Errors:
    """Measure how much of a frame's noise reaches its anchor, and correct the errors for it."""
    copies = [
        leaked_noise(networks, preprocessor, clip, target, place, generator)
        for target, place in visits(clip.targets, clip.size, generator, LEAK_PARTS, LEAK_SIDE)
    ]
    copied = Leaked(*torch.tensor(copies).mean(0).tolist())
    blind = errors.anchor + 2 * copied.anchor
    error = max(blind, errors.spread[1])  # no surer than this: the estimate may even be negative
    leak = as_correlation(copied.anchor, error, _noise_power(clip, clip.noise))
    return replace(
        errors,
        anchor=blind,
        stage_2=errors.stage_2 + 2 * copied.refined,
        leak=leak,
        blend=errors.blend.with_leak(copied.refined),
    )


def as_correlation(covariance: float, error: float, noise: float) -> float:
    """Divide a covariance by the roots of two variances; the result lies in [-1, 1]."""
    return max(-1.0, min(1.0, covariance / max(error * noise, 1e-12) ** 0.5))


def _noise_power(clip: PreparedClip, noise: NoiseModel) -> float:
    return float(noise.variance(clip.anchors[clip.targets[0]]).mean())


def standard_errors(table: Tensor) -> list[float]:
    """Give the standard error of each column's mean, rows (K, 3) taken for independent.

    A single row has no scatter; its absolute value is returned.
    """
    if len(table) < 2:
        return [abs(float(value)) for value in table[0]]
    return [float(value) for value in table.std(0) / len(table) ** 0.5]


def _part_errors(
    networks: Networks,
    clip: PreparedClip,
    target: int,
    tile: Tile,
    noise: NoiseModel,
    generator: torch.Generator,
) -> Tensor:
    """Judge a part of a frame by cells, (K, 5).

    The columns are the errors of prior, anchor and refined frame and the terms of `blend_terms`.
    """
    box = tile.outer
    frame = clip.frames[target].part(slice(box.top, box.bottom), slice(box.left, box.right))
    anchor = box.cut(clip.anchors[target])
    noisy, level = (image[None, : clip.channels] for image in (frame.noisy, anchor))
    probe = draw_probe(noise, level.clamp(0, 1), generator)
    shaken = _shake(networks, clip.noise, frame, probe[0])
    before, after = (_estimates(networks, one, anchor, clip.grey) for one in (frame, shaken))
    first, last = (
        Seen(before[k : k + 1], copied_noise(probe, PROBE, before[k : k + 1], after[k : k + 1]))
        for k in (0, 1)
    )
    maps = (
        seen_error(first, noisy, noise),
        blind_error(level, noisy, noise),
        seen_error(last, noisy, noise),
        *blend_terms(last, first, noisy),
    )
    table = tile.trim(torch.cat(maps).mean(1))
    return torch.stack(
        [table[..., *cell].mean((-2, -1)) for cell in parts(tile.inner.size, CELL)]
    ).cpu()


def _tile(part: tuple[slice, slice], clip: PreparedClip, networks: Networks) -> Tile:
    """Surround a part of a frame by what the prior sees of the frame."""
    rows, columns = part
    inner = Box(rows.start, columns.start, rows.stop, columns.stop)
    return Tile(inner, inner.grown(networks.prior.reach, *clip.size))


def _shake(
    networks: Networks, noise: NoiseModel, frame: PreparedFrame, probe: Tensor
) -> PreparedFrame:
    """Add a little noise to a frame and apply the prior again."""
    noisy = (frame.noisy + PROBE * probe)[None]
    sigma = sigma_map(noise, noisy)
    return PreparedFrame(noisy[0], apply_prior(networks.prior, noisy, sigma)[0], sigma[0])


def _estimates(networks: Networks, frame: PreparedFrame, anchor: Tensor, is_grey: bool) -> Tensor:
    """Give the estimates of prior and stage 2, (2, C, H, W)."""
    both = torch.stack((frame.denoised, refine_frame(networks.refiner, frame, anchor)))
    return both.mean(1, keepdim=True) if is_grey else both
