"""FastDVDnet: two small U-Nets in cascade, five frames, no motion compensation.

Key names and shapes are those of the published checkpoint `model.pth`.

Source: Tassano, Delon, Veit 2020, "FastDVDnet: towards real-time deep video denoising without
flow estimation".
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from f2r.models.layers import channels_last
from f2r.noise.models import NoiseModel
from f2r_bench.methods.checkpoints import fit_checkpoint, read_checkpoint
from f2r_bench.methods.frames import noise_map, pad_sides, stack_windows
from f2r_bench.methods.method import Learning, Untrained

WIDTHS = (32, 64, 128)
"""Channels at full, half and quarter resolution."""
PER_FRAME = 30
"""Channels into which each of three frames is spread first."""


def conv(channels_in: int, channels_out: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Make a 3x3 convolution without bias."""
    return nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, groups=groups, bias=False)


def normed(layer: nn.Conv2d) -> list[nn.Module]:
    """Follow a convolution by batch normalisation and rectifier."""
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]


class Block(nn.Module):
    """Layers in a row, under the published name `convblock`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.convblock = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Apply the layers."""
        result: Tensor = self.convblock(features)
        return result


def twice(channels_in: int, channels_out: int) -> Block:
    """Two normalised convolutions."""
    return Block(
        *normed(conv(channels_in, channels_out)), *normed(conv(channels_out, channels_out))
    )


class TripleDenoiser(nn.Module):
    """U-Net that denoises the middle one of three frames."""

    def __init__(self) -> None:
        super().__init__()
        fine, half, coarse = WIDTHS
        spread = conv(3 * 4, 3 * PER_FRAME, groups=3)
        self.inc = Block(*normed(spread), *normed(conv(3 * PER_FRAME, fine)))
        self.downc0 = Block(*normed(conv(fine, half, stride=2)), twice(half, half))
        self.downc1 = Block(*normed(conv(half, coarse, stride=2)), twice(coarse, coarse))
        self.upc2 = Block(twice(coarse, coarse), conv(coarse, 4 * half), nn.PixelShuffle(2))
        self.upc1 = Block(twice(half, half), conv(half, 4 * fine), nn.PixelShuffle(2))
        self.outc = Block(*normed(conv(fine, fine)), conv(fine, 3))

    def forward(self, three: Sequence[Tensor], level: Tensor) -> Tensor:
        """Denoise three (B, 3, H, W) frames of noise level (B, 1, H, W), sides multiples of 4."""
        fine = self.inc(torch.cat([part for frame in three for part in (frame, level)], 1))
        half = self.downc0(fine)
        up = self.upc1(half + self.upc2(self.downc1(half)))
        noise: Tensor = self.outc(fine + up)
        return three[1] - noise


class FastDvdNetwork(nn.Module):
    """Denoises the middle one of five frames: three triples, then a triple of their results."""

    def __init__(self) -> None:
        super().__init__()
        self.temp1 = TripleDenoiser()
        self.temp2 = TripleDenoiser()

    def forward(self, windows: Tensor, level: Tensor) -> Tensor:
        """Map (B, 5, 3, H, W) windows and (B, 1, H, W) noise levels to (B, 3, H, W)."""
        frames = windows.unbind(1)
        middle = [self.temp1(frames[i : i + 3], level) for i in range(3)]
        denoised: Tensor = self.temp2(middle, level)
        return denoised


class FastDvdNet(Untrained):
    """FastDVDnet with the authors' weights.

    Args:
        device: where to compute.
        weights: published checkpoint.
    """

    name = "fastdvdnet"
    learning = Learning.SUPERVISED

    def __init__(self, device: torch.device, weights: Path) -> None:
        self.device = device
        network = FastDvdNetwork()
        fit_checkpoint(network, read_checkpoint(weights), weights, self.name)
        self.network = channels_last(network).to(device).eval()

    def networks(self) -> Sequence[nn.Module]:
        """Give the network."""
        return (self.network,)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise frame by frame, windows mirrored at the ends."""
        height, width = noisy.shape[-2:]
        results = []
        for window in stack_windows(pad_sides(noisy, 4), 2):
            five = window[None].to(self.device)
            results.append(self.network(five, noise_map(noise, five[:, 2]))[0].cpu())
        return torch.stack(results)[..., :height, :width]
