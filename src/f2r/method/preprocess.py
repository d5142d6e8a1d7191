"""Preprocessing, strictly identical in training and inference: prior, joint input, flow.

Source: Frames2Residual, figures 1c, 2a and 3 (METHOD.md, section 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.estimator import FlowEstimator
from f2r.flow.warp import compose_flows, visibility
from f2r.method.tiles import Box, Tile, Tiling
from f2r.models.prior import ImagePrior, joint_input
from f2r.models.temporal import RADIUS, offsets_within
from f2r.noise.models import NoiseModel
from f2r.noise.network_sigma import told_variance

CELL = 8
"""Side of the squares whose means tell the level that a noise level is computed from, in pixels."""

LEVEL_REACH = 4 * CELL
"""How far from a pixel the samples can lie that its noise level is computed from."""


@dataclass
class PreparedFrame:
    """A noisy frame with what the prior and the flow say of it."""

    noisy: Tensor
    """(C, H, W) float32 y_i."""
    denoised: Tensor
    """(C, H, W) float32 D(y_i)."""
    sigma: Tensor
    """(C, H, W) float32 noise level; (C, 0, 0) where it is made anew for every tile."""
    to_previous: Tensor | None = None
    """(2, H, W) float16 V_{i-1->i} on the grid of this frame, exact to 1/64 at 16 pixels; None at
    the start of a shot."""
    to_next: Tensor | None = None
    """(2, H, W) float16 V_{i+1->i}, likewise; None at the end of a shot."""

    @property
    def has_neighbours(self) -> bool:
        """False for a shot of one frame."""
        return self.to_previous is not None or self.to_next is not None

    @property
    def joint(self) -> Tensor:
        """(2C, H, W) z_i = cat(D(y_i), y_i - D(y_i))."""
        return joint_input(self.noisy[None], self.denoised[None])[0]


class Linked(Protocol):
    """A frame of a chain: whatever knows the flows to the frames beside it."""

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
    """(1, H, W) in [0, 1]: where the neighbour shows what the target shows."""


@dataclass
class Neighbourhood:
    """How the neighbours of one target align to it; N = 2 * radius."""

    flow: Tensor
    """(N, 2, H, W) V_{i->t}; zero where the neighbour does not exist."""
    visible: Tensor
    """(N, 1, H, W) in [0, 1]."""
    present: Tensor
    """(N,) bool."""

    def in_half_precision(self) -> "Neighbourhood":
        """Give the same in float16; flows are exact to 1/64 at 16 pixels."""
        return Neighbourhood(self.flow.half(), self.visible.half(), self.present)

    def alignments(self) -> list[Alignment | None]:
        """List how each neighbour aligns; None for one that does not exist."""
        each = zip(self.present.tolist(), self.flow, self.visible, strict=True)
        return [Alignment(flow, visible) if exists else None for exists, flow, visible in each]


class Preprocessor:
    """Applies the frozen prior and the flow estimator.

    Args:
        prior: frozen image denoiser D, on the device to work on.
        noise: the noise model of the clip.
        flow: estimates flow between frames, for whoever links them.
        tiling: in what pieces the prior is applied; None applies it to whole frames.
    """

    def __init__(
        self,
        prior: ImagePrior,
        noise: NoiseModel,
        flow: FlowEstimator,
        tiling: Tiling | None = None,
    ) -> None:
        self.prior, self.noise, self.flow = prior.eval().requires_grad_(False), noise, flow
        self.tiling = tiling or Tiling()
        self.device = next(prior.parameters()).device

    @torch.no_grad()
    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Apply D to (B, C, H, W) frames; bfloat16 inside, float32 out."""
        with torch.autocast(self.device.type, torch.bfloat16):
            denoised: Tensor = self.prior(noisy, sigma)
        return denoised

    def prepare(self, noisy: Tensor, keep_sigma: bool = True) -> PreparedFrame:
        """Apply the prior to one (C, H, W) frame; flows are added by a `Linker`."""
        batch = noisy.to(self.device)[None].contiguous(memory_format=torch.channels_last)
        sigma = sigma_map(self.noise, batch) if keep_sigma else batch[..., :0, :0]

        def compute(tile: Tile) -> Tensor:
            part = tile.outer.cut(batch)
            level = (
                tile.outer.cut(sigma) if keep_sigma else sigma_within(self.noise, batch, tile.outer)
            )
            return self.denoise(part, level)[0]

        height, width = batch.shape[-2:]
        denoised = self.tiling.apply((height, width), self.prior.reach, compute)
        return PreparedFrame(batch[0], denoised, sigma[0])


def sigma_map(noise: NoiseModel, noisy: Tensor) -> Tensor:
    """Give the noise level that the networks are told at every sample of (B, C, H, W) noisy frames.

    A signal-dependent model is asked at a smooth level, about 24 pixels wide, because the networks
    take structure in their noise map for structure of the scene (docs/method.md, "What the networks
    are told").
    """
    return told_variance(noise, smooth_level(noisy)).sqrt()


def smooth_level(noisy: Tensor) -> Tensor:
    """Give the mean of (B, C, H, W) noisy frames over about 24 pixels, at every pixel."""
    cells = functional.avg_pool2d(noisy, CELL, ceil_mode=True)
    for _ in range(2):
        cells = functional.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    smooth = functional.interpolate(cells, scale_factor=CELL, mode="bilinear")
    return smooth[..., : noisy.shape[-2], : noisy.shape[-1]]


def sigma_within(noise: NoiseModel, noisy: Tensor, box: Box) -> Tensor:
    """Give the part of the noise level of (B, C, H, W) frames that lies in `box`."""
    outer = box.grown(LEVEL_REACH, noisy.shape[-2], noisy.shape[-1])
    return Tile(box, outer).trim(sigma_map(noise, outer.cut(noisy)))


def neighbourhood(
    frames: dict[int, PreparedFrame], target: int, radius: int = RADIUS
) -> Neighbourhood:
    """Collect the flows from frame `target` to its neighbours among `frames`.

    Flows to frames further than one are chained from adjacent ones.

    Args:
        frames: linked frames by index.
        target: index t.
        radius: neighbours on either side.
    """
    found = [alignment(frames, target, offset) for offset in offsets_within(radius)]
    nowhere = torch.zeros_like(frames[target].noisy[:2])
    absent = Alignment(nowhere, nowhere[:1])
    flows, seen = zip(*(absent if one is None else one for one in found), strict=True)
    present = torch.tensor([one is not None for one in found], device=nowhere.device)
    return Neighbourhood(torch.stack(flows), torch.stack(seen), present)


def alignment(frames: Mapping[int, Linked], target: int, offset: int) -> Alignment | None:
    """Say how frame `target + offset` aligns to frame `target`; None if it does not exist."""
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
