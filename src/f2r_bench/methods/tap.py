"""TAP: temporal modules in the skip connections of an image denoiser that stays as it is.

Each module joins the aligned features of the neighbours to those of the centre frame. They are
trained one after the other, from the coarsest skip connection to the finest: the network so far
denoises the clip, fresh noise on that pseudo-clean clip makes the inputs, and the pseudo-clean
frames are the targets. A module that averages over time removes more noise than the denoiser that
made its targets, so the next targets are better.

Ours: the denoiser is our prior, features are aligned by optical flow (the authors learn deformable
convolutions on top of NAFNet), and the order of the modules is our choice.

Source: Fu, Guo, Wang, Wang, Li, Wen 2024, "Temporal as a plugin: unsupervised video denoising with
pre-trained image denoisers".
"""

import time
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.flow.estimator import DisFlow
from f2r.flow.warp import warp_backward
from f2r.models.layers import ResidualBlock, UNet, channels_last, join_narrow
from f2r.models.weights import load_prior
from f2r.noise.models import NoiseModel
from f2r_bench.core import PreparedFrame, Preprocessor, fit_network, sigma_map
from f2r_bench.methods.frames import (
    Around,
    chosen,
    draw_places,
    mirror_index,
    pad_sides,
    prepare_frames,
    surroundings,
)
from f2r_bench.methods.method import Learning, TrainsOnClip

REACH = 2
"""Neighbours on either side."""
NEIGHBOURS = tuple(offset for offset in range(-REACH, REACH + 1) if offset)
"""Offsets of the neighbours."""
LEARNING_RATE = 5e-4
"""Peak rate of every module."""
LEAST_STEPS = 300
"""100 for each of the three modules, which begin at nothing and build on one another."""
BATCH, SIDE = 4, 96
"""Crops a step, and their side in pixels."""


