"""Variational optical flow in torch, for any device and for batches."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from f2r.flow.luma import luma
from f2r.flow.warp import warp_backward

ROUGH_SCALE = 2
"""Finest level of the first pass: quarter resolution."""


@dataclass(frozen=True)
class VariationalConfig:
    """Settings of the variational flow."""

    finest_scale: int = 1
    """Level at which the search stops; 0, full resolution, leaks noise as in `DisFlow`."""
    coarsest_side: int = 20
    """Approximate shorter side of the coarsest level, pixels; >= 8."""
    warps: int = 8
    """Linearisations per level; > 0."""
    iterations: int = 16
    """Jacobi steps per linearisation; > 0."""
    smoothness: float = 0.02
    """Weight of the gradient of the flow against the data term; > 0."""
    window: float = 4.0
    """Standard deviation of the window of the data term, pixels; > 0."""
    gradient: float = 3.0
    """Weight of image gradients against levels in the data term; >= 0."""


class _Linear(NamedTuple):
    """Quadratic data term around a flow: the spatio-temporal structure tensor."""

    xx: Tensor
    xy: Tensor
    yy: Tensor
    x: Tensor
    y: Tensor


class VariationalFlow:
    """Combined local-global flow: windowed, robust data term, robust smoothness, coarse to fine.

    Source: Bruhn, Weickert, Schnoerr 2005, "Lucas/Kanade meets Horn/Schunck"; gradient
    constancy and warping by Brox, Bruhn, Papenberg, Weickert 2004; median of each increment by
    Sun, Roth, Black 2010, "Secrets of optical flow estimation and their principles".
    """

    def __init__(self, config: VariationalConfig = VariationalConfig()) -> None:
        self.config = config

    @property
    def rough(self) -> "VariationalFlow":
        """The same settings down to quarter resolution."""
        coarse = max(self.config.finest_scale, ROUGH_SCALE)
        return VariationalFlow(replace(self.config, finest_scale=coarse))

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}; see `FlowEstimator`."""
        return self.estimate_batch(target[None], neighbour[None])[0]

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later} as one batch."""
        pair = torch.stack((earlier, later))
        to_next, to_previous = self.estimate_batch(pair, pair.flip(0))
        return to_next, to_previous

    @torch.no_grad()
    def estimate_batch(self, targets: Tensor, neighbours: Tensor) -> Tensor:
        """Estimate the flow of each pair of (B, C, H, W) frames: (B, 2, H, W) float32, pixels."""
        pyramids = [self._pyramid(frames.float()) for frames in (targets, neighbours)]
        flow = torch.zeros_like(pyramids[0][-1][:, :2])
        for target, neighbour in reversed(list(zip(*pyramids, strict=True))):
            flow = _resize_flow(flow, target.shape[-2:])
            for _ in range(self.config.warps):
                flow = self._improve(target, neighbour, flow)
        return _resize_flow(flow, targets.shape[-2:])

    def _pyramid(self, frames: Tensor) -> list[Tensor]:
        """Compute (B, 3, h, w) level and gradients per scale, finest first."""
        seen = luma(frames)
        levels = [seen - seen.mean(dim=(2, 3), keepdim=True)]
        while min(levels[-1].shape[-2:]) >= 2 * self.config.coarsest_side:
            levels.append(functional.avg_pool2d(levels[-1], 2, ceil_mode=True))
        kept = levels[min(self.config.finest_scale, len(levels) - 1) :]
        smooth = [_blur(level, 0.8) for level in kept]
        return [torch.cat((s, self.config.gradient * _gradients(s)), dim=1) for s in smooth]

    def _improve(self, target: Tensor, neighbour: Tensor, flow: Tensor) -> Tensor:
        """Linearise around `flow` and solve a 2 x 2 system per pixel and Jacobi step."""
        linear = self._linearise(target, neighbour, flow)
        weights = self._diffusivity(flow)
        total = sum(weights[1:], weights[0])
        first, last = linear.xx + total, linear.yy + total
        determinant = first * last - linear.xy.square()
        own = torch.cat((last, first), dim=1) / determinant
        other = -linear.xy / determinant
        known = torch.cat(
            (
                linear.xx * flow[:, :1] + linear.xy * flow[:, 1:] - linear.x,
                linear.xy * flow[:, :1] + linear.yy * flow[:, 1:] - linear.y,
            ),
            dim=1,
        )
        for _ in range(self.config.iterations):
            right = known
            for weight, beside in zip(weights, _neighbours(flow), strict=True):
                right = torch.addcmul(right, weight, beside)
            flow = torch.addcmul(own * right, other, right.flip(1))
        return _median(flow)

    def _linearise(self, target: Tensor, neighbour: Tensor, flow: Tensor) -> _Linear:
        warped = warp_backward(neighbour, flow)
        change = warped - target
        slopes = (_gradients(warped) + _gradients(target)) / 2
        slope_x, slope_y = slopes.chunk(2, dim=1)
        weight = (change.square().sum(1, keepdim=True) + 1e-4).rsqrt()
        inside = warp_backward(torch.ones_like(flow[:, :1]), flow)
        products = torch.cat(
            [
                (weight * inside * first * second).sum(1, keepdim=True)
                for first, second in (
                    (slope_x, slope_x),
                    (slope_x, slope_y),
                    (slope_y, slope_y),
                    (slope_x, change),
                    (slope_y, change),
                )
            ],
            dim=1,
        )
        return _Linear(*_blur(products, self.config.window).split(1, dim=1))

    def _diffusivity(self, flow: Tensor) -> list[Tensor]:
        """Compute the weight between each pixel and its four neighbours; 0 across the border."""
        slopes = _gradients(flow).square().sum(1, keepdim=True)
        weight = self.config.smoothness * (slopes + 0.05**2).rsqrt()
        across = (weight[..., 1:] + weight[..., :-1]) / 2
        down = (weight[..., 1:, :] + weight[..., :-1, :]) / 2
        sides = ((across, (1, 0, 0, 0)), (across, (0, 1, 0, 0)))
        ends = ((down, (0, 0, 1, 0)), (down, (0, 0, 0, 1)))
        return [functional.pad(between, zeros) for between, zeros in sides + ends]


def _neighbours(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the left, right, upper and lower neighbour of each pixel; borders are replicated."""
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    middle = padded[..., 1:-1, :]
    return (
        middle[..., :-2],
        middle[..., 2:],
        padded[..., :-2, 1:-1],
        padded[..., 2:, 1:-1],
    )


