"""Recurrent denoiser of the draft preset: one small network per frame.

Not in the paper. Each frame is denoised together with the previous result, which is aligned along
the flow and takes the place of the anchor. All convolutions run at a quarter of the resolution or
less, so that they are wide enough for the matrix units of processors.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from f2r.models.layers import Down, Up, join_narrow, residual_blocks

FOLD = 4
"""Pixels on a side that one position of the finest features stands for."""

RANGE = (-0.5, 1.5)
"""Limits of the output, nominal units: a state cannot grow from frame to frame."""


class DraftState(NamedTuple):
    """What one frame leaves to the next."""

    denoised: Tensor
    """(B, C, H, W) float32, nominal."""
    memory: Tensor
    """(B, M, H / 4, W / 4) features."""


class DraftDenoiser(nn.Module):
    """Denoises a frame with the aligned result of the previous one.

    Per pixel the output is a mixture of the noisy frame and the aligned result, plus a residual.

    Args:
        channels: C, 3.
        widths: channels at 1/4 and 1/8 of the resolution.
        depths: residual blocks of each level; at 1/4 used before and after the level below.
        memory: M, features that are handed from frame to frame.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (64, 128),
        depths: tuple[int, ...] = (1, 2),
        memory: int = 32,
    ) -> None:
        super().__init__()
        options = {"widths": widths, "depths": depths, "memory": memory}
        self.config = {"channels": channels, **options}
        fine, coarse = widths
        self.memory = memory
        self.head = nn.Conv2d(2 * channels, fine, 2 * FOLD, stride=FOLD, padding=FOLD // 2)
        self.recall = nn.Conv2d(memory + 1, fine, 1)
        self.before = residual_blocks(fine, depths[0])
        self.down = Down(fine, coarse)
        self.bottom = residual_blocks(coarse, depths[1])
        self.up = Up(coarse, fine)
        self.after = residual_blocks(fine, depths[0])
        self.tail = nn.Conv2d(fine, FOLD**2 * (1 + channels), 3, padding=1)
        self.keep = nn.Conv2d(fine, memory, 1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of it, pixels."""
        return 2 * FOLD

    def forward(self, noisy: Tensor, level: Tensor, previous: DraftState) -> DraftState:
        """Denoise a frame.

        Args:
            noisy: (B, C, H, W) frame, nominal range [0, 1], not clipped.
            level: (B, 1, H / 4, W / 4) standard deviation of its noise, nominal units.
            previous: state of the frame before, aligned to this one; see `first_state` for the
                start of a shot.

        Returns:
            State of this frame.
        """
        aligned = previous.denoised
        known = self.recall(join_narrow(previous.memory, level))
        features = self.head(join_narrow(noisy, aligned)) + known
        fine = self.before(features)
        features = self.after(self.up(self.bottom(self.down(fine))) + fine)
        output = nn.functional.pixel_shuffle(self.tail(features), FOLD).float()
        share = torch.sigmoid(output[:, :1])
        mixed = torch.lerp(aligned, noisy, share)
        denoised = (mixed + output[:, 1:]).clamp(*RANGE)
        return DraftState(denoised, torch.tanh(self.keep(features)))

    def first_state(self, noisy: Tensor) -> DraftState:
        """Give the state that stands before the first frame of a shot: (B, C, H, W) itself."""
        height, width = (side // FOLD for side in noisy.shape[-2:])
        return DraftState(noisy, noisy.new_zeros(len(noisy), self.memory, height, width))
