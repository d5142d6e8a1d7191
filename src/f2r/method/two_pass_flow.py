"""Flow between consecutive frames in two passes; the fine pass receives averaged frames."""

from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.flow.estimator import FlowEstimator
from f2r.flow.luma import luma
from f2r.flow.motion_averaged_luma import steady_luma
from f2r.flow.scene_cuts import SceneSummary, is_scene_cut, summarise_scene
from f2r.flow.warp import warp_backward
from f2r.method.preprocess import PreparedFrame

LATE = 1
"""Delay in frames: the flows of a target depend on so many frames beyond its neighbours."""


@dataclass
class _Pending:
    """A frame between the two passes."""

    frame: PreparedFrame
    luma: Tensor
    """(1, H, W) of D(y_i)."""
    scene: SceneSummary
    """Of D(y_i)."""
    from_previous: Tensor | None = None
    """(1, H, W) luma of the frame before, aligned roughly; None at the start of a shot."""
    from_next: Tensor | None = None
    """The same of the frame after."""
    steady: Tensor | None = None
    """(1, H, W) once both neighbours are known."""


class Linker:
    """Adds the flows `to_previous` and `to_next` to consecutive frames, with a delay of one frame.

    The first pass aligns each frame's neighbours to it by a rough flow between denoised frames
    and averages the three. The second estimates the flow between those averages, at full
    resolution. Nothing is linked across a scene cut.

    Args:
        flow: the estimator of the second pass; its `rough` estimator is used in the first.
    """

    def __init__(self, flow: FlowEstimator) -> None:
        self.flow, self.rough = flow, flow.rough
        self._before: _Pending | None = None
        self._last: _Pending | None = None

    @torch.no_grad()
    def push(self, frame: PreparedFrame) -> None:
        """Take the next frame; the flows between the two frames before it are then known."""
        newest = _Pending(frame, luma(frame.denoised), summarise_scene(frame.denoised))
        if self._last is not None:
            self._align(self._last, newest)
            self._settle(self._last)
        self._before, self._last = self._last, newest

    @torch.no_grad()
    def finish(self) -> None:
        """Link the last two frames; a second call changes nothing."""
        if self._last is not None:
            self._settle(self._last)
        self._before = self._last = None

    def _align(self, earlier: _Pending, later: _Pending) -> None:
        """Bring the lumas of two frames to each other's grid, unless a cut parts them."""
        if is_scene_cut(earlier.scene, later.scene):
            return
        pair = earlier.frame.denoised, later.frame.denoised
        to_next, to_previous = self.rough.estimate_both(*pair)
        earlier.from_next = _fetch(later.luma, to_next)
        later.from_previous = _fetch(earlier.luma, to_previous)

    def _settle(self, pending: _Pending) -> None:
        """Average a frame whose neighbours are known; link it to the one before."""
        aligned = [x for x in (pending.from_previous, pending.from_next) if x is not None]
        pending.steady = steady_luma(pending.luma, aligned)
        if pending.from_previous is None or self._before is None or self._before.steady is None:
            return
        pair = (steady.expand(3, -1, -1) for steady in (self._before.steady, pending.steady))
        to_next, to_previous = self.flow.estimate_both(*pair)
        device = pending.luma.device
        self._before.frame.to_next = to_next.to(device, torch.float16)
        pending.frame.to_previous = to_previous.to(device, torch.float16)


def _fetch(source: Tensor, flow: Tensor) -> Tensor:
    return warp_backward(source[None], flow.to(source.device)[None], "bicubic")[0]
