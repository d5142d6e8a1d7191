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
        network: in training.
        clips: each at least as long and as large as a window.
        windows: how windows are drawn.
        generator: the only source of randomness.
    """
    drawn = [_draw(clips, windows, generator) for _ in range(windows.batch)]
    batch = DraftClip(*(torch.stack(parts, 1) for parts in zip(*drawn, strict=True)))
    error = (_denoise(network, batch) - batch.clean).square().mean((1, 2, 3, 4))
    roots = (error + LEAST).sqrt()
    return (FIRST_WEIGHT * roots[0] + roots[1:].sum()) / windows.frames


def _denoise(network: DraftDenoiser, batch: DraftClip) -> Tensor:
    """Run the network over (T, B, ...) windows: (T, B, 3, H, W)."""
    results: list[Tensor] = []
    state: DraftState | None = None
    for noisy, level, flow in zip(batch.noisy, batch.level, batch.flow, strict=True):
        before = network.first_state(noisy) if state is None else align_state(state, flow)
        with mixed_precision(noisy.device):
            state = network(noisy, level, before)
        results.append(state.denoised)
    return torch.stack(results)


def _draw(
    clips: Sequence[DraftClip], windows: DraftWindows, generator: torch.Generator
) -> DraftClip:
    """Cut a window at a random place, mirrored and transposed at random; float32."""
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
        return part[start : start + windows.frames, :, rows, columns].float()

    window = DraftClip(
        cut(clip.noisy, 1), cut(clip.clean, 1), cut(clip.level, FOLD), cut(clip.flow, 2)
    )
    return _turned(window, *(torch.rand(3, generator=generator) < 0.5).tolist())


def _turned(window: DraftClip, mirrored: bool, flipped: bool, transposed: bool) -> DraftClip:
    """Mirror a window and its flow left to right, top to bottom, and along the diagonal."""
    if mirrored:
        window = DraftClip(*(part.flip(-1) for part in window))
        window = window._replace(flow=window.flow * torch.tensor([-1.0, 1.0]).view(2, 1, 1))
    if flipped:
        window = DraftClip(*(part.flip(-2) for part in window))
        window = window._replace(flow=window.flow * torch.tensor([1.0, -1.0]).view(2, 1, 1))
    if transposed:
        window = DraftClip(*(part.mT for part in window))
        window = window._replace(flow=window.flow.flip(1))
    return window


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
