"""UDVD: a video network that is blind to the centre pixel, trained on the noisy clip.

Four branches each see one half plane, the image turned by 0, 90, 180 and 270 degrees: their
convolutions and poolings look upwards only, and a last shift by one row leaves the own row out.
Three-frame stacks go through one U-Net, three of its outputs through a second, so that five frames
count; 1x1 convolutions join the branches. The output is a Gaussian per pixel (mean, and a
triangular factor of the covariance of its three channels). Training maximises the likelihood of
the noisy pixel; only then does the noisy pixel itself enter, by the posterior mean.

Key names and shapes are those of the published checkpoint `blind_video_net.pt`. The published
code first mirrors the frame to a square; ours adds zeros, because mirrored pixels would show a
branch what lies on the other side.

Source: Sheth, Mohan, Vincent, Manzorro, Crozier, Khapra, Simoncelli, Fernandez-Granda 2021,
"Unsupervised deep video denoising"; posterior step: Laine, Karras, Lehtinen, Aila 2019.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.models.layers import channels_last
from f2r.noise.models import NoiseModel
from f2r_bench.core import fit_network, sigma_map
from f2r_bench.methods.checkpoints import fit_checkpoint, read_checkpoint
from f2r_bench.methods.frames import (
    chosen,
    draw_places,
    mirror_index,
    pad_sides,
    stack_windows,
)
from f2r_bench.methods.method import Learning, Outcome, TrainsOnClip

WIDTH, SLIM_WIDTH = 48, 24
"""Channels of the published network at its first level, and of one that is quicker to train."""
TURNS = (0, -1, 2, 1)
"""Quarter turns of the four branches, in the published order."""
COVARIANCE_FLOOR = 1e-5
"""Added to every variance, nominal units squared."""
LEAST_STEPS = 2000
"""It starts from random weights, and its output is no picture before."""
LEARNING_RATE = 1e-3
"""Peak rate, as published for training on one clip."""
BATCH, SIDE = 2, 96
"""Crops a step, and their side in pixels; a multiple of 4."""


class UpwardConv(nn.Module):
    """A 3x3 convolution whose output at row r sees the rows r - 2 to r."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C_out, H, W)."""
        sides = functional.pad(features, (1, 1, 0, 0), mode="replicate")
        above = functional.pad(sides, (0, 0, 2, 0))
        return functional.leaky_relu(self.conv(above), 0.1)


def shift_down(features: Tensor) -> Tensor:
    """Move every row down by one, so that row r holds what row r - 1 saw."""
    return functional.pad(features[..., :-1, :], (0, 0, 1, 0))


class Stack(nn.Module):
    """Upward convolutions in a row, `conv1`, `conv2`, …, through the given widths."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        for i in range(1, len(widths)):
            self.add_module(f"conv{i}", UpwardConv(widths[i - 1], widths[i]))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, widths[0], H, W) to (B, widths[-1], H, W)."""
        for layer in self.children():
            features = layer(features)
        return features


