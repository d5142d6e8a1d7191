"""Clips of fine texture, which looks like noise in one frame but moves as a whole.

Leaves, grass and gravel reach the highest frequency that a frame can hold. Here they are taken from
photographs that are reduced strongly, or drawn: discs and ellipses that cover each other ("dead
leaves", Matheron 1968), and fields of filtered noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from f2r.errors import InputError
from f2r.train.corpus.photos import find_photos

SUPERSAMPLED = 2
"""Pixels of a drawn texture per pixel of the clip, per axis."""

LONGEST = 2600
"""Largest side of a photograph in memory, pixels."""

SHEET = (700, 900)
"""Rows and columns of a drawn texture."""


@dataclass(frozen=True)
class Motion:
    """How a texture moves, in pixels of the clip."""

    shifts: np.ndarray
    """(T, 2) rows and columns."""
    flutter: float
    """Amplitude of a smooth warp that changes from frame to frame, as of leaves in the wind."""


def load_stills(photos: Sequence[Path]) -> list[np.ndarray]:
    """Read photographs as RGB uint8, the longer side at most `LONGEST` pixels."""
    stills = []
    for path in find_photos(photos) if photos else []:
        full = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if full is None:
            raise InputError(f"{path}: not a readable image")
        factor = min(1.0, LONGEST / max(full.shape))
        small = cv2.resize(full, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        stills.append(np.ascontiguousarray(small[..., ::-1]))
    return stills


def draw_texture_scene(
    stills: Sequence[np.ndarray], size: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw a clip of one texture, or of one that moves in front of another.

    Args:
        stills: RGB uint8 photographs in full resolution; with none, all textures are drawn.
        size: T, H, W.
        rng: the only source of randomness.

    Returns:
        (T, H, W, 3) nominal float32.
    """
    scene = film_sheet(*draw_sheet(stills, size[1:], rng), size, rng)
    if rng.random() < 0.35:
        front = film_sheet(*draw_sheet(stills, size[1:], rng), size, rng)
        mask, shifts = _blob(size[1:], rng), draw_motion(size[0], rng).shifts
        cover = np.stack([_moved(mask, shift) for shift in shifts])[..., None]
        scene = scene + cover * (front - scene)
    level = scene.mean((0, 1, 2), keepdims=True)
    contrast = rng.uniform(0.25, 1.3)
    return (level + contrast * (scene - level)).clip(0, 1).astype(np.float32)


