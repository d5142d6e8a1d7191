"""Picture of a preview: noisy, three strengths, and removed noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from f2r.io.clip import Frame
from f2r.io.images.picture import write_picture
from f2r.pictures.before_after import (
    GAP,
    INK,
    PAPER,
    Pixels,
    Tone,
    choose_tone,
    resize,
    strip_of,
    to_pixels,
)

CELL = 480
"""Width of a frame in the picture, pixels."""
COLUMNS = 3
"""Frames side by side."""
LINE = 26
"""Height of a line of text, pixels."""
LETTERS = 52
"""Letters of a line of text."""
SPREAD = 4.0
"""Standard deviations of the removed noise between mid-grey and white."""


def write_preview(
    path: Path, frames: Mapping[str, Frame], removed: Frame, texts: Sequence[str]
) -> None:
    """Write a picture of one frame at several strengths, with removed noise and sentences.

    Args:
        path: picture to write; replaced if it exists.
        frames: (H, W, C) by label, nominal units; the last one decides the tones.
        removed: (H, W, C) noisy - denoised; shown around mid-grey, enlarged.
        texts: sentences beside the frames.
    """
    tone = choose_tone(list(frames.values())[-1])
    cells = [_cell(label, to_pixels(frame, tone)) for label, frame in frames.items()]
    sigma = max(float(removed.std()), 1e-6)
    around = Tone(-SPREAD * sigma, SPREAD * sigma)
    cells.append(_cell("removed, enlarged", to_pixels(removed, around)))
    cells.append(_text_cell(texts, cells[0].shape))
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    blank = np.full_like(cells[0], PAPER[0])
    rows[-1] += [blank] * (COLUMNS - len(rows[-1]))
    page = np.vstack([np.hstack([_padded(cell) for cell in row]) for row in rows])
    write_picture(path, page)


def _cell(label: str, pixels: Pixels) -> Pixels:
    height = max(round(pixels.shape[0] * CELL / pixels.shape[1]), 1)
    return np.vstack([strip_of(label, CELL), resize(pixels, (height, CELL))])


def _padded(cell: Pixels) -> Pixels:
    half = GAP // 2
    return np.pad(cell, ((half, half), (half, half), (0, 0)), constant_values=PAPER[0])


def _text_cell(texts: Sequence[str], shape: tuple[int, ...]) -> Pixels:
    """Draw sentences on the background, as far as they fit."""
    import cv2

    cell: Pixels = np.full(shape, PAPER, np.uint8)
    lines = [line for text in texts for line in [*_wrapped(text), ""]]
    for i, line in enumerate(lines[: shape[0] // LINE - 1]):
        place = (6, LINE * (i + 2))
        cv2.putText(cell, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return cell


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text.encode("ascii", "replace").decode(), LETTERS)
