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

REACH = 40
"""Largest motion of a patch from frame to frame that is followed, in pixels along each axis."""

COARSE = 4
"""Step of the search for the motion, and side of the squares that are averaged for it, pixels."""

STAY = 0.7
"""A patch is followed if the squared difference at the best place is less than this share of that
in the same place."""

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
        (P, 3, 64, 64) luma of the frames before, at and after a time; see `follow_patch`.
    """
    shown = (frames if frames.ndim == 3 else _luma(frames)).float()
    last = len(shown) - 1
    height, width = shown.shape[-2:]
    patches = []
    for k in range(start, start + count):
        time = int((k * GOLDEN) % 1 * max(last - 1, 1)) + (1 if last > 1 else 0)
        top, left = (
            BLOCK_SIDE * int((k * share) % 1 * ((full - PATCH_SIDE) // BLOCK_SIDE + 1))
            if full > PATCH_SIDE
            else 0
            for share, full in zip(PLASTIC, (height, width), strict=True)
        )
        three = shown[[max(time - 1, 0), time, min(time + 1, last)]]
        patches.append(follow_patch(three, top, left))
    return torch.stack(patches)


def follow_patch(frames: Tensor, top: int, left: int) -> Tensor:
    """Cut a patch, and the places in the frames before and after that it shows.

    A scene that moves fast is compared with itself by this: what differs is noise.

    Args:
        frames: (3, H, W) luma of the frames before, at and after a time.
        top: first row of the patch.
        left: first column.

    Returns:
        (3, 64, 64).
    """
    here = (..., slice(top, top + PATCH_SIDE), slice(left, left + PATCH_SIDE))
    patch = frames[here]
    if min(patch.shape[-2:]) < PATCH_SIDE:
        return _fill(patch)
    before, now, after = frames
    sought = patch[1]
    return torch.stack(
        (_moved_patch(before, sought, top, left), now[here], _moved_patch(after, sought, top, left))
    )


def _moved_patch(frame: Tensor, sought: Tensor, top: int, left: int) -> Tensor:
    """Find the patch of an (H, W) frame that resembles `sought`, which lies at (top, left)."""
    first = [start - min(start, REACH) // COARSE * COARSE for start in (top, left)]
    stop = [
        start + PATCH_SIDE + min(side - PATCH_SIDE - start, REACH) // COARSE * COARSE
        for start, side in zip((top, left), frame.shape, strict=True)
    ]
    region = functional.avg_pool2d(frame[None, first[0] : stop[0], first[1] : stop[1]], COARSE)[0]
    small = functional.avg_pool2d(sought[None], COARSE)[0]
    side = PATCH_SIDE // COARSE
    candidates = region.unfold(0, side, 1).unfold(1, side, 1)
    misfit = (candidates - small).square().mean((2, 3))
    row, column = divmod(int(misfit.argmin()), misfit.shape[1])
    still = misfit[(top - first[0]) // COARSE, (left - first[1]) // COARSE]
    if misfit[row, column] < STAY * still:
        top, left = first[0] + COARSE * row, first[1] + COARSE * column
    return frame[top : top + PATCH_SIDE, left : left + PATCH_SIDE]


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
