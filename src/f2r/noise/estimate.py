"""Estimate the noise model of a clip, from the clip or from the residual of the anchor."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.bands import Bands, measure_bands
from f2r.noise.blocks import (
    Blocks,
    Curve,
    Limits,
    drop_fill,
    find_limits,
    join_blocks,
    measure_blocks,
    measure_curve,
    unevenness,
)
from f2r.noise.correlated import Correlated
from f2r.noise.correlation import (
    LONGEST_SHIFT,
    difference_scores,
    flattest_low,
    measure_covariance,
    score_blocks,
    slopes,
    total_blocks,
    trim,
)
from f2r.noise.evidence import Evidence, NoiseEstimate
from f2r.noise.fit import Fit, fit_model, without_clipping, without_scene
from f2r.noise.models import Gaussian, NoiseModel

SMALLEST_MEASURED = 16
"""Smallest side of a measured frame, in pixels."""
MOST_FRAMES, MOST_SAMPLES = 48, 12_000_000
"""Largest number of measured frames, and of their samples."""
NOISE_FREE = 3e-3
"""Noise below this share of the used range of levels (50 dB) counts as none."""
WHITE_TILT, WHITE_NEIGHBOUR = 1.8, 0.12
"""Largest `tilt` of white noise, and correlation of its adjacent pixels."""
WHITE_CHANNELS, UNEVEN_CHANNELS = 0.25, 1.6
"""Largest correlation and ratio of variances of channels with independent, equal noise."""
REPEATED = 0.3
"""Correlation of successive frames above which they repeat."""
COPIED_SHARE = 0.1
"""Share of copied blocks above which frame differences are not measured."""
UNEVEN_BLOCKS = 1.65
"""Unevenness above this limit is scene: clips without noise have 1.7 to 5, correlated noise that is
stronger than texture 1.2 to 1.5."""


@dataclass(frozen=True)
class _Spatial:
    """Input for the measurement of the spatial correlation."""

    residual: Tensor
    """(N, C, H, W): mostly noise."""
    level: Tensor
    """(N, C, H, W): estimate of the clean level."""
    scores: Tensor
    """(N, H // 16, W // 16): low in flat blocks; independent of `residual`."""


def estimate_sigma(frames: Iterable[Tensor]) -> float:
    """Estimate the standard deviation of white noise, root mean square over levels.

    Args:
        frames: (T, C, H, W) tensor or an iterable of (C, H, W) tensors, nominal units;
            `gather` limits how many are read. Two or more frames cancel static texture.

    Returns:
        Standard deviation in nominal units; 0 for a constant clip.
    """
    clip = gather(frames)
    white = _fit_white(_white_blocks(clip), find_limits(clip))
    return _mean_sigma(white[0].model, white[1]) if white else 0.0


def estimate_noise(frames: Iterable[Tensor]) -> NoiseEstimate:
    """Estimate the noise model of a clip from its frames.

    Levels and variances come from the flattest blocks of the frames and of their differences, the
    spatial correlation from frame differences without motion. With fewer than five frames the
    noise is assumed to be white in space.

    Args:
        frames: (T, C, H, W) tensor or an iterable of (C, H, W) tensors, nominal units;
            `gather` limits how many are read.

    Raises:
        InputError: the frames are smaller than 16 x 16 or hold NaN or infinity.
    """
    clip = gather(frames)
    limits = find_limits(clip)
    blocks = _white_blocks(clip)
    white = _fit_white(blocks, limits)
    bands = measure_bands(clip, clip, white[0].model, limits) if white else None
    if bands and (bands.frames or 0.0) > REPEATED:
        # Differences of frames cancel the noise that they share.
        alone = drop_fill(measure_blocks(clip, clip))
        white = _fit_white(alone, limits) or white
        blocks = alone if len(alone) else blocks
    if white is None or bands is None:
        return _nothing(limits)
    if len(clip) < 5:
        return _conclude(clip, white, blocks, bands, None)
    differences = _differences(clip)
    means = (clip[1:] + clip[:-1]) / 2
    spatial = _Spatial(differences, means, difference_scores(differences))
    return _conclude(clip, white, blocks, bands, spatial)


def estimate_noise_from_anchor(noisy: Tensor, anchor: Tensor) -> NoiseEstimate:
    """Estimate the noise model from the residual y - anchor.

    The residual is the noise plus the error of the anchor, which is independent of it, so their
    variances add. It is measured where the error is smallest: for white noise in the flattest
    blocks at the highest frequencies, for correlated noise in the blocks where the anchor is
    flattest. The anchor is blind to y, so this selection does not bias the noise.

    Args:
        noisy: (T, C, H, W) y, nominal units.
        anchor: (T, C, H, W) output of stage 1 for the same frames.

    Raises:
        InputError: the shapes differ, or the frames cannot be measured.

    Source: docs/method.md, "Noise estimation".
    """
    if noisy.shape != anchor.shape:
        raise InputError("noise: the anchor and the noisy frames differ in shape")
    noisy, anchor = gather(noisy), gather(anchor)
    limits = find_limits(noisy)
    residual = noisy - anchor
    blocks = drop_fill(measure_blocks(residual, anchor))
    white = _fit_white(blocks, limits)
    bands = measure_bands(residual, anchor, white[0].model, limits) if white else None
    if white is None or bands is None:
        return _nothing(limits)
    spatial = _Spatial(residual, anchor, score_blocks(slopes(anchor)))
    return _conclude(noisy, white, blocks, bands, spatial)


def _conclude(
    clip: Tensor,
    white: tuple[Fit, Curve],
    blocks: Blocks,
    bands: Bands,
    spatial: _Spatial | None,
) -> NoiseEstimate:
    fit, curve = white
    limits, uneven = find_limits(clip), unevenness(blocks, fit.model)
    model: NoiseModel = fit.model
    neighbours, channels = None, bands.channels
    is_shared = (bands.frames or 0.0) > REPEATED
    if spatial is not None and _mean_sigma(model, curve) > 0:
        correlation = _measure_correlation(spatial, model)
        neighbours = _neighbours(correlation)
        is_correlated = bands.tilt > WHITE_TILT and neighbours > WHITE_NEIGHBOUR
        # A component that frames share is scene rather than noise, and cannot be removed.
        if is_correlated and not is_shared and uneven < UNEVEN_BLOCKS:
            fit, curve = _fit_correlated(spatial, correlation, curve, limits)
            model, channels = Correlated(fit.model, trim(correlation)), _at_centre(correlation)
    if not isinstance(model, Correlated) and not _is_white_between_channels(channels):
        model = Correlated(fit.model, channels[..., None, None])
    sigma = _mean_sigma(fit.model, curve)
    shared = (channels - torch.diag(channels.diagonal())).flatten()
    evidence = Evidence(
        curve=curve,
        tilt=bands.tilt,
        neighbours=neighbours,
        channels=float(shared[shared.abs().argmax()]),
        frames=bands.frames,
        limits=limits,
        misfit=fit.misfit,
        unevenness=uneven,
    )
    return NoiseEstimate(model, sigma, fit.errors, is_noise_free(sigma, clip), evidence)


def _fit_correlated(
    spatial: _Spatial, correlation: Tensor, curve: Curve, limits: Limits
) -> tuple[Fit, Curve]:
    """Fit the variance over all frequencies; the lower of two measures, as scene only adds."""
    share = flattest_low(correlation)
    flattest = replace(curve, variance=curve.low / share, error=0.1 * curve.low / share)
    candidates = [(fit_model(flattest), flattest)]
    total = total_blocks(spatial.residual, spatial.level, spatial.scores)
    again = measure_curve(drop_fill(total), share=0.05, per_bin=600)
    if again is not None:
        again = without_clipping(again, limits)
        candidates.append((fit_model(again), again))
    return min(candidates, key=lambda found: _mean_sigma(found[0].model, found[1]))


def _nothing(limits: Limits) -> NoiseEstimate:
    """Estimate for a clip of constant blocks."""
    evidence = Evidence(None, 1.0, None, 0.0, None, limits, 0.0)
    return NoiseEstimate(Gaussian(0.0), 0.0, {"sigma": 0.0}, True, evidence)


def gather(frames: Iterable[Tensor]) -> Tensor:
    """Stack the first frames to (T, C, H, W) float32.

    Takes 8 frames, and up to 48 while they hold fewer than 12 million samples.

    Raises:
        InputError: there are no frames, or they are smaller than 16 x 16 or hold NaN or infinity.
    """
    taken: list[Tensor] = []
    for frame in islice(frames, MOST_FRAMES):
        if len(taken) >= 8 and (len(taken) + 1) * frame.numel() > MOST_SAMPLES:
            break
        taken.append(frame.float())
    if not taken:
        raise InputError("noise: there are no frames to measure")
    clip = torch.stack(taken)
    if min(clip.shape[-2:]) < SMALLEST_MEASURED:
        raise InputError(
            f"noise: frames of {clip.shape[-1]} x {clip.shape[-2]} are too small to measure; "
            "give --noise"
        )
    if not bool(clip.isfinite().all()):
        raise InputError("noise: the frames hold NaN or infinite values; repair the file")
    return clip


def _differences(clip: Tensor) -> Tensor:
    """Differences of successive frames with the variance of one frame: (T - 1, C, H, W)."""
    return (clip[1:] - clip[:-1]) / math.sqrt(2)


def _white_blocks(clip: Tensor) -> Blocks:
    """Measure the blocks of frames and, unless parts are copied, of their differences."""
    alone = drop_fill(measure_blocks(clip, clip))
    if len(clip) < 2:
        return alone
    between = measure_blocks(_differences(clip), (clip[1:] + clip[:-1]) / 2)
    differs = (between.low + between.high) > 1e-12
    # Parts that a codec copies from the previous frame have no difference.
    if float(differs.float().mean()) < 1 - COPIED_SHARE:
        return alone
    return join_blocks(alone, between.select(differs))


def _fit_white(blocks: Blocks, limits: Limits) -> tuple[Fit, Curve] | None:
    curve = measure_curve(blocks)
    if curve is None:
        return None
    curve = without_clipping(without_scene(curve), limits)
    fit = fit_model(curve)
    whole = measure_curve(blocks, per_bin=len(blocks))
    if isinstance(fit.model, Gaussian) and not limits.clips and whole is not None:
        # For level-independent noise the flattest blocks of the whole clip contain the least scene.
        sigma = math.sqrt(float(without_scene(whole).variance[0]))
        fit = replace(fit, model=Gaussian(min(sigma, 1.0)))
    return fit, curve


def _mean_sigma(model: NoiseModel, curve: Curve) -> float:
    return math.sqrt(float(model.variance(curve.level).mean()))


def _measure_correlation(spatial: _Spatial, model: NoiseModel) -> Tensor:
    """Correlation of the residual over the model's standard deviation: (C, C, k, k)."""
    floor = float(model.variance(spatial.level).mean()) * 1e-2
    deviation = model.variance(spatial.level).clamp(min=floor).sqrt()
    covariance = measure_covariance(spatial.residual / deviation, spatial.scores)
    return covariance / _at_centre(covariance).diagonal().mean().clamp(min=1e-12)


def _at_centre(correlation: Tensor) -> Tensor:
    return correlation[..., LONGEST_SHIFT, LONGEST_SHIFT]


def _neighbours(correlation: Tensor) -> float:
    own = correlation.diagonal().mean(-1)  # (k, k)
    return float(own[LONGEST_SHIFT, LONGEST_SHIFT + 1] + own[LONGEST_SHIFT + 1, LONGEST_SHIFT]) / 2


def _is_white_between_channels(covariance: Tensor) -> bool:
    variances = covariance.diagonal()
    shared = (covariance - torch.diag(variances)).abs().max()
    uneven = variances.max() / variances.min().clamp(min=1e-9)
    return bool(shared < WHITE_CHANNELS and uneven < UNEVEN_CHANNELS)


def is_noise_free(sigma: float, clip: Tensor) -> bool:
    """Whether noise of standard deviation `sigma` is too weak to remove from `clip`."""
    some = clip.flatten()[:: max(1, clip.numel() // 100_000)]
    low, high = torch.quantile(some, some.new_tensor([0.001, 0.999]))
    return sigma <= NOISE_FREE * float(high - low)
