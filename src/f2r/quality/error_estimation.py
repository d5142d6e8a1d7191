"""Estimate the errors of prior, anchor and refined frame on parts of a clip."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from f2r.method.networks import Networks
from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import Preprocessor, observe
from f2r.method.stage_2 import refine
from f2r.noise.models import NoiseModel
from f2r.quality.estimated_errors import Errors
from f2r.quality.leak import Leaked, leaked_noise
from f2r.quality.sample_tiles import typical_targets, visits
from f2r.quality.stein import Blend, Seen, blend_terms, blind_error, draw_probe, see, seen_error

Method = Callable[[Tensor], Tensor]
"""Noisy frames in, denoised frames out."""

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
    for k, part in visits(range(len(seen)), shots[0].size, generator):
        clip, here = seen[k][0], (..., *part)
        noisy, anchor = (kept[here][None] for kept in _noisy_and_anchor(*seen[k]))
        rows.append(_frame_errors(networks, noisy, anchor, clip, truth, generator))
    table = torch.tensor(rows, dtype=torch.float64)
    slope, curvature = table[:, 3:].mean(0).tolist()
    blind = torch.tensor([_whole_blind_error(*pair, truth) for pair in seen], dtype=torch.float64)
    (prior, anchor_error, refined), scatter = means_of_all(table[:, :3], blind)
    power = _noise_power(shots[0], truth)
    spread = tuple(math.hypot(error, doubt * power) for error in scatter)
    blend = Blend(slope, curvature)
    return Errors(prior, anchor_error, refined, 0.0, spread, blend, power)


def _noisy_and_anchor(clip: PreparedClip, target: int) -> tuple[Tensor, Tensor]:
    return clip.frames[target].noisy, clip.anchors[target]


def _whole_blind_error(clip: PreparedClip, target: int, noise: NoiseModel) -> float:
    """Give the error of an anchor, the whole frame."""
    noisy, anchor = (kept[None, : clip.channels] for kept in _noisy_and_anchor(clip, target))
    return blind_error(anchor, noisy, noise)


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
        leaked_noise(networks, preprocessor, clip, target, (..., *place), generator)
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


def _frame_errors(
    networks: Networks,
    noisy: Tensor,
    anchor: Tensor,
    clip: PreparedClip,
    noise: NoiseModel,
    generator: torch.Generator,
) -> tuple[float, float, float, float, float]:
    """Give the errors of prior, anchor and refined frame, and the means of `blend_terms`."""
    noisy, blind = noisy[:, : clip.channels], anchor[:, : clip.channels]
    probe = draw_probe(noise, blind.clamp(0, 1), generator)
    both = see(_estimates(networks, anchor, clip), noisy, probe)
    first, last = (Seen(both.estimate[k : k + 1], both.copied[k : k + 1]) for k in (0, 1))
    slope, curvature = blend_terms(last, first, noisy)
    return (
        seen_error(first, noisy, noise),
        blind_error(blind, noisy, noise),
        seen_error(last, noisy, noise),
        float(slope.mean()),
        float(curvature.mean()),
    )


def _estimates(networks: Networks, anchor: Tensor, clip: PreparedClip) -> Method:
    """Give prior and stage 2 together as a function of (1, C, H, W) noisy frames: (2, C, H, W)."""

    def apply(noisy: Tensor) -> Tensor:
        frames = noisy.expand_as(anchor)
        sigma = sigma_map(clip.noise, frames)
        joint = observe(networks.prior, frames, sigma)
        denoised, _ = joint.chunk(2, dim=1)
        both = torch.cat((denoised, refine(networks.refiner, anchor, joint, sigma)))
        return both.mean(1, keepdim=True) if clip.grey else both

    return apply
