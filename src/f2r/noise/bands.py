"""Tests of whiteness on the flattest blocks: between frequencies, channels and frames."""

from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.noise.blocks import HIGH, ORDER, Power, block_spectrum

FLATTEST = 0.01


@dataclass(frozen=True)
class Bands:
    """How the noise of flat blocks is spread; 1, the identity and 0 for white noise."""

    tilt: float
    """Power of the frequencies of order 7 and 8 over that of order 10 and more."""
    channels: Tensor
    """(C, C): correlation between channels at high frequencies."""
    frames: float | None
    """Correlation between successive frames at high frequencies; None for one frame."""