class TemporalModule(nn.Module):
    """Adds to the centre's features what its aligned neighbours know; at first nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inputs = channels * (len(NEIGHBOURS) + 1) + len(NEIGHBOURS)
        self.merge = nn.Conv2d(inputs, channels, 3, padding=1)
        self.block = ResidualBlock(channels)
        self.project = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)  # type: ignore[arg-type]

    def forward(self, centre: Tensor, aligned: Tensor, visible: Tensor) -> Tensor:
        """Join (B, C, h, w) with (B, N, C, h, w) and its (B, N, 1, h, w) visibility."""
        seen = (aligned * visible).flatten(1, 2)
        joined = torch.cat((centre, seen, visible.flatten(1, 2).to(centre.dtype)), 1)
        update: Tensor = self.project(self.block(torch.relu(self.merge(joined))))
        return centre + update


class PluggedDenoiser(nn.Module):
    """An image U-Net with a temporal module in each skip connection.

    Args:
        net: the trained U-Net, which predicts the noise from cat(frame, sigma); stays frozen.
    """

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net.requires_grad_(False)
        widths = [down.in_channels for down in net.downs if isinstance(down, nn.Conv2d)]
        self.modules_in_skips = nn.ModuleList(TemporalModule(width) for width in widths)

    def encode(self, frames: Tensor, sigma: Tensor) -> tuple[list[Tensor], Tensor]:
        """Give the skip features of (B, 3, H, W) frames and the coarsest features."""
        features = self.net.head(join_narrow(frames, sigma))
        skips = []
        for encoder, down in zip(self.net.encoders, self.net.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        return skips, features

    def decode(self, frames: Tensor, skips: Sequence[Tensor], features: Tensor) -> Tensor:
        """Give (B, 3, H, W) denoised frames from their joined skip features."""
        features = self.net.bottom(features)
        for k in reversed(range(len(skips))):
            features = self.net.decoders[k](self.net.ups[k](features) + skips[k])
        noise = functional.pixel_shuffle(self.net.tail(features), 2)
        return frames - noise.to(frames.dtype)

    def join(
        self, skips: Sequence[Tensor], others: Sequence[Tensor], flow: Tensor, visible: Tensor
    ) -> list[Tensor]:
        """Pass skip features through the modules.

        Args:
            skips: per scale (B, C, h, w) of the centre frame.
            others: per scale (B, N, C, h', w') of the neighbours, at least as large.
            flow: (B, N, 2, H, W) from the centre's pixels into the neighbours'.
            visible: (B, N, 1, H, W).
        """
        joined = []
        shown, moved = visible.flatten(0, 1), flow.flatten(0, 1)
        for k, module in enumerate(self.modules_in_skips):
            shown, moved = functional.avg_pool2d(shown, 2), functional.avg_pool2d(moved, 2) / 2
            aligned = warp_backward(others[k].flatten(0, 1), moved)
            count = len(NEIGHBOURS)
            joined.append(
                module(skips[k], aligned.unflatten(0, (-1, count)), shown.unflatten(0, (-1, count)))
            )
        return joined

    def forward(self, frames: Tensor, sigma: Tensor, flow: Tensor, visible: Tensor) -> Tensor:
        """Denoise the first of (B, 1 + N, 3, H, W) frames with the help of the others."""
        batch = len(frames)
        skips, features = self.encode(frames.flatten(0, 1), sigma.flatten(0, 1))
        split = [skip.unflatten(0, (batch, -1)) for skip in skips]
        joined = self.join([s[:, 0] for s in split], [s[:, 1:] for s in split], flow, visible)
        return self.decode(frames[:, 0], joined, features.unflatten(0, (batch, -1))[:, 0])


class Tap(TrainsOnClip):
    """Temporal modules on the shipped prior, trained on each clip.

    Args:
        device: where to compute.
    """

    name = "tap"
    learning = Learning.SELF_SUPERVISED
    takes_grey = True
    least_steps = LEAST_STEPS

    def __init__(self, device: torch.device) -> None:
        self.device, self.prior = device, load_prior(device)
        self.network = self._fresh(0)

    def _fresh(self, seed: int) -> PluggedDenoiser:
        torch.manual_seed(seed)
        return channels_last(PluggedDenoiser(self.prior.net)).to(self.device).eval()

    def networks(self) -> Sequence[nn.Module]:
        """Give the prior with its modules."""
        return (self.network,)

    def fit(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> int:
        """Train new modules one after the other, each with an equal share of the time."""
        end = time.monotonic() + seconds
        self.network = self._fresh(seed)
        generator = torch.Generator().manual_seed(seed)
        frames = self._prepare(noisy, noise)
        around = [surroundings(frames, t, NEIGHBOURS) for t in range(len(frames))]
        noisy_clip = torch.stack([frame.noisy for frame in frames])
        steps = 0
        for k in reversed(range(len(self.network.modules_in_skips))):
            share = (end - time.monotonic()) / (k + 1)
            begin = time.monotonic()
            pseudo_clean = self._denoise(noisy_clip, around, noise)
            left = share - (time.monotonic() - begin)
            module = self.network.modules_in_skips[k]
            loss = partial(plugged_loss, self.network, pseudo_clean, around, noise)
            steps += fit_network(self.name, module, loss, left, LEARNING_RATE, generator)
        return steps

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise; every frame is encoded once."""
        height, width = noisy.shape[-2:]
        frames = self._prepare(noisy, noise)
        around = [surroundings(frames, t, NEIGHBOURS) for t in range(len(frames))]
        padded = torch.stack([frame.noisy for frame in frames])
        return self._denoise(padded, around, noise)[..., :height, :width].cpu()

    def _prepare(self, noisy: Tensor, noise: NoiseModel) -> list[PreparedFrame]:
        padded = pad_sides(noisy, self.prior.size_multiple)
        return prepare_frames(padded, Preprocessor(self.prior, noise, DisFlow()))

    @torch.no_grad()
    def _denoise(self, noisy: Tensor, around: Sequence[Around], noise: NoiseModel) -> Tensor:
        """Denoise (T, 3, H, W) frames on the device."""
        encoded = {}
        denoised = []
        count = len(noisy)
        with torch.autocast(self.device.type, torch.bfloat16):
            for t in range(count):
                wanted = [mirror_index(t + offset, count) for offset in NEIGHBOURS]
                for i in (t, *wanted):
                    if i not in encoded:
                        frame = noisy[i : i + 1]
                        encoded[i] = self.network.encode(frame, sigma_map(noise, frame))
                skips, features = encoded[t]
                others = [
                    torch.stack([encoded[i][0][k] for i in wanted], 1) for k in range(len(skips))
                ]
                joined = self.network.join(
                    skips, others, around[t].flow[None], around[t].visible[None]
                )
                denoised.append(self.network.decode(noisy[t : t + 1], joined, features)[0])
                encoded.pop(t - 2 * REACH, None)
        return torch.stack(denoised)


