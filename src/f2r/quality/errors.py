"""Which of prior, anchor and refined frame is best, told without a clean reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from f2r.method.preprocess import Preprocessor, sigma_map
from f2r.method.stream import Networks
from f2r.models.prior import joint_input
from f2r.noise.models import NoiseModel
from f2r.quality.leak import Copied, copied_noise
from f2r.quality.sample_tiles import typical_targets, visits
from f2r.quality.stein import (
    Blend,
    blend_terms,
    blind_error,
    see,
    seen_error,
    to_psnr,
)
from f2r.train.windows import TrainingClip

LEAK_FRAMES = 2
"""Frames on which the leak is measured; each costs ten flows and two anchors."""

ESTIMATED_DOUBT = 0.015
"""Relative standard error of an estimated noise variance, as docs/benchmarks.md measures it."""

FEW = 3
"""So few frames say little of their own scatter."""

MARGIN = 0.01
"""A simpler estimate replaces the refined one only if its error is lower by this share."""

MOST_LEFT = 0.3
"""Largest share of the noise that is believed to be left in the refined output."""

NAMES = ("prior", "anchor", "refined")
TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Errors:
    """Estimated mean squared errors, nominal units squared."""

    prior: float
    """Of D(y)."""
    anchor: float
    """Of stage 1."""
    stage_2: float
    """Of stage 2 before it is blended with the prior."""
    leak: float = 0.0
    """Correlation of the anchor's error with the noise of its own frame; below 0.015 is fine."""
    spread: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Standard errors of prior, anchor and refined: from the scatter over judged tiles and over
    frames, and what an error of the noise model adds to all three."""
    blend: Blend = field(default_factory=Blend)
    """How much of the prior the refined output takes."""
    noise: float = math.inf
    """Variance of the noise."""
    fusion: float = 0.0
    """What temporal fusion takes off the error of the refined output."""
    fusion_spread: float = 0.0
    """Standard error of `fusion`."""

    @property
    def fuses(self) -> bool:
        """Whether refined frames are fused: unless that loses by more than its standard error."""
        return self.fusion + self.fusion_spread > 0

    @property
    def refined(self) -> float:
        """Error of the refined output: stage 2, blended with the prior, fused over time."""
        return self.stage_2 - self.blend.gain - (self.fusion if self.fuses else 0.0)

    @property
    def share(self) -> float:
        """Error of the refined output before it is fused, relative to the noise."""
        return min(max((self.stage_2 - self.blend.gain) / max(self.noise, 1e-12), 0.0), MOST_LEFT)

    def best(self) -> str:
        """Name the best estimate: 'refined' unless another is clearly better.

        What fusion may lose speaks against fusion, not against the refined frame.
        """
        simpler = min(("anchor", "prior"), key=lambda name: float(getattr(self, name)))
        refined = self.stage_2 - self.blend.gain - max(self.fusion, 0.0)
        return simpler if getattr(self, simpler) < (1 - MARGIN) * refined else "refined"

    def changed_by(self, anchor: float, stage_2: float, blend: Blend) -> "Errors":
        """Give the errors after a training that changed both stages' by so much.

        Args:
            anchor: change of stage 1's error.
            stage_2: change of stage 2's error before it is blended.
            blend: what is best from now on.
        """
        return replace(
            self, anchor=self.anchor + anchor, stage_2=self.stage_2 + stage_2, blend=blend
        )

    def psnr(self) -> dict[str, float]:
        """Give the estimated PSNR of each in dB, of the mean error over all judged frames."""
        return {name: to_psnr(getattr(self, name)) for name in NAMES}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Give the 95 % confidence interval of each estimated PSNR in dB, lower end first.

        A negative estimate of an error counts as none, so that its interval keeps its width.
        """
        spreads = dict(zip(NAMES, self.spread, strict=True))
        return {
            name: (
                to_psnr(max(getattr(self, name), 0.0) + TWO_SIDED_95 * spreads[name]),
                to_psnr(getattr(self, name) - TWO_SIDED_95 * spreads[name]),
            )
            for name in NAMES
        }


