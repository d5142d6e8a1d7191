"""The prior: a frozen image denoiser D, and the joint input z = cat(D(y), y - D(y)).

Source: Frames2Residual, figure 1c and 2a (METHOD.md, section 0).
"""

import torch
from torch import Tensor, nn

from f2r.models.layers import UNet, join


class ImagePrior(nn.Module):
    """Image denoiser D, told the noise level of every sample by a map.

    A convolutional U-Net that predicts the noise. Grey images go in as three equal channels.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        widths: channels of the U-Net per scale, from 1/2 on.
        depths: its residual blocks per scale.
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
        """Height and width must be multiples of this."""
        return self.net.size_multiple

    @property
    def reach(self) -> int:
        """How far from a pixel its inputs can lie, in pixels."""
        return self.net.reach

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        """Denoise.

        Args:
            frames: (B, C, H, W), nominal range [0, 1], not clipped.
            sigma: (B, C, H, W), standard deviation of the noise in the same unit.

        Returns:
            (B, C, H, W) denoised frames in the type of `frames`.
        """
        noise = self.net(join(frames, sigma))
        return frames - noise.to(frames.dtype)


def joint_input(frames: Tensor, denoised: Tensor) -> Tensor:
    """Build z = cat(D(y), y - D(y)): (B, C, H, W) twice to (B, 2C, H, W).

    Source: Frames2Residual, figure 1c.
    """
    return torch.cat((denoised, frames - denoised), dim=1)
