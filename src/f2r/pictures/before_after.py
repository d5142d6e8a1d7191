"""The before/after picture: whole frames above, the most telling region enlarged below."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from f2r.io.clip import Frame
from f2r.io.images.picture import write_picture

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB, ready to show."""

PICTURE_WIDTH = 1440
"""Width of the whole picture in pixels, about."""
MAX_HEIGHT = 640
"""Height of a frame in the picture, at most."""
ENLARGEMENT = 5
"""The region's width and height are this fraction of the frame's."""
MIN_REGION = 96
"""Pixels across a region, at least, unless that were more than half of the frame."""
GAP, MARGIN, STRIP = 12, 16, 40
"""Pixels between columns, around them, and for the labels above them."""
PAPER, INK, MARK = (255, 255, 255), (32, 32, 32), (255, 196, 0)
"""Colours of the background, the labels, and the frame around the region."""


@dataclass(frozen=True)
class Tone:
    """How levels become shades; the same for every version of a frame."""

    black: float = 0.0
    """Level shown as black, nominal units."""
    white: float = 1.0
    """Level shown as white; > black."""
    gamma: float = 1.0
    """Exponent of the curve between them; below 1 it lifts the shadows."""

    def shade(self, frame: Frame) -> Frame:
        """Map levels to shades in [0, 1]."""
        linear = (frame - self.black) / (self.white - self.black)
        return np.asarray(linear.clip(0, 1) ** self.gamma, np.float32)


@dataclass(frozen=True)
class Region:
    """A rectangle of a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Take the region out of an (H, W, ...) frame."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


def write_before_after(
    path: Path, noisy: Frame, denoised: Frame, clean: Frame | None = None
) -> None:
    """Write a PNG that shows a frame before and after, and its reference where there is one.

    A recording that uses little of its range is stretched, every version by the same amount.

    Args:
        path: picture to write, by its suffix; replaced if it exists.
        noisy: (H, W, C) input frame, nominal units; 1 or 3 channels, of others the first is shown.
        denoised: output frame, likewise.
        clean: reference, likewise; then the labels give the PSNR.
    """
    versions = {"noisy": noisy, "denoised": denoised}
    if clean is not None:
        versions["clean"] = clean
    tone = choose_tone(denoised if clean is None else clean)
    region = telling_region(denoised if clean is None else clean)
    size = _frame_size(noisy.shape, len(versions))
    columns = []
    for name, frame in versions.items():
        label = name if clean is None or frame is clean else f"{name}  {_psnr(frame, clean):.2f} dB"
        columns.append(_column(label, to_pixels(frame, tone), region, size))
    write_picture(path, _beside(columns))


def choose_tone(frame: Frame) -> Tone:
    """Choose how to show a frame.

    A frame that uses a good part of [0, 1] is shown as it is, a dim or flat one from its lowest to
    its highest levels. Few bright spots on a dark ground, as in fluorescence, get lifted shadows.
    """
    low, middle, high = (float(v) for v in np.percentile(frame, (0.5, 50, 99.9)))
    spread = max(high - low, 1e-4)
    is_mostly_dark = frame.shape[2] != 3 and middle - low < 0.1 * spread
    if low < 0.25 and high > 0.6 and not is_mostly_dark:
        return Tone()
    return Tone(low - 0.05 * spread, high + 0.05 * spread, 0.5 if is_mostly_dark else 1.0)


def telling_region(frame: Frame) -> Region:
    """Find the region with the most structure, by the contrast of a slightly blurred frame.

    Gradients are bounded before they are averaged, so that one hard edge does not outweigh
    texture, and the middle of the frame is preferred a little.
    """
    import cv2

    height, width = frame.shape[:2]
    smaller = max(min(MIN_REGION / width, 0.5), 1 / ENLARGEMENT)
    rows, columns = max(round(height * smaller), 1), max(round(width * smaller), 1)
    luma = cv2.GaussianBlur(_shown_channels(frame).mean(axis=2), (0, 0), 1.5)
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    gradient = np.hypot(across, down)
    bounded = np.minimum(gradient, 3 * gradient.mean() + 1e-12)
    score = cv2.boxFilter(bounded, -1, (columns, rows), anchor=(0, 0))
    score = score[: height - rows + 1, : width - columns + 1]
    y, x = (np.abs(np.linspace(-1, 1, count)) for count in score.shape)
    score = score * (1 - 0.25 * np.maximum(y[:, None], x[None, :]))
    top, left = np.unravel_index(int(score.argmax()), score.shape)
    return Region(int(top), int(left), rows, columns)


def to_pixels(frame: Frame, tone: Tone) -> Pixels:
    """Turn an (H, W, C) nominal frame into RGB pixels."""
    pixels: Pixels = np.rint(255 * tone.shade(_shown_channels(frame))).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _shown_channels(frame: Frame) -> Frame:
    """Keep three channels as a colour, otherwise the first."""
    return frame if frame.shape[2] == 3 else frame[..., :1]


def _psnr(frame: Frame, clean: Frame) -> float:
    error = float(np.square(frame - clean, dtype=np.float64).mean())
    return -10 * math.log10(max(error, 1e-12))


def _frame_size(shape: tuple[int, ...], columns: int) -> tuple[int, int]:
    """Choose (height, width) of each frame in the picture."""
    height, width = shape[:2]
    space = (PICTURE_WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    scale = min(space / width, MAX_HEIGHT / height)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _column(label: str, pixels: Pixels, region: Region, size: tuple[int, int]) -> Pixels:
    """Stack a label, the whole frame with the region marked, and the region enlarged."""
    import cv2

    whole = _resize(pixels, size)
    scale = size[1] / pixels.shape[1]
    corner = (round(region.left * scale), round(region.top * scale))
    opposite = (
        round((region.left + region.width) * scale),
        round((region.top + region.height) * scale),
    )
    cv2.rectangle(whole, corner, opposite, MARK, 2, cv2.LINE_AA)
    enlarged = _resize(np.ascontiguousarray(region.cut(pixels)), size)
    space = np.full((GAP, size[1], 3), PAPER, np.uint8)
    return np.vstack([_strip(label, size[1]), whole, space, enlarged])


def _resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Average when reducing; when enlarging keep the pixels visible, but not their staircase."""
    import cv2

    height, width = size
    if width < pixels.shape[1]:
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    factor = max(width // pixels.shape[1], 1)
    blocks = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_LINEAR))


def _strip(label: str, width: int) -> Pixels:
    """Write a label on paper."""
    import cv2

    strip = np.full((STRIP, width, 3), PAPER, np.uint8)
    cv2.putText(strip, label, (0, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.75, INK, 2, cv2.LINE_AA)
    return strip


def _beside(columns: list[Pixels]) -> Pixels:
    """Put columns side by side on paper."""
    space = np.full((columns[0].shape[0], GAP, 3), PAPER, np.uint8)
    parts = [part for column in columns for part in (space, column)][1:]
    page = np.hstack(parts)
    sides = ((MARGIN // 2, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(page, sides, constant_values=PAPER[0])
