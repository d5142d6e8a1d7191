"""Optical flow behind one method, and its default: OpenCV's dense inverse search (DIS)."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.luma import luma


class FlowEstimator(Protocol):
    """Whatever can tell where the pixels of one frame lie in another; one method is needed."""

    @abstractmethod
    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}, the flow that aligns `neighbour` to `target`.

        Args:
            target: (C, H, W) float32, nominal range [0, 1], C = 3 or 4; should be nearly free of
                noise.
            neighbour: (C, H, W), likewise.

        Returns:
            (2, H, W) float32 displacement (x, y) in pixels: the content of target pixel p
            lies at p + V(p) in the neighbour.
        """
        ...

    @property
    def rough(self) -> "FlowEstimator":
        """A quicker estimator, good enough to average frames along its flow; here: itself."""
        return self

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later}; override it if that saves work."""
        return self.estimate(earlier, later), self.estimate(later, earlier)


@dataclass(frozen=True)
class DisSearch:
    """How DIS searches."""

    patch: int
    """Side of its patches in pixels, > 0; small ones follow noise."""
    stride: int
    """Pixels between patches, in 1 to `patch`."""
    descent: int
    """Gradient descent steps of every patch; > 0."""
    refinement: int
    """Variational refinement steps per level; >= 0."""
    smoothness: float
    """Weight of smoothness in the refinement, > 0; OpenCV's is 20."""

    def fit(self, size: tuple[int, int]) -> "DisSearch":
        """Give the search for frames of so many rows and columns."""
        is_small = max(size) < LEAST_LONG or min(size) < LEAST_SHORT
        if not is_small or self.patch <= SMALL_PATCH:
            return self
        return replace(self, patch=SMALL_PATCH, stride=SMALL_STRIDE)


SMOOTH = DisSearch(patch=12, stride=8, descent=6, refinement=3, smoothness=60.0)
"""For frames in which noise is left (docs/method.md, "The flow, in two passes")."""

FINE = DisSearch(patch=8, stride=4, descent=12, refinement=2, smoothness=20.0)
"""For clean frames."""

SMALL_PATCH, SMALL_STRIDE = 8, 5
"""Patches for small frames: DIS makes fewer levels the larger its patches are, and fast motion
would be lost."""

LEAST_LONG, LEAST_SHORT = 136, 48
"""Sides of the smallest frames, in pixels, in which patches of 12 make three levels."""

ROUGH_SCALE = 1
"""Level at which the rough search of DIS stops: half the resolution."""

MOST_PIXELS = 3_000_000
"""Frames of more pixels are searched at half the resolution: the search takes 220 bytes a pixel."""


def coarseness(size: tuple[int, int]) -> int:
    """Say by how much the sides of a frame are reduced before DIS searches it."""
    return 2 if size[0] * size[1] > MOST_PIXELS else 1


class DisFlow(FlowEstimator):
    """Dense inverse search (Kroeger et al. 2016) as OpenCV implements it.

    It works on an 8-bit luma proxy. At full resolution it aligns texture even to traces of the
    target's noise, and the anchor then leaks: show it frames with little noise left
    (docs/method.md, "The flow, in two passes").

    Args:
        finest_scale: level at which the search stops, 0 = full resolution.
        search: how it searches.
    """

    def __init__(self, finest_scale: int = 0, search: DisSearch = SMOOTH) -> None:
        self.finest_scale, self.search = finest_scale, search

    @property
    def rough(self) -> "DisFlow":
        """The same search, stopped at half the resolution: a quarter of the time."""
        return DisFlow(max(self.finest_scale, ROUGH_SCALE), self.search)

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}; see `FlowEstimator`."""
        pair = _as_searched(target), _as_searched(neighbour)
        return _searched(self._search(target), *pair, target.shape[-2:])

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later} by one search."""
        search, size = self._search(earlier), earlier.shape[-2:]
        first, last = _as_searched(earlier), _as_searched(later)
        return _searched(search, first, last, size), _searched(search, last, first, size)

    def _search(self, frame: Tensor) -> Any:
        """Make a search. It keeps 220 bytes a pixel for as long as it lives, so it is not kept."""
        import cv2

        chosen = self.search.fit((frame.shape[-2], frame.shape[-1]))
        search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(self.finest_scale)
        search.setPatchSize(chosen.patch)
        search.setPatchStride(chosen.stride)
        search.setGradientDescentIterations(chosen.descent)
        search.setVariationalRefinementIterations(chosen.refinement)
        search.setVariationalRefinementAlpha(chosen.smoothness)
        return search


def _as_searched(frame: Tensor) -> np.ndarray:
    return luma_bytes(frame, coarseness((frame.shape[-2], frame.shape[-1])))


def _searched(search: Any, target: np.ndarray, neighbour: np.ndarray, size: torch.Size) -> Tensor:
    flow = torch.from_numpy(search.calc(target, neighbour, None)).permute(2, 0, 1)
    factor = coarseness((size[0], size[1]))
    if factor == 1:
        return flow.contiguous()
    return factor * functional.interpolate(flow[None], size=size, mode="bilinear")[0]


def luma_bytes(frame: Tensor, factor: int = 1) -> np.ndarray:
    """Give the luma of a (C, H, W) frame in 8 bits, (H / factor, W / factor), rounded up."""
    level = luma(frame)
    if factor > 1:
        level = functional.avg_pool2d(level, factor, ceil_mode=True)
    proxy: np.ndarray = (level[0] * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return proxy
