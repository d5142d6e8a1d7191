"""Planes: the channels of a clip in groups that the networks take, with padded sides."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.io.clip import ClipInfo, Frame
from f2r.io.raw.mosaic import sites

MULTIPLE = 8
"""Sides of a plane are multiples of this, pixels."""

SMALLEST_SIDE = 32
"""Smallest side of a plane, pixels."""

RAW_GROUP = (0, 1, 2, 3)
"""The plane of a packed raw frame: red, green of the red rows, green of the blue rows, blue."""


@dataclass(frozen=True)
class PlaneLayout:
    """How a frame is cut into planes: one of three channels for colour, else one per channel.

    A raw frame is one plane of four channels. Frames of other patterns than RGGB are flipped first,
    so that the colours have the offsets that the networks were trained on.
    """

    height: int
    """Rows of a frame."""
    width: int
    """Columns of a frame."""
    groups: tuple[tuple[int, ...], ...]
    """Channels of each plane: (0, 1, 2) for colour, RAW_GROUP for raw, (c,) for a grey one."""
    flips: tuple[int, ...] = ()
    """Axes of (C, H, W) that are flipped on the way in and out."""

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        height, width = (
            max(-(-side // MULTIPLE) * MULTIPLE, SMALLEST_SIDE)
            for side in (self.height, self.width)
        )
        return height, width

    def is_grey(self, plane: int) -> bool:
        """Whether the three channels of a plane are equal."""
        return len(self.groups[plane]) == 1

    def name(self, plane: int) -> str:
        """Name a plane: 'colour', 'raw', 'grey' or 'channel N'."""
        if not self.is_grey(plane):
            return "raw" if self.groups[plane] == RAW_GROUP else "colour"
        return "grey" if len(self.groups) == 1 else f"channel {plane + 1}"

    def split(self, frame: Frame) -> list[Tensor]:
        """Cut an (H, W, C) frame into planes, padded by repeating the border.

        Returns:
            (4, H', W') for raw, else (3, H', W'); a grey plane is repeated three times.
        """
        tensor = torch.from_numpy(np.ascontiguousarray(frame, dtype=np.float32)).permute(2, 0, 1)
        tensor = tensor.flip(self.flips)
        bottom, right = self.padded[0] - self.height, self.padded[1] - self.width
        padded = functional.pad(tensor[None], (0, right, 0, bottom), mode="replicate")[0]
        parts = (padded[list(group)] for group in self.groups)
        return [p.expand(3, -1, -1).contiguous() if len(p) == 1 else p for p in parts]

    def merge(self, planes: list[Tensor]) -> Frame:
        """Join planes to an (H, W, C) frame; a grey plane gives the mean of its three channels."""
        parts = [
            plane.mean(0, keepdim=True) if self.is_grey(k) else plane
            for k, plane in enumerate(planes)
        ]
        joined = torch.cat(parts)
        frame = joined[:, : self.height, : self.width].flip(self.flips).permute(1, 2, 0)
        merged: Frame = frame.float().cpu().contiguous().numpy()
        return merged


def layout_of(info: ClipInfo) -> PlaneLayout:
    """Choose the planes of a clip."""
    if info.mosaic is not None:
        row, column = sites(info.mosaic.pattern)[0]
        flips = tuple(axis for axis, place in ((1, row), (2, column)) if place)
        return PlaneLayout(info.height, info.width, (RAW_GROUP,), flips)
    groups = ((0, 1, 2),) if info.is_colour else tuple((c,) for c in range(info.channels))
    return PlaneLayout(info.height, info.width, groups)
