"""How strong the noise of a compressed clip was before it was compressed.

`noise.estimate` measures noise in the flattest blocks and at the highest frequencies, which a codec
zeroes first. Here a small network judges patches by all that the codec left; it learned on noise
that went through real encoders (`train.corpus.noise_level`).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from f2r.models.noise_level import LEAST, NoiseLevelNet, NoiseLevels, load_noise_level
from f2r.noise.estimate import gather
from f2r.noise.patches import copied_shares, spread_patches

PATCHES = 96
"""How many patches are judged; more do not measure better."""

COLOUR_LUMA = math.sqrt(0.299**2 + 0.587**2 + 0.114**2)
"""Noise of the luma relative to that of three independent channels."""

GREY = 1.5 / 255
"""Chroma that varies less than this (standard deviation) is that of a grey or toned clip."""

FREE = 0.5
"""A clip counts as noise-free where the network finds that likelier than this. It gives the fewest
wrong answers of both kinds on scenes held out of training (docs/weights.md)."""


@dataclass(frozen=True)
class CodedNoise:
    """The noise that a clip had before it was encoded. All levels are in nominal units."""

    sigma: float
    """Standard deviation to be removed, leaning upwards (65 % quantile); 0 where there was none.

    In a colour clip that of each channel, if the noise of the channels was independent: a codec
    keeps of it little but the luma, and the level is that whose luma noise was found.
    """
    low: float
    """Level that the noise exceeds in nine of ten cases."""
    high: float
    """Level that the noise stays below in nine of ten cases."""
    remaining: float
    """Root mean square error of the decoded luma, noise and coding together; that of R, G and B is
    about 1.1 times as large, since a codec keeps little of the chroma's noise."""
    copied_share: float
    """Share of 8x8 blocks that repeat the frame before, in [0, 1]."""
    free_probability: float
    """How likely it is that the clip never had noise, in [0, 1]."""

    @property
    def is_noise_free(self) -> bool:
        """Whether the clip is taken never to have had noise."""
        return self.free_probability > FREE

    @property
    def is_sure(self) -> bool:
        """Whether the interval is narrow: its ends less than a factor of two apart."""
        return not self.is_noise_free and self.high < 2 * self.low


def estimate_coded_noise(frames: Tensor, network: NoiseLevelNet | None = None) -> CodedNoise:
    """Estimate the noise that a clip had before a codec took part of it away.

    Args:
        frames: (T, 3, H, W) or (T, 1, H, W) as decoded, nominal range [0, 1]; `gather` says how
            many are read. Twelve are plenty; a single one will do.
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


def _conclude(said: NoiseLevels, scale: float, copied: float) -> CodedNoise:
    low, _, sigma, high = (scale * 2.0 ** float(level) / 255 for level in said.levels[0])
    free = float(torch.sigmoid(said.free[0]))
    is_free = free > FREE
    return CodedNoise(
        sigma=0.0 if is_free else sigma,
        low=0.0 if free > 0.1 else low,
        high=high,
        remaining=max(0.0, (2.0 ** float(said.remaining[0]) - LEAST) / 255),
        copied_share=copied,
        free_probability=free,
    )


@lru_cache(maxsize=1)
def _shipped() -> NoiseLevelNet:
    return load_noise_level()
