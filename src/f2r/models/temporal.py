"""Stage 1: the blind temporal estimator f_theta. It never receives the centre frame.

Source: Frames2Residual, figure 2 (METHOD.md, section 1).
"""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.flow.pyramid import flow_pyramid
from f2r.flow.warp import warp_backward, warp_features
from f2r.models.layers import Down, Fold, UNet, join, reach_of, residual_blocks

RADIUS = 2
"""Neighbours on either side that the shipped estimator sees."""

FUSION_REACH = 8
"""What the 3x3 convolution at the coarsest scale adds to the reach of the network."""

ABSENT = -1e4
"""Score of a neighbour that does not exist (clip end, scene cut)."""


def offsets_within(radius: int) -> tuple[int, ...]:
    """Give the neighbours i - t that an estimator sees; the centre, 0, is not among them."""
    return (*range(-radius, 0), *range(1, radius + 1))


class Aligned(NamedTuple):
    """The N neighbours of a batch of targets, on the targets' grid."""

    joint: Tensor
    """(B, N, 2C, H, W) z_i, warped at the resolution of the image."""
    features: tuple[Tensor, ...]
    """(B, H / 2^k, W / 2^k, N, C_k) per scale k = 2, 3, warped by the flow pyramid."""
    visible: Tensor
    """(B, N, 1, H, W) in [0, 1], from forward-backward consistency."""
    present: Tensor
    """(B, N) bool: whether the neighbour exists."""


class FrameEncoder(nn.Module):
    """Turns z_i into features at 1/4 and 1/8 of the resolution, once per frame.

    At the resolution of the image z_i itself is warped: what is to be copied must stay sharp.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.head = Fold(3 * channels, widths[0], 4)
        self.downs = nn.ModuleList(
            Down(fine, coarse) for fine, coarse in itertools.pairwise(widths)
        )
        self.blocks = nn.ModuleList(residual_blocks(width, 1) for width in widths[1:])

    @property
    def reach(self) -> int:
        """How far from a pixel its inputs can lie, in pixels."""
        return reach_of([0, 1, *(2 for _ in self.blocks)])

    def forward(self, joint: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 2C, H, W) z and its (B, C, H, W) noise level."""
        scales = [torch.relu_(self.head(join(joint, sigma)))]
        for down, block in zip(self.downs, self.blocks, strict=True):
            scales.append(block(down(scales[-1])))
        return tuple(scales)


