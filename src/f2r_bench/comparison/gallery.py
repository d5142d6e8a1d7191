"""The visual comparison: one frame, and the same part of it by every method.

Laid out as in figure 4 of Frames2Residual: PSNR and SSIM stand under each patch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from f2r.io.images.picture import read_picture, write_picture
from f2r.pictures.before_after import INK, MARKER, PAPER, Pixels, Tone, to_pixels
from f2r_bench.comparison.case import Scene
from f2r_bench.methods.method import Learning

PATCH_WIDTH = 240
"""Width of a patch in the picture."""
PER_ROW = 4
"""Patches beside each other."""
GAP, LABEL = 10, 44
"""Pixels between patches, and for the two lines below each."""
WHOLE_SHARE = 0.9
"""Height of the whole frame, of the patches beside it."""


def write_gallery(
    path: Path, scene: Scene, patches: Sequence[tuple[Path, Mapping[str, Any]]]
) -> None:
    """Write the picture of one clip at one noise level.

    Args:
        path: PNG to write.
        scene: clip and region.
        patches: picture of the region and measured case of every method.
    """
    middle = scene.clean[len(scene.clean) // 2].permute(1, 2, 0).numpy()
    whole = to_pixels(middle, Tone())
    size = (round(PATCH_WIDTH * scene.region.height / scene.region.width), PATCH_WIDTH)
    clean = np.ascontiguousarray(scene.region.cut(whole))
    columns = [_column(clean, "clean", "PSNR / SSIM", size)]
    for file, case in patches:
        pixels = np.asarray(read_picture(file), np.uint8)
        columns.append(_column(pixels, _name(case), _figures(case["patch"]), size))
    write_picture(path, _page(whole, scene, columns))


def _name(case: Mapping[str, Any]) -> str:
    """Mark supervised methods; OpenCV's letters know no dagger."""
    name = str(case["identity"]["method"])
    return f"{name} (supervised)" if Learning(case["learning"]).saw_clean_frames else name


def _figures(patch: Mapping[str, Any]) -> str:
    psnr, ssim = patch["psnr"], patch["ssim"]
    first = "equal" if psnr is None else f"{psnr:.2f} dB"
    return first if ssim is None else f"{first} / {ssim:.4f}"


def _column(pixels: Pixels, name: str, figures: str, size: tuple[int, int]) -> Pixels:
    """Enlarge a patch and write two lines below it."""
    import cv2

    height, width = size
    kept = cv2.INTER_NEAREST if width >= 2 * pixels.shape[1] else cv2.INTER_CUBIC
    enlarged = cv2.resize(pixels, (width, height), interpolation=kept)
    strip = np.full((LABEL, width, 3), PAPER, np.uint8)
    for line, text in enumerate((name, figures)):
        place = (0, 16 + 20 * line)
        cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return np.vstack([enlarged, strip])


def _page(whole: Pixels, scene: Scene, columns: Sequence[Pixels]) -> Pixels:
    """Put the marked frame on the left and the patches in rows on the right."""
    blank = np.full_like(columns[0], PAPER)
    filled = [*columns, *[blank] * (-len(columns) % PER_ROW)]
    rows = [_beside(filled[i : i + PER_ROW]) for i in range(0, len(filled), PER_ROW)]
    grid = np.vstack(rows)
    left = _whole(whole, scene, grid.shape[0])
    return _beside([left, grid])


def _whole(whole: Pixels, scene: Scene, height: int) -> Pixels:
    """Draw the frame with the region marked, as high as the patches beside it at most."""
    import cv2

    region, marked = scene.region, whole.copy()
    corner = (region.left, region.top)
    opposite = (region.left + region.width, region.top + region.height)
    thick = max(whole.shape[1] // 300, 1)
    cv2.rectangle(marked, corner, opposite, MARKER, thick, cv2.LINE_AA)
    scale = min(WHOLE_SHARE * height / whole.shape[0], 3 * PATCH_WIDTH / whole.shape[1])
    size = (max(round(scale * whole.shape[1]), 1), max(round(scale * whole.shape[0]), 1))
    shown = cv2.resize(marked, size, interpolation=cv2.INTER_AREA)
    page = np.full((height, size[0], 3), PAPER, np.uint8)
    page[: size[1]] = shown
    text = f"{scene.name}, sigma {scene.sigma:g}"
    place = (0, min(size[1] + 20, height - 4))
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return page


def _beside(columns: Sequence[Pixels]) -> Pixels:
    space = np.full((columns[0].shape[0], GAP, 3), PAPER, np.uint8)
    return np.hstack([part for column in columns for part in (column, space)])