@torch.no_grad()
def estimate_errors(
    networks: Networks,
    preprocessor: Preprocessor,
    shots: Sequence[TrainingClip],
    frames: int,
    generator: torch.Generator,
    doubt: float = 0.0,
    noise: NoiseModel | None = None,
) -> Errors:
    """Judge the three estimates on parts of a sample whose anchors are known.

    What leaks through the flow is left out; `add_leak` adds it.

    Args:
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        shots: stretches of the clip, prepared, with their anchors; at least one.
        frames: frames of the whole clip.
        generator: randomness of tiles and probes.
        doubt: relative standard error of the noise variance; 0 where the noise is known.
        noise: what the noise is, where the networks are told otherwise; None: the clip's model.
    """
    truth = shots[0].noise if noise is None else noise
    seen = [(clip, t) for clip in shots for t in typical_targets(clip, frames)]
    rows = []
    for k, part in visits(range(len(seen)), shots[0].size, generator):
        clip, here = seen[k][0], (..., *part)
        noisy, anchor = (kept[here][None] for kept in _noisy_and_anchor(*seen[k]))
        rows.append(_frame_errors(networks, preprocessor, noisy, anchor, clip, truth, generator))
    table = torch.tensor(rows, dtype=torch.float64)
    slope, curvature = table[:, 3:].mean(0).tolist()
    blind = torch.tensor([_whole_blind_error(*pair, truth) for pair in seen], dtype=torch.float64)
    (prior, anchor_error, refined), scatter = means_of_all(table[:, :3], blind)
    power = _noise_power(shots[0], truth)
    spread = tuple(math.hypot(error, doubt * power) for error in scatter)
    blend = Blend(slope, curvature)
    return Errors(prior, anchor_error, refined, 0.0, spread, blend, power)


def _noisy_and_anchor(clip: TrainingClip, target: int) -> tuple[Tensor, Tensor]:
    return clip.frames[target].noisy, clip.anchors[target]


def _whole_blind_error(clip: TrainingClip, target: int, noise: NoiseModel) -> float:
    """Give the error of an anchor, the whole frame."""
    noisy, anchor = (kept[None, : clip.channels] for kept in _noisy_and_anchor(clip, target))
    return blind_error(anchor, noisy, noise)


def means_of_all(table: Tensor, blind: Tensor) -> tuple[list[float], list[float]]:
    """Estimate the mean errors of a whole clip from parts of it, corrected by the blind error.

    The blind error is known everywhere. So far as it says that the parts are harder or easier
    than the rest, or have caught more noise, the others are corrected for it.

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
    clip: TrainingClip,
    generator: torch.Generator,
) -> Errors:
    """Measure how much of a frame's noise reaches its anchor, and correct the errors for it."""
    probed = _spread(clip.targets, LEAK_FRAMES)
    copies = [copied_noise(networks, preprocessor, clip, t, generator) for t in probed]
    copied = Copied(*torch.tensor(copies).mean(0).tolist())
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


def _noise_power(clip: TrainingClip, noise: NoiseModel) -> float:
    return float(noise.variance(clip.anchors[clip.targets[0]]).mean())


def standard_errors(table: Tensor) -> list[float]:
    """Give the standard error of each column's mean, rows (K, 3) taken for independent.

    A single row says nothing of its scatter: its own size stands in for it.
    """
    if len(table) < 2:
        return [abs(float(value)) for value in table[0]]
    return [float(value) for value in table.std(0) / len(table) ** 0.5]


def _spread(indices: Sequence[int], count: int) -> list[int]:
    """Choose `count` of the indices, evenly spread, ends avoided."""
    step = len(indices) / min(count, len(indices))
    return [indices[int(step * (k + 0.5))] for k in range(min(count, len(indices)))]


def _frame_errors(
    networks: Networks,
    preprocessor: Preprocessor,
    noisy: Tensor,
    anchor: Tensor,
    clip: TrainingClip,
    noise: NoiseModel,
    generator: torch.Generator,
) -> tuple[float, float, float, float, float]:
    """Give the errors of prior, anchor and refined frame, and the means of `blend_terms`."""

    def as_plane(method: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def apply(frames: Tensor) -> Tensor:
            result = method(frames.expand_as(anchor))
            return result.mean(1, keepdim=True) if clip.grey else result

        return apply

    def prior(frames: Tensor) -> Tensor:
        return preprocessor.denoise(frames, sigma_map(clip.noise, frames))

    def refined(frames: Tensor) -> Tensor:
        joint, sigma = joint_input(frames, prior(frames)), sigma_map(clip.noise, frames)
        with torch.autocast(frames.device.type, torch.bfloat16):
            result: Tensor = networks.refiner(anchor, joint, sigma)
        return result

    noisy, blind = noisy[:, : clip.channels], anchor[:, : clip.channels]
    level = blind.clamp(0, 1)
    probe = noise.sample(level, generator) - level
    first, last = (see(as_plane(method), noisy, probe) for method in (prior, refined))
    slope, curvature = blend_terms(last, first, noisy)
    return (
        seen_error(first, noisy, noise),
        blind_error(blind, noisy, noise),
        seen_error(last, noisy, noise),
        float(slope.mean()),
        float(curvature.mean()),
    )
