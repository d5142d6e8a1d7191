"""Check the assumptions of the method on the noise of a clip."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from f2r.errors import InputError
from f2r.noise.blocks import Limits, find_limits
from f2r.noise.correlated import Correlated
from f2r.noise.correlation import LONGEST_SHIFT, flat_mask, measure_covariance, score_blocks, slopes
from f2r.noise.fixed_pattern import FixedPattern, find_fixed_pattern
from f2r.noise.hot_pixels import find_hot_pixels
from f2r.noise.models import NoiseModel

FRAMES_LIMIT = 0.1
"""Largest correlation of successive frames."""
PIXELS_LIMIT = 0.12
"""Largest correlation of adjacent pixels beyond that of the model."""
LEVEL_LIMIT = 0.15
"""Largest relative deviation of the level from that of the model."""
FIXED_LIMIT = 0.25
"""Largest fixed pattern, relative to the noise."""
LINES_LIMIT = 0.1
"""Largest offsets of rows or columns, relative to the noise; they are more visible than pixels."""
MOST_LAGS = 5
"""Largest distance of frames whose correlation is measured."""
CLIPPED_LIMIT = 0.02
"""Largest share of clipped samples."""
HARDLY_ANY = 1e-3
"""Noise below this share of the range of the frames is not checked."""


@dataclass(frozen=True)
class Finding:
    """One assumption and whether it holds."""

    holds: bool
    text: str
    """Result and, where the assumption fails, advice; one line."""


@dataclass(frozen=True)
class Diagnosis:
    """Measures of the residual y - reference and the findings."""

    autocorrelation: Tensor
    """(k, k): spatial correlation of the residual, mean over channels; centre 1."""
    pixels: float
    """Correlation of adjacent pixels minus that of the model."""
    frames: float | None
    """Correlation of successive frames; None for a single frame."""
    level: float
    """Measured standard deviation over that of the model; 1 if the model is right."""
    fixed_pattern: float | None
    """Standard deviation of the fixed pattern, nominal units; None below four frames."""
    pattern: FixedPattern | None
    """Fixed pattern; None below four frames."""
    standing: Tensor
    """(C, H, W): mean of y - reference over time, nominal units."""
    lags: tuple[float, ...]
    """Correlation of frames at distances 1, 2, ..., at most five."""
    hot: Tensor
    """(C, H, W) bool: hot and dead pixels."""
    limits: Limits
    """Levels at which the frames clip, and shares of samples."""
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether every assumption holds."""
        return all(finding.holds for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Convert the diagnosis to JSON values."""
        return {
            "autocorrelation": self.autocorrelation.tolist(),
            "pixel_correlation": self.pixels,
            "frame_correlation": self.frames,
            "level": self.level,
            "frame_correlation_by_distance": self.lags,
            "fixed_pattern": self.fixed_pattern,
            "fixed_rows": None if self.pattern is None else self.pattern.rows,
            "fixed_columns": None if self.pattern is None else self.pattern.columns,
            "hot_pixels": int(self.hot.any(0).sum()),
            "clipped_low": self.limits.low_share,
            "clipped_high": self.limits.high_share,
            "verdict": [{"holds": f.holds, "text": f.text} for f in self.findings],
        }


def diagnose(noisy: Tensor, reference: Tensor, noise: NoiseModel) -> Diagnosis:
    """Compare the residual y - reference with a noise model in flat blocks.

    Args:
        noisy: (T, C, H, W) y, nominal units.
        reference: (T, C, H, W) estimate of the clean frames, best the anchor, which is blind to y.
        noise: noise model to check.

    Raises:
        InputError: the shapes differ.
    """
    if noisy.shape != reference.shape:
        raise InputError("noise: the reference and the noisy frames differ in shape")
    limits = find_limits(noisy)
    variance = noise.variance(reference)
    sigma = float(variance.mean().sqrt())
    autocorrelation, power, residual, mask = _measure(noisy - reference, reference, variance)
    pixels = _beside(autocorrelation) - _expected_beside(noise)
    lags = _between_frames(residual, mask)
    frames = lags[0] if lags else None
    fixed = _fixed_pattern(residual, mask)
    pattern = find_fixed_pattern(noisy - reference)
    hot = find_hot_pixels(noisy, sigma)
    has_noise = sigma >= HARDLY_ANY * float(reference.max() - reference.min())
    of_noise = [
        _judge_level(power**0.5),
        _judge_pixels(pixels),
        _judge_fixed(fixed, sigma, pattern),
        _judge_hot(hot),
    ]
    findings = _findings(frames, limits, of_noise if has_noise else None)
    return Diagnosis(
        autocorrelation=autocorrelation,
        pixels=pixels,
        frames=frames,
        level=power**0.5,
        pattern=pattern,
        standing=(noisy - reference).mean(0),
        lags=lags,
        fixed_pattern=None if fixed is None else fixed * sigma,
        hot=hot,
        limits=limits,
        findings=findings,
    )


def _findings(
    frames: float | None, limits: Limits, of_noise: list[Finding] | None
) -> tuple[Finding, ...]:
    """List the findings; without noise in the model the residual is scene and is not judged."""
    common = [_judge_frames(frames), _judge_clipping(limits)]
    if of_noise is not None:
        return (*common, *of_noise)
    return (Finding(True, "the noise of the model is too weak to remove"), *common)


class _Measured(NamedTuple):
    """The residual in units of the expected noise."""

    autocorrelation: Tensor
    """(k, k), centre 1."""
    power: float
    """Mean square in flat blocks; 1 if the model is right."""
    residual: Tensor
    """(T, C, H', W')."""
    mask: Tensor
    """(T, 1, H', W'): 1 in flat blocks."""


def _measure(residual: Tensor, reference: Tensor, variance: Tensor) -> _Measured:
    """Normalise y - reference and measure it in flat blocks."""
    least = max(1e-2 * float(variance.mean().sqrt()) ** 2, 1e-12)
    residual = residual / variance.clamp(min=least).sqrt()
    scores = score_blocks(slopes(reference))
    covariance = measure_covariance(residual, scores).diagonal().mean(-1)
    power = max(float(covariance[LONGEST_SHIFT, LONGEST_SHIFT]), 1e-12)
    mask = flat_mask(residual, scores)
    cut = residual[..., : mask.shape[-2], : mask.shape[-1]]
    return _Measured(covariance / power, power, cut, mask)


def _beside(autocorrelation: Tensor) -> float:
    y, x = autocorrelation.shape[0] // 2, autocorrelation.shape[1] // 2
    return float(autocorrelation[y, x + 1] + autocorrelation[y + 1, x]) / 2


def _expected_beside(noise: NoiseModel) -> float:
    if not isinstance(noise, Correlated) or min(noise.correlation.shape[-2:]) == 1:
        return 0.0
    return _beside(noise.correlation.diagonal().mean(-1))


def _between_frames(residual: Tensor, mask: Tensor) -> tuple[float, ...]:
    """Correlate frames at distances 1, 2, ... in blocks that are flat in both."""
    found = []
    for lag in range(1, min(len(residual), MOST_LAGS + 1)):
        both = mask[lag:] * mask[:-lag]
        now, then = residual[:-lag] * both, residual[lag:] * both
        scale = (now.square().sum() * then.square().sum()).clamp(min=1e-24).sqrt()
        found.append(float((now * then).sum() / scale))
    return tuple(found)


def _fixed_pattern(residual: Tensor, mask: Tensor) -> float | None:
    """Standard deviation of the mean over time beyond that of independent frames."""
    if len(residual) < 4:
        return None
    count = mask.sum(0)
    seen = (count >= 3).expand_as(residual[0])
    if not bool(seen.any()):
        return 0.0
    mean = (residual * mask).sum(0) / count.clamp(min=1.0)
    spread = ((residual - mean) * mask).square().sum(0) / (count - 1).clamp(min=1.0)
    excess = mean.square() - spread / count.clamp(min=1.0)
    return float(excess[seen].mean().clamp(min=0.0).sqrt())


def _judge_level(level: float) -> Finding:
    if abs(level - 1) < LEVEL_LIMIT:
        return Finding(True, f"the noise has the level of the model ({level:.2f} times)")
    return Finding(
        False,
        f"the noise is {level:.2f} times as strong as that of the model: use --noise auto, or "
        "scale the model",
    )


def _judge_pixels(excess: float) -> Finding:
    if abs(excess) < PIXELS_LIMIT:
        return Finding(True, "the correlation between pixels is that of the model")
    return Finding(
        False,
        f"the correlation between pixels exceeds that of the model by {excess:+.2f}: use "
        "--noise auto, which measures the correlation",
    )


def _judge_frames(correlation: float | None) -> Finding:
    if correlation is None:
        return Finding(False, "a single frame has no neighbours; give a clip")
    if correlation < FRAMES_LIMIT:
        return Finding(True, f"the noise is independent between frames ({correlation:.2f})")
    return Finding(
        False,
        f"noise is correlated between frames ({correlation:.2f}): the file was temporally "
        "filtered or compressed; expect residual noise; use the camera's original",
    )


def _judge_fixed(fixed: float | None, sigma: float, pattern: FixedPattern | None) -> Finding:
    lines = max(pattern.rows, pattern.columns) if pattern else 0.0
    strong = fixed is not None and fixed >= FIXED_LIMIT
    if not strong and lines < LINES_LIMIT * sigma:
        return Finding(True, "no fixed pattern stands out")
    spread = max(lines, (fixed or 0.0) * sigma)
    where = "in rows or columns " if lines >= LINES_LIMIT * sigma else ""
    return Finding(
        False,
        f"a pattern of sd {255 * spread:.2f} of 255 stays in place {where}and would be "
        "kept: denoise with --fixed-pattern remove, or subtract a dark frame first",
    )


def _judge_hot(hot: Tensor) -> Finding:
    count = int(hot.any(0).sum())
    if count == 0:
        return Finding(True, "no hot or dead pixels")
    return Finding(False, f"{count} hot or dead pixels: denoise with --hot-pixels remove")


def _judge_clipping(limits: Limits) -> Finding:
    share = limits.low_share + limits.high_share
    if share < CLIPPED_LIMIT:
        return Finding(True, f"hardly any sample clips ({100 * share:.1f} %)")
    return Finding(
        False,
        f"{100 * limits.low_share:.1f} % of the samples lie at black and "
        f"{100 * limits.high_share:.1f} % at white: the noise there is cut off; F2R undoes the "
        "bias, but not the loss: record with headroom",
    )
