"""Both stages on one frame in tiles; the result equals that of whole frames.

Only frames and flows are kept between tiles. The parts of the neighbours that a tile needs are cut
out along the flow and encoded for that tile.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.flow.pyramid import flow_pyramid
from f2r.flow.warp import move_flow, visibility, warp_backward, warp_features
from f2r.method.alignment import chained_flow
from f2r.method.noise_map import sigma_within
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.stage_1 import encode, predict_anchor
from f2r.method.stage_2 import refine
from f2r.method.tiles import Box, Tile
from f2r.models.prior import joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import Aligned, TemporalEstimator, offsets_within

SUPPORT = 16
"""Reach of the interpolation at 1/8 resolution around the target of a flow, in pixels."""


@dataclass(frozen=True)
class Window:
    """A target frame with its neighbours."""

    frames: dict[int, PreparedFrame]
    """Linked frames by index."""
    target: int
    """Index t."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        height, width = self.frames[self.target].noisy.shape[-2:]
        return height, width


@torch.no_grad()
def tiled_anchor(
    estimator: TemporalEstimator, preprocessor: Preprocessor, window: Window
) -> Tensor:
    """Run stage 1 for one target that has a neighbour: (C, H, W) float32."""

    def compute(tile: Tile) -> Tensor:
        aligned = _align(estimator, preprocessor, window, tile.outer)
        return predict_anchor(estimator, aligned)[0]

    return preprocessor.tiling.apply(window.size, estimator.reach, compute)


@torch.no_grad()
def tiled_refined(
    refiner: SpatialRefiner, preprocessor: Preprocessor, frame: PreparedFrame, anchor: Tensor
) -> Tensor:
    """Run stage 2 with the unchanged centre frame: (C, H, W) float32."""

    def compute(tile: Tile) -> Tensor:
        joint, sigma = _inputs(frame, preprocessor, tile.outer)
        return refine(refiner, tile.outer.cut(anchor)[None], joint, sigma)[0]

    height, width = anchor.shape[-2:]
    return preprocessor.tiling.apply((height, width), refiner.reach, compute)


def _inputs(frame: PreparedFrame, preprocessor: Preprocessor, box: Box) -> tuple[Tensor, Tensor]:
    """Give z and the noise level of a part of a frame, (1, 6, h, w) and (1, 3, h, w)."""
    noisy = box.cut(frame.noisy)[None]
    sigma = sigma_within(preprocessor.noise, frame.noisy[None], box, frame.gain)
    return joint_input(noisy, box.cut(frame.denoised)[None]), sigma


def _align(
    estimator: TemporalEstimator, preprocessor: Preprocessor, window: Window, box: Box
) -> Aligned:
    """Align the neighbours of a part of the target; absent ones are zero."""
    offsets = offsets_within(estimator.radius)
    found = [_align_neighbour(estimator, preprocessor, window, o, box) for o in offsets]
    stand_in = next(parts for parts in found if parts is not None)
    parts = [[torch.zeros_like(p) for p in stand_in] if f is None else f for f in found]
    pixels, seen, *scales = zip(*parts, strict=True)
    present = torch.tensor([[f is not None for f in found]], device=preprocessor.device)
    features = tuple(torch.cat(scale, dim=3) for scale in scales)
    return Aligned(torch.cat(pixels)[None], features, torch.cat(seen)[None], present)


def _align_neighbour(
    estimator: TemporalEstimator,
    preprocessor: Preprocessor,
    window: Window,
    offset: int,
    box: Box,
) -> list[Tensor] | None:
    """Give z, visibility and features of one neighbour on the target's grid, None if absent."""
    forward = chained_flow(window.frames, window.target, offset, box)
    if forward is None:
        return None
    source = _reached(forward, box, window.size)
    backward = chained_flow(window.frames, window.target + offset, -offset, source)
    if backward is None:
        return None
    at, into = (box.top, box.left), (source.top, source.left)
    seen = visibility(forward[None], backward[None], at, into, window.size)
    del backward
    joint, features = _encode(
        estimator, preprocessor, window.frames[window.target + offset], source
    )
    flow = move_flow(forward[None], at, into)
    pixels = warp_backward(joint, flow, "bicubic")
    levels = flow_pyramid(flow, len(features) + 2)[2:]
    warped = [
        warp_features(scale[None], level[None])
        for scale, level in zip(features, levels, strict=True)
    ]
    return [pixels, seen, *warped]


def _encode(
    estimator: TemporalEstimator, preprocessor: Preprocessor, frame: PreparedFrame, box: Box
) -> tuple[Tensor, list[Tensor]]:
    """Encode a part of a frame: z, and features per scale."""
    height, width = frame.noisy.shape[-2:]
    outer = box.grown(estimator.encoder.reach, height, width)
    joint, sigma = _inputs(frame, preprocessor, outer)
    features = []
    for k, scale in enumerate(encode(estimator, joint, sigma), start=2):
        inner = Box(*(side >> k for side in box))
        features.append(Tile(inner, Box(*(side >> k for side in outer))).trim(scale))
    return Tile(box, outer).trim(joint), features


def _reached(flow: Tensor, box: Box, size: tuple[int, int]) -> Box:
    """Give the part of the neighbour that a (2, h, w) flow on `box` points to."""
    height, width = size
    rows = torch.arange(box.top, box.bottom, device=flow.device)[:, None]
    columns = torch.arange(box.left, box.right, device=flow.device)
    y, x = (flow[1] + rows).clamp(0, height - 1), (flow[0] + columns).clamp(0, width - 1)
    corners = torch.stack((y.min(), x.min(), y.max() + 1, x.max() + 1)).int().tolist()
    return Box(*corners).grown(SUPPORT, height, width)
