"""Detect scene cuts."""

import torch
from torch import Tensor
from torch.nn import functional


def is_scene_cut(earlier: Tensor, later: Tensor, threshold: float = 0.55) -> bool:
    """Detect a scene cut between two consecutive denoised frames.

    A cut lowers the correlation of 16 x 16 thumbnails and changes the histogram. Motion keeps the
    histogram; a flash keeps the thumbnail.

    Args:
        earlier: (C, H, W) float32, nominal range [0, 1].
        later: (C, H, W), likewise.
        threshold: histogram distance (0 equal, 1 disjoint) from which uncorrelated thumbnails are
            a cut.
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
