"""Detect scene cuts."""

import torch
from torch import Tensor
from torch.nn import functional

THUMBNAIL = 16
"""Side of a thumbnail in pixels."""

SPARSE = 7
"""Step of the levels that are counted."""


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
    thumbnails, levels = _on_host(earlier, later)
    centred = [t - t.mean() for t in thumbnails]
    norm = (centred[0].norm() * centred[1].norm()).clamp(min=1e-6)
    correlation = float((centred[0] @ centred[1]) / norm)
    histograms = [_histogram(level) for level in levels]
    distance = float((histograms[0] - histograms[1]).abs().sum() / 2)
    return distance * (1 - correlation) / 2 > threshold / 4 and correlation < 0.6


def _on_host(earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
    """Give thumbnails, (2, 256), and every seventh level, (2, C, N); the host waits once."""
    parts = []
    for frame in (earlier.detach(), later.detach()):
        small = functional.adaptive_avg_pool2d(frame.mean(0, keepdim=True)[None], THUMBNAIL)
        parts.append(torch.cat((small.flatten(), frame.flatten(1)[:, ::SPARSE].flatten())))
    joined, size = torch.stack(parts).float().cpu(), THUMBNAIL**2
    return joined[:, :size], joined[:, size:].unflatten(1, (len(earlier), -1))


def _histogram(levels: Tensor) -> Tensor:
    counts = [torch.histc(channel, bins=24, min=0, max=1) for channel in levels.clamp(0, 1)]
    total = torch.stack(counts).sum(0)
    return total / total.sum()
