"""Temporal fusion: average of refined frames along the flow.

Not in the paper. The errors of neighbouring refined frames are only partly correlated, so their
average has a smaller error and flickers less.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from f2r.config import DEFAULT_TUNING, Tuning
from f2r.flow.motion_averaged_luma import mean_around
from f2r.flow.warp import warp_backward
from f2r.method.alignment import Alignment, Linked, Neighbourhood, alignment
from f2r.method.stream import Estimate
from f2r.models.temporal import offsets_within
from f2r.noise.models import NoiseModel

MISMATCH_SIDE = 7
"""Side of the square over which the mismatch is averaged, in pixels; odd."""

LEAST_ERROR = 1e-10
"""Lower bound of the expected squared error, nominal units; clipped areas may have no noise."""

Neighbour = tuple[Tensor, Tensor]
"""x_i on the grid of x_t, (C, H, W), and its visibility v_i in [0, 1], (1, H, W)."""


def fuse(
    refined: Tensor, neighbours: Iterable[Neighbour], error: Tensor, tuning: Tuning = DEFAULT_TUNING
) -> Tensor:
    """Average a refined frame with its aligned neighbours: (x_t + sum w_i x_i) / (1 + sum w_i).

    w_i falls with the local mismatch m_i: w_i = neighbour_weight v_i exp(-m_i / (agreement e)).

    Args:
        refined: (C, H, W) x_t.
        neighbours: an iterator, so that only one is in memory.
        error: (1, H, W) e, expected squared error of `refined`, > 0.
        tuning: holds `neighbour_weight` and `agreement`.

    Returns:
        (C, H, W).
    """
    total, weights = refined, torch.ones_like(error)
    for aligned, visible in neighbours:
        apart = (aligned - refined).square().mean(0, keepdim=True)
        mismatch = mean_around(apart, MISMATCH_SIDE)
        likeness = torch.exp(-mismatch / (tuning.agreement * error))
        weight = tuning.neighbour_weight * visible * likeness
        total, weights = total + weight * aligned, weights + weight
    return total / weights


class Refined(Linked, Protocol):
    """A refined frame of a chain."""

    @property
    def refined(self) -> Tensor:
        """(C, H, W)."""

    @property
    def around(self) -> Neighbourhood | None:
        """Alignment of its neighbours, if it was computed before."""


@torch.no_grad()
def fuse_frame(
    frames: Mapping[int, Refined],
    target: int,
    radius: int,
    noise: NoiseModel,
    error_share: float,
    tuning: Tuning = DEFAULT_TUNING,
) -> Tensor:
    """Fuse one refined frame with its existing neighbours: (C, H, W).

    Args:
        frames: refined frames by index, linked by flow.
        target: index t.
        radius: neighbours on either side.
        noise: noise model of the clip.
        error_share: expected squared error of a refined frame over the variance of the noise.
        tuning: weights of the neighbours.
    """
    refined = frames[target].refined
    error = error_share * noise.variance(refined).mean(0, keepdim=True)
    neighbours = _neighbours(frames, target, radius)
    return fuse(refined, neighbours, error.clamp(min=LEAST_ERROR), tuning)


def _neighbours(frames: Mapping[int, Refined], target: int, radius: int) -> Iterator[Neighbour]:
    """Warp the existing neighbours to the target's grid, one by one."""
    around = frames[target].around
    known = None if around is None else around.alignments()
    for k, offset in enumerate(offsets_within(radius)):
        at = alignment(frames, target, offset) if known is None else known[k]
        if at is not None:
            yield _bring(frames[target + offset].refined, at)
        del at


def _bring(neighbour: Tensor, at: Alignment) -> Neighbour:
    """Warp a neighbour; rounding to float16 makes tiles and whole frames agree."""
    flow, visible = (part.half().float() for part in at)
    return warp_backward(neighbour[None], flow[None], "bicubic")[0], visible


@dataclass(frozen=True)
class _Kept:
    """What later frames need of a frame that was delivered."""

    refined: Tensor
    to_previous: Tensor | None
    to_next: Tensor | None
    around: Neighbourhood | None


class TemporalFusion:
    """Fuses the refined frames of a stream, `lookahead` frames after they were made.

    Args:
        noise: noise model of the clip.
        radius: neighbours on either side.
        error_share: expected squared error of a refined frame over the variance of the noise;
            0 leaves refined frames as they are.
        tuning: weights of the neighbours.
    """

    def __init__(
        self, noise: NoiseModel, radius: int, error_share: float, tuning: Tuning = DEFAULT_TUNING
    ) -> None:
        self.noise, self.lookahead = noise, radius
        self.error_share, self.tuning = error_share, tuning
        self._kept: dict[int, _Kept] = {}
        self._waiting: dict[int, Estimate] = {}
        self._received = 0

    def push(self, estimate: Estimate | None) -> Estimate | None:
        """Take the next estimate and give the one that it completes, if any.

        Args:
            estimate: None after the last one.
        """
        if estimate is not None:
            self._receive(estimate)
        waits_for = 0 if estimate is None else self.lookahead
        return self._fuse_next() if len(self._waiting) > waits_for else None

    def _receive(self, estimate: Estimate) -> None:
        flows = estimate.to_previous, estimate.to_next
        around = estimate.around if self.error_share > 0 else None
        self._waiting[self._received] = replace(estimate, around=None)
        self._kept[self._received] = _Kept(estimate.refined, *flows, around)
        self._received += 1

    def _fuse_next(self) -> Estimate:
        target = min(self._waiting)
        estimate = self._waiting.pop(target)
        if self.error_share > 0:
            share = self.error_share * estimate.gain**2
            fused = fuse_frame(self._kept, target, self.lookahead, self.noise, share, self.tuning)
            estimate = replace(estimate, refined=fused)
            self._kept[target] = replace(self._kept[target], around=None)
        self._kept.pop(target - self.lookahead, None)
        return estimate
