"""Measurement of the removed noise of a scene: strength by level, and correlation."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
"""(H, W) samples in 8-bit units, 0 to 255."""

LAG = 3
"""Pixels above and beside that a pixel of grain depends on."""

OFFSETS = tuple(
    (down, across)
    for down in range(-LAG, 1)
    for across in range(-LAG, LAG + 1)
    if (down, across) < (0, 0)
)
"""(rows, columns) of the neighbours that come before a pixel, in AV1's order."""

BINS = 14
"""Levels at which the strength is measured."""

SIDE = 8
"""Side of a block, pixels."""

FLAT = 0.6
"""Share of the blocks that is used, the flattest ones: edges leave errors of the estimate."""

MOST = 40_000
"""Pixels of a frame that the correlation is measured on."""


class GrainMeasure:
    """Sums over the frames of one scene."""

    def __init__(self) -> None:
        self.count = np.zeros(BINS)
        """Luma samples by level."""
        self.level = np.zeros(BINS)
        """Sum of their levels."""
        self.energy = np.zeros((3, BINS))
        """Mean squares of luma and both chroma by luma level, times `count`."""
        self.products: list[NDArray[np.float64]] = [np.zeros((25, 25))]
        self.products += [np.zeros((26, 26)) for _ in range(2)]
        """Sums of products: of the neighbours of `OFFSETS`, for chroma the luma, and the pixel."""
        self.planes = 0
        """1 for grey, 3 for colour; 0 before the first frame."""

    def add(self, noisy: Sequence[Plane], denoised: Sequence[Plane]) -> None:
        """Measure one frame.

        Args:
            noisy: luma, and for colour both chroma at half the rows and columns.
            denoised: the same after denoising.
        """
        self.planes = len(noisy)
        removed = [before - after for before, after in zip(noisy, denoised, strict=True)]
        flat, level = _flat_pixels(denoised[0]), denoised[0]
        bins = _bin_of(level)
        self._add_energy(removed, level, bins, flat)
        scaled = [self._scaled(plane, bins, k) for k, plane in enumerate(removed)]
        self.products[0] += _products(scaled[0], flat, None)
        for k in range(1, self.planes):
            average = _halved(scaled[0], scaled[k].shape)
            self.products[k] += _products(scaled[k], flat[::2, ::2], average)

    def _add_energy(
        self,
        removed: Sequence[Plane],
        level: Plane,
        bins: NDArray[np.int64],
        flat: NDArray[np.bool_],
    ) -> None:
        chosen = bins[flat]
        count = np.bincount(chosen, minlength=BINS)
        self.count += count
        self.level += np.bincount(chosen, level[flat], minlength=BINS)
        for k, plane in enumerate(removed):
            here, weight = (chosen, 1.0) if k == 0 else (bins[::2, ::2][flat[::2, ::2]], 4.0)
            values = plane[flat] if k == 0 else plane[flat[::2, ::2]]
            self.energy[k] += weight * np.bincount(here, values.astype(float) ** 2, minlength=BINS)

    def _scaled(self, plane: Plane, bins: NDArray[np.int64], k: int) -> Plane:
        """Divide the removed noise by its standard deviation at the level of the luma."""
        deviation = self.deviations(k).astype(np.float32)
        deviation[deviation < 1e-3] = np.inf
        scaled: Plane = plane / deviation[bins if k == 0 else bins[::2, ::2]]
        return scaled

    def deviations(self, k: int) -> NDArray[np.float64]:
        """Give the standard deviation of a plane by level, 8-bit units; 0 without samples."""
        deviations: NDArray[np.float64] = np.sqrt(self.energy[k] / np.maximum(self.count, 1))
        return deviations


def _bin_of(level: Plane) -> NDArray[np.int64]:
    return (level * (BINS / 256)).clip(0, BINS - 1).astype(np.int64)


def _flat_pixels(luma: Plane) -> NDArray[np.bool_]:
    """Choose the pixels of the flattest blocks; (H, W) with even sides, a rest is left out."""
    rows, columns = (side // SIDE for side in luma.shape)
    if not rows or not columns:
        return np.ones(luma.shape, np.bool_)
    blocks = luma[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    spread = blocks.var(axis=(1, 3))
    flat = spread <= np.quantile(spread, FLAT)
    chosen = np.zeros(luma.shape, np.bool_)
    chosen[: rows * SIDE, : columns * SIDE] = flat.repeat(SIDE, 0).repeat(SIDE, 1)
    return chosen


def _halved(luma: Plane, shape: tuple[int, ...]) -> Plane:
    """Average the luma to the resolution of the chroma."""
    height, width = shape
    padded = np.pad(
        luma, ((0, 2 * height - luma.shape[0]), (0, 2 * width - luma.shape[1])), mode="edge"
    )
    mean: Plane = padded.reshape(height, 2, width, 2).mean((1, 3), dtype=np.float32)
    return mean


def _products(plane: Plane, chosen: NDArray[np.bool_], luma: Plane | None) -> NDArray[np.float64]:
    """Sum the products of all pairs of columns: neighbours, the luma, and the pixel itself."""
    inside = np.zeros(plane.shape, np.bool_)
    inside[LAG:, LAG : plane.shape[1] - LAG] = True
    places = np.flatnonzero(inside & chosen[: plane.shape[0], : plane.shape[1]])
    places = places[:: len(places) // MOST + 1]
    flat, width = plane.ravel(), plane.shape[1]
    columns = [flat[places + down * width + across] for down, across in OFFSETS]
    if luma is not None:
        columns.append(luma.ravel()[places])
    columns.append(flat[places])
    table = np.stack(columns).astype(np.float64)
    products: NDArray[np.float64] = table @ table.T
    return products
