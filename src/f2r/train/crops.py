"""A batch of training crops for stage 1, and its mirror images."""

from typing import NamedTuple

import torch
from torch import Tensor


class Crops(NamedTuple):
    """A batch for stage 1; N = 2 * radius, S = side, M = side of a neighbour's crop."""

    target: Tensor
    """(B, C, S, S) y_t, or the clean frame: target of the loss, never an input."""
    variance: Tensor
    """(B,) mean noise variance of the target, by which its loss is divided."""
    trained: Tensor
    """(B, 1, S, S) bool: pixels that the loss may touch."""
    warped: Tensor
    """(B, N, 2C, S, S) z_i on the target's grid."""
    joint: Tensor
    """(B, N, 2C, M, M) unwarped z_i, for the encoder."""
    sigma: Tensor
    """(B, N, C, M, M) noise level of the neighbours."""
    flow: Tensor
    """(B, N, 2, S, S) from the target's grid into the neighbour's crop."""
    visible: Tensor
    """(B, N, 1, S, S)."""
    present: Tensor
    """(B, N) bool."""


def augment(crops: Crops, across: bool, upside_down: bool, turn: bool, backwards: bool) -> Crops:
    """Mirror, transpose and reverse in time; the flow follows.

    Args:
        crops: the batch.
        across: mirror left and right.
        upside_down: mirror top and bottom.
        turn: swap rows and columns.
        backwards: reverse the order of the neighbours, which is symmetric in time.
    """
    source = (crops.joint.shape[-1] - 1.0, crops.joint.shape[-2] - 1.0)
    rows, columns = _grid(crops.flow)
    points = torch.stack((crops.flow[:, :, 0] + columns, crops.flow[:, :, 1] + rows), dim=2)
    if across:
        points = torch.stack((source[0] - points[:, :, 0], points[:, :, 1]), dim=2)
    if upside_down:
        points = torch.stack((points[:, :, 0], source[1] - points[:, :, 1]), dim=2)
    if turn:
        points = points.flip(2)
    points = flip_image(points, across, upside_down, turn)
    rows, columns = _grid(points)
    flow = torch.stack((points[:, :, 0] - columns, points[:, :, 1] - rows), dim=2)
    images = ("target", "trained", "warped", "joint", "sigma", "visible")
    flipped = {k: flip_image(getattr(crops, k), across, upside_down, turn) for k in images}
    batch = crops._replace(flow=flow, **flipped)
    if backwards:
        batch = batch._replace(**{k: getattr(batch, k).flip(1) for k in _PER_NEIGHBOUR})
    return batch


_PER_NEIGHBOUR = ("warped", "joint", "sigma", "flow", "visible", "present")


def flip_image(image: Tensor, across: bool, upside_down: bool, turn: bool) -> Tensor:
    """Mirror and transpose the last two axes of (..., C, H, W).

    Transposing a mosaic brings each green to the place of the other, so packed raw, whose channels
    come in fours, has its greens exchanged.
    """
    axes = [axis for axis, wanted in ((-1, across), (-2, upside_down)) if wanted]
    image = image.flip(axes) if axes else image
    if not turn:
        return image
    fours = range(0, image.shape[-3] if image.shape[-3] % 4 == 0 else 0, 4)
    order = [first + place for first in fours for place in (0, 2, 1, 3)]
    turned = image.transpose(-1, -2)
    return turned[..., order, :, :] if order else turned


def _grid(flow: Tensor) -> tuple[Tensor, Tensor]:
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    return rows[:, None], torch.arange(width, device=flow.device, dtype=flow.dtype)
