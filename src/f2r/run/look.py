"""First measurements on a sample of each plane: levels, noise model, limits, defects."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from f2r.method.exposure import flickers
from f2r.noise.blocks import Limits
from f2r.noise.clipping import before_clipping, clip_noise, find_clipping
from f2r.noise.coded import CodedEstimate, estimate_coded_noise
from f2r.noise.estimate import is_noise_free
from f2r.noise.hot_pixels import find_hot_pixels
from f2r.noise.models import Gaussian, NoiseModel
from f2r.noise.normalise import normalise
from f2r.noise.scale import scale_noise
from f2r.run.setup import Setup

EXPOSURE_PIXELS = 2**16
"""Pixels of a frame that its exposure is measured on, at least; noise would look like flicker on
fewer."""

INTACT = (0.9, 1.25)
"""Range of the measured noise, relative to that before coding, in which the codec left it
intact."""


@dataclass(frozen=True)
class PlaneLook:
    """Measurements of one plane: three channels, or one grey channel."""

    clipped_noise: NoiseModel
    """Noise model of the multiplied, clipped frames."""
    scale: float
    """Factor of the levels, applied first."""
    size: tuple[int, int]
    """Rows and columns of the sample, without padding."""
    limits: Limits
    """Levels at which the multiplied frames clip."""
    is_noise_free: bool
    """Whether the noise was estimated and is too weak to remove."""
    hot_pixels: int
    """Number of hot and dead pixels."""
    coded: CodedEstimate | None = None
    """Estimated noise before encoding; None without a lossy codec or with a given noise model."""
    coding: str | None = None
    """Name of the lossy codec; None if there was none."""
    flickers: bool = False
    """Whether the exposure alternates from frame to frame."""

    @property
    def is_measurable(self) -> bool:
        """Whether errors can be estimated: constant exposure and no lossy codec.

        Stein's estimate and recorruption need noise of a known model, which coded noise is not.
        """
        return self.coding is None and not self.flickers

    @property
    def allows_training(self) -> bool:
        """Whether the networks may train on the plane."""
        return self.is_measurable and not self.is_noise_free

    @property
    def working_noise(self) -> NoiseModel:
        """Noise model at the multiplied levels, before clipping."""
        return before_clipping(self.clipped_noise)

    @property
    def noise(self) -> NoiseModel:
        """Noise model in the units of the input, before clipping."""
        return scale_noise(self.working_noise, 1 / self.scale)

    def with_noise(self, noise: NoiseModel) -> Self:
        """Give the look with another noise model, at the multiplied levels, before clipping."""
        return replace(self, clipped_noise=clip_noise(noise, self.limits))

    def to_dict(self) -> dict[str, Any]:
        """Convert the noise to JSON values."""
        return self.noise.to_dict() | {
            "text": self.noise.describe(),
            "levels_multiplied_by": self.scale,
            "is_noise_free": self.is_noise_free,
            "clipped_low": self.limits.low_share,
            "clipped_high": self.limits.high_share,
            "hot_pixels": self.hot_pixels,
            "exposure_flickers": self.flickers,
            **({} if self.coding is None else {"coding": self.coding}),
            **({} if self.coded is None else {"before_coding": asdict(self.coded)}),
        }


def look_at_plane(frames: Sequence[Tensor], setup: Setup) -> PlaneLook:
    """Measure a sample of a plane.

    Args:
        frames: (C, H, W), consecutive frames at the levels of the file, without padding.
        setup: what the run works with.
    """
    coded = _estimate_coded(frames, setup)
    scale, model = normalise(frames, setup.noise)
    clip = scale * torch.stack(list(frames))
    limits, sigma = find_clipping(clip), _sigma(model, clip)
    is_free = setup.noise is None and is_noise_free(sigma, clip)
    if coded is not None:
        model, is_free = _noise_before_coding(coded, scale, sigma, model), coded.is_noise_free
    return PlaneLook(
        clip_noise(model, limits),
        scale,
        (clip.shape[-2], clip.shape[-1]),
        limits,
        is_free,
        int(find_hot_pixels(clip, sigma).any(0).sum()),
        coded,
        setup.info.coding,
        flickers([_thinned(frame) for frame in frames]),
    )


def _thinned(frame: Tensor) -> NDArray[np.float32]:
    """Give enough pixels (H, W, C) of a (C, H, W) frame for its exposure: all of a small one."""
    step = max(math.isqrt(frame[0].numel() // EXPOSURE_PIXELS), 1)
    return frame[:, ::step, ::step].permute(1, 2, 0).numpy()


def _estimate_coded(frames: Sequence[Tensor], setup: Setup) -> CodedEstimate | None:
    """Estimate the noise before a lossy codec; None without one, or where the noise is given."""
    if setup.noise is not None or setup.info.coding is None or setup.is_raw:
        return None
    return estimate_coded_noise(torch.stack(list(frames)))


def _noise_before_coding(
    coded: CodedEstimate, scale: float, sigma: float, measured: NoiseModel
) -> NoiseModel:
    """Choose the noise model of a coded clip: the measured one if the codec left it intact.

    Args:
        coded: noise before coding, in the units of the input.
        scale: factor of the levels.
        sigma: root mean square of the measured noise at the multiplied levels.
        measured: noise model measured on the decoded frames.
    """
    level = scale * coded.sigma
    ratio = sigma / max(level, 1e-9)
    return measured if INTACT[0] < ratio < INTACT[1] else Gaussian(level)


def _sigma(model: NoiseModel, clip: Tensor) -> float:
    return float(model.variance(clip[:1]).mean().sqrt())
