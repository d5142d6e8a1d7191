"""Train both stages on the clip itself, starting from given weights."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from f2r.infer.stream import Networks
from f2r.preprocess import Preprocessor
from f2r.train.clip import clip_anchors
from f2r.train.loop import FitConfig, ProgressCallback, Trainer
from f2r.train.refiner import refiner_loss
from f2r.train.temporal import temporal_loss
from f2r.train.windows import CropConfig, CropSampler, TrainingClip

STAGE_1_SHARE = 0.5
"""Share of the training time that stage 1 gets."""


@dataclass(frozen=True)
class AdaptConfig:
    """How to train on the clip."""

    seconds: float
    """Training time of both stages and of the anchors between them; >= 0."""
    steps: int = 1_000_000
    """Most optimiser steps of each stage; with it the run is repeatable."""
    learning_rate: float = 8e-4
    """Peak rate of both stages."""
    crops: CropConfig = field(default_factory=lambda: CropConfig(batch=6))
    """Training crops."""


@dataclass
class Adaptation:
    """What the training did."""

    seconds: float
    """Wall-clock time."""
    temporal_steps: int
    """Optimiser steps of stage 1."""
    refiner_steps: int
    """Optimiser steps of stage 2."""
    temporal_loss: float
    """Last training loss of stage 1, in units of the noise variance."""
    refiner_loss: float
    """Last training loss of stage 2, likewise."""


def adapt(  # noqa: PLR0913, PLR0917
    networks: Networks,
    preprocessor: Preprocessor,
    clips: Sequence[TrainingClip],
    config: AdaptConfig,
    seed: int,
    checkpoints: Path | None = None,
    progress: ProgressCallback | None = None,
    on_anchors: Callable[[], None] | None = None,
) -> Adaptation:
    """Train stage 1, compute the anchors, train stage 2; the networks change in place.

    Args:
        networks: weights to start from.
        preprocessor: applies the prior.
        clips: prepared shots with at least one target that has a neighbour.
        config: time and crops.
        seed: seed of crops and recorruption noise.
        checkpoints: folder for training state; an interrupted run resumes from it.
        progress: called a few times a second.
        on_anchors: called between the stages; may change the noise model and the anchors.
    """
    generator = torch.Generator().manual_seed(seed)
    sampler = CropSampler(clips, config.crops)
    first = Trainer(
        "stage 1",
        networks.temporal,
        lambda g: temporal_loss(networks.temporal, sampler, g),
        _fit(config, config.seconds * STAGE_1_SHARE),
        generator,
        checkpoints / "temporal.ckpt" if checkpoints else None,
    )
    first.run(progress)
    anchors_start = time.monotonic()
    for clip in clips:
        clip.anchors = clip_anchors(clip, networks.temporal)
    if on_anchors:
        on_anchors()
    spent = first.elapsed + time.monotonic() - anchors_start
    second = Trainer(
        "stage 2",
        networks.refiner,
        lambda g: refiner_loss(networks.refiner, preprocessor, sampler, g),
        _fit(config, config.seconds - spent),
        generator,
        checkpoints / "refiner.ckpt" if checkpoints else None,
    )
    second.run(progress)
    return Adaptation(spent + second.elapsed, first.step, second.step, first.loss, second.loss)


def _fit(config: AdaptConfig, seconds: float) -> FitConfig:
    return FitConfig(
        seconds=max(seconds, 1.0),
        steps=config.steps,
        learning_rate=config.learning_rate,
        warmup=0.05,
    )
