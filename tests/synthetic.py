"""Clips made by formula."""

import torch
from torch import Tensor
from torch.nn import functional


def moving_clip(frames: int, height: int, width: int, speed: int = 2, seed: int = 0) -> Tensor:
    """Make a (T, 3, H, W) clip: smooth texture that moves right by `speed` pixels a frame."""
    generator = torch.Generator().manual_seed(seed)
    size = (height, width + speed * frames)
    coarse = torch.rand(1, 3, size[0] // 6 + 2, size[1] // 6 + 2, generator=generator)
    scene = functional.interpolate(coarse, size, mode="bicubic", align_corners=True)[0]
    scene = 0.15 + 0.7 * scene.clamp(0, 1)
    starts = [speed * (frames - t) for t in range(frames)]
    return torch.stack([scene[..., s : s + width] for s in starts])
