"""Preprocessing, the same in training and inference: prior D and joint input z.

Source: Frames2Residual, figures 1c, 2a and 3.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from f2r.flow.estimator import FlowEstimator
from f2r.method.noise_map import sigma_map, sigma_within
from f2r.method.precision import mixed_precision
from f2r.method.tiles import Tile, Tiling
from f2r.models.prior import Prior, joint_input
from f2r.noise.models import NoiseModel


@torch.no_grad()
def apply_prior(prior: Prior, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Give D(y), (B, C, H, W) float32, of frames y under their noise level."""
    with mixed_precision(noisy.device):
        denoised: Tensor = prior(noisy, sigma)
    return denoised


@torch.no_grad()
def observe(prior: Prior, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Give z = cat(D(y), y - D(y)), (B, 2C, H, W), of frames y under their noise level."""
    return joint_input(noisy, apply_prior(prior, noisy, sigma))


@dataclass
class PreparedFrame:
    """A noisy frame with the prior's estimate; its flows are added once they are known."""

    noisy: Tensor
    """(C, H, W) float32 y_i."""
    denoised: Tensor
    """(C, H, W) float32 D(y_i)."""
    sigma: Tensor
    """(C, H, W) float32 noise level; (C, 0, 0) where it is computed again for every tile."""
    gain: float = 1.0
    """Factor by which the exposure of the frame was matched to its surroundings."""
    to_previous: Tensor | None = None
    """(2, H, W) float16 V_{i-1->i} on the grid of this frame, exact to 1/64 at 16 pixels; None at
    the start of a shot."""
    to_next: Tensor | None = None
    """(2, H, W) float16 V_{i+1->i}, likewise; None at the end of a shot."""

    @property
    def has_neighbours(self) -> bool:
        """False for a shot of one frame."""
        return self.to_previous is not None or self.to_next is not None

    @property
    def joint(self) -> Tensor:
        """(2C, H, W) z_i = cat(D(y_i), y_i - D(y_i))."""
        return joint_input(self.noisy[None], self.denoised[None])[0]

    def part(self, rows: slice, columns: slice) -> "PreparedFrame":
        """Cut a part out of the frame, without flows."""
        here = (..., rows, columns)
        return PreparedFrame(self.noisy[here], self.denoised[here], self.sigma[here], self.gain)


@dataclass(frozen=True)
class Preprocessor:
    """The frozen prior and the flow estimator under one noise model."""

    prior: Prior
    """Frozen image denoiser D, on the device to work on."""
    noise: NoiseModel
    """Noise model of the clip."""
    flow: FlowEstimator
    """Estimates the flow between frames."""
    tiling: Tiling = field(default_factory=Tiling)
    """Size of the tiles in which the prior is applied."""

    @property
    def device(self) -> torch.device:
        """Where the prior computes."""
        return next(self.prior.parameters()).device

    def prepare(self, noisy: Tensor, keep_sigma: bool = True, gain: float = 1.0) -> PreparedFrame:
        """Apply the prior to one (C, H, W) frame, in tiles if it is large.

        Args:
            noisy: the frame.
            keep_sigma: whether its noise level is kept.
            gain: factor by which its exposure, noise included, was matched.
        """
        batch = noisy.to(self.device)[None].contiguous()
        sigma = sigma_map(self.noise, batch, gain) if keep_sigma else batch[..., :0, :0]

        def compute(tile: Tile) -> Tensor:
            box = tile.outer
            level = box.cut(sigma) if keep_sigma else sigma_within(self.noise, batch, box, gain)
            return apply_prior(self.prior, box.cut(batch), level)[0]

        height, width = batch.shape[-2:]
        denoised = self.tiling.apply((height, width), self.prior.reach, compute)
        return PreparedFrame(batch[0], denoised, sigma[0], gain)
