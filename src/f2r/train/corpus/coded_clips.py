"""Clips with noise that was encoded, and the known level of that noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from f2r.train.corpus.codecs import code, draw_coding
from f2r.train.corpus.textures import draw_texture_scene

BT601_RGB = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of BT.601 for R, G, B, as in `flow.luma`."""

LUMA_STEPS = 64 * 255
"""Luma is stored as int16 in units of 1 / LUMA_STEPS, which keeps copied blocks recognisable."""

ENCODED_FRAMES = 12
SMALLEST_CLIP = 64
"""Least rows and columns of a clip, in pixels: a patch must fit, and x265 needs nearly as much."""


@dataclass(frozen=True)
class CodedExample:
    """A coded clip and its noise before encoding."""

    luma: np.ndarray
    """(T, H, W) int16 in units of 1 / LUMA_STEPS, as decoded."""
    noise: float
    """Standard deviation of the luma's noise before coding, nominal; 0 for none."""
    survived: float
    """Remaining share of the noise: regression of the coded error on the noise."""
    remaining: float
    """Root mean square of coded minus clean luma, nominal."""
    coding: str
    """Encoders and settings, in words."""


@dataclass(frozen=True)
class SceneConfig:
    """How scenes, their noise and their encoding are drawn."""

    height: int = 192
    """Most rows of a clip, in pixels; a multiple of 16."""
    width: int = 256
    """Most columns of a clip, in pixels; a multiple of 16."""
    kept: int = 8
    """Consecutive coded frames that are kept."""
    scale_low: float = 0.5
    """Smallest factor by which a clip is resized."""
    scale_high: float = 2.2
    """Largest factor."""
    clean_share: float = 0.2
    """Share of clips without noise, in [0, 1]."""
    sigma_low: float = 2 / 255
    """Lowest noise level, nominal; levels are even on a logarithmic scale."""
    sigma_high: float = 48 / 255
    """Highest noise level, nominal."""
    grey_share: float = 0.12
    """Share of grey clips, in [0, 1]."""
    twice_share: float = 0.12
    """Share of clips that are encoded twice, in [0, 1]."""
    raw_share: float = 0.05
    """Share of clips that are rounded to 8 bits and not encoded, in [0, 1]."""
    texture_share: float = 0.3
    """Share of clips that show fine texture or have it in a part of the frame, in [0, 1]."""
    texture_clean_share: float = 0.4
    """Least share of clips without noise among those with fine texture, in [0, 1]."""


def draw_example(
    clips: Sequence[np.ndarray],
    config: SceneConfig,
    rng: np.random.Generator,
    stills: Sequence[np.ndarray] = (),
) -> CodedExample:
    """Draw one example.

    Args:
        clips: clean clips (T, H, W, 3), RGB uint8, at least 12 frames each.
        config: how to draw.
        rng: the only source of randomness.
        stills: RGB uint8 photographs in full resolution, which give fine texture.
    """
    clean = _draw_scene(clips[int(rng.integers(len(clips)))], config, rng)
    if rng.random() < config.texture_share:
        clean = _add_texture(clean, stills, rng)
        share = max(config.clean_share, config.texture_clean_share)
        config = replace(config, clean_share=share)
    is_grey = bool(rng.random() < config.grey_share)
    if is_grey:
        clean = np.repeat((clean @ BT601_RGB)[..., None], 3, axis=3)
    noise = _draw_noise(clean, config, rng, is_grey=is_grey)
    noisy = np.rint(255 * (clean + noise)).clip(0, 255).astype(np.uint8)
    coded, told = _send(noisy, config, rng)
    start = int(rng.integers(len(clean) - config.kept + 1)) if rng.random() < 0.7 else 0
    kept = slice(start, start + config.kept)
    return _describe(clean[kept], noise[kept], coded[kept], told)


