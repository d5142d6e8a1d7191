"""Noise for clean clips, and how near a clip is to the clean one."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from f2r.evaluation.add_noise import add_frame_noise
from f2r.evaluation.metrics import mean_of_frames, psnr
from f2r.noise.models import NoiseModel

Frames = NDArray[np.float32]
"""(T, H, W, C) frames, nominal units."""


def draw_noisy(clean: Tensor, noise: NoiseModel, seed: int) -> Tensor:
    """Draw the noise of (T, C, H, W) frames: what `f2r simulate --seed` draws."""
    frames = [
        add_frame_noise(frame.permute(1, 2, 0).numpy(), noise, seed, index)
        for index, frame in enumerate(clean)
    ]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()


def to_frames(clip: Tensor) -> Frames:
    """Turn (T, C, H, W) into (T, H, W, C), as readers give and F2R takes clips."""
    return np.ascontiguousarray(clip.permute(0, 2, 3, 1).numpy())


def to_clip(frames: Frames) -> Tensor:
    """Turn (T, H, W, C) into (T, C, H, W)."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


def to_bytes(clip: Tensor) -> NDArray[np.uint8]:
    """Clip (T, C, H, W) to [0, 1] and round to (T, H, W, C) 8-bit samples."""
    return np.rint(255 * to_frames(clip.clamp(0, 1))).astype(np.uint8)


def clip_psnr(estimate: Tensor, clean: Tensor) -> float:
    """Give PSNR in dB per frame of (T, C, H, W), nominal range, averaged over frames."""
    return round(mean_of_frames(psnr(estimate, clean)), 3)


def demosaic(noise: Tensor) -> Tensor:
    """Sample (T, 3, H, W) noise on an RGGB mosaic and interpolate it bilinearly."""
    mask = torch.zeros_like(noise[0])
    mask[0, ::2, ::2] = mask[1, ::2, 1::2] = mask[1, 1::2, ::2] = mask[2, 1::2, 1::2] = 1
    full = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    cross = torch.tensor([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    weights = torch.stack([full, cross, full])[:, None]
    padded = functional.pad(noise * mask, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, weights, groups=3)[..., 1:-1, 1:-1]
