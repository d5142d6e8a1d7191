"""Loss of the draft network: clean frames as the targets, over windows of consecutive frames."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.flow.quick import quick_flow, searched_luma
from f2r.method.draft import align_state, draft_level
from f2r.method.precision import mixed_precision
from f2r.models.draft import FOLD, DraftDenoiser, DraftState
from f2r.noise.models import NoiseModel
from f2r.train.clean_loss import LEAST

FIRST_WEIGHT = 0.5
"""Weight of the error of the first frame of a window, which has no frame before it."""


@dataclass(frozen=True)
class DraftWindows:
    """How windows are drawn."""

    frames: int = 7
    """Consecutive frames of a window; > 1."""
    batch: int = 4
    """Windows of a step; > 0."""
    side: int = 128
    """Rows and columns of a window; a multiple of 8."""


class DraftClip(NamedTuple):
    """A clip or a batch of windows; what the network receives, and the target."""

    noisy: Tensor
    """(T, 3, H, W) nominal."""
    clean: Tensor
    """(T, 3, H, W) nominal."""
    level: Tensor
    """(T, 1, H / 4, W / 4) noise level, nominal."""
    flow: Tensor
    """(T, 2, H / 2, W / 2) flow that aligns the frame before, in its pixels; zero for the first."""


def prepare_draft_clip(noisy: Tensor, clean: Tensor, noise: NoiseModel) -> DraftClip:
    """Estimate the flow of a (T, 3, H, W) clip, and keep everything in float16."""
    lumas = [searched_luma(frame) for frame in noisy]
    flows = [quick_flow(later, earlier) for earlier, later in itertools.pairwise(lumas)]
    flow = torch.stack([torch.zeros(2, *lumas[0].shape), *flows])
    level = torch.stack([draft_level(noise, frame, 1.0) for frame in noisy])
    return DraftClip(noisy.half(), clean.half(), level.half(), flow.half())


def draft_loss(
    network: DraftDenoiser,
    clips: Sequence[DraftClip],
    windows: DraftWindows,
    generator: torch.Generator,
) -> Tensor:
    """Give the root mean square error of each frame of fresh windows, averaged.

    Args:
        network: in training, on the device of the clips.
        clips: each at least as long and as large as a window.
        windows: how windows are drawn.
        generator: the only source of randomness.
    """
    drawn = [_draw(clips, windows, generator) for _ in range(windows.batch)]
    batch = DraftClip(*(torch.stack(parts, 1).float() for parts in zip(*drawn, strict=True)))
    batch = _turned(batch, *(torch.rand(3, generator=generator) < 0.5).tolist())
    error = (_denoise(network, batch) - batch.clean).square().mean((2, 3, 4))
    roots = (error + LEAST).sqrt().mean(1)
    return (FIRST_WEIGHT * roots[0] + roots[1:].sum()) / windows.frames


def _denoise(network: DraftDenoiser, batch: DraftClip) -> Tensor:
    """Run the network over (T, B, ...) windows: (T, B, 3, H, W)."""
    results: list[Tensor] = []
    state: DraftState | None = None
    with mixed_precision(batch.noisy.device):
        for noisy, level, flow in zip(batch.noisy, batch.level, batch.flow, strict=True):
            before = network.first_state(noisy) if state is None else align_state(state, flow)
            state = network(noisy, level, before)
            results.append(state.denoised)
    return torch.stack(results)


def _draw(
    clips: Sequence[DraftClip], windows: DraftWindows, generator: torch.Generator
) -> DraftClip:
    """Cut a window at a random place."""
    clip = clips[_below(len(clips), generator)]
    start = _below(len(clip.noisy) - windows.frames + 1, generator)
    height, width = clip.noisy.shape[-2:]
    top, left = (
        2 * FOLD * _below((length - windows.side) // (2 * FOLD) + 1, generator)
        for length in (height, width)
    )

    def cut(part: Tensor, step: int) -> Tensor:
        rows = slice(top // step, (top + windows.side) // step)
        columns = slice(left // step, (left + windows.side) // step)
        return part[start : start + windows.frames, :, rows, columns]

    return DraftClip(
        cut(clip.noisy, 1), cut(clip.clean, 1), cut(clip.level, FOLD), cut(clip.flow, 2)
    )


def _turned(windows: DraftClip, mirrored: bool, flipped: bool, transposed: bool) -> DraftClip:
    """Mirror windows and their flow left to right, top to bottom, and along the diagonal."""
    for axis, chosen in ((-1, mirrored), (-2, flipped)):
        if chosen:
            windows = DraftClip(*(part.flip(axis) for part in windows))
            x, y = windows.flow.unbind(-3)
            windows = windows._replace(flow=torch.stack((-x, y) if axis == -1 else (x, -y), -3))
    if transposed:
        windows = DraftClip(*(part.mT for part in windows))
        windows = windows._replace(flow=windows.flow.flip(-3))
    return windows


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