def draw_sheet(
    stills: Sequence[np.ndarray], size: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Draw a texture: an RGB uint8 picture, and how many of its pixels make one of a clip."""
    kind = rng.random()
    if stills and kind < 0.6:
        still = stills[int(rng.integers(len(stills)))]
        most = min((full - 2) / (side + 40) for full, side in zip(still.shape, size, strict=False))
        return still, float(min(most, rng.uniform(3, 8)))
    return (dead_leaves(rng) if kind < 0.85 else noise_field(rng)), float(SUPERSAMPLED)


def dead_leaves(rng: np.random.Generator) -> np.ndarray:
    """Draw small ellipses that cover each other, in colours about one or two."""
    rows, columns = SHEET
    smallest = rng.uniform(1.0, 3.0)
    radii = (smallest * (1 + rng.pareto(rng.uniform(1.5, 3), 14000))).clip(1, 40)
    radii = radii[: max(1500, int(2.5 * rows * columns / float(np.square(radii).mean() * 3)))]
    colours = _palette(len(radii), rng)
    sheet = np.full((rows, columns, 3), colours.mean(0), np.float32)
    centres = rng.uniform(0, 1, (len(radii), 2)) * (columns, rows)
    flat, turns = rng.uniform(0.2, 1, len(radii)), rng.uniform(0, 180, len(radii))
    for radius, colour, centre, ratio, turn in zip(
        radii, colours.tolist(), centres, flat, turns, strict=True
    ):
        axes = (max(1, round(radius)), max(1, round(ratio * radius)))
        middle = (int(centre[0]), int(centre[1]))
        cv2.ellipse(sheet, middle, axes, float(turn), 0, 360, colour, -1)
    return np.rint(sheet.clip(0, 255)).astype(np.uint8)


def noise_field(rng: np.random.Generator) -> np.ndarray:
    """Draw noise of a falling spectrum with its highest frequencies raised; sometimes in steps."""
    rows, columns = SHEET
    down, across = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]
    stretch = np.exp(rng.uniform(-0.7, 0.7))
    frequency = np.hypot(down * stretch, across / stretch).clip(2e-3)
    falling = frequency ** -rng.uniform(0.2, 1.4) * (
        1 + (frequency / 0.15) ** 2 * rng.uniform(0, 2)
    )
    falling *= np.exp(-((frequency / rng.uniform(0.2, 0.6)) ** 4))
    waves = np.fft.rfft2(rng.standard_normal((rows, columns))) * falling
    field = np.fft.irfft2(waves, s=(rows, columns))
    field /= field.std()
    if rng.random() < 0.4:
        field = np.tanh(rng.uniform(1, 6) * (field - rng.uniform(-0.8, 0.8)))
    first, second = _palette(2, rng)
    mixed = first + (0.5 + 0.35 * field[..., None]) * (second - first)
    return np.rint(mixed.clip(0, 255)).astype(np.uint8)


def draw_motion(frames: int, rng: np.random.Generator) -> Motion:
    """Draw a motion: none, whole pixels or fractions of them, at most about three a frame."""
    kind = rng.random()
    if kind < 0.25:
        return Motion(np.zeros((frames, 2)), 0.0)
    speed = rng.uniform(-1, 1, 2) * rng.uniform(0, 3)
    steps = speed + rng.normal(0, rng.uniform(0, 0.3), (frames, 2))
    shifts = np.cumsum(steps, axis=0)
    if kind < 0.4:
        return Motion(np.rint(shifts), 0.0)
    return Motion(shifts, float(rng.uniform(0, 1.2)) if rng.random() < 0.4 else 0.0)


def film_sheet(
    sheet: np.ndarray, reduction: float, size: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Film a texture with hardly any low-pass, then sharpen; (T, H, W, 3) nominal float32."""
    frames, height, width = size
    cut = _finest_part(sheet, reduction, (height + 40, width + 40), rng)
    blur = reduction * rng.uniform(0.12, 0.5)
    seen = cv2.GaussianBlur(cut, (0, 0), blur) if blur > 0.3 else cut
    motion, sharpening = draw_motion(frames, rng), rng.uniform(0, 1.0)
    waves, phase = rng.standard_normal((2, 2, 4, 5)), rng.uniform(0.2, 1.2)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + 20
    views = []
    for t, shift in enumerate(motion.shifts - motion.shifts.mean(0)):
        bend = np.cos(phase * t) * waves[0] + np.sin(phase * t) * waves[1]
        warp = [motion.flutter * cv2.resize(b, (width, height), interpolation=3) for b in bend]
        y, x = (
            (reduction * (grid + s + w)).astype(np.float32)
            for grid, s, w in zip((rows, columns), shift, warp, strict=True)
        )
        view = cv2.remap(seen, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        view = view.astype(np.float32) / 255
        views.append(view + sharpening * (view - cv2.GaussianBlur(view, (0, 0), 1.0)))
    return np.stack(views).clip(0, 1)


def _finest_part(
    sheet: np.ndarray, reduction: float, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Cut the part with the most contrast between neighbouring pixels, of three."""
    reach = [int(reduction * side) + 2 for side in size]
    parts, step = [], max(1, round(reduction))
    for _ in range(3):
        top, left = (
            int(rng.integers(max(1, full - side + 1)))
            for full, side in zip(sheet.shape, reach, strict=False)
        )
        parts.append(sheet[top : top + reach[0], left : left + reach[1]])
    return max(parts, key=lambda part: float(np.diff(part[::step, ::step, 1] / 255.0).std()))


def _palette(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw colours between two, with a spread of lightness; (count, 3) levels of 255."""
    ends = rng.uniform(20, 235, (2, 3))
    mixed = ends[0] + rng.uniform(0, 1, (count, 1)) * (ends[1] - ends[0])
    return (mixed + rng.uniform(5, 60) * rng.standard_normal((count, 1))).clip(0, 255)


def _blob(size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw the outline of what is in front: soft, about two fifths of the frame."""
    coarse = rng.standard_normal((5, 7)).astype(np.float32)
    smooth = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    outline = (smooth > np.quantile(smooth, 0.6)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(outline, (0, 0), 0.7))


def _moved(mask: np.ndarray, shift: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    return np.asarray(cv2.warpAffine(mask, matrix, size, borderMode=cv2.BORDER_REFLECT_101))
