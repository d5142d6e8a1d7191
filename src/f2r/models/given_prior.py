"""A user's own image denoiser as the prior D."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.models.prior import Prior

DenoiseImages: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(frames (B, C, H, W), sigma (B, C, H, W)) -> denoised frames (B, C, H, W)."""

REACH = 64
"""Rim around a tile, pixels, for a denoiser that does not say how far it looks."""


class GivenPrior(Prior):
    """An image denoiser that the user gives.

    Args:
        denoise: gets frames and their noise level as standard deviations, (B, C, H, W) float32
            each, nominal range [0, 1], not clipped; sides are multiples of 8, from 32 on; C is 3,
            or 4 for packed raw; grey frames come as three equal channels. Returns the denoised
            frames, same shape. It is called without gradients. A torch module moves to the device
            of the run. An attribute `reach` gives the radius of its receptive field in pixels.
    """

    def __init__(self, denoise: DenoiseImages) -> None:
        if not callable(denoise):
            raise InputError("prior: give a function of (frames, sigma) that returns the frames")
        super().__init__()
        # The first parameter tells where the prior computes, even if the function has none.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.denoise = denoise

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of it, pixels; every frame of a run has that."""
        return 8

    @property
    def reach(self) -> int:
        """Radius of the receptive field, pixels."""
        told: Any = getattr(self.denoise, "reach", REACH)
        return told if isinstance(told, int) else REACH

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """Denoise frames in full precision.

        Raises:
            InputError: the given function returns something else than frames of this shape.
        """
        with torch.autocast(frames.device.type, enabled=False):
            denoised: Any = self.denoise(frames.float(), sigma.float())
        if not isinstance(denoised, Tensor) or denoised.shape != frames.shape:
            found = tuple(getattr(denoised, "shape", ())) or type(denoised).__name__
            raise InputError(f"prior: returned {found} for frames of {tuple(frames.shape)}")
        if not bool(denoised.isfinite().all()):
            raise InputError("prior: returned NaN or infinity")
        return denoised.to(frames)
