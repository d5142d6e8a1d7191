"""NAFNet: an image restoration network without activation functions, frame by frame.

Key names and shapes are those of the published checkpoints; width and numbers of blocks are read
from the file. The network is not told the noise level: its weights belong to one kind of noise.

Source: Chen, Chu, Zhang, Sun 2022, "Simple baselines for image restoration".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.models.layers import channels_last
from f2r.noise.models import NoiseModel
from f2r_bench.methods.checkpoints import count_blocks, fit_checkpoint, read_checkpoint
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, Untrained

EPSILON = 1e-6
"""Added to variances in the normalisation."""


@dataclass(frozen=True)
class NafShape:
    """Size of a NAFNet."""

    width: int = 32
    """Channels at full resolution; doubled at each level."""
    encoders: tuple[int, ...] = (2, 2, 4, 8)
    """Blocks of each level on the way down."""
    middle: int = 12
    """Blocks at the coarsest level."""
    decoders: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each level on the way up."""


class ChannelNorm(nn.Module):
    """Normalises every pixel over its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        centred = features - features.mean(1, keepdim=True)
        spread = (centred.square().mean(1, keepdim=True) + EPSILON).sqrt()
        return centred / spread * self.weight[:, None, None] + self.bias[:, None, None]


def gate(features: Tensor) -> Tensor:
    """Multiply the first half of the channels by the second."""
    first, second = features.chunk(2, dim=1)
    return first * second


class NafBlock(nn.Module):
    """A gated depthwise step with channel attention, then a gated pixelwise step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        double = 2 * channels
        self.norm1, self.norm2 = ChannelNorm(channels), ChannelNorm(channels)
        self.conv1 = nn.Conv2d(channels, double, 1)
        self.conv2 = nn.Conv2d(double, double, 3, padding=1, groups=double)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.conv4 = nn.Conv2d(channels, double, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        mixed = gate(self.conv2(self.conv1(self.norm1(features))))
        features = features + self.beta * self.conv3(mixed * self.sca(mixed))
        return features + self.gamma * self.conv5(gate(self.conv4(self.norm2(features))))


def blocks(channels: int, count: int) -> nn.Sequential:
    """Chain blocks of one width."""
    return nn.Sequential(*(NafBlock(channels) for _ in range(count)))


class NafNetwork(nn.Module):
    """U-Net of NAF blocks that adds a correction to its input.

    Args:
        shape: size of the network.
    """

    def __init__(self, shape: NafShape) -> None:
        super().__init__()
        widths = [shape.width * 2**k for k in range(len(shape.encoders) + 1)]
        self.size_multiple = 2 ** len(shape.encoders)
        self.intro = nn.Conv2d(3, widths[0], 3, padding=1)
        self.ending = nn.Conv2d(widths[0], 3, 3, padding=1)
        levels = list(enumerate(shape.encoders))
        self.encoders = nn.ModuleList(blocks(widths[k], count) for k, count in levels)
        self.downs = nn.ModuleList(nn.Conv2d(widths[k], widths[k + 1], 2, 2) for k, _ in levels)
        self.middle_blks = blocks(widths[-1], shape.middle)
        upwards = list(zip(reversed(widths[:-1]), shape.decoders, strict=True))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * width, 4 * width, 1, bias=False), nn.PixelShuffle(2))
            for width, _ in upwards
        )
        self.decoders = nn.ModuleList(blocks(width, count) for width, count in upwards)

    def forward(self, frames: Tensor) -> Tensor:
        """Denoise (B, 3, H, W) frames, sides multiples of `size_multiple`."""
        features = self.intro(frames)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.middle_blks(features)
        for decoder, up, skip in zip(self.decoders, self.ups, reversed(skips), strict=True):
            features = decoder(up(features) + skip)
        correction: Tensor = self.ending(features)
        return frames + correction


def shape_of(weights: Mapping[str, Tensor], path: Path) -> NafShape:
    """Read the size of a network from the keys of its checkpoint.

    Raises:
        InputError: these are no keys of a NAFNet.
    """
    if "intro.weight" not in weights:
        raise InputError(f"{path}: does not fit nafnet: key intro.weight is missing")

    def levels(name: str) -> tuple[int, ...]:
        count = count_blocks(weights, name)
        return tuple(count_blocks(weights, f"{name}.{k}") for k in range(count))

    encoders, decoders = levels("encoders"), levels("decoders")
    if not encoders or len(encoders) != len(decoders):
        raise InputError(
            f"{path}: does not fit nafnet: {len(encoders)} encoders, {len(decoders)} decoders"
        )
    width = weights["intro.weight"].shape[0]
    return NafShape(width, encoders, count_blocks(weights, "middle_blks"), decoders)


class NafNet(Untrained):
    """NAFNet with published weights.

    Args:
        device: where to compute.
        weights: published checkpoint.
    """

    name = "nafnet"
    learning = Learning.SUPERVISED

    def __init__(self, device: torch.device, weights: Path) -> None:
        self.device = device
        tensors = read_checkpoint(weights)
        network = NafNetwork(shape_of(tensors, weights))
        fit_checkpoint(network, tensors, weights, self.name)
        self.network = channels_last(network).to(device).eval()

    def networks(self) -> Sequence[nn.Module]:
        """Give the network."""
        return (self.network,)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:  # noqa: ARG002
        """Denoise frame by frame."""
        height, width = noisy.shape[-2:]
        padded = pad_sides(noisy, self.network.size_multiple)
        results = [self.network(frame[None].to(self.device))[0].cpu() for frame in padded]
        return torch.stack(results)[..., :height, :width]
