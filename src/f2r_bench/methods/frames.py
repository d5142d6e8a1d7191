"""What several methods do to frames: pad them, mirror indices at the ends, prepare them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.warp import visibility
from f2r.noise.models import NoiseModel
from f2r_bench.core import (
    PreparedFrame,
    Preprocessor,
    chained_flow,
    link_frames,
    sigma_map,
)

Item = TypeVar("Item")


def pad_sides(frames: Tensor, multiple: int, mode: str = "replicate") -> Tensor:
    """Lengthen (..., C, H, W) at the bottom and the right until both sides are multiples."""
    height, width = frames.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    flat = frames.reshape(-1, *frames.shape[-3:])
    padded = functional.pad(flat, padding, mode=mode)
    return padded.reshape(*frames.shape[:-2], *padded.shape[-2:])


def mirror_index(index: int, count: int) -> int:
    """Reflect an index at both ends of a clip of `count` frames, without repeating the end."""
    if count == 1:
        return 0
    period = 2 * (count - 1)
    index %= period
    return min(index, period - index)


def mean_sigma(noise: NoiseModel, noisy: Tensor) -> float:
    """Give the one noise level that stands for a clip: the root of its mean variance."""
    return float(noise.variance(noisy).mean().sqrt())


def noise_map(noise: NoiseModel, noisy: Tensor) -> Tensor:
    """Give one noise level per pixel, (B, 1, H, W), for (B, C, H, W) frames."""
    return sigma_map(noise, noisy).square().mean(1, keepdim=True).sqrt()


@torch.no_grad()
def prepare_frames(noisy: Tensor, preprocessor: Preprocessor) -> list[PreparedFrame]:
    """Apply prior and flow to (T, 3, H, W) frames whose sides suit the prior."""
    prepared = [preprocessor.prepare(frame) for frame in noisy]
    link_frames(prepared, preprocessor.flow)
    return prepared


@dataclass(frozen=True)
class Around:
    """How the neighbours of one frame align to it."""

    flow: Tensor
    """(N, 2, H, W) into each neighbour."""
    visible: Tensor
    """(N, 1, H, W) in [0, 1]; zero where there is no neighbour."""


def surroundings(frames: Sequence[PreparedFrame], target: int, offsets: Sequence[int]) -> Around:
    """Chain the flows from one prepared frame to the neighbours at N offsets."""
    indexed = dict(enumerate(frames))
    flows, seen = [], []
    for offset in offsets:
        there = chained_flow(indexed, target, offset)
        back = chained_flow(indexed, target + offset, -offset)
        if there is None or back is None:
            flows.append(torch.zeros_like(frames[target].noisy[:2]))
            seen.append(flows[-1][:1])
        else:
            flows.append(there)
            seen.append(visibility(there[None], back[None])[0])
    return Around(torch.stack(flows), torch.stack(seen))


def draw_places(
    count: int, size: tuple[int, int], side: int, generator: torch.Generator
) -> list[tuple[float, slice, slice]]:
    """Draw a number in [0, 1) and the rows and columns of a square crop, `count` times.

    Crops are as high or wide as the frame where it is smaller than `side`; they begin at even
    pixels.
    """
    lengths = [min(side, length) for length in size]
    drawn = []
    for choice, v, u in torch.rand(count, 3, generator=generator).tolist():
        starts = [
            int(spot * (length - crop) / 2) * 2
            for spot, length, crop in zip((v, u), size, lengths, strict=True)
        ]
        rows, columns = (
            slice(start, start + crop) for start, crop in zip(starts, lengths, strict=True)
        )
        drawn.append((choice, rows, columns))
    return drawn


def stack_windows(frames: Tensor, reach: int) -> list[Tensor]:
    """Give the (2 * reach + 1, C, H, W) window around each frame, mirrored at the ends."""
    count = len(frames)
    around = range(-reach, reach + 1)
    return [frames[[mirror_index(t + o, count) for o in around]] for t in range(count)]


def chosen(items: Sequence[Item], spot: float) -> Item:
    """Take the item at a place in [0, 1)."""
    return items[int(spot * len(items))]
