"""DVDnet: a spatial and a temporal network, in an architecture that the published weights fit.

Written from the names and shapes of the published checkpoints; what those leave open (residuals,
the places of the noise map and of the skip) was found by measuring. The weights themselves are
GPL-3.0 and not part of this repository.

Source: Tassano, Delon, Veit 2019, "DVDnet: A fast network for deep video denoising".
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.flow.warp import warp_backward
from f2r.noise.models import NoiseModel
from f2r_bench.methods.checkpoints import fit_checkpoint, read_checkpoint
from f2r_bench.methods.frames import mean_sigma, mirror_index, pad_sides
from f2r_bench.methods.method import Learning, Untrained

WIDTH = 96
"""Channels of every hidden layer."""


def conv_bn(channels_in: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Convolution, batch normalisation, rectifier."""
    conv = nn.Conv2d(channels_in, WIDTH, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]


class DvdSpatial(nn.Module):
    """Denoises one frame: twelve convolutions at half resolution that predict the noise."""

    def __init__(self) -> None:
        super().__init__()
        head = [nn.Conv2d(15, WIDTH, 3, padding=1, bias=False), nn.ReLU(inplace=True)]
        body = [layer for _ in range(10) for layer in conv_bn(WIDTH)]
        tail = nn.Conv2d(WIDTH, 12, 3, padding=1, bias=False)
        self.conv_relu_bn = nn.Sequential(*head, *body, tail)

    def forward(self, frames: Tensor, sigma: float) -> Tensor:
        """Map (B, 3, H, W) noisy RGB frames of any size to denoised ones.

        Args:
            frames: nominal range [0, 1].
            sigma: standard deviation of the noise, same unit.
        """
        height, width = frames.shape[-2:]
        padded = pad_sides(frames, 2)
        packed = functional.pixel_unshuffle(padded, 2)
        level = packed.new_full((len(packed), 3, *packed.shape[-2:]), sigma)
        noise = functional.pixel_shuffle(self.conv_relu_bn(torch.cat((level, packed), 1)), 2)
        return (padded - noise)[..., :height, :width]


class DvdTemporal(nn.Module):
    """Fuses five aligned frames that the spatial network has denoised."""

    def __init__(self) -> None:
        super().__init__()
        self.down_conv = nn.Sequential(*conv_bn(18, kernel=5, stride=2))
        self.conv1x1 = nn.Conv2d(WIDTH, WIDTH, 1, bias=False)
        self.block_conv = nn.Sequential(*(layer for _ in range(4) for layer in conv_bn(WIDTH)))
        tail = nn.Conv2d(WIDTH, 12, 3, padding=1, bias=False)
        self.out_conv = nn.Sequential(*conv_bn(WIDTH), tail)

    def forward(self, aligned: Sequence[Tensor], sigma: float) -> Tensor:
        """Map five (B, 3, H, W) frames, the centre third, to the denoised centre frame.

        Args:
            aligned: frames t-2 to t+2, denoised by the spatial network and warped to frame t.
            sigma: standard deviation of the noise in the clip, nominal units.
        """
        height, width = aligned[0].shape[-2:]
        stack = pad_sides(torch.cat(tuple(aligned), 1), 2)
        level = stack.new_full((len(stack), 3, *stack.shape[-2:]), sigma)
        packed = self.down_conv(torch.cat((level, stack), 1))
        features = self.block_conv(packed) + self.conv1x1(packed)
        return functional.pixel_shuffle(self.out_conv(features), 2)[..., :height, :width]


class DvdFrames(Untrained):
    """The spatial network of DVDnet on every frame alone, with the authors' weights.

    Three equal channels with one noise, as of a grey clip, look to it like noise sqrt(3) times as
    strong in three channels, and so it is told.

    Args:
        device: where to compute.
        weights: published checkpoint of the spatial network.
    """

    name = "dvdnet-frames"
    learning = Learning.SUPERVISED
    takes_grey = True

    def __init__(self, device: torch.device, weights: Path) -> None:
        self.device, self.network = device, DvdSpatial()
        fit_checkpoint(self.network, read_checkpoint(weights), weights, self.name)
        self.network.to(device)

    def networks(self) -> Sequence[nn.Module]:
        """Give the spatial network."""
        return (self.network,)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise frame by frame."""
        is_grey = bool((noisy[:, :1] == noisy).all())
        sigma = mean_sigma(noise, noisy) * (math.sqrt(3) if is_grey else 1)
        frames = noisy.to(self.device)
        return torch.cat([self.network(frame[None], sigma).cpu() for frame in frames])


class DvdNet(Untrained):
    """DVDnet with the authors' weights.

    The authors align by DeepFlow, which OpenCV keeps outside its main packages (`deepflow.py`).

    Args:
        device: where to compute.
        spatial: published checkpoint of the spatial network.
        temporal: published checkpoint of the temporal network.
        flow: what aligns the frames.
        name: what to call it in the tables.
    """

    learning = Learning.SUPERVISED

    def __init__(
        self,
        device: torch.device,
        spatial: Path,
        temporal: Path,
        flow: FlowEstimator = DisFlow(),  # noqa: B008 - holds no state
        name: str = "dvdnet",
    ) -> None:
        self.device, self.flow, self.name = device, flow, name
        self.spatial, self.temporal = DvdSpatial(), DvdTemporal()
        for network, path in ((self.spatial, spatial), (self.temporal, temporal)):
            fit_checkpoint(network, read_checkpoint(path), path, self.name)
            network.to(device)

    def networks(self) -> Sequence[nn.Module]:
        """Give the spatial and the temporal network."""
        return (self.spatial, self.temporal)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise every frame alone, align five of them, fuse; windows mirrored at the ends."""
        sigma, count = mean_sigma(noise, noisy), len(noisy)
        single = [self.spatial(frame[None].to(self.device), sigma)[0] for frame in noisy]
        fused = []
        for t, centre in enumerate(single):
            aligned = []
            for i in (mirror_index(t + offset, count) for offset in range(-2, 3)):
                moved = single[i][None]
                if i != t:
                    moved = warp_backward(
                        moved, self.flow.estimate(centre, single[i])[None].to(moved)
                    )
                aligned.append(moved)
            fused.append(self.temporal(aligned, sigma)[0].cpu())
        return torch.stack(fused)
