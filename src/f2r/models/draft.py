"""Recurrent denoiser of the draft preset: one small network per frame.

Not in the paper. Each frame is denoised together with the previous result, which is aligned along
the flow and takes the place of the anchor.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from f2r.models.layers import Down, Up, join_narrow, residual_blocks

FINE = 2
"""Pixels on a side that one position of the finest features stands for."""

FOLD = 2 * FINE
"""Pixels on a side that one position of the memory and of the noise level stands for."""

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

    A U-Net of three levels. Per pixel the output is a mixture of the noisy frame and the aligned
    result, plus a residual.

    Args:
        channels: C, 3.
        widths: channels at 1/2, 1/4 and 1/8 of the resolution.
        depths: residual blocks of each level; at 1/2 and 1/4 used before and after the level below.
        memory: M, features that are handed from frame to frame.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, ...] = (32, 64, 128),
        depths: tuple[int, ...] = (1, 1, 2),
        memory: int = 32,
    ) -> None:
        super().__init__()
        options = {"widths": widths, "depths": depths, "memory": memory}
        self.config = {"channels": channels, **options}
        fine, middle, coarse = widths
        self.memory = memory
        self.head = nn.Conv2d(2 * channels, fine, 2 * FINE, stride=FINE, padding=FINE // 2)
        self.fine_before = residual_blocks(fine, depths[0])
        self.fine_down = Down(fine, middle)
        self.recall = nn.Conv2d(memory + 1, middle, 1)
        self.before = residual_blocks(middle, depths[1])
        self.down = Down(middle, coarse)
        self.bottom = residual_blocks(coarse, depths[2])
        self.up = Up(coarse, middle)
        self.after = residual_blocks(middle, depths[1])
        self.keep = nn.Conv2d(middle, memory, 1)
        self.fine_up = Up(middle, fine)
        self.fine_after = residual_blocks(fine, depths[0])
        self.tail = nn.Conv2d(fine, FINE**2 * (1 + channels), 3, padding=1)
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
        fine = self.fine_before(self.head(join_narrow(noisy, aligned)))
        known = self.recall(join_narrow(previous.memory, level))
        middle = self.before(self.fine_down(fine) + known)
        middle = self.after(self.up(self.bottom(self.down(middle))) + middle)
        features = self.fine_after(self.fine_up(middle) + fine)
        output = nn.functional.pixel_shuffle(self.tail(features), FINE).float()
        share = torch.sigmoid(output[:, :1])
        mixed = torch.lerp(aligned, noisy, share)
        denoised = (mixed + output[:, 1:]).clamp(*RANGE)
        return DraftState(denoised, torch.tanh(self.keep(middle)))

    def first_state(self, noisy: Tensor) -> DraftState:
        """Give the state that stands before the first frame of a shot: (B, C, H, W) itself."""
        height, width = (side // FOLD for side in noisy.shape[-2:])
        return DraftState(noisy, noisy.new_zeros(len(noisy), self.memory, height, width))