class HalfPlaneUNet(nn.Module):
    """U-Net of two poolings that sees the rows up to its own."""

    def __init__(self, channels_in: int, channels_out: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.enc1 = Stack(channels_in, width, width, width)
        self.enc2 = Stack(width, width, width, width)
        self.enc3 = Stack(width, wide, wide, width)
        self.dec2 = Stack(wide, wide, wide, wide, wide)
        self.dec1 = Stack(wide + channels_in, wide, wide, wide, channels_out)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, C, H, W), sides multiples of 4, to (B, C_out, H, W)."""
        fine = functional.max_pool2d(shift_down(self.enc1(image)), 2)
        coarse = functional.max_pool2d(shift_down(self.enc2(fine)), 2)
        up = functional.interpolate(self.enc3(coarse), scale_factor=2.0)
        up = self.dec2(torch.cat((up, fine), 1))
        up = functional.interpolate(up, scale_factor=2.0)
        joined: Tensor = self.dec1(torch.cat((up, image), 1))
        return joined


class BlindVideoNet(nn.Module):
    """The five-frame blind-spot network.

    Args:
        width: channels of the first level; the published network has 48.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        wide, third = 2 * width, 2 * width // 3
        self.denoiser_1 = HalfPlaneUNet(9, third, width)
        self.denoiser_2 = HalfPlaneUNet(3 * third, wide, width)
        self.nin_A = nn.Conv2d(4 * wide, 4 * wide, 1, bias=False)
        self.nin_B = nn.Conv2d(4 * wide, wide, 1, bias=False)
        self.nin_C = nn.Conv2d(wide, 9, 1, bias=False)

    def triple(self, three: Tensor) -> list[Tensor]:
        """Encode (B, 9, H, W) stacks of three frames in each turned branch."""
        return apply_together(self.denoiser_1, [torch.rot90(three, k, (2, 3)) for k in TURNS])

    def join(self, branches: Sequence[Tensor]) -> Tensor:
        """Turn the three encoded stacks of each branch, channels joined, into (B, 9, H, W)."""
        upright = [
            torch.rot90(shift_down(features), -turn, (2, 3))
            for features, turn in zip(apply_together(self.denoiser_2, branches), TURNS, strict=True)
        ]
        joined = functional.leaky_relu(self.nin_A(torch.cat(upright, 1)), 0.1)
        output: Tensor = self.nin_C(functional.leaky_relu(self.nin_B(joined), 0.1))
        return output

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the centre pixels of (B, 5, 3, H, W) windows, sides multiples of 4.

        Returns:
            (B, 3, H, W) mean and (B, 3, 3, H, W) covariance, float32, blind to their pixel.
        """
        stacks = torch.cat([windows[:, i : i + 3].flatten(1, 2) for i in range(3)])
        encoded = [torch.cat(branch.chunk(3), 1) for branch in self.triple(stacks)]
        return split_gaussian(self.join(encoded))


def apply_together(network: nn.Module, images: Sequence[Tensor]) -> list[Tensor]:
    """Apply a network to (B, C, h, w) tensors, those of equal shape in one batch."""
    results: dict[int, Tensor] = {}
    for shape in {image.shape for image in images}:
        same = [k for k, image in enumerate(images) if image.shape == shape]
        outputs = network(torch.cat([images[k] for k in same])).chunk(len(same))
        results |= dict(zip(same, outputs, strict=True))
    return [results[k] for k in range(len(images))]


def split_gaussian(output: Tensor) -> tuple[Tensor, Tensor]:
    """Read (B, 9, H, W) as mean and covariance A^T A, A upper triangular."""
    output = output.float()
    factor = output.new_zeros(len(output), 3, 3, *output.shape[-2:])
    rows, columns = torch.triu_indices(3, 3)
    factor[:, rows, columns] = output[:, 3:]
    covariance = torch.einsum("bkihw,bkjhw->bijhw", factor, factor)
    return output[:, :3], covariance


def with_diagonal(covariance: Tensor, variance: Tensor) -> Tensor:
    """Add (B, 3, H, W) variances to the diagonal; matrices last, (B, H, W, 3, 3)."""
    diagonal = torch.diag_embed(variance.permute(0, 2, 3, 1) + COVARIANCE_FLOOR)
    return covariance.permute(0, 3, 4, 1, 2) + diagonal


def negative_log_likelihood(
    mean: Tensor, covariance: Tensor, noisy: Tensor, variance: Tensor
) -> Tensor:
    """Give the mean of -log N(y; mean, covariance + noise), constants left out."""
    total = with_diagonal(covariance, variance)
    factor = torch.linalg.cholesky(total)
    error = (noisy - mean).permute(0, 2, 3, 1)[..., None]
    whitened = torch.linalg.solve_triangular(factor, error, upper=False)
    log_determinant = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return (0.5 * whitened.square().sum((-2, -1)) + log_determinant).mean()


def posterior_mean(mean: Tensor, covariance: Tensor, noisy: Tensor, variance: Tensor) -> Tensor:
    """Give E[x | y] for prior N(mean, covariance) and independent noise; (B, 3, H, W)."""
    error = (noisy - mean).permute(0, 2, 3, 1)[..., None]
    solved = torch.linalg.solve(with_diagonal(covariance, variance), error)
    gain = covariance.permute(0, 3, 4, 1, 2) @ solved
    return mean + gain[..., 0].permute(0, 3, 1, 2)


class Udvd(TrainsOnClip):
    """UDVD, trained from scratch on each clip, or with published weights as they are.

    Args:
        device: where to compute.
        width: channels of the first level.
        weights: published checkpoint; then nothing is trained.
    """

    learning = Learning.SELF_SUPERVISED

    def __init__(
        self, device: torch.device, width: int = WIDTH, weights: Path | None = None
    ) -> None:
        self.name = "udvd" if width == WIDTH else "udvd-slim"
        self.device, self.width, self.trains = device, width, weights is None
        self.least_steps = LEAST_STEPS if self.trains else 0
        torch.manual_seed(0)
        self.network = channels_last(BlindVideoNet(width)).to(device).eval()
        if weights is not None:
            fit_checkpoint(self.network, read_checkpoint(weights), weights, self.name)

    def networks(self) -> Sequence[nn.Module]:
        """Give the network."""
        return (self.network,)

    def denoise(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> Outcome:
        """Train and denoise; see `Method.denoise`."""
        return super().denoise(noisy, noise, seconds if self.trains else 0.0, seed)

    def fit(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> int:
        """Train new weights on the clip."""
        begin = time.monotonic()
        torch.manual_seed(seed)
        network = channels_last(BlindVideoNet(self.width)).to(self.device).train()
        height, width = (side // 4 * 4 for side in noisy.shape[-2:])
        windows = stack_windows(noisy[..., :height, :width].to(self.device), 2)
        loss = partial(window_loss, network, windows, noise)
        left, generator = seconds - (time.monotonic() - begin), torch.Generator().manual_seed(seed)
        steps = fit_network(self.name, network, loss, left, LEARNING_RATE, generator)
        self.network = network.eval()
        return steps

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise; every stack of three frames is encoded once."""
        height, width = noisy.shape[-2:]
        padded = pad_sides(noisy, 4, "constant").to(self.device)
        count = len(padded)
        encoded: dict[int, list[Tensor]] = {}
        results = []
        with torch.autocast(self.device.type, torch.bfloat16):
            for t in range(count):
                for centre in range(t - 1, t + 2):
                    if centre not in encoded:
                        three = [padded[mirror_index(centre + o, count)] for o in (-1, 0, 1)]
                        encoded[centre] = self.network.triple(torch.cat(three)[None])
                encoded.pop(t - 2, None)
                triples = [encoded[t + o] for o in (-1, 0, 1)]
                output = self.network.join([torch.cat(b, 1) for b in zip(*triples, strict=True)])
                here, level = padded[t : t + 1], sigma_map(noise, padded[t : t + 1])
                with torch.autocast(self.device.type, enabled=False):
                    results.append(
                        posterior_mean(*split_gaussian(output), here, level.square())[0].cpu()
                    )
        return torch.stack(results)[..., :height, :width]


def window_loss(
    network: BlindVideoNet,
    windows: Sequence[Tensor],
    noise: NoiseModel,
    generator: torch.Generator,
) -> Tensor:
    """Give the negative log-likelihood of the centre frames of fresh crops."""
    height, width = windows[0].shape[-2:]
    places = draw_places(BATCH, (height, width), SIDE, generator)
    crops = torch.stack([chosen(windows, c)[..., rows, columns] for c, rows, columns in places])
    with torch.autocast(crops.device.type, torch.bfloat16):
        mean, covariance = network(crops)
    centre = crops[:, 2]
    variance = sigma_map(noise, centre).square()
    return negative_log_likelihood(mean, covariance, centre, variance)
