"""Gaussian noise that is correlated between pixels and channels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.models import NoiseModel, draw_normal

SCALED = 1e-6
"""A mean variance this close to one counts as one."""


@dataclass(frozen=True, eq=False)
class Correlated:
    """Correlated Gaussian noise: y = x + sqrt(base.variance(x)) * n, with n stationary.

    E[n_a(p) n_b(p + d)] = correlation[a, b, d + radius], scaled to a mean variance of 1 over
    channels. A correlation of one channel is applied to any number of independent channels.
    """

    base: NoiseModel
    """Variance at a level, mean over channels."""
    correlation: Tensor
    """(C, C, 2 * radius + 1, 2 * radius + 1), C = 1 or the channels of the frames."""
    _roots: dict[tuple[int, int], Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        kernel = torch.as_tensor(self.correlation, dtype=torch.float32)
        square = kernel.dim() == 4 and kernel.shape[0] == kernel.shape[1]
        if not square or any(side % 2 == 0 for side in kernel.shape[2:]):
            raise InputError("noise: a correlation has the shape (C, C, odd, odd)")
        kernel = (kernel + kernel.transpose(0, 1).flip(2, 3)) / 2
        power = float(self._variances_of(kernel).mean())
        if not (math.isfinite(power) and power > 0):
            raise InputError("noise: the correlation at distance zero must be positive")
        # Dividing again would change a correlation that comes back from a file.
        is_scaled = abs(power - 1) < SCALED
        object.__setattr__(self, "correlation", kernel if is_scaled else kernel / power)

    @property
    def channel_variance(self) -> Tensor:
        """(C, 1, 1): variance of n per channel; mean 1."""
        return self._variances_of(self.correlation)[:, None, None]

    @property
    def clumping(self) -> Tensor:
        """(C, 1, 1): power at the lowest frequency over the mean power; 1 for white noise."""
        own = self.correlation.sum((2, 3)).diagonal()
        return (own / self._variances_of(self.correlation)).clamp(min=1.0)[:, None, None]

    def variance(self, level: Tensor) -> Tensor:
        """Compute the variance at (..., C, H, W) levels, nominal units squared."""
        return self.base.variance(level) * self.channel_variance.to(level)

    def sample(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """Add the noise to (..., C, H, W) frames."""
        return clean + self.draw(clean, generator)

    def draw(self, level: Tensor, generator: torch.Generator) -> Tensor:
        """Draw noise without a frame, with the variance at (..., C, H, W) levels."""
        return self.base.variance(level).sqrt() * self._draw_unit(level, generator)

    def _draw_unit(self, like: Tensor, generator: torch.Generator) -> Tensor:
        channels, height, width = like.shape[-3:]
        kernel_channels = self.correlation.shape[0]
        if kernel_channels not in (1, channels):
            raise InputError(
                f"noise: the model has {kernel_channels} channels, the frames have {channels}"
            )
        # The margin keeps opposite edges of the frame from being correlated.
        reach = self.correlation.shape[-1] // 2
        size = (_round_up(height + 2 * reach), _round_up(width + 2 * reach))
        white = draw_normal(like.new_empty(*like.shape[:-2], *size), generator)
        spectrum = torch.fft.rfft2(white.reshape(-1, kernel_channels, *size))
        root = self._root(size).to(spectrum)
        shaped = torch.einsum("abhw,nbhw->nahw", root, spectrum)
        noise: Tensor = torch.fft.irfft2(shaped, s=size)[..., :height, :width]
        return noise.reshape(like.shape)

    def _root(self, size: tuple[int, int]) -> Tensor:
        """Square root of the power spectrum on a grid of `size`: (C, C, H, W // 2 + 1)."""
        if size not in self._roots:
            kernel = self.correlation.double()
            reach_y, reach_x = kernel.shape[2] // 2, kernel.shape[3] // 2
            placed = kernel.new_zeros(*kernel.shape[:2], *size)
            placed[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
            placed = placed.roll((-reach_y, -reach_x), (2, 3))
            power = torch.fft.fft2(placed).permute(2, 3, 1, 0)  # (H, W, C, C), Hermitian
            values, vectors = torch.linalg.eigh(power)
            # A measured, truncated kernel can have slightly negative power at some frequencies.
            values = values.clamp(min=0.0)
            values = values * (kernel.shape[0] / values.sum(-1).mean())
            root = vectors * values.sqrt()[..., None, :] @ vectors.mH
            half = root.permute(2, 3, 0, 1)[..., : size[1] // 2 + 1]
            self._roots[size] = half.to(torch.complex64)
        return self._roots[size]

    @staticmethod
    def _variances_of(kernel: Tensor) -> Tensor:
        return kernel[:, :, kernel.shape[2] // 2, kernel.shape[3] // 2].diagonal()

    def to_dict(self) -> dict[str, Any]:
        """Convert the model to JSON values."""
        return {
            "model": "correlated",
            "base": self.base.to_dict(),
            "correlation": self.correlation.tolist(),
        }

    def describe(self) -> str:
        """Describe the noise in one line, 8-bit units."""
        own = self.correlation.diagonal().mean(-1)  # (k, k), one at distance zero
        y, x = own.shape[0] // 2, own.shape[1] // 2
        beside = float(own[y, x + 1]) if own.shape[1] > 1 else 0.0
        below = float(own[y + 1, x]) if own.shape[0] > 1 else 0.0
        between = self.correlation[..., y, x]
        shared = float((between - torch.diag(between.diagonal())).abs().max())
        return (
            f"correlated noise (pixels {beside:.2f} across, {below:.2f} down; "
            f"channels {shared:.2f}); {self.base.describe()}"
        )


def gaussian_correlation(blur: float) -> Tensor:
    """Compute the (1, 1, k, k) correlation of white noise filtered by a Gaussian.

    Args:
        blur: standard deviation of the filter in pixels; > 0.
    """
    reach = max(1, math.ceil(6 * blur))
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    profile = torch.exp(-(line**2) / (4 * blur**2))
    return (profile[:, None] * profile[None, :])[None, None]


def _round_up(side: int) -> int:
    return -(-side // 16) * 16


def correlation_from_lists(values: Sequence[Any]) -> Tensor:
    """Read a correlation from the nested lists of a JSON file.

    Raises:
        InputError: the values are no nested lists of numbers.
    """
    try:
        return torch.tensor(values, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise InputError("noise: the correlation must be nested lists of numbers") from error
