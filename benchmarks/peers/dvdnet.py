"""DVDnet: a spatial and a temporal network, in an architecture that the published weights fit.

Written from the names and shapes of the published checkpoints; what those leave open (residuals,
the places of the noise map and of the skip) was found by measuring. The weights themselves are
GPL-3.0 and not part of this repository.

Source: Tassano, Delon, Veit 2019, "DVDnet: A fast network for deep video denoising".
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

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
        padded, (height, width) = pad_to_even(frames)
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
        stack, (height, width) = pad_to_even(torch.cat(tuple(aligned), 1))
        level = stack.new_full((len(stack), 3, *stack.shape[-2:]), sigma)
        packed = self.down_conv(torch.cat((level, stack), 1))
        features = self.block_conv(packed) + self.conv1x1(packed)
        return functional.pixel_shuffle(self.out_conv(features), 2)[..., :height, :width]


def pad_to_even(frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Repeat the last row and column where the size is odd; also return the former size."""
    height, width = frames.shape[-2:]
    padding = (0, width % 2, 0, height % 2)
    return functional.pad(frames, padding, mode="replicate"), (height, width)


def load_authors_weights(network: DvdSpatial | DvdTemporal, path: Path) -> None:
    """Load a published checkpoint, which was saved from a data-parallel wrapper."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    network.eval()
