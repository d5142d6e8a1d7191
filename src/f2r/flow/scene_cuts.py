"""Scene cuts: between which frames there is no motion to follow."""

import torch
from torch import Tensor
from torch.nn import functional


def is_scene_cut(earlier: Tensor, later: Tensor, threshold: float = 0.55) -> bool:
    """Tell whether two consecutive denoised frames show different scenes.

    Compares thumbnails of 16 x 16 cells by their correlation and the frames by their level
    histograms; a cut changes both, while motion keeps the histogram and a flash the thumbnail.

    Args:
        earlier: (C, H, W) float32, nominal range [0, 1].
        later: (C, H, W), likewise.
        threshold: histogram distance (0 = equal, 1 = disjoint) that makes a cut of two
            uncorrelated thumbnails.
    """
    thumbnails = [
        functional.adaptive_avg_pool2d(f.mean(0, keepdim=True)[None], 16).flatten()
        for f in (earlier, later)
    ]
    centred = [t - t.mean() for t in thumbnails]
    norm = (centred[0].norm() * centred[1].norm()).clamp(min=1e-6)
    correlation = float((centred[0] @ centred[1]) / norm)
    histograms = [_histogram(f) for f in (earlier, later)]
    distance = float((histograms[0] - histograms[1]).abs().sum() / 2)
    return distance * (1 - correlation) / 2 > threshold / 4 and correlation < 0.6


def _histogram(frame: Tensor) -> Tensor:
    levels = frame.detach().flatten(1)[:, ::7].clamp(0, 1).float().cpu()
    counts = torch.stack([torch.histc(channel, bins=24, min=0, max=1) for channel in levels])
    return counts.sum(0) / counts.sum()
