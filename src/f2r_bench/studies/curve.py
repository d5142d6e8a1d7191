"""Draw PSNR against time."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

SIZE = (720, 440)
"""Width and height in pixels."""
LEFT, TOP, RIGHT, BOTTOM = 70, 20, 690, 390
"""Edges of the axes in pixels."""
PARTS = {"prior": (130, 130, 130), "anchor": (60, 150, 60), "refined": (20, 70, 180)}
"""The curves and their colours, RGB."""
GREY, INK = (225, 225, 225), (40, 40, 40)


@dataclass(frozen=True)
class Point:
    """One run."""

    seconds: float
    """Time that it took; > 0."""
    psnr: tuple[float, float, float]
    """PSNR of prior, anchor and refined frames in dB."""


@dataclass(frozen=True)
class Axes:
    """Time across, on a logarithmic scale, and PSNR upwards."""

    across: tuple[float, float]
    """Logarithms of the times at both ends."""
    up: tuple[float, float]
    """PSNR at the lower and upper end."""

    def place(self, seconds: float, value: float) -> tuple[int, int]:
        """Give the pixel of a value."""
        u = (np.log10(seconds) - self.across[0]) / (self.across[1] - self.across[0])
        v = (value - self.up[0]) / (self.up[1] - self.up[0])
        return round(LEFT + float(u) * (RIGHT - LEFT)), round(BOTTOM - v * (BOTTOM - TOP))


def draw_curve(points: Sequence[Point], title: str) -> Pixels:
    """Draw the PSNR of each part against seconds as an (H, W, 3) RGB picture."""
    ordered = sorted(points, key=lambda point: point.seconds)
    times = np.log10([point.seconds for point in ordered])
    values = [value for point in ordered for value in point.psnr]
    up = (float(np.floor(min(values))), float(np.floor(max(values)) + 1))
    axes = Axes((float(times.min()) - 0.1, float(times.max()) + 0.1), up)
    picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    _draw_grid(picture, axes, [point.seconds for point in ordered])
    for k, (name, colour) in enumerate(PARTS.items()):
        spots = [axes.place(point.seconds, point.psnr[k]) for point in ordered]
        cv2.polylines(picture, [np.array(spots)], False, colour, 2, cv2.LINE_AA)
        for spot in spots:
            cv2.circle(picture, spot, 4, colour, -1, cv2.LINE_AA)
        _write(picture, name, (RIGHT - 80, BOTTOM - 12 - 20 * (len(PARTS) - k - 1)), colour)
    _write(picture, title, (LEFT, SIZE[1] - 10))
    return picture


def _draw_grid(picture: Pixels, axes: Axes, seconds: Sequence[float]) -> None:
    for value in np.arange(axes.up[0], axes.up[1] + 0.5):
        height = axes.place(seconds[0], float(value))[1]
        cv2.line(picture, (LEFT, height), (RIGHT, height), GREY, 1)
        _write(picture, f"{value:.0f} dB", (8, height + 5))
    for time in seconds:
        x = axes.place(time, axes.up[0])[0]
        cv2.line(picture, (x, TOP), (x, BOTTOM), GREY, 1)
        _write(picture, f"{time:.0f} s", (x - 18, BOTTOM + 20))


def _write(
    picture: Pixels, text: str, at: tuple[int, int], colour: tuple[int, int, int] = INK
) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
