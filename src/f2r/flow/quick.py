"""Quick flow between noisy frames: one DIS search at half resolution."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.luma import luma

BLUR = 1.0
"""Standard deviation of the filter against noise, in pixels of the half resolution."""


def searched_luma(frame: Tensor) -> np.ndarray:
    """Reduce a (C, H, W) noisy frame to what `quick_flow` searches: 8-bit luma of half the size."""
    import cv2

    half = functional.avg_pool2d(luma(frame)[None], 2)[0, 0].cpu().numpy()
    return np.clip(255 * cv2.GaussianBlur(half, (0, 0), BLUR) + 0.5, 0, 255).astype(np.uint8)


def quick_flow(target: np.ndarray, neighbour: np.ndarray) -> Tensor:
    """Estimate V_{neighbour->target} between outputs of `searched_luma`.

    Returns:
        (2, H / 2, W / 2) float32 displacement (x, y), in pixels of the half resolution.
    """
    import cv2

    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return torch.from_numpy(search.calc(target, neighbour, None)).permute(2, 0, 1)
