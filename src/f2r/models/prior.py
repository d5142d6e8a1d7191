"""Image prior D, a frozen image denoiser, and the joint input z = cat(D(y), y - D(y)).

Source: Frames2Residual, figures 1c and 2a (docs/method.md, "Preprocessing").
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from f2r.models.layers import UNet, join_narrow


class Prior(nn.Module, ABC):
    """Any image denoiser D that receives the noise level of every sample."""

    @property
    @abstractmethod
    def size_multiple(self) -> int:
        """Height and width must be multiples of it, pixels."""

    @property
    @abstractmethod
    def reach(self) -> int:
        """Radius of the receptive field, pixels."""

    @abstractmethod
    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """Denoise (B, C, H, W) frames under their noise level `sigma`, same shape."""


class ImagePrior(Prior):
    """Image denoiser D that receives the noise level of every sample.

    A U-Net that predicts the noise. Grey images are given as three equal channels.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        widths: channels of each level, finest (1/2 resolution) first.
        depths: residual blocks of each level.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (64, 96, 128),
        depths: tuple[int, ...] = (2, 3, 3),
    ) -> None:
        super().__init__()
        self.config = {"channels": channels, "widths": widths, "depths": depths}
        self.net = UNet(2 * channels, channels, widths, depths)

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of it, pixels."""
        return self.net.size_multiple

    @property
    def reach(self) -> int:
        """Radius of the receptive field, pixels."""
        return self.net.reach

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """Denoise frames.

        Args:
            frames: (B, C, H, W), nominal range [0, 1], not clipped.
            sigma: (B, C, H, W), standard deviation of the noise, nominal units.

        Returns:
            (B, C, H, W) denoised frames, data type of `frames`.
        """
        noise = self.net(join_narrow(frames, sigma))
        return frames - noise.to(frames.dtype)


def joint_input(frames: Tensor, denoised: Tensor) -> Tensor:
    """Concatenate z = cat(D(y), y - D(y)).

    Args:
        frames: (B, C, H, W) y, nominal units.
        denoised: (B, C, H, W) D(y).

    Returns:
        (B, 2C, H, W).

    Source: Frames2Residual, figure 1c.
    """
    return torch.cat((denoised, frames - denoised), dim=1)
