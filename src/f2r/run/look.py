"""Look at a sample of each plane: levels, noise model, limits, defects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from f2r.method.networks import Networks
from f2r.method.preprocess import Preprocessor
from f2r.noise.blocks import Limits
from f2r.noise.clipping import before_clipping, clip_noise, find_clipping
from f2r.noise.estimate import is_noise_free
from f2r.noise.hot_pixels import find_hot_pixels
from f2r.noise.models import NoiseModel
from f2r.noise.normalise import normalise
from f2r.noise.scale import scale_noise
from f2r.run.setup import Setup


@dataclass(frozen=True)
class PlaneLook:
    """What is known of one plane: three channels, or one grey channel, with its own noise."""

    preprocessor: Preprocessor
    """Prior and flow under the noise that the frames show, at the multiplied levels."""
    scale: float
    """What levels are multiplied by before anything else."""
    size: tuple[int, int]
    """Rows and columns of the sample, without padding."""
    limits: Limits
    """Where the multiplied levels are cut off."""
    is_noise_free: bool
    """Whether the noise was estimated and is too weak to be worth removing."""
    hot_pixels: int
    """Hot and dead pixels that were found."""

    @property
    def working_noise(self) -> NoiseModel:
        """Noise model at the multiplied levels, before clipping."""
        return before_clipping(self.preprocessor.noise)

    @property
    def noise(self) -> NoiseModel:
        """Noise model in the units of the input, before clipping."""
        return scale_noise(self.working_noise, 1 / self.scale)

    def with_noise(self, noise: NoiseModel) -> Self:
        """Give the look with another noise model, at the multiplied levels, before clipping."""
        working = replace(self.preprocessor, noise=clip_noise(noise, self.limits))
        return replace(self, preprocessor=working)

    def to_dict(self) -> dict[str, Any]:
        """Give what is known of the noise as JSON values."""
        return self.noise.to_dict() | {
            "text": self.noise.describe(),
            "levels_multiplied_by": self.scale,
            "is_noise_free": self.is_noise_free,
            "clipped_low": self.limits.low_share,
            "clipped_high": self.limits.high_share,
            "hot_pixels": self.hot_pixels,
        }


def look_at_plane(frames: Sequence[Tensor], setup: Setup, networks: Networks) -> PlaneLook:
    """Look at a sample of a plane.

    Args:
        frames: (C, H, W), consecutive frames as the file gives them, without padding.
        setup: what the run works with.
        networks: the networks of the run.
    """
    scale, model = normalise(frames, setup.noise)
    clip = scale * torch.stack(list(frames))
    limits = find_clipping(clip)
    sigma = float(model.variance(clip[:1]).mean().sqrt())
    return PlaneLook(
        Preprocessor(networks.prior, clip_noise(model, limits), setup.flow, setup.tiling),
        scale,
        (clip.shape[-2], clip.shape[-1]),
        limits,
        setup.noise is None and is_noise_free(sigma, clip),
        int(find_hot_pixels(clip, sigma).any(0).sum()),
    )
