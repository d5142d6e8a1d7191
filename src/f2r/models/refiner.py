"""Stage 2: the non-blind spatial refiner g_phi, a residual on the anchor.

Source: Frames2Residual, figure 3 (METHOD.md, section 2).
"""

import torch
from torch import Tensor, nn

from f2r.models.layers import UNet, join


class SpatialRefiner(nn.Module):
    """Recovers what only the centre frame shows: x~_t = x-_t + g_phi(x-_t, z'_t).

    The residual is a learned mixture of what the centre frame offers, denoised and as it is,
    relative to the anchor, plus a free correction.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        widths: channels of the U-Net per scale, from 1/2 on.
        depths: its residual blocks per scale.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (64, 96, 96),
        depths: tuple[int, ...] = (2, 2, 2),
    ) -> None:
        super().__init__()
        self.config = {"channels": channels, "widths": widths, "depths": depths}
        self.net = UNet(4 * channels, 3 + channels, widths, depths)
        nn.init.zeros_(self.net.tail.weight)
        # The first guess is half anchor, half prior, and hardly any of the noisy frame.
        scores = torch.tensor([0.0, -3.0, 0.0, *[0.0] * channels])
        self.net.tail.bias = nn.Parameter(scores.repeat_interleave(4))

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return self.net.size_multiple

    @property
    def reach(self) -> int:
        """How far from a pixel its inputs can lie, in pixels."""
        return self.net.reach

    def forward(self, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
        """Refine.

        Args:
            anchor: (B, C, H, W) float32 output of stage 1, a constant.
            joint: (B, 2C, H, W) z'_t of the (re-corrupted) centre frame.
            sigma: (B, C, H, W) noise level of that frame.

        Returns:
            (B, C, H, W) float32 refined frame.
        """
        return anchor + self.residual(anchor, joint, sigma)

    def residual(self, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
        """Give the residual g_phi on the anchor, (B, C, H, W) float32."""
        output = self.net(join(anchor, joint, sigma)).float()
        weights = torch.softmax(output[:, :3], dim=1)
        denoised, removed = joint.float().chunk(2, dim=1)
        offered = denoised - anchor
        copied = weights[:, :1] * offered + weights[:, 1:2] * (offered + removed)
        return copied + output[:, 3:]
