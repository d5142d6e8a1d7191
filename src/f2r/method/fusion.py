"""Temporal fusion: refined frames averaged along the flow, wherever they show the same.

Not in the paper. The errors of neighbouring refined frames are only partly the same, so an average
has a smaller error than each of them, and what is left of the noise flickers less.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from f2r.flow.motion_averaged_luma import mean_around
from f2r.flow.warp import warp_backward
from f2r.method.alignment import Alignment, Linked, Neighbourhood, alignment
from f2r.method.stream import Estimate
from f2r.models.temporal import offsets_within
from f2r.noise.models import NoiseModel

NEIGHBOUR_WEIGHT = 0.6
"""Weight of a neighbour that fits perfectly, against 1 of the frame itself."""

AGREEMENT = 0.5
"""Mismatch that costs a neighbour all but 1/e of its weight, relative to the error of a refined
frame. Two frames whose errors had nothing in common would differ by twice that error."""

PATCH = 7
"""Side of the square over which the mismatch is averaged, in pixels; odd."""

TINY = 1e-10
"""Least squared error that is expected, nominal units: noise may vanish where a file is clipped."""


Neighbour = tuple[Tensor, Tensor]
"""x_i on the grid of x_t, (C, H, W), and v_i in [0, 1], where it shows the same, (1, H, W)."""


def fuse(refined: Tensor, neighbours: Iterable[Neighbour], error: Tensor) -> Tensor:
    """Average a refined frame with its aligned neighbours: (x_t + sum w_i x_i) / (1 + sum w_i).

    w_i falls with the local mismatch m_i: w_i = NEIGHBOUR_WEIGHT v_i exp(-m_i / (AGREEMENT e)).

    Args:
        refined: (C, H, W) x_t.
        neighbours: one by one, so that no two need to be in memory.
        error: (1, H, W) e, expected squared error of `refined`, > 0.

    Returns:
        (C, H, W).
    """
    total, weights = refined, torch.ones_like(error)
    for aligned, visible in neighbours:
        apart = (aligned - refined).square().mean(0, keepdim=True)
        mismatch = mean_around(apart, PATCH)
        weight = NEIGHBOUR_WEIGHT * visible * torch.exp(-mismatch / (AGREEMENT * error))
        total, weights = total + weight * aligned, weights + weight
    return total / weights


class Refined(Linked, Protocol):
    """A refined frame of a chain."""

    @property
    def refined(self) -> Tensor:
        """(C, H, W)."""

    @property
    def around(self) -> Neighbourhood | None:
        """How its neighbours align to it, if that is known already."""


@torch.no_grad()
def fuse_frame(
    frames: Mapping[int, Refined], target: int, radius: int, noise: NoiseModel, error_share: float
) -> Tensor:
    """Fuse one refined frame with those of its neighbours that are there: (C, H, W).

    Args:
        frames: refined frames by index, linked by flow.
        target: index t.
        radius: neighbours on either side.
        noise: noise model of the clip.
        error_share: expected squared error of a refined frame over the variance of the noise.
    """
    refined = frames[target].refined
    error = error_share * noise.variance(refined).mean(0, keepdim=True)
    return fuse(refined, _neighbours(frames, target, radius), error.clamp(min=TINY))


def _neighbours(frames: Mapping[int, Refined], target: int, radius: int) -> Iterator[Neighbour]:
    """Bring the neighbours that are there to the target's grid, one by one."""
    around = frames[target].around
    known = None if around is None else around.alignments()
    for k, offset in enumerate(offsets_within(radius)):
        at = alignment(frames, target, offset) if known is None else known[k]
        if at is not None:
            yield _bring(frames[target + offset].refined, at)
        del at


def _bring(neighbour: Tensor, at: Alignment) -> Neighbour:
    """Warp a neighbour; its alignment is rounded, kept or not, so that tiles give the same."""
    flow, visible = (part.half().float() for part in at)
    return warp_backward(neighbour[None], flow[None], "bicubic")[0], visible


@dataclass(frozen=True)
class _Kept:
    """What is kept of a frame that has been delivered."""

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
    """

    def __init__(self, noise: NoiseModel, radius: int, error_share: float) -> None:
        self.noise, self.lookahead, self.error_share = noise, radius, error_share
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
            fused = fuse_frame(self._kept, target, self.lookahead, self.noise, share)
            estimate = replace(estimate, refined=fused)
            self._kept[target] = replace(self._kept[target], around=None)
        self._kept.pop(target - self.lookahead, None)
        return estimate
