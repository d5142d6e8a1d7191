"""Alignment of neighbours to a frame: chained flows and visibility.

Source: Frames2Residual, figure 2; the visibility is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from f2r.flow.warp import compose_flows, visibility
from f2r.method.preprocess import PreparedFrame
from f2r.method.tiles import Box
from f2r.models.temporal import RADIUS, offsets_within


class Linked(Protocol):
    """A frame with the flows to the frames before and after it."""

    @property
    def to_previous(self) -> Tensor | None:
        """V_{i-1->i}; None at the start of a shot."""

    @property
    def to_next(self) -> Tensor | None:
        """V_{i+1->i}; None at the end of a shot."""


class Alignment(NamedTuple):
    """How one neighbour aligns to a target."""

    flow: Tensor
    """(2, H, W) V_{i->t}."""
    visible: Tensor
    """(1, H, W) in [0, 1]: where the neighbour shows the same point of the scene."""


@dataclass(frozen=True)
class Neighbourhood:
    """How the neighbours of one target align to it; N = 2 * radius."""

    flow: Tensor
    """(N, 2, H, W) V_{i->t}; zero where the neighbour does not exist."""
    visible: Tensor
    """(N, 1, H, W) in [0, 1]."""
    present: Tensor
    """(N,) bool, in host memory: reading it never waits for the device."""

    def in_half_precision(self) -> "Neighbourhood":
        """Give the same in float16; flows are exact to 1/64 at 16 pixels."""
        return Neighbourhood(self.flow.half(), self.visible.half(), self.present)

    def alignments(self) -> list[Alignment | None]:
        """List how each neighbour aligns; None for one that does not exist."""
        each = zip(self.present.tolist(), self.flow, self.visible, strict=True)
        return [Alignment(flow, visible) if exists else None for exists, flow, visible in each]


def neighbourhood(
    frames: Mapping[int, PreparedFrame], target: int, radius: int = RADIUS
) -> Neighbourhood:
    """Collect the flows from frame `target` to its neighbours among `frames`.

    Flows to frames further than one are chained from adjacent ones.

    Args:
        frames: linked frames by index.
        target: index t.
        radius: neighbours on either side.
    """
    found = [alignment(frames, target, offset) for offset in offsets_within(radius)]
    nowhere = frames[target].noisy.new_zeros((2, *frames[target].noisy.shape[-2:]))
    absent = Alignment(nowhere, nowhere[:1])
    flows, seen = zip(*(absent if one is None else one for one in found), strict=True)
    present = torch.tensor([one is not None for one in found])
    return Neighbourhood(torch.stack(flows), torch.stack(seen), present)


def alignment(frames: Mapping[int, Linked], target: int, offset: int) -> Alignment | None:
    """Align frame `target + offset` to frame `target`; None if it does not exist."""
    forward = chained_flow(frames, target, offset)
    backward = chained_flow(frames, target + offset, -offset)
    if forward is None or backward is None:
        return None
    return Alignment(forward, visibility(forward[None], backward[None])[0])


def chained_flow(
    frames: Mapping[int, Linked], start: int, offset: int, box: Box | None = None
) -> Tensor | None:
    """Give V_{start+offset->start} on the grid of `start`, float32; None if the chain is broken.

    Args:
        frames: linked frames by index.
        start: index of the frame on whose grid the flow lies.
        offset: from it to the other frame.
        box: part of the grid; None for all of it.
    """
    step = 1 if offset > 0 else -1
    total: Tensor | None = None
    for index in range(start, start + offset, step):
        frame = frames.get(index)
        flow = None if frame is None else frame.to_next if step > 0 else frame.to_previous
        if flow is None:
            return None
        if total is None:
            total = (flow if box is None else box.cut(flow)).float()
            continue
        at = (0, 0) if box is None else (box.top, box.left)
        total = compose_flows(total[None], flow[None].float(), at)[0]
    return total
