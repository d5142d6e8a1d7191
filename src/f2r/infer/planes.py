"""Between a clip's channels and what the networks see: three channels, padded sides."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.io.clip import ClipInfo, Frame

MULTIPLE = 8
"""Sides of what the networks see are multiples of this."""

SMALLEST = 32
"""Sides of what the networks see are at least this."""


@dataclass(frozen=True)
class PlaneLayout:
    """How a frame is cut into planes: one of three channels for colour, else one per channel."""

    height: int
    """Rows of a frame."""
    width: int
    """Columns of a frame."""
    groups: tuple[tuple[int, ...], ...]
    """Channels of each plane: (0, 1, 2) for colour, (c,) for a grey one."""

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        height, width = (
            max(-(-side // MULTIPLE) * MULTIPLE, SMALLEST) for side in (self.height, self.width)
        )
        return height, width

    def is_grey(self, plane: int) -> bool:
        """Tell whether the three channels of a plane are one."""
        return len(self.groups[plane]) == 1

    def split(self, frame: Frame) -> list[Tensor]:
        """Cut an (H, W, C) frame into planes (3, H', W'), padded by repeating the border."""
        tensor = torch.from_numpy(np.ascontiguousarray(frame, dtype=np.float32)).permute(2, 0, 1)
        bottom, right = self.padded[0] - self.height, self.padded[1] - self.width
        padded = functional.pad(tensor[None], (0, right, 0, bottom), mode="replicate")[0]
        return [padded[list(group)].expand(3, -1, -1).contiguous() for group in self.groups]

    def merge(self, planes: list[Tensor]) -> Frame:
        """Join planes (3, H', W') to an (H, W, C) frame; grey planes by the mean of their three."""
        joined = [
            plane if len(group) == 3 else plane.mean(0, keepdim=True)
            for plane, group in zip(planes, self.groups, strict=True)
        ]
        frame = torch.cat(joined)[:, : self.height, : self.width].permute(1, 2, 0)
        merged: Frame = frame.float().cpu().contiguous().numpy()
        return merged


def layout_of(info: ClipInfo) -> PlaneLayout:
    """Choose the planes of a clip."""
    channels = range(info.channels)
    groups = ((0, 1, 2),) if info.is_colour else tuple((c,) for c in channels)
    return PlaneLayout(info.height, info.width, groups)