def _gradients(images: Tensor) -> Tensor:
    """Compute central differences along x, then y: (B, C, H, W) to (B, 2C, H, W)."""
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    along_x = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    along_y = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return torch.cat((along_x, along_y), dim=1) / 2


def _blur(images: Tensor, sd: float) -> Tensor:
    """Blur with a separable Gaussian; borders are replicated."""
    reach = max(round(2.5 * sd), 1)
    offsets = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offsets / sd).square())
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    groups = images.shape[1]
    wide = functional.pad(images, (reach, reach, 0, 0), mode="replicate")
    wide = functional.conv2d(wide, kernel, groups=groups)
    tall = functional.pad(wide, (0, 0, reach, reach), mode="replicate")
    return functional.conv2d(tall, kernel.transpose(2, 3), groups=groups)


def _median(flow: Tensor) -> Tensor:
    """Median of 3 x 3 pixels, which removes outliers and keeps edges."""
    padded = functional.pad(flow, (1, 1, 1, 1), mode="replicate")
    height, width = flow.shape[-2:]
    shifted = [padded[..., i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.stack(shifted).median(dim=0).values


def _resize_flow(flow: Tensor, size: torch.Size) -> Tensor:
    """Resize a flow to `size` (height, width) and scale its displacements."""
    ratios = flow.new_tensor([size[1] / flow.shape[-1], size[0] / flow.shape[-2]])
    resized = functional.interpolate(flow, tuple(size), mode="bilinear", align_corners=False)
    return resized * ratios.view(1, 2, 1, 1)