def plugged_loss(
    network: PluggedDenoiser,
    clean: Tensor,
    around: Sequence[Around],
    noise: NoiseModel,
    generator: torch.Generator,
) -> Tensor:
    """Give the squared error against the pseudo-clean centres, in units of the noise variance.

    Args:
        network: the denoiser with its modules.
        clean: (T, 3, H, W) pseudo-clean clip.
        around: alignment of each frame's neighbours.
        noise: model of the noise that is added afresh.
        generator: the only source of randomness.
    """
    size = (clean.shape[-2], clean.shape[-1])
    crops = [
        _crop(clean, around, chosen(range(len(clean)), choice), rows, columns)
        for choice, rows, columns in draw_places(BATCH, size, SIDE, generator)
    ]
    frames, flow, visible = (torch.stack(part) for part in zip(*crops, strict=True))
    noisy = noise.sample(frames, generator)
    sigma = sigma_map(noise, noisy.flatten(0, 1)).unflatten(0, noisy.shape[:2])
    with torch.autocast(clean.device.type, torch.bfloat16):
        denoised = network(noisy, sigma, flow, visible)
    variance = sigma[:, 0].square().mean().clamp(min=1e-6)
    return (denoised - frames[:, 0]).square().mean() / variance


def _crop(
    clean: Tensor, around: Sequence[Around], t: int, rows: slice, columns: slice
) -> tuple[Tensor, Tensor, Tensor]:
    """Cut frame t and its neighbours, each where the flow points: frames, flow, visibility."""
    size = (clean.shape[-2], clean.shape[-1])
    flow, visible = (part[..., rows, columns] for part in (around[t].flow, around[t].visible))
    height, width = visible.shape[-2:]
    cut, places = [clean[t][:, rows, columns]], []
    for n, offset in enumerate(NEIGHBOURS):
        top, left = _follow(flow[n], rows.start, columns.start, size, visible.shape[-2:])
        other = clean[mirror_index(t + offset, len(clean))]
        cut.append(other[:, top : top + height, left : left + width])
        places.append((columns.start - left, rows.start - top))
    moved = flow + flow.new_tensor(places)[..., None, None]
    return torch.stack(cut), moved, visible * _lands_inside(moved)


def _lands_inside(flow: Tensor) -> Tensor:
    """Tell where (N, 2, H, W) flows point into a crop of their own size, (N, 1, H, W)."""
    height, width = flow.shape[-2:]
    x = flow[:, :1] + torch.arange(width, device=flow.device)
    y = flow[:, 1:] + torch.arange(height, device=flow.device)[:, None]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _follow(
    flow: Tensor, top: int, left: int, size: tuple[int, int], crop: torch.Size
) -> tuple[int, int]:
    """Move a crop to where its median flow points, on the grid of the coarsest features."""
    x, y = flow.flatten(1).median(dim=1).values.tolist()
    moved = []
    for start, step, length, side in zip((top, left), (y, x), size, crop, strict=True):
        moved.append(min(max(round((start + step) / 8) * 8, 0), (length - side) // 2 * 2))
    return moved[0], moved[1]
