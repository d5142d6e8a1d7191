"""Detect scene cuts."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

THUMBNAIL = 16
"""Side of a thumbnail in pixels."""

SPARSE = 7
"""Step of the levels that are counted."""


class SceneSummary(NamedTuple):
    """What a frame is compared by; in host memory."""

    thumbnail: Tensor
    """(256,) mean level of each part of the frame, minus the mean of all."""
    histogram: Tensor
    """(24,) share of the levels in [0, 1] in each bin, all channels together."""


def summarise_scene(frame: Tensor) -> SceneSummary:
    """Reduce a frame to what cuts are found by; the host waits once for the device.

    Args:
        frame: (C, H, W) float32, nominal range [0, 1].
    """
    frame = frame.detach()
    small = functional.adaptive_avg_pool2d(frame.mean(0, keepdim=True)[None], THUMBNAIL)
    joined = torch.cat((small.flatten(), frame.flatten(1)[:, ::SPARSE].flatten())).float().cpu()
    thumbnail, levels = joined[: THUMBNAIL**2], joined[THUMBNAIL**2 :]
    return SceneSummary(thumbnail - thumbnail.mean(), _histogram(levels.view(len(frame), -1)))


def is_scene_cut(earlier: SceneSummary, later: SceneSummary, threshold: float = 0.55) -> bool:
    """Detect a scene cut between two consecutive denoised frames.

    A cut lowers the correlation of 16 x 16 thumbnails and changes the histogram. Motion keeps the
    histogram; a flash keeps the thumbnail.

    Args:
        earlier: of the first frame.
        later: of the second.
        threshold: histogram distance (0 equal, 1 disjoint) from which uncorrelated thumbnails are
            a cut.
    """
    one, other = earlier.thumbnail, later.thumbnail
    norm = (one.norm() * other.norm()).clamp(min=1e-6)
    correlation = float((one @ other) / norm)
    distance = float((earlier.histogram - later.histogram).abs().sum() / 2)
    return distance * (1 - correlation) / 2 > threshold / 4 and correlation < 0.6


def _histogram(levels: Tensor) -> Tensor:
    counts = [torch.histc(channel, bins=24, min=0, max=1) for channel in levels.clamp(0, 1)]
    total = torch.stack(counts).sum(0)
    return total / total.sum()
