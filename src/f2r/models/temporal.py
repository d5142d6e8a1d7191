"""Stage 1: blind temporal estimator f_theta, which never receives the centre frame.

Source: Frames2Residual, figure 2 (docs/method.md, "Stage 1").
"""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.flow.pyramid import flow_pyramid
from f2r.flow.warp import warp_backward, warp_features
from f2r.models.layers import Down, Fold, UNet, join_narrow, reach_of, residual_blocks

RADIUS = 2
"""Neighbours on either side of the shipped estimator."""

FUSION_REACH = 8
"""Pixels that the 3x3 convolution of the coarsest scale adds to the receptive field."""

ABSENT = -1e4
"""Softmax score of a neighbour that does not exist (clip end, scene cut)."""


def offsets_within(radius: int) -> tuple[int, ...]:
    """List the offsets i - t of the neighbours; 0, the centre, is not among them."""
    return (*range(-radius, 0), *range(1, radius + 1))


class Aligned(NamedTuple):
    """The N neighbours of a batch of targets, aligned to the grid of the target."""

    joint: Tensor
    """(B, N, 2C, H, W) z_i, warped at image resolution."""
    features: tuple[Tensor, ...]
    """(B, H / 2^k, W / 2^k, N, C_k) per scale k = 2, 3, warped by the flow pyramid."""
    visible: Tensor
    """(B, N, 1, H, W) in [0, 1], from forward-backward consistency."""
    present: Tensor
    """(B, N) bool: the neighbour exists."""


class FrameEncoder(nn.Module):
    """Encodes z_i to features at 1/4 and 1/8 resolution, once per frame.

    At image resolution z_i itself is warped, so that copied texture stays sharp.
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
        """Radius of the receptive field, pixels."""
        return reach_of([0, 1, *(2 for _ in self.blocks)])

    def forward(self, joint: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 2C, H, W) z and its (B, C, H, W) noise level: one tensor per scale."""
        scales = [torch.relu_(self.head(join_narrow(joint, sigma)))]
        for down, block in zip(self.downs, self.blocks, strict=True):
            scales.append(block(down(scales[-1])))
        return tuple(scales)


class Fusion(nn.Module):
    """Merges the aligned neighbours of one scale by learned weights.

    The weights are a softmax over the neighbours, computed from all of them and from their
    visibility, so that an occluded or badly aligned neighbour can be left out per pixel.
    """

    def __init__(self, channels_in: int, channels_out: int, neighbours: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(neighbours * (channels_in + 1), neighbours, 3, padding=1)
        self.merge = nn.Conv2d(neighbours * channels_in, channels_out, 1)

    def forward(self, features: Tensor, visible: Tensor, present: Tensor) -> Tensor:
        """Merge the neighbours.

        Args:
            features: (B, h, w, N, C) aligned features.
            visible: (B, N, 1, h, w) in [0, 1].
            present: (B, N) bool.

        Returns:
            (B, C_out, h, w).
        """
        maps = visible.to(features.dtype).permute(0, 3, 4, 1, 2)
        seen = torch.cat((features, maps), dim=-1).flatten(3)
        scores = self.score(seen.movedim(-1, 1)).masked_fill(~present[..., None, None], ABSENT)
        weights = features.shape[3] * torch.softmax(scores.float(), dim=1)
        weighed = features * weights.to(features.dtype).movedim(1, -1).unsqueeze(-1)
        merged: Tensor = self.merge(weighed.flatten(3).movedim(-1, 1))
        return merged


class TemporalEstimator(nn.Module):
    """Blind temporal estimator: x-_t = f_theta({z_i}_{i != t}, V).

    Per pixel the output is a learned mixture of the aligned neighbours, noisy and denoised, plus a
    residual. Averages of samples keep texture that a network would smooth.

    Args:
        channels: C, 3 for pictures, 4 for packed raw.
        encoded: channels of the features at 1/4 and 1/8 resolution.
        widths: channels of each level of the U-Net, finest (1/2 resolution) first.
        depths: residual blocks of each level.
        radius: neighbours on either side; the window has 2 * radius + 1 frames.
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
        """Radius of the receptive field on the aligned neighbours, pixels."""
        return self.net.reach + FUSION_REACH

    def encode(self, joint: Tensor, sigma: Tensor) -> tuple[Tensor, ...]:
        """Encode frames as `FrameEncoder` does; all targets that use a frame share the result."""
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
        pixels = join_narrow(aligned.joint, aligned.visible, dim=2).flatten(1, 2)
        return copy_and_correct(aligned, self.net(pixels, fused).float())


def copy_and_correct(aligned: Aligned, output: Tensor) -> Tensor:
    """Mix the candidates by softmax weights and add the residual.

    Args:
        aligned: neighbours of the targets.
        output: (B, 2 N + C, H, W): scores of the denoised neighbours, scores of the noisy ones,
            residual.

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
    """Warp z of the neighbours to the grid of the target at image resolution, bicubic.

    Args:
        joint: (B, N, 2C, H, W) z_i.
        flow: (B, N, 2, H, W) base flow V_{i->t}, pixels.

    Returns:
        (B, N, 2C, H, W).
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
        warped: (B, N, 2C, H, W) output of `warp_pixels`, a constant in training.
        features: (B, N, C_k, Hs / 2^k, Ws / 2^k) per scale k = 2, 3.
        flow: (B, N, 2, H, W) base flow V_{i->t}, pixels of the neighbour's grid, which may be
            larger than that of the target.
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
    complete = present.device.type == "cpu" and bool(present.all())  # on a GPU this would wait
    if not complete:
        warped, visible = warped * exists, visible * exists
        scales = [scale * exists.movedim(1, 3) for scale in scales]
    return Aligned(warped, tuple(scales), visible, present)


def _shrink(maps: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(maps.flatten(0, 1), factor).unflatten(0, maps.shape[:2])
