"""The draft preset: one recurrent network over a stream of frames.

The state that is handed from frame to frame starts anew at fixed places of the clip, a few frames
before it is used. So a frame depends on a bounded number of frames before it, and a resumed or
divided run gives the same result.
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.quick import quick_flow, searched_luma
from f2r.flow.scene_cuts import SceneSummary, is_scene_cut, summarise_scene
from f2r.flow.warp import warp_backward, warp_features
from f2r.method.noise_map import sigma_map
from f2r.method.precision import mixed_precision
from f2r.method.stream import Estimate
from f2r.models.draft import FOLD, DraftDenoiser, DraftState
from f2r.noise.models import NoiseModel

BLOCK = 64
"""Frames between two places where a new state takes over."""

WARM_UP = 8
"""Frames that a new state has seen when it takes over."""

AHEAD = 3
"""Frames after the first one of a shot that its estimate is made from, backwards."""

DRAFT_HISTORY = BLOCK - 1 + WARM_UP
"""Frames before a frame that its estimate may depend on."""


@dataclass(frozen=True)
class DraftInput:
    """A noisy frame and what the network receives beside it."""

    noisy: Tensor
    """(C, H, W) float32, nominal."""
    level: Tensor
    """(1, H / 4, W / 4) standard deviation of the noise, nominal."""
    luma: np.ndarray
    """Output of `searched_luma`."""
    scene: SceneSummary
    """What scene cuts are found by."""
    gain: float
    """Factor by which the exposure of the frame was matched."""


class _Linked(NamedTuple):
    """A frame with its alignment to the frame before."""

    input: DraftInput
    flow: Tensor | None
    """(2, H / 2, W / 2) flow that aligns the frame before; None at the start of a shot."""


class DraftStream:
    """Denoises a stream of frames, with a delay of `lookahead` frames; see `PlaneStream`.

    Args:
        network: trained network, on the device to work on.
        noise: noise model of the clip.
        first: number of the first frame of the stream in the clip.
    """

    def __init__(self, network: DraftDenoiser, noise: NoiseModel, first: int = 0) -> None:
        self.network, self.noise = network, noise
        self._number = first
        self._newest: DraftInput | None = None
        self._waiting: deque[_Linked] = deque()
        self._state: DraftState | None = None
        self._successor: DraftState | None = None

    @property
    def lookahead(self) -> int:
        """Frames after a frame on which its estimate may depend."""
        return AHEAD

    def prepare(self, noisy: Tensor, gain: float = 1.0) -> DraftInput:
        """Measure what the network receives beside a (C, H, W) frame."""
        frame = noisy.to(next(self.network.parameters()).device)
        level = draft_level(self.noise, frame, gain)
        return DraftInput(frame, level, searched_luma(noisy), summarise_scene(frame), gain)

    @torch.no_grad()
    def push(self, frame: DraftInput | None) -> Estimate | None:
        """Take the next frame, None after the last, and give the next estimate, if complete."""
        if frame is not None:
            self._waiting.append(_Linked(frame, self._flow_to(frame)))
            self._newest = frame
        waits_for = 0 if frame is None else AHEAD
        return self._estimate_next() if len(self._waiting) > waits_for else None

    def _flow_to(self, frame: DraftInput) -> Tensor | None:
        """Estimate the flow from the frame before, or None at the start of a shot."""
        before = self._newest
        if before is None or is_scene_cut(before.scene, frame.scene):
            return None
        return _flow_between(frame, before)

    def _estimate_next(self) -> Estimate:
        frame, flow = self._waiting.popleft()
        place, self._number = self._number % BLOCK, self._number + 1
        if flow is None:
            self._successor, aligned = None, self._aligned_back(frame)
        else:
            if place == 0 and self._successor is not None:
                self._state, self._successor = self._successor, None
            aligned = self._aligned(frame, self._state, flow)
        self._state = self._denoise(frame, aligned)
        if place >= BLOCK - WARM_UP:
            before = self._aligned(frame, self._successor, flow)
            self._successor = self._denoise(frame, before)
        denoised = self._state.denoised[0]
        linked = denoised.new_zeros((2, 0, 0))
        estimates = frame.noisy, denoised, aligned.denoised[0], denoised
        return Estimate(*estimates, None if flow is None else linked, linked, gain=frame.gain)

    def _aligned(
        self, frame: DraftInput, before: DraftState | None, flow: Tensor | None
    ) -> DraftState:
        """Align the state of the frame before to a frame."""
        if before is None or flow is None:
            return self.network.first_state(frame.noisy[None])
        return align_state(before, flow[None])

    def _aligned_back(self, first: DraftInput) -> DraftState:
        """Run backwards over the frames after the first of a shot; align their state to it."""
        shot = takewhile(lambda linked: linked.flow is not None, self._waiting)
        frames = [first, *(linked.input for linked in shot)][::-1]
        aligned = self.network.first_state(frames[0].noisy[None])
        for later, frame in pairwise(frames):
            state = self._denoise(later, aligned)
            aligned = align_state(state, _flow_between(frame, later)[None])
        return aligned

    def _denoise(self, frame: DraftInput, aligned: DraftState) -> DraftState:
        with mixed_precision(frame.noisy.device):
            state: DraftState = self.network(frame.noisy[None], frame.level[None], aligned)
        return state


def _flow_between(target: DraftInput, neighbour: DraftInput) -> Tensor:
    """Estimate the (2, H / 2, W / 2) flow that aligns a neighbour."""
    return quick_flow(target.luma, neighbour.luma).to(target.noisy.device)


def align_state(state: DraftState, flow: Tensor) -> DraftState:
    """Align the state of a frame to the next frame.

    Args:
        state: state of the frame.
        flow: (B, 2, H / 2, W / 2) flow that aligns it, in pixels of the half resolution.
    """
    full = functional.interpolate(2 * flow, scale_factor=2, mode="bilinear")
    quarter = functional.avg_pool2d(flow, 2) / 2
    memory = warp_features(state.memory[:, None], quarter[:, None])[:, :, :, 0]
    return DraftState(warp_backward(state.denoised, full, "bicubic"), memory.permute(0, 3, 1, 2))


def draft_level(noise: NoiseModel, noisy: Tensor, gain: float) -> Tensor:
    """Give the noise level that the network receives for a frame, (1, H / 4, W / 4)."""
    return sigma_map(noise, noisy[None], gain, FOLD)[0].mean(0, keepdim=True)
