"""Clips made from photographs: camera motion and a layer that moves on its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from f2r.errors import InputError
from f2r.train.corpus.photos import find_photos


@dataclass(frozen=True)
class MotionConfig:
    """Motion of the synthetic camera."""

    frames: int = 8
    """Frames of a clip; >= 2."""
    height: int = 304
    """Rows of a frame in pixels; a multiple of 8."""
    width: int = 400
    """Columns of a frame in pixels; a multiple of 8."""
    reduction: float = 3.0
    """Photographs are reduced by this factor, which removes JPEG blocks; >= 2."""
    pan: float = 8.0
    """Highest speed in pixels a frame; >= 0."""
    zoom: float = 0.012
    """Highest relative change of scale a frame; >= 0."""
    turn: float = 0.008
    """Highest rotation in radians a frame; >= 0."""
    fast_pan: float = 20.0
    """Speed of a fast pan in pixels a frame, at most; it is two fifths of this at least; >= 0."""
    drift: float = 0.3
    """Change of speed from frame to frame, pixels a frame; >= 0."""
    still_every: int = 3
    """Every so many cameras stand on a tripod, and the next one pans fast; >= 1."""


RAW_MOTION = MotionConfig(height=448, width=592, pan=12.0, fast_pan=30.0, drift=0.5)
"""For clips that are taken back to raw, which halves their size."""


def photo_clips(
    photos: Sequence[Path], config: MotionConfig, rng: np.random.Generator
) -> list[np.ndarray]:
    """Make one clip per photograph, each with the next photograph as its moving layer.

    Returns:
        Per photograph (T, H, W, 3) RGB uint8.
    """
    paths = find_photos(photos)
    clips = []
    for i, path in enumerate(paths):
        back, front = read_photo(path, config), read_photo(paths[(i + 1) % len(paths)], config)
        layer = replace(config, fast_pan=0)
        clips.append(_film(back, front, _camera(config, i), layer, rng))
    return clips


def _camera(config: MotionConfig, index: int) -> MotionConfig:
    """Choose the speed of the camera of a clip: still, fast, or drawn."""
    turn = index % config.still_every
    if turn == 0:
        return replace(config, pan=0, fast_pan=0, zoom=0, turn=0, drift=0)
    return config if turn == 1 else replace(config, fast_pan=0)


def read_photo(path: Path, config: MotionConfig) -> np.ndarray:
    """Read a photograph as RGB uint8 at twice the resolution of the clips."""
    full = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if full is None:
        raise InputError(f"{path}: not a readable image")
    factor = 2 / config.reduction
    least = 2.2 * max(config.height / full.shape[0], config.width / full.shape[1])
    small = cv2.resize(full, None, fx=max(factor, least), fy=max(factor, least),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    return np.ascontiguousarray(small[..., ::-1])


def _film(
    back: np.ndarray,
    front: np.ndarray,
    camera: MotionConfig,
    layer: MotionConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    size = (2 * layer.width, 2 * layer.height)
    mask = _blob(back.shape[:2], rng) * 255
    paths = [_camera_path(back.shape[:2], camera, rng), _camera_path(front.shape[:2], layer, rng)]
    frames = []
    for behind, before in zip(*paths, strict=True):
        scene = _view(back, behind, size)
        moving = _view(front, before, size)
        cover = _view(mask, before, size)[..., None] / 255.0
        mixed = (scene * (1 - cover) + moving * cover).astype(np.float32)
        frame = cv2.resize(mixed, (layer.width, layer.height), interpolation=cv2.INTER_AREA)
        frames.append(np.rint(frame).clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def _view(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view: np.ndarray = cv2.warpAffine(
        image, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    return view


def _camera_path(
    shape: tuple[int, int], config: MotionConfig, rng: np.random.Generator
) -> list[np.ndarray]:
    """Give per frame the 2x3 matrix from view to photograph; speed drifts a little."""
    height, width = 2 * config.height, 2 * config.width
    room = np.array([shape[1] - width, shape[0] - height])
    centre = np.array([width, height]) / 2 + room * rng.uniform(0.3, 0.7, 2)
    velocity = 2 * _speed(config, rng)
    centre = centre - velocity * (config.frames - 1) / 2
    zoom, turn = config.zoom * rng.uniform(-1, 1), config.turn * rng.uniform(-1, 1)
    matrices = []
    for t in range(config.frames):
        scale, angle = np.exp(zoom * (t - config.frames / 2)), turn * t
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        shift = centre - linear @ (np.array([width, height]) / 2)
        matrices.append(np.hstack([linear, shift[:, None]]).astype(np.float32))
        velocity = velocity + rng.normal(0, config.drift, 2)
        centre = centre + velocity
    return matrices


def _speed(config: MotionConfig, rng: np.random.Generator) -> np.ndarray:
    """Draw the pan of a camera, pixels a frame across and down; a fast one is mostly level."""
    if not config.fast_pan:
        return config.pan * rng.uniform(-1, 1, 2) * rng.uniform(0, 1)
    speed, angle = config.fast_pan * rng.uniform(0.4, 1), rng.uniform(-0.5, 0.5)
    return speed * rng.choice([-1, 1]) * np.array([np.cos(angle), np.sin(angle)])


def _blob(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw the moving layer's outline: the peaks of smooth noise, about a fifth of the frame."""
    coarse = rng.standard_normal((9, 12)).astype(np.float32)
    smooth = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    outline: np.ndarray = (smooth > np.quantile(smooth, 0.8)).astype(np.float32)
    return outline
