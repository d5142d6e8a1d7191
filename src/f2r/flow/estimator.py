"""Flow estimators: the protocol, and its default, dense inverse search (DIS) of OpenCV."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.luma import luma


class FlowEstimator(Protocol):
    """Estimates optical flow between two frames; only `estimate` is required."""

    @abstractmethod
    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}, the flow that aligns `neighbour` to `target`.

        Args:
            target: (C, H, W) float32, nominal range [0, 1], C = 3 or 4, with little noise.
            neighbour: (C, H, W), likewise.

        Returns:
            (2, H, W) float32 displacement (x, y) in pixels: target pixel p lies at p + V(p) in
            the neighbour.
        """
        ...

    @property
    def rough(self) -> "FlowEstimator":
        """A faster estimator for the first pass of the two-pass flow; by default this one."""
        return self

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later}."""
        return self.estimate(earlier, later), self.estimate(later, earlier)


@dataclass(frozen=True)
class DisSearch:
    """Settings of DIS."""

    patch: int
    """Side of a patch in pixels, > 0; small patches follow noise."""
    stride: int
    """Pixels from patch to patch, 1 to `patch`."""
    descent: int
    """Gradient descent steps per patch; > 0."""
    refinement: int
    """Variational refinement steps per level; >= 0."""
    smoothness: float
    """Weight of smoothness in the refinement, > 0; the default of OpenCV is 20."""


NOISY_SEARCH = DisSearch(patch=8, stride=5, descent=6, refinement=5, smoothness=100.0)
"""For frames with remaining noise (docs/method.md, "Two-pass flow")."""

CLEAN_SEARCH = DisSearch(patch=8, stride=4, descent=12, refinement=2, smoothness=20.0)
"""For clean frames."""

ROUGH_SCALE = 1
"""Finest level of the first pass: half resolution."""

MOST_PIXELS = 3_000_000
"""Larger frames are searched at half resolution: DIS needs 220 bytes per pixel."""


def coarseness(size: tuple[int, int]) -> int:
    """Give the factor by which a frame of `size` (height, width) is reduced for DIS."""
    return 2 if size[0] * size[1] > MOST_PIXELS else 1


class DisFlow(FlowEstimator):
    """Dense inverse search of OpenCV on an 8-bit luma.

    At full resolution the flow follows traces of the target's noise, and the anchor leaks: give it
    frames with little noise (docs/method.md, "Two-pass flow").

    Args:
        finest_scale: level at which the search stops, 0 for full resolution.
        search: settings.

    Source: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search".
    """

    def __init__(self, finest_scale: int = 0, search: DisSearch = NOISY_SEARCH) -> None:
        self.finest_scale, self.search = finest_scale, search

    @property
    def rough(self) -> "DisFlow":
        """The same settings down to half resolution: a quarter of the time."""
        return DisFlow(max(self.finest_scale, ROUGH_SCALE), self.search)

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}; see `FlowEstimator`."""
        first, last = _as_searched(target, neighbour)
        return _searched(self._search(), first, last, target.shape[-2:])

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later} with one search object."""
        search, size = self._search(), earlier.shape[-2:]
        first, last = _as_searched(earlier, later)
        return _searched(search, first, last, size), _searched(search, last, first, size)

    def _search(self) -> Any:
        """Build the search of OpenCV; it is not kept, because it holds 220 bytes per pixel."""
        import cv2

        search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(self.finest_scale)
        search.setPatchSize(self.search.patch)
        search.setPatchStride(self.search.stride)
        search.setGradientDescentIterations(self.search.descent)
        search.setVariationalRefinementIterations(self.search.refinement)
        search.setVariationalRefinementAlpha(self.search.smoothness)
        return search


def _as_searched(*frames: Tensor) -> list[np.ndarray]:
    return luma_bytes(*frames, factor=coarseness((frames[0].shape[-2], frames[0].shape[-1])))


def _searched(search: Any, target: np.ndarray, neighbour: np.ndarray, size: torch.Size) -> Tensor:
    flow = torch.from_numpy(search.calc(target, neighbour, None)).permute(2, 0, 1)
    factor = coarseness((size[0], size[1]))
    if factor == 1:
        return flow.contiguous()
    return factor * functional.interpolate(flow[None], size=size, mode="bilinear")[0]


def luma_bytes(*frames: Tensor, factor: int = 1) -> list[np.ndarray]:
    """Convert (C, H, W) frames of one size to 8-bit lumas, (ceil(H / factor), ceil(W / factor)).

    They come from the device in one piece, so that the host waits once.
    """
    levels = [luma(frame) for frame in frames]
    if factor > 1:
        levels = [functional.avg_pool2d(level, factor, ceil_mode=True) for level in levels]
    counts = [(level[0] * 255).round().clamp(0, 255).to(torch.uint8) for level in levels]
    return list(torch.stack(counts).cpu().numpy())
