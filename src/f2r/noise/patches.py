"""Patches of three consecutive frames, spread evenly over a clip, and blocks that repeat."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.luma import luma
from f2r.models.noise_level import BLOCK_SIDE, PATCH_SIDE

COPIED = 0.35 / 255
"""A block whose mean absolute change is at most this counts as a copy: rounding to 8 bits after
an unchanged block has been decoded changes less."""

GOLDEN = 0.6180339887
PLASTIC = (0.7548776662, 0.5698402910)
"""Multiples of these, modulo one, cover the unit interval and the unit square evenly."""


def spread_patches(frames: Tensor, count: int, start: int = 0) -> Tensor:
    """Cut patches from places that are spread evenly over a clip.

    Their corners lie on multiples of 8, where most codecs have the corners of their blocks. Short
    clips and small frames are extended by repetition.

    Args:
        frames: (T, C, H, W) or luma (T, H, W), nominal; C is 1, 3 or 4.
        count: P, how many patches.
        start: which part of the even sequence to take.

    Returns:
        (P, 3, 64, 64) luma of the frames before, at and after a time.
    """
    last = len(frames) - 1
    height, width = frames.shape[-2:]
    patches = []
    for k in range(start, start + count):
        time = int((k * GOLDEN) % 1 * max(last - 1, 1)) + (1 if last > 1 else 0)
        top, left = (
            BLOCK_SIDE * int((k * share) % 1 * ((full - PATCH_SIDE) // BLOCK_SIDE + 1))
            if full > PATCH_SIDE
            else 0
            for share, full in zip(PLASTIC, (height, width), strict=True)
        )
        times = [max(time - 1, 0), time, min(time + 1, last)]
        cut = frames[times, ..., top : top + PATCH_SIDE, left : left + PATCH_SIDE].float()
        patches.append(_fill(cut if cut.ndim == 3 else _luma(cut)))
    return torch.stack(patches)


def copied_blocks(frames: Tensor) -> Tensor:
    """Find the 8x8 blocks that repeat the frame before.

    Args:
        frames: (T, C, H, W), nominal; H and W at least 8, a rest below 8 is left out.

    Returns:
        (T - 1, H // 8, W // 8) bool.
    """
    changes = [(now - before).abs().mean(0) for before, now in itertools.pairwise(frames)]
    if not changes:
        size = (frames.shape[-2] // BLOCK_SIDE, frames.shape[-1] // BLOCK_SIDE)
        return torch.zeros((0, *size), dtype=torch.bool)
    return functional.avg_pool2d(torch.stack(changes)[:, None], BLOCK_SIDE)[:, 0] <= COPIED


def copied_shares(frames: Tensor) -> Tensor:
    """Give the share of copied 8x8 blocks of each frame after the first: (T - 1,) in [0, 1]."""
    return copied_blocks(frames).float().mean((1, 2))


def _luma(frames: Tensor) -> Tensor:
    """Give the luma (T, H, W) of (T, C, H, W) frames."""
    return frames[:, 0] if frames.shape[1] == 1 else luma(frames)[:, 0]


def _fill(patch: Tensor) -> Tensor:
    """Mirror a patch of a frame that is smaller than a patch up to its full size."""
    while min(patch.shape[-2:]) < PATCH_SIDE:
        rows, columns = (PATCH_SIDE - side for side in patch.shape[-2:])
        room = (min(columns, patch.shape[-1] - 1), min(rows, patch.shape[-2] - 1))
        patch = functional.pad(patch[None], (0, room[0], 0, room[1]), mode="reflect")[0]
    return patch
