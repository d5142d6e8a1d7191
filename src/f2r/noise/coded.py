"""Noise level of a compressed clip before encoding.

`noise.estimate` uses the flattest blocks and the highest frequencies, which a codec removes first.
Here a small network estimates the level from patches; it was trained on noise from real encoders
(`train.corpus.noise_level_training`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from f2r.models.noise_level import LEAST_LEVEL, NoiseLevelNet, NoiseLevels, load_noise_level
from f2r.noise.estimate import gather
from f2r.noise.patches import copied_shares, spread_patches

PATCHES = 96
"""Number of patches; more do not improve the estimate."""

COLOUR_LUMA = math.sqrt(0.299**2 + 0.587**2 + 0.114**2)
"""Noise of the luma relative to that of three independent channels."""

GREY = 1.5 / 255
"""Standard deviation of the chroma below which a clip counts as grey or toned."""

FREE = 0.9
"""Probability above which a clip counts as noise-free. On held-out scenes, no noise above 8 of
which three tenths survived the codec exceeds it (docs/weights.md)."""

DOUBT = 0.02
"""Probability above which less than the median of the level is removed: that improves frames with
and without noise."""


@dataclass(frozen=True)
class CodedEstimate:
    """Noise of a clip before encoding; levels in nominal units."""

    sigma: float
    """Standard deviation to remove: the median; less where there may be no noise; 0 without noise.
    For colour it is that of each channel, assuming independent channels; it follows from the noise
    of the luma, because a codec keeps little of the chroma's."""
    low: float
    """Level that the noise exceeds in nine of ten cases."""
    high: float
    """Level that the noise stays below in nine of ten cases."""
    remaining: float
    """Root mean square error of the decoded luma by noise and coding; that of R, G and B is about
    1.1 times as large."""
    copied_share: float
    """Share of 8x8 blocks that repeat the frame before, in [0, 1]."""
    free_probability: float
    """Probability that the clip had no noise, in [0, 1]."""

    @property
    def is_noise_free(self) -> bool:
        """Whether the clip counts as noise-free."""
        return self.free_probability > FREE

    @property
    def is_doubtful(self) -> bool:
        """Whether there may be no noise."""
        return DOUBT < self.free_probability <= FREE

    def describe(self) -> str:
        """Describe what the codec has left in one line."""
        repeated, level = f"{100 * self.copied_share:.0f} %", f"{255 * self.sigma:.0f} of 255"
        noise = f"noise of about {level} before encoding"
        if self.is_doubtful:
            noise = f"weak noise before encoding, or none: {level} is removed"
        return f"{repeated} of the blocks repeat the frame before; {noise}"


def estimate_coded_noise(frames: Tensor, network: NoiseLevelNet | None = None) -> CodedEstimate:
    """Estimate the noise of a clip before encoding.

    Args:
        frames: (T, 3, H, W) or (T, 1, H, W) as decoded, nominal range [0, 1]; `gather` limits their
            number. Twelve suffice; one works.
        network: one to use instead of the shipped one.

    Raises:
        InputError: the frames are smaller than 16 x 16 or hold NaN or infinity.
    """
    clip = gather(frames)
    with torch.inference_mode():
        said = (network or _shipped())(spread_patches(clip, PATCHES)[None])
        copied = copied_shares(clip)
    scale = luma_scale(clip)
    share = float(copied.mean()) if len(copied) else 0.0
    return _conclude(said, scale, share)


def luma_scale(clip: Tensor) -> float:
    """Give the noise of each channel relative to that of the luma: 1 for grey (T, C, H, W)."""
    if clip.shape[1] == 1:
        return 1.0
    chroma = clip[:, [0, 2], ::4, ::4] - clip[:, 1:2, ::4, ::4]
    varies = float(chroma.std(dim=(0, 2, 3)).max()) if chroma[:, 0].numel() > 1 else 0.0
    return 1.0 if varies < GREY else 1 / COLOUR_LUMA


def _conclude(said: NoiseLevels, scale: float, copied: float) -> CodedEstimate:
    low, median, _, high = (scale * 2.0 ** float(level) / 255 for level in said.levels[0])
    free = float(torch.sigmoid(said.free[0]))
    return CodedEstimate(
        sigma=_level(low, median, free),
        low=0.0 if free > DOUBT else low,
        high=high,
        remaining=max(0.0, (2.0 ** float(said.remaining[0]) - LEAST_LEVEL) / 255),
        copied_share=copied,
        free_probability=free,
    )


def _level(low: float, median: float, free: float) -> float:
    """Choose the level to remove: the median, or where there may be no noise its mean with `low`.

    Where there is noise, a low level costs several dB. Where there is none, a high level costs
    texture.
    """
    if free > FREE:
        return 0.0
    return math.sqrt(low * median) if free > DOUBT else median


@lru_cache(maxsize=1)
def _shipped() -> NoiseLevelNet:
    return load_noise_level()