def _send(
    noisy: np.ndarray, config: SceneConfig, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Encode and decode (T, H, W, 3) uint8 frames; give nominal frames and what was done."""
    if rng.random() < config.raw_share:
        return noisy.astype(np.float32) / 255, "none"
    coding = draw_coding(rng)
    told = f"{coding.encoder} {coding.options}"
    coded = np.stack(code(noisy, coding))
    if rng.random() < config.twice_share:
        coding = draw_coding(rng)
        told = f"twice {told} then {coding.encoder} {coding.options}"
        coded = np.stack(code(np.rint(255 * coded).clip(0, 255).astype(np.uint8), coding))
    return coded, told


def _describe(clean: np.ndarray, noise: np.ndarray, coded: np.ndarray, told: str) -> CodedExample:
    added, luma = noise @ BT601_RGB, coded @ BT601_RGB
    error = luma - clean @ BT601_RGB
    power = float(np.square(added).mean())
    return CodedExample(
        luma=np.rint(luma * LUMA_STEPS).astype(np.int16),
        noise=power**0.5,
        survived=float((error * added).mean()) / power if power > 0 else 0.0,
        remaining=float(np.square(error).mean()) ** 0.5,
        coding=told,
    )


def _draw_scene(clip: np.ndarray, config: SceneConfig, rng: np.random.Generator) -> np.ndarray:
    """Cut, resize, mirror and light a clip; give (12, H, W, 3) nominal float32 frames."""
    scale = float(np.exp(rng.uniform(np.log(config.scale_low), np.log(config.scale_high))))
    full, most = clip.shape[1:3], (config.height, config.width)
    scale = max(scale, (SMALLEST_CLIP + 1) / min(full))
    size = [16 * (int(min(f * scale, m)) // 16) for f, m in zip(full, most, strict=True)]
    cut = [min(f, round(side / scale)) for f, side in zip(full, size, strict=True)]
    top, left = (int(rng.integers(f - c + 1)) for f, c in zip(full, cut, strict=True))
    start = int(rng.integers(len(clip) - ENCODED_FRAMES + 1))
    part = clip[start : start + ENCODED_FRAMES, top : top + cut[0], left : left + cut[1]]
    if rng.random() < 0.12:  # a tripod, nothing moves
        part = np.repeat(part[:1], ENCODED_FRAMES, axis=0)
    part = part[:: int(rng.choice([-1, 1])), :, :: int(rng.choice([-1, 1]))]
    shape = (size[1], size[0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    frames = np.stack([cv2.resize(np.ascontiguousarray(f), shape, interpolation=how) for f in part])
    return _light(frames.astype(np.float32) / 255, rng)


def _add_texture(
    scene: np.ndarray, stills: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Replace a scene, or all of it below or beside a line, by fine texture."""
    frames, height, width = scene.shape[:3]
    texture = draw_texture_scene(stills, (frames, height, width), rng)
    if rng.random() < 0.5:
        return _light(texture, rng)
    mixed, share = scene.copy(), rng.uniform(0.25, 0.8)
    if rng.random() < 0.5:
        mixed[:, int(height * share) :] = texture[:, int(height * share) :]
    else:
        mixed[:, :, int(width * share) :] = texture[:, :, int(width * share) :]
    return mixed


def _light(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the exposure, sometimes to very dark, sometimes from frame to frame."""
    gain = rng.uniform(0.08, 0.4) if rng.random() < 0.15 else rng.uniform(0.6, 1.25)
    lit = gain * frames ** rng.uniform(0.7, 1.5)
    if rng.random() < 0.05:
        lit = lit * (1 + rng.uniform(0, 0.06) * rng.standard_normal((len(lit), 1, 1, 1)))
    return lit.clip(0, 1).astype(np.float32)


def _draw_noise(
    clean: np.ndarray, config: SceneConfig, rng: np.random.Generator, *, is_grey: bool
) -> np.ndarray:
    """Draw noise for (T, H, W, 3) frames: Gaussian or Poisson-Gaussian, white or blurred."""
    if rng.random() < config.clean_share:
        return np.zeros_like(clean)
    sigma = float(np.exp(rng.uniform(np.log(config.sigma_low), np.log(config.sigma_high))))
    channels = 1 if is_grey or rng.random() < 0.08 else 3
    white = rng.standard_normal((*clean.shape[:3], channels), dtype=np.float32)
    if rng.random() < 0.2:
        blur = rng.uniform(0.3, 0.7)
        white = np.stack([cv2.GaussianBlur(w, (0, 0), blur).reshape(w.shape) for w in white])
        white /= white.std()
    if rng.random() < 0.25:
        photons = rng.uniform(0.3, 1.0)
        return white * sigma * np.sqrt(1 - photons + 2 * photons * clean)
    return np.repeat(white * sigma, 3 // channels, axis=3)
