"""Stage 2: spatial refiner g_phi, which adds a residual to the anchor.

Source: Frames2Residual, figure 3 (docs/method.md, "Stage 2").
"""

import torch
from torch import Tensor, nn

from f2r.models.layers import UNet, join_narrow


class SpatialRefiner(nn.Module):
    """Spatial refiner: x~_t = x-_t + g_phi(x-_t, z'_t).

    The residual is a learned mixture of the centre frame, denoised and noisy, relative to the
    anchor, plus a free correction.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        widths: channels of each level, finest (1/2 resolution) first.
        depths: residual blocks of each level.
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
        # Start from half anchor and half prior, with hardly any of the noisy frame.
        scores = torch.tensor([0.0, -3.0, 0.0, *[0.0] * channels])
        self.net.tail.bias = nn.Parameter(scores.repeat_interleave(4))

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of it, pixels."""
        return self.net.size_multiple

    @property
    def reach(self) -> int:
        """Radius of the receptive field, pixels."""
        return self.net.reach

    def forward(self, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
        """Refine the anchor.

        Args:
            anchor: (B, C, H, W) float32 output of stage 1, nominal units; a constant.
            joint: (B, 2C, H, W) z'_t of the centre frame, recorrupted in training.
            sigma: (B, C, H, W) noise level of that frame, nominal units.

        Returns:
            (B, C, H, W) float32 refined frame, not clipped.
        """
        return anchor + self.residual(anchor, joint, sigma)

    def residual(self, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
        """Compute g_phi: (B, C, H, W) float32; arguments as for `forward`."""
        output = self.net(join_narrow(anchor, joint, sigma)).float()
        weights = torch.softmax(output[:, :3], dim=1)
        denoised, removed = joint.float().chunk(2, dim=1)
        offered = denoised - anchor
        copied = weights[:, :1] * offered + weights[:, 1:2] * (offered + removed)
        return copied + output[:, 3:]
