"""Photographs: where they lie, how they are read and how patches are drawn from them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}

LOSSLESS = {".png", ".tif", ".tiff"}
"""Photographs of these kinds that are too small to be reduced are taken as they are."""


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """List the photographs among `paths`, folders opened, in a stable order."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in PHOTO_SUFFIXES]
    if not found:
        raise InputError("no photographs found: give image files or folders of them")
    return found


def load_photos(paths: Sequence[Path], reductions: Sequence[float], patch: int) -> list[np.ndarray]:
    """Read photographs as RGB uint8 (H, W, 3), each at every reduction that leaves a patch.

    Args:
        paths: image files.
        reductions: factors by which they are reduced.
        patch: side of a patch in pixels; a photograph must have sides above twice that.
    """
    images, least = [], 2 * patch
    for path in paths:
        full = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if full is None:
            raise InputError(f"{path}: not a readable image")
        for factor in _fitting(path, min(full.shape[:2]), reductions, least):
            size = (round(full.shape[1] / factor), round(full.shape[0] / factor))
            small = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
            images.append(np.ascontiguousarray(small[..., ::-1]))
    if not images:
        raise InputError(f"photographs are too small: {least} px are needed after reduction")
    return images


def _fitting(path: Path, side: int, reductions: Sequence[float], least: int) -> list[float]:
    """Choose the reduction factors of a photograph, so that its shorter side exceeds `least`."""
    fits = [factor for factor in reductions if round(side / factor) > least]
    return fits or ([1.0] if path.suffix.lower() in LOSSLESS and side > least else [])


class PhotoPatches:
    """Draws clean patches, photographs chosen by their area and their mean gradient.

    Large smooth skies teach a denoiser little, so textured photographs come up more often.

    Args:
        images: RGB uint8 arrays (H, W, 3).
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images = images
        self.weights = torch.tensor([_texture(i) * i.shape[0] * i.shape[1] for i in images])

    def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """Give (count, 3, side, side) in [0, 1], flipped and rotated at random."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        spots = torch.rand(count, 2, generator=generator)
        turns = torch.randint(0, 8, (count,), generator=generator)
        patches = np.empty((count, side, side, 3), np.uint8)
        for k in range(count):
            image = self.images[int(chosen[k])]
            top = int(spots[k, 0] * (image.shape[0] - side))
            left = int(spots[k, 1] * (image.shape[1] - side))
            crop = image[top : top + side, left : left + side]
            crop = crop[:, ::-1] if turns[k] >= 4 else crop
            patches[k] = np.rot90(crop, int(turns[k]) % 4)
        return torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255


def _texture(image: np.ndarray) -> float:
    """Give the mean absolute difference of vertical neighbours, plus one, in 8-bit units."""
    rows = image.astype(np.int16)
    return float(np.abs(rows[1:] - rows[:-1]).mean()) + 1.0
