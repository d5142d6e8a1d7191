"""Small charts in pixels: axes, points, lines, bars and maps, drawn with OpenCV."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.pictures.before_after import INK, PAPER, Pixels

WIDTH, HEIGHT = 680, 480
"""Size of a panel in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 92, 24, 72, 64
"""Margins between a panel's edge and its plot."""
FAINT, POINT, LINE = (226, 226, 226), (38, 99, 176), (206, 74, 40)
"""Colours of the grid, of what was measured, and of the model."""


@dataclass
class Panel:
    """One chart; draw on it, then take its `pixels`."""

    title: str
    """What is shown."""
    across: tuple[float, float]
    """Values at the left and right end of the plot; rising."""
    up: tuple[float, float]
    """Values at the lower and upper end; rising."""
    labels: tuple[str, str] = ("", "")
    """Names of the horizontal and of the vertical axis."""
    pixels: Pixels = field(init=False)
    """(HEIGHT, WIDTH, 3) RGB."""

    def __post_init__(self) -> None:
        self.pixels = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
        self.write(self.title, (LEFT, 30), 0.7, 2)
        self.write(self.labels[0], (WIDTH // 2 - 5 * len(self.labels[0]), HEIGHT - 14), 0.5)
        self.write(self.labels[1], (LEFT, TOP - 16), 0.5)

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Give the pixel of a value, held inside the plot."""
        u = (x - self.across[0]) / (self.across[1] - self.across[0])
        v = (y - self.up[0]) / (self.up[1] - self.up[0])
        u, v = (min(max(share, 0.0), 1.0) for share in (u, v))
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + round(u * wide), HEIGHT - BOTTOM - round(v * high)

    def write(self, text: str, at: tuple[int, int], size: float = 0.45, weight: int = 1) -> None:
        """Write a line; `at` is its lower left corner."""
        import cv2

        cv2.putText(self.pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, weight, cv2.LINE_AA)

    def grid(self, upright: bool = True) -> None:
        """Draw lines at round values with their numbers; `upright` also those of the x axis."""
        for value in round_values(*self.up):
            start, end = self.place(self.across[0], value), self.place(self.across[1], value)
            self._stroke(start, end, FAINT, 1)
            self.write(f"{value:g}", (max(start[0] - 10 - 9 * len(f"{value:g}"), 2), start[1] + 5))
        for value in round_values(*self.across) if upright else ():
            start, end = self.place(value, self.up[0]), self.place(value, self.up[1])
            self._stroke(start, end, FAINT, 1)
            self.write(f"{value:g}", (start[0] - 5 * len(f"{value:g}"), start[1] + 20))

    def points(self, x: Sequence[float], y: Sequence[float], error: Sequence[float]) -> None:
        """Draw measured points with their standard errors."""
        import cv2

        for at, value, spread in zip(x, y, error, strict=True):
            low, high = self.place(at, value - spread), self.place(at, value + spread)
            self._stroke(low, high, POINT, 1)
            cv2.circle(self.pixels, self.place(at, value), 4, POINT, -1, cv2.LINE_AA)

    def line(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Draw a curve."""
        spots = [self.place(*spot) for spot in zip(x, y, strict=True)]
        for start, end in pairwise(spots):
            self._stroke(start, end, LINE, 2)

    def bars(self, values: Sequence[float], names: Sequence[str]) -> None:
        """Draw one bar for each value, from zero, with its name below and its number above."""
        import cv2

        step = (self.across[1] - self.across[0]) / max(len(values), 1)
        for k, (value, name) in enumerate(zip(values, names, strict=True)):
            left = self.across[0] + (k + 0.2) * step
            foot, head = self.place(left, 0.0), self.place(left + 0.6 * step, value)
            cv2.rectangle(self.pixels, foot, head, POINT, -1)
            top = min(foot[1], head[1]) - 8
            self.write(f"{value:.2f}", (foot[0], top))
            self.write(name, (foot[0], HEIGHT - BOTTOM + 20))

    def map(self, values: NDArray[Any], largest: float) -> None:
        """Fill the plot with a map of signed values: blue below zero, white, red above.

        Args:
            values: (H, W), its shape is kept.
            largest: size of the values with the full colour; > 0.
        """
        import cv2

        share = np.clip(values / largest, -1, 1)[..., None].astype(np.float32)
        strong = np.where(share > 0, np.array(LINE), np.array(POINT))
        colours = np.array(PAPER) * (1 - np.abs(share)) + strong * np.abs(share)
        room = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
        scale = min(room[0] / values.shape[1], room[1] / values.shape[0])
        size = [max(round(side * scale), 1) for side in values.shape[::-1]]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        drawn = cv2.resize(np.rint(colours).astype(np.uint8), size, interpolation=way)
        left = LEFT + (room[0] - size[0]) // 2
        self.pixels[TOP : TOP + size[1], left : left + size[0]] = drawn
        corner = (left + size[0] - 1, TOP + size[1] - 1)
        cv2.rectangle(self.pixels, (left, TOP), corner, INK, 1)

    def _stroke(
        self, start: tuple[int, int], end: tuple[int, int], colour: tuple[int, int, int], wide: int
    ) -> None:
        import cv2

        cv2.line(self.pixels, start, end, colour, wide, cv2.LINE_AA)


def round_values(low: float, high: float, count: int = 5) -> list[float]:
    """Choose about `count` round values in [low, high]."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 5) if m * power >= raw), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
