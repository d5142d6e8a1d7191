"""Make the weights of both stages that every clip starts from.

Noise is drawn once per clip; from then on the clean frames are out of reach, so the training is
self-supervised from the first step to the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow
from f2r.io import open_reader
from f2r.models.layers import channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior, save_network
from f2r.noise.models import Gaussian, NoiseModel, PoissonGaussian
from f2r.preprocess import Preprocessor
from f2r.train.clip import clip_anchors, prepare_clip
from f2r.train.loop import FitConfig, Progress, ProgressCallback, Trainer
from f2r.train.motion import MotionConfig, photo_clips
from f2r.train.refiner import refiner_loss
from f2r.train.temporal import temporal_loss
from f2r.train.windows import CropConfig, CropSampler, TrainingClip


@dataclass(frozen=True)
class WarmStartConfig:
    """How the shipped stage weights are made."""

    sigma_low: float = 4 / 255
    """Lowest noise level, nominal; each clip has one level."""
    sigma_high: float = 60 / 255
    """Highest noise level, nominal; levels are spread evenly on a logarithmic scale."""
    photon_every: int = 4
    """Every so many clips get Poisson-Gaussian instead of Gaussian noise; >= 1."""
    grey_every: int = 6
    """Every so many clips are turned grey; >= 1."""
    seconds: float = 2700.0
    """Training time of both stages; > 0."""
    temporal_share: float = 0.55
    """Share of the training time that stage 1 gets; in (0, 1)."""
    learning_rate: float = 8e-4
    """Peak rate of both stages."""
    crops: CropConfig = field(default_factory=CropConfig)
    """Training crops."""
    seed: int = 0
    """Seed of noise, crops and initial weights."""


def spread_levels(count: int, config: WarmStartConfig) -> list[float]:
    """Give `count` noise levels that cover the range, in an order that mixes them."""
    golden = (np.arange(count) * 0.6180339887) % 1.0
    ratio = config.sigma_high / config.sigma_low
    return [float(config.sigma_low * ratio**u) for u in golden]


def noise_of(index: int, sigma: float, config: WarmStartConfig) -> NoiseModel:
    """Give the noise model of a clip: `sigma` is its standard deviation at mid-grey."""
    if index % config.photon_every == config.photon_every - 1:
        return PoissonGaussian(gain=1.4 * sigma**2, read=sigma * 0.3**0.5)
    return Gaussian(sigma)


def noisy_clips(
    clean: Sequence[np.ndarray],
    prior: ImagePrior,
    config: WarmStartConfig,
    progress: ProgressCallback | None = None,
) -> list[TrainingClip]:
    """Draw each clip's noise, once, and prepare it.

    Args:
        clean: clips (T, H, W, 3) RGB uint8.
        prior: the frozen image denoiser.
        config: noise levels and seed.
        progress: called after each clip.
    """
    prepared, levels = [], spread_levels(len(clean), config)
    for i, (frames, sigma) in enumerate(zip(clean, levels, strict=True)):
        generator = torch.Generator().manual_seed(config.seed * 100_003 + i)
        noise = noise_of(i, sigma, config)
        grey = i % config.grey_every == config.grey_every - 1
        noisy = noise.sample(_to_tensor(frames, grey), generator).expand(-1, 3, -1, -1)
        preprocessor = Preprocessor(prior, noise, DisFlow())
        prepared.append(prepare_clip(list(noisy), preprocessor, grey))
        if progress:
            progress(Progress("prior and flow", (i + 1) / len(clean)))
    return prepared


def _to_tensor(frames: np.ndarray, grey: bool) -> Tensor:
    height, width = (side // 8 * 8 for side in frames.shape[1:3])
    tensor = torch.from_numpy(frames[:, :height, :width].copy()).permute(0, 3, 1, 2).float() / 255
    return tensor.mean(1, keepdim=True) if grey else tensor


def train_stages(
    clips: Sequence[TrainingClip],
    prior: ImagePrior,
    config: WarmStartConfig,
    work: Path,
    progress: ProgressCallback | None = None,
) -> tuple[TemporalEstimator, SpatialRefiner]:
    """Train stage 1, run it, train stage 2; checkpoints go into the folder `work`."""
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    sampler = CropSampler(clips, config.crops)
    estimator = channels_last(TemporalEstimator())
    Trainer(
        "stage 1",
        estimator,
        lambda g: temporal_loss(estimator, sampler, g),
        _fit(config, config.temporal_share),
        generator,
        work / "temporal.ckpt",
    ).run(progress)
    for clip in clips:
        clip.anchors = clip_anchors(clip, estimator)
    preprocessor = Preprocessor(prior, Gaussian(0.0), DisFlow())
    refiner = channels_last(SpatialRefiner())
    Trainer(
        "stage 2",
        refiner,
        lambda g: refiner_loss(refiner, preprocessor, sampler, g),
        _fit(config, 1 - config.temporal_share),
        generator,
        work / "refiner.ckpt",
    ).run(progress)
    return estimator, refiner


def _fit(config: WarmStartConfig, share: float) -> FitConfig:
    return FitConfig(
        seconds=config.seconds * share, learning_rate=config.learning_rate, ema_decay=0.999
    )


def make_stage_weights(
    clips: Sequence[Path],
    photos: Sequence[Path],
    output: Path,
    seconds: float,
    seed: int,
    progress: ProgressCallback | None = None,
) -> None:
    """Train both stages on clean clips and photographs, and write their weights.

    Args:
        clips: clips, or folders of clips.
        photos: photographs, or folders of them, from which moving clips are made.
        output: folder for `temporal.safetensors` and `refiner.safetensors`; training state
            lies there until it is done, and an interrupted training goes on from it.
        seconds: training time of both stages.
        seed: seed of noise, crops and initial weights.
        progress: called a few times a second.
    """
    output.mkdir(parents=True, exist_ok=True)
    config, prior = WarmStartConfig(seconds=seconds, seed=seed), load_prior()
    clean = [read_clip(path) for path in find_clips(clips)]
    if photos:
        clean += photo_clips(photos, MotionConfig(), np.random.default_rng(seed))
    order = np.random.default_rng(seed).permutation(len(clean))
    prepared = noisy_clips([clean[i] for i in order], prior, config, progress)
    estimator, refiner = train_stages(prepared, prior, config, output, progress)
    facts = {"seed": str(seed), "seconds": f"{seconds:.0f}", "clips": str(len(clean))}
    save_network(output / "temporal.safetensors", estimator, facts)
    save_network(output / "refiner.safetensors", refiner, facts)
    for name in ("temporal.ckpt", "refiner.ckpt"):
        (output / name).unlink()


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """List clips: files and folders of frames as they are, folders of folders opened.

    Raises:
        InputError: there is none.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
        found += inside or [path]
    if not found:
        raise InputError("no clips found: give clips, or folders of clips")
    return found


def read_clip(path: Path) -> np.ndarray:
    """Read a colour clip as (T, H, W, 3) RGB uint8."""
    with open_reader(path) as reader:
        frames = np.stack(list(reader))
    colour = frames if frames.shape[-1] == 3 else frames[..., :1].repeat(3, axis=-1)
    return (colour * 255).round().clip(0, 255).astype(np.uint8)
