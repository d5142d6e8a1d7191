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
    """

    def __init__(
        self, widths: tuple[int, ...] = (64, 96, 96), depths: tuple[int, ...] = (2, 2, 2)
    ) -> None:
        super().__init__()
        self.config = {"widths": widths, "depths": depths}
        self.net = UNet(12, 6, widths, depths)
        nn.init.zeros_(self.net.tail.weight)
        # The first guess is half anchor, half prior, and hardly any of the noisy frame.
        scores = torch.tensor([0.0, -3.0, 0.0, 0.0, 0.0, 0.0])
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
            anchor: (B, 3, H, W) float32 output of stage 1, a constant.
            joint: (B, 6, H, W) z'_t of the (re-corrupted) centre frame.
            sigma: (B, 3, H, W) noise level of that frame.

        Returns:
            (B, 3, H, W) float32 refined frame.
        """
        return anchor + self.residual(anchor, joint, sigma)

    def residual(self, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
        """Give the residual g_phi on the anchor, (B, 3, H, W) float32."""
        output = self.net(join(anchor, joint, sigma)).float()
        weights = torch.softmax(output[:, :3], dim=1)
        denoised, removed = joint.float().split(3, dim=1)
        offered = denoised - anchor
        copied = weights[:, :1] * offered + weights[:, 1:2] * (offered + removed)
        return copied + output[:, 3:]