class Fusion(nn.Module):
    """Weighs the aligned neighbours of one scale against each other and merges them.

    The weights are a softmax over the neighbours, learned from all of them and from their
    visibility, so an occluded or badly aligned neighbour can be switched off pixel by pixel.
    """

    def __init__(self, channels_in: int, channels_out: int, neighbours: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(neighbours * (channels_in + 1), neighbours, 3, padding=1)
        self.merge = nn.Conv2d(neighbours * channels_in, channels_out, 1)

    def forward(self, features: Tensor, visible: Tensor, present: Tensor) -> Tensor:
        """Merge (B, h, w, N, C) given (B, N, 1, h, w) and (B, N) to (B, C_out, h, w)."""
        maps = visible.to(features.dtype).permute(0, 3, 4, 1, 2)
        seen = torch.cat((features, maps), dim=-1).flatten(3)
        scores = self.score(seen.movedim(-1, 1)).masked_fill(~present[..., None, None], ABSENT)
        weights = features.shape[3] * torch.softmax(scores.float(), dim=1)
        weighed = features * weights.to(features.dtype).movedim(1, -1).unsqueeze(-1)
        merged: Tensor = self.merge(weighed.flatten(3).movedim(-1, 1))
        return merged


class TemporalEstimator(nn.Module):
    """Blind temporal estimator: x-_t = f_theta({z_i}_{i != t}, V).

    Per pixel it copies a learned mixture of the aligned neighbours, noisy and denoised, and
    adds a residual: averaging true samples keeps texture that a network would smooth.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        encoded: channels of the features at 1/4 and 1/8 of the resolution.
        widths: channels of the U-Net per scale, from 1/2 on.
        depths: its residual blocks per scale.
        radius: neighbours on either side; a window of 2 * radius + 1 frames.
    """

    def __init__(
        self,
        channels: int = 3,
        encoded: tuple[int, ...] = (64, 64),
        widths: tuple[int, ...] = (64, 96, 96),
        depths: tuple[int, ...] = (1, 1, 2),
        radius: int = RADIUS,
    ) -> None:
        super().__init__()
        options = {"encoded": encoded, "widths": widths, "depths": depths, "radius": radius}
        self.config = {"channels": channels, **options}
        self.radius, count = radius, 2 * radius
        self.encoder = FrameEncoder(channels, encoded)
        self.fusions = nn.ModuleList(
            Fusion(slim, width, count) for slim, width in zip(encoded, widths[1:], strict=True)
        )
        self.net = UNet((2 * channels + 1) * count, 2 * count + channels, widths, depths)
        nn.init.zeros_(self.net.tail.weight)
        nn.init.zeros_(self.net.tail.bias)  # type: ignore[arg-type]

    @property
    def reach(self) -> int:
        """How far from a target pixel its aligned neighbours can lie, in pixels."""
        return self.net.reach + FUSION_REACH

    def encode(self, joint: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
        """Encode frames once; see `FrameEncoder`. Every target that needs a frame shares them."""
        scales: tuple[Tensor, ...] = self.encoder(joint, sigma)
        return scales

    def forward(self, aligned: Aligned) -> Tensor:
        """Predict the targets from their aligned neighbours.

        Returns:
            (B, C, H, W) float32 anchor, nominal range [0, 1], not clipped.
        """
        visible = [_shrink(aligned.visible, 2 ** (k + 2)) for k in range(len(self.fusions))]
        fused = [
            fusion(features, seen, aligned.present)
            for fusion, features, seen in zip(self.fusions, aligned.features, visible, strict=True)
        ]
        pixels = join(aligned.joint, aligned.visible, dim=2).flatten(1, 2)
        return copy_and_correct(aligned, self.net(pixels, fused).float())


def copy_and_correct(aligned: Aligned, output: Tensor) -> Tensor:
    """Mix the candidates by softmax weights and add the residual.

    Args:
        aligned: neighbours of the targets.
        output: (B, 2 N + C, H, W): a score for every neighbour denoised, for every one as it is,
            then the residual.

    Returns:
        (B, C, H, W) anchor.
    """
    neighbours = aligned.joint.shape[1]
    present = aligned.present.repeat(1, 2)[..., None, None]
    scores = output[:, : 2 * neighbours].masked_fill(~present, ABSENT)
    denoised, noisy = torch.softmax(scores, dim=1).unsqueeze(2).split(neighbours, dim=1)
    anchor = output[:, 2 * neighbours :]
    for n in range(neighbours):  # one at a time: no copy of all candidates
        kept, removed = aligned.joint[:, n].float().chunk(2, dim=1)
        anchor = torch.addcmul(anchor, denoised[:, n] + noisy[:, n], kept)
        anchor = torch.addcmul(anchor, noisy[:, n], removed)
    return anchor


def warp_pixels(joint: Tensor, flow: Tensor) -> Tensor:
    """Bring z of the neighbours to the target's grid at the resolution of the image.

    Args:
        joint: (B, N, 2C, H, W) z_i.
        flow: (B, N, 2, H, W) base flow V_{i->t}.
    """
    warped = warp_backward(joint.flatten(0, 1), flow.flatten(0, 1), "bicubic")
    return warped.unflatten(0, joint.shape[:2])


def align(
    warped: Tensor,
    features: tuple[Tensor, ...],
    flow: Tensor,
    visible: Tensor,
    present: Tensor,
) -> Aligned:
    """Warp the features of each neighbour to its target by the flow pyramid.

    Args:
        warped: (B, N, 2C, H, W) z of the neighbours from `warp_pixels`; a constant in training,
            so it need not be computed at every step.
        features: (B, N, C_k, Hs / 2^k, Ws / 2^k) per scale k = 2, 3.
        flow: (B, N, 2, H, W) base flow V_{i->t}; points into the neighbour's own grid, which
            may be larger than the target's.
        visible: (B, N, 1, H, W) in [0, 1].
        present: (B, N) bool.
    """
    batch = flow.shape[:2]
    pyramid = flow_pyramid(flow.flatten(0, 1), len(features) + 2)
    scales = [
        warp_features(scale, level.unflatten(0, batch))
        for scale, level in zip(features, pyramid[2:], strict=True)
    ]
    exists = present[..., None, None, None]
    complete = present.device.type == "cpu" and bool(present.all())  # asking a GPU would wait
    if not complete:
        warped, visible = warped * exists, visible * exists
        scales = [scale * exists.movedim(1, 3) for scale in scales]
    return Aligned(warped, tuple(scales), visible, present)


def _shrink(maps: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(maps.flatten(0, 1), factor).unflatten(0, maps.shape[:2])
