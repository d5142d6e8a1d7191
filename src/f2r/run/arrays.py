"""The Python API: arrays in, arrays out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError, reading
from f2r.io.array import ArrayReader, ArrayWriter
from f2r.noise.models import Gaussian, NoiseModel
from f2r.noise.parse import parse_noise
from f2r.run.denoiser import Denoiser
from f2r.train.loop import ProgressCallback


@dataclass(frozen=True)
class Denoised:
    """A denoised clip; arrays have the input's layout, float32, nominal range [0, 1]."""

    frames: NDArray[np.float32]
    """The result; not clipped."""
    anchor: NDArray[np.float32]
    """Stage 1's temporally consistent estimate."""
    prior: NDArray[np.float32]
    """The image prior's estimate, frame by frame."""
    sigma: float
    """Standard deviation of the noise at mid-grey, nominal units (times 255: 8-bit units)."""
    report: dict[str, Any]
    """Every decision, figure and time of the run."""


def denoise(  # noqa: PLR0913 - keyword options of the public call
    frames: NDArray[Any] | torch.Tensor,
    *,
    sigma: float | None = None,
    noise: str | NoiseModel | None = None,
    preset: str = "balanced",
    time_budget: float | None = None,
    device: str = "auto",
    seed: int = 0,
    strength: float = 1.0,
    weights: str | Path | None = None,
    hot_pixels: str = "keep",
    fixed_pattern: str = "keep",
    progress: ProgressCallback | None = None,
) -> Denoised:
    """Denoise a clip.

    Args:
        frames: (T, H, W) grey or (T, H, W, C) array or tensor; C = 3 is colour, any other C is
            denoised channel by channel. uint8 and uint16 are scaled to [0, 1]; floats are taken
            as nominal and may exceed [0, 1].
        sigma: standard deviation of Gaussian noise, nominal units; None estimates the noise.
        noise: a noise model, or its text form ('gaussian:30'); not together with `sigma`.
        preset: 'fast', 'balanced' or 'best': how much to train on the clip.
        time_budget: seconds for the whole run; overrides the preset's training time.
        device: 'auto', 'cpu', 'cuda' or 'mps'.
        seed: seed of all randomness.
        strength: share of the estimated noise that is removed, in [0, 1.5].
        weights: folder or file of own weights to start from; None: the shipped ones.
        hot_pixels: 'remove' replaces hot and dead pixels first.
        fixed_pattern: 'remove' subtracts offsets that stay in place while the scene moves.
        progress: called with `Progress` reports.

    Returns:
        The denoised clip with its anchor, prior and report.

    Raises:
        InputError: the frames or an option cannot be used; the text says why.

    Example:
        >>> import numpy as np, f2r
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (3, 32, 32)).astype(np.float32)
        >>> f2r.denoise(noisy, sigma=0.1, preset="fast").frames.shape
        (3, 32, 32)
    """
    if sigma is not None and noise is not None:
        raise InputError("give either sigma or noise, not both")
    config = DenoiseConfig(
        _preset(preset),
        time_budget,
        device=device,
        seed=seed,
        strength=strength,
        weights=None if weights is None else str(weights),
        hot_pixels=hot_pixels,
        fixed_pattern=fixed_pattern,
    )
    reader = ArrayReader(_as_array(frames))
    run = Denoiser(reader, _model(sigma, noise), config, progress=progress)
    run.prepare()
    collected = [ArrayWriter(reader.info) for _ in range(3)]
    for result in run.results():
        for writer, part in zip(
            collected, (result.denoised, result.anchor, result.prior), strict=True
        ):
            writer.write(part)
    level = torch.full((1, 3, 1, 1), 0.5)
    variances = [plane.noise.variance(level).mean() for plane in run.planes]
    spread = float(torch.stack(variances).mean().sqrt())
    arrays = [writer.array for writer in collected]
    return Denoised(arrays[0], arrays[1], arrays[2], spread, run.report)


def _as_array(frames: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    with reading("frames", "give a dense array or tensor of numbers"):
        if not isinstance(frames, torch.Tensor):
            return np.asarray(frames)
        dense = frames.detach().cpu()
        return (dense.float() if dense.dtype == torch.bfloat16 else dense).numpy()


def _preset(name: str) -> Preset:
    try:
        return Preset(name)
    except ValueError:
        known = ", ".join(Preset)
        raise InputError(f"preset '{name}' is unknown: use one of {known}") from None


def _model(sigma: float | None, noise: str | NoiseModel | None) -> NoiseModel | None:
    if sigma is not None:
        return Gaussian(sigma)
    return parse_noise(noise) if isinstance(noise, str) else noise
