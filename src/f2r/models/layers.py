"""Layers that the prior and both stages share."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

PICTURE, RAW = 3, 4
"""Channels of a frame: red, green, blue, or the four sites of a mosaic."""

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Convert weights to channels-last memory format, about twice as fast on a CPU."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions added to their input.

    Source: He et al. 2016; without normalisation, as in DRUNet (Zhang et al. 2021).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, channels, 3, padding=1)
        self.project = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) features to features of the same shape."""
        hidden = torch.relu_(self.expand(features))
        output: Tensor = self.project(hidden)
        return output.add_(features)


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """Chain `count` residual blocks of one width."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


class Down(nn.Conv2d):
    """Halve the resolution by a 2x2 convolution of stride 2."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=2, stride=2)


class Fold(nn.Conv2d):
    """A 3x3 convolution of the pixel-unshuffled image as one strided convolution.

    A 3x3 kernel on an image folded by `factor` equals a kernel of side 3 * `factor` with stride
    `factor`. Pixel unshuffling takes twice as long as the convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, factor: int) -> None:
        super().__init__(channels_in, channels_out, 3 * factor, stride=factor, padding=factor)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H / factor, W / factor)."""
        return super().forward(image.contiguous(memory_format=torch.channels_last))


def join_narrow(*images: Tensor, dim: int = 1) -> Tensor:
    """Concatenate inputs of a convolution along `dim`, in the autocast type where it is on."""
    device = images[0].device.type
    if not torch.is_autocast_enabled(device):
        return torch.cat(images, dim)
    narrow = torch.get_autocast_dtype(device)
    return torch.cat([image.to(narrow) for image in images], dim)


class Up(nn.ConvTranspose2d):
    """Double the resolution by a 2x2 transposed convolution of stride 2."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=2, stride=2)


def reach_of(layers: Sequence[int]) -> int:
    """Compute the radius of the receptive field in pixels of the image.

    Args:
        layers: number of 3x3 convolutions on the longest path through each level; level k has the
            resolution 1 / 2^(k+1). The 2x2 convolutions between levels add at most one coarse
            pixel each.
    """
    return sum((count + 1) * 2 ** (k + 1) for k, count in enumerate(layers))


class UNet(nn.Module):
    """U-Net of residual blocks; its finest level has half the resolution.

    2x2 pixels are folded into channels, so that every convolution is wide enough for the matrix
    units of processors.

    Args:
        channels_in: channels of the image-resolution input.
        channels_out: channels of the image-resolution output.
        widths: channels of each level, finest first.
        depths: residual blocks of each level; used on the way down and on the way up.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
    ) -> None:
        super().__init__()
        levels = range(len(widths) - 1)
        self.size_multiple = 2 ** len(widths)
        self.head = Fold(channels_in, widths[0], 2)
        self.encoders = nn.ModuleList(residual_blocks(widths[i], depths[i]) for i in levels)
        self.downs = nn.ModuleList(Down(widths[i], widths[i + 1]) for i in levels)
        self.bottom = residual_blocks(widths[-1], depths[-1])
        self.ups = nn.ModuleList(Up(widths[i + 1], widths[i]) for i in levels)
        self.decoders = nn.ModuleList(residual_blocks(widths[i], depths[i]) for i in levels)
        self.tail = nn.Conv2d(widths[0], 4 * channels_out, 3, padding=1)
        sides = [4 * depth for depth in depths[:-1]] + [2 * depths[-1]]  # 3x3 layers of a level
        sides[0] += 2
        self.reach = reach_of(sides)

    def forward(self, image: Tensor, guides: Sequence[Tensor] = ()) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W); H and W multiples of `size_multiple`.

        Args:
            image: the input.
            guides: features added at each level below the finest, finest first:
                (B, widths[k], H / 2^(k+1), W / 2^(k+1)), k = 1, 2, ...; none by default.
        """
        features = self.head(image)
        skips = []
        for k, (encoder, down) in enumerate(zip(self.encoders, self.downs, strict=True)):
            features = encoder(features)
            skips.append(features)
            features = down(features)
            if guides:
                features = features + guides[k]
        features = self.bottom(features)
        for i in reversed(range(len(skips))):
            features = self.decoders[i](self.ups[i](features) + skips[i])
        image = nn.functional.pixel_shuffle(self.tail(features), 2)
        return image.contiguous()  # the layout of what it is added to; mixed ones are slow
