"""Before/after picture: whole frames above, an enlarged region below."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from f2r.io.clip import Frame
from f2r.io.images.picture import write_picture

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""

PICTURE_WIDTH = 1440
"""Approximate width of the picture, pixels."""
MAX_HEIGHT = 640
"""Largest height of a frame in the picture, pixels."""
ENLARGEMENT = 5
"""Side of the frame over side of the region."""
MIN_REGION = 96
"""Smallest width of a region, pixels, up to half of the frame."""
GAP, MARGIN, STRIP = 12, 16, 40
"""Space between columns, around them and above them for labels, pixels."""
PAPER, INK, MARKER = (255, 255, 255), (32, 32, 32), (255, 196, 0)
"""Colours of background, labels and the mark around the region."""


@dataclass(frozen=True)
class Tone:
    """Tone mapping, the same for every version of a frame."""

    black: float = 0.0
    """Level shown as black, nominal units."""
    white: float = 1.0
    """Level shown as white; > black."""
    gamma: float = 1.0
    """Exponent of the curve; values below 1 lift the shadows."""

    def shade(self, frame: Frame) -> Frame:
        """Map levels to [0, 1]."""
        linear = (frame - self.black) / (self.white - self.black)
        return np.asarray(linear.clip(0, 1) ** self.gamma, np.float32)


@dataclass(frozen=True)
class Detail:
    """A rectangle of a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Crop an (H, W, ...) frame."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


def write_before_after(
    path: Path, noisy: Frame, denoised: Frame, clean: Frame | None = None
) -> None:
    """Write a picture of a frame before and after denoising, and of its reference if given.

    Frames that use little of their range are stretched, all by the same amount.

    Args:
        path: picture to write; replaced if it exists.
        noisy: (H, W, C) input frame, nominal units; of other channel counts than 1 and 3 the first
            channel is shown.
        denoised: output frame, likewise.
        clean: reference, likewise; the labels then show the PSNR.
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
    """Choose the tone mapping of an (H, W, C) frame.

    A frame that uses most of [0, 1] is not changed; a dim or flat one is stretched. A mostly dark
    frame, as in fluorescence, gets lifted shadows.
    """
    low, middle, high = (float(v) for v in np.percentile(frame, (0.5, 50, 99.9)))
    spread = max(high - low, 1e-4)
    is_mostly_dark = frame.shape[2] != 3 and middle - low < 0.1 * spread
    if low < 0.25 and high > 0.6 and not is_mostly_dark:
        return Tone()
    return Tone(low - 0.05 * spread, high + 0.05 * spread, 0.5 if is_mostly_dark else 1.0)


def telling_region(frame: Frame) -> Detail:
    """Find the region of an (H, W, C) frame with the most structure.

    The score is the mean gradient of a blurred frame. Gradients are bounded, so that one hard edge
    does not outweigh texture; the centre is slightly preferred.
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
    return Detail(int(top), int(left), rows, columns)


def to_pixels(frame: Frame, tone: Tone) -> Pixels:
    """Convert an (H, W, C) frame, nominal units, to RGB pixels."""
    pixels: Pixels = np.rint(255 * tone.shade(_shown_channels(frame))).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _shown_channels(frame: Frame) -> Frame:
    """Keep three channels as colour, of others the first."""
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


def _column(label: str, pixels: Pixels, region: Detail, size: tuple[int, int]) -> Pixels:
    """Stack label, whole frame with the marked region, and enlarged region."""
    import cv2

    whole = resize(pixels, size)
    scale = size[1] / pixels.shape[1]
    corner = (round(region.left * scale), round(region.top * scale))
    opposite = (
        round((region.left + region.width) * scale),
        round((region.top + region.height) * scale),
    )
    cv2.rectangle(whole, corner, opposite, MARKER, 2, cv2.LINE_AA)
    enlarged = resize(np.ascontiguousarray(region.cut(pixels)), size)
    space = np.full((GAP, size[1], 3), PAPER, np.uint8)
    return np.vstack([strip_of(label, size[1]), whole, space, enlarged])


def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize by area averaging, or enlarge with visible pixels and smooth borders."""
    import cv2

    height, width = size
    if width < pixels.shape[1]:
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    factor = max(width // pixels.shape[1], 1)
    blocks = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_LINEAR))


def strip_of(label: str, width: int) -> Pixels:
    """Draw a label on the background."""
    import cv2

    strip = np.full((STRIP, width, 3), PAPER, np.uint8)
    cv2.putText(strip, label, (0, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.75, INK, 2, cv2.LINE_AA)
    return strip


def _beside(columns: list[Pixels]) -> Pixels:
    """Join columns side by side."""
    space = np.full((columns[0].shape[0], GAP, 3), PAPER, np.uint8)
    parts = [part for column in columns for part in (space, column)][1:]
    page = np.hstack(parts)
    sides = ((MARGIN // 2, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(page, sides, constant_values=PAPER[0])
